package camera

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestReturnWakesTheOthers: after a power cut the first camera that is back brings the others back within seconds, spread
// over them, whatever they were waiting for; one with a wrong password waits on.
func TestReturnWakesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tune := defaultTuning
		g := &Gate{}
		start := time.Now()
		var mu sync.Mutex
		var at []time.Duration
		var all sync.WaitGroup
		wait := func(b *backoff, d time.Duration) {
			all.Go(func() {
				b.pause(t.Context(), d, g)
				mu.Lock()
				defer mu.Unlock()
				at = append(at, time.Since(start))
			})
		}
		for range 64 {
			wait(&backoff{tune: &tune, failures: 9}, tune.retryMax)
		}
		var denied time.Duration
		all.Go(func() {
			b := &backoff{tune: &tune}
			b.pause(t.Context(), b.after(ErrWrongPassword, 0), g)
			denied = time.Since(start)
		})
		time.Sleep(5 * time.Second)
		g.Returned()
		all.Wait()
		spread := make(map[time.Duration]bool)
		for _, d := range at {
			if d -= 5 * time.Second; d < 0 || d > tune.retryReturn {
				t.Errorf("a try %s after the return, want at most %s", d, tune.retryReturn)
			}
			spread[d/(tune.retryReturn/8)] = true
		}
		if len(spread) < 6 {
			t.Errorf("64 tries are spread over %d of 8 parts of the time", len(spread))
		}
		if denied < tune.deniedMin {
			t.Errorf("a wrong password is tried again after %s", denied)
		}
	})
}

// TestReturnIsNotTheEnd: who is not back at once tries at growing distances again, sooner than before; and what is due
// before is not put off.
func TestReturnIsNotTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tune := defaultTuning
		g := &Gate{}
		most := func(n int64) int64 { return n - 1 }
		b := &backoff{tune: &tune, failures: 9, random: most}
		start := time.Now()
		time.AfterFunc(time.Second, g.Returned)
		b.pause(t.Context(), 2*time.Second, g)
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("what was due after 2 s came after %s", d)
		}
		for i := range tune.retryHold + 5 {
			want := tune.retryReturn
			if i > tune.retryHold {
				want = min(want<<(i-tune.retryHold), tune.retryMax)
			}
			if d := b.after(ErrConnectionLost, 0); d != want {
				t.Errorf("try %d after %s, want %s", i, d, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if b.pause(ctx, time.Hour, g) {
			t.Error("the pause outlives its context")
		}
		var none *Gate
		none.Returned()
		if !b.pause(t.Context(), time.Second, none) {
			t.Error("a pause without a gate")
		}
	})
}

// TestReturnsAreNotToldTooOften: a camera that comes and goes does not keep the others trying.
func TestReturnsAreNotToldTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{}
		told := 0
		for range 100 {
			returns := g.Returns()
			g.Returned()
			select {
			case <-returns:
				told++
			default:
			}
			time.Sleep(100 * time.Millisecond)
		}
		if most := int(10*time.Second/returnsEvery) + 1; told > most || told < most-1 {
			t.Errorf("told %d times in 10 s, want %d", told, most)
		}
	})
}
