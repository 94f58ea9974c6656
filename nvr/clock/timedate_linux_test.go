package clock

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestTimedated: systemd is asked now and then, by nobody who waits, and never twice at once.
func TestTimedated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		var synced atomic.Bool
		d := &timedated{ask: func() bool {
			asked.Add(1)
			time.Sleep(3 * time.Second) // a slow bus
			return synced.Load()
		}}
		if d.inStep() {
			t.Error("in step before anybody said so")
		}
		for range 100 {
			d.inStep()
		}
		time.Sleep(5 * time.Second)
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		synced.Store(true)
		if d.inStep() {
			t.Error("in step by itself")
		}
		time.Sleep(askEvery)
		d.inStep()
		time.Sleep(4 * time.Second)
		if !d.inStep() || asked.Load() != 2 {
			t.Errorf("systemd said that it is in step, was asked %d times, and nobody believes it", asked.Load())
		}
		for range 9 {
			time.Sleep(time.Minute)
			d.inStep()
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times though it is in step", n-2)
		}
		synced.Store(false)
		time.Sleep(20 * time.Minute)
		d.inStep()
		time.Sleep(4 * time.Second)
		if d.inStep() {
			t.Error("in step though systemd says no")
		}
		time.Sleep(5 * time.Second)
	})
}
