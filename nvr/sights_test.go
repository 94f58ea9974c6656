package nvr

import (
	"errors"
	"testing"
	"time"
)

func TestSights(t *testing.T) {
	var s sights
	if n := testing.AllocsPerRun(100, func() { s.tell(Look{At: time.Unix(1, 0)}) }); n != 0 {
		t.Errorf("with nobody there a look costs %v allocations", n)
	}
	var all []*Sights
	for range maxSights {
		one, err := s.subscribe()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if _, err := s.subscribe(); !errors.Is(err, ErrTooManySights) {
		t.Errorf("one more than there may be: %v", err)
	}
	for i := range 5 { // nobody reads: the newest is kept, and who tells never waits
		s.tell(Look{At: time.Unix(int64(i), 0)})
	}
	if l := <-all[0].Looks(); l.At.Unix() != 4 {
		t.Errorf("the newest look is %v", l.At)
	}
	all[0].Close()
	all[0].Close()
	if _, err := s.subscribe(); err != nil {
		t.Errorf("after one has gone: %v", err)
	}
	s.end()
	<-all[1].Looks()
	if _, more := <-all[1].Looks(); more {
		t.Error("it goes on though the camera has stopped")
	}
	all[1].Close()
	if _, err := s.subscribe(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("of a camera that has stopped: %v", err)
	}
}
