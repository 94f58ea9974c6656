package nvr

import (
	"testing"

	"hearth/nvr/media"
)

func TestNews(t *testing.T) {
	t.Parallel()
	var n News
	quick, slow := n.Subscribe(), n.Subscribe()
	defer slow.Close()
	id := media.NewCameraID()

	for range newsBacklog + 3 {
		n.tell(Item{Camera: id, Kind: "event"})
		if got := <-quick.Items(); got.Camera != id || got.Kind != "event" {
			t.Fatalf("got %+v", got)
		}
	}
	if quick.Lost() != 0 {
		t.Errorf("the quick reader lost %d items", quick.Lost())
	}
	if slow.Lost() != 3 {
		t.Errorf("the slow reader lost %d items, want 3", slow.Lost())
	}
	if len(slow.Items()) != newsBacklog {
		t.Errorf("%d items wait, want %d", len(slow.Items()), newsBacklog)
	}

	quick.Close()
	quick.Close()
	n.tell(Item{Camera: id})
	select {
	case item := <-quick.Items():
		t.Errorf("a closed subscription still hears of %+v", item)
	default:
	}
}

// What somebody may not hear takes no room in their queue: what they lose says nothing about it.
func TestNewsOnly(t *testing.T) {
	var n News
	mine, other := media.NewCameraID(), media.NewCameraID()
	s := n.Subscribe()
	defer s.Close()
	s.Only(func(i Item) bool { return i.Camera == mine })
	for range 3 * newsBacklog {
		n.tell(Item{Camera: other, Kind: "event"})
	}
	n.tell(Item{Camera: mine, Kind: "camera"})
	if lost := s.Lost(); lost != 0 || len(s.Items()) != 1 {
		t.Errorf("%d lost, %d wait", lost, len(s.Items()))
	}
	if item := <-s.Items(); item.Camera != mine {
		t.Errorf("%+v", item)
	}
}
