package sim_test

import (
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"

	"hearth/nvr/media"
	"hearth/nvr/sim"
)

// TestSent: each picture that goes to a watcher is told once, in order, when it was sent, and which one comes first after
// a pause.
func TestSent(t *testing.T) {
	var mu sync.Mutex
	var all []sim.Sent
	cam := small("told")
	cam.OnSent = func(s sim.Sent) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, s)
	}
	s := serve(t, cam)
	began := time.Now()
	for range 2 {
		pictures(t, "tcp", s.URL(cam, media.Main), 320, 180, 12)
		for deadline := time.Now().Add(10 * time.Second); cam.Watchers(media.Main) > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("somebody still watches")
			}
		}
		time.Sleep(3 * time.Second / time.Duration(cam.FPS)) // some pictures that nobody sees
	}

	mu.Lock()
	defer mu.Unlock()
	if len(all) < 24 {
		t.Fatalf("%d pictures were told of, want 24 or more", len(all))
	}
	first := 0
	for i, p := range all {
		if p.First {
			first++
		}
		follows := i > 0 && p.Number == all[i-1].Number+1
		if p.First == follows {
			t.Errorf("picture %d comes after %d: first %v", p.Number, all[max(i-1, 0)].Number, p.First)
		}
		if at, ok := cam.SentAt(media.Main, p.Number); !ok || !at.Equal(p.At) || p.At.Before(began) || p.Stream != media.Main {
			t.Errorf("picture %d of %v is said to be sent at %v, and was at %v", p.Number, p.Stream, p.At, at)
		}
	}
	if first != 2 {
		t.Errorf("%d pictures came first after a pause, want 2", first)
	}
}

// TestSentToTheNextOne: who comes before the next picture is due, as soon as the one before has gone, is somebody new all
// the same, and gets a key frame first.
func TestSentToTheNextOne(t *testing.T) {
	firsts := make(chan bool, 100)
	cam := small("slow")
	cam.FPS, cam.GOP = 1, 100
	cam.OnSent = func(s sim.Sent) {
		if s.Stream == media.Main {
			firsts <- s.First
		}
	}
	s := serve(t, cam)
	for n := range 3 {
		stop := watch(t, s.URL(cam, media.Main))
		if first := <-firsts; !first {
			t.Errorf("watcher %d got a picture that was not made for somebody new", n)
		}
		if n == 2 {
			if <-firsts {
				t.Error("one watcher is new twice")
			}
		}
		stop()
		for cam.Watchers(media.Main) > 0 {
			time.Sleep(time.Millisecond) // the next picture is due in most of a second
		}
	}
}

// watch plays a stream and throws away what comes.
func watch(t *testing.T, address string) (stop func()) {
	t.Helper()
	u, err := base.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	tcp := gortsplib.TransportTCP
	c := &gortsplib.Client{Scheme: u.Scheme, Host: u.Host, Transport: &tcp}
	if err := c.Start2(); err != nil {
		t.Fatal(err)
	}
	d, _, err := c.Describe(u)
	if err == nil {
		if err = c.SetupAll(d.BaseURL, d.Medias); err == nil {
			_, err = c.Play(nil)
		}
	}
	if err != nil {
		c.Close()
		t.Fatal(err)
	}
	return c.Close
}
