package camera

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

func TestBackoff(t *testing.T) {
	tune := defaultTuning
	tune.retryHold = 5
	rapid.Check(t, func(t *rapid.T) {
		held := 0
		var drawn []int64
		b := backoff{tune: &tune, random: func(n int64) int64 {
			drawn = append(drawn, n)
			return rapid.Int64Range(0, n-1).Draw(t, "drawn")
		}}
		bound := tune.retryMin
		denials := 0
		for range rapid.IntRange(1, 30).Draw(t, "failures") {
			online := time.Duration(rapid.Int64Range(0, int64(2*tune.settled)).Draw(t, "online"))
			if online >= tune.settled {
				bound, denials, held = tune.retryMin, 0, 0
			}
			if rapid.Bool().Draw(t, "wrong password") {
				d := b.after(ErrWrongPassword, online)
				if d < tune.deniedMin || d > tune.deniedMax*11/10 {
					t.Fatalf("%s after a wrong password", d)
				}
				if denials++; denials > 5 && d < tune.deniedMax {
					t.Fatalf("%s after the wrong password number %d", d, denials)
				}
				continue
			}
			denials = 0
			d := b.after(ErrConnectionLost, online)
			if d < 0 || d > bound {
				t.Fatalf("%s, want at most %s", d, bound)
			}
			if last := time.Duration(drawn[len(drawn)-1] - 1); last != bound {
				t.Fatalf("drawn below %s, want %s: full jitter", last, bound)
			}
			if bound == tune.retryReturn && held < tune.retryHold {
				held++
				continue
			}
			bound = min(2*bound, tune.retryMax)
		}
	})
}

func TestGateIsFairAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(2)
		var mu sync.Mutex
		var order []int
		inside, most := 0, 0
		for i := range 10 {
			go func() {
				time.Sleep(time.Duration(i) * time.Millisecond) // they come in this order
				leave, err := g.Enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, i)
				inside++
				most = max(most, inside)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				inside--
				mu.Unlock()
				leave()
				leave() // once more is harmless
			}()
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if most != 2 {
			t.Errorf("%d inside together, want 2", most)
		}
		for i, n := range order {
			if i != n {
				t.Fatalf("they went through in the order %v", order)
			}
		}
		if len(order) != 10 {
			t.Errorf("only %v went through", order)
		}
	})
}

func TestGateForgetsWhoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &Gate{Limit: 1}
		leave, _ := g.Enter(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		leave()
		again, err := g.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		again()
		var none *Gate
		if leave, err := none.Enter(t.Context()); err != nil {
			t.Fatal(err)
		} else {
			leave()
		}
	})
}

func TestLatchLetsOneTryAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l latch
		start := time.Now()
		for range 2 {
			if !l.enter(t.Context()) {
				t.Fatal("nobody may wait at first")
			}
		}
		l.deny(30 * time.Second)
		var mu sync.Mutex
		var at []time.Duration
		tries := 0
		for range 3 { // three streams of one camera
			go func() {
				for l.enter(t.Context()) {
					mu.Lock()
					at = append(at, time.Since(start))
					tries++
					n := tries
					mu.Unlock()
					time.Sleep(time.Second) // the try
					switch n {
					case 1:
						l.deny(time.Minute)
					case 2:
						l.leave() // unreachable, say
					default:
						l.accept()
						return
					}
				}
			}()
		}
		time.Sleep(10 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		want := []time.Duration{30 * time.Second, 91 * time.Second, 92 * time.Second, 93 * time.Second, 93 * time.Second}
		if len(at) != len(want) {
			t.Fatalf("tries at %v, want %v", at, want)
		}
		for i := range want {
			if at[i] != want[i] {
				t.Fatalf("tries at %v, want %v", at, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		l.deny(time.Hour)
		time.AfterFunc(time.Second, cancel)
		if l.enter(ctx) {
			t.Error("entered though denied")
		}
	})
}

func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tune := defaultTuning
		var w watchdog
		w.start(time.Now())
		for range 300 { // a key frame every 30 s is slow but fine
			time.Sleep(200 * time.Millisecond)
			w.fed(time.Now())
			if err := w.check(time.Now(), &tune); err != nil {
				t.Fatal(err)
			}
			if since := w.awaitKey.Load(); since != nil && time.Since(*since) > 30*time.Second {
				w.haveKey()
			}
		}
		time.Sleep(9900 * time.Millisecond)
		if err := w.check(time.Now(), &tune); err != nil {
			t.Errorf("after 9.9 s: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
		if err := w.check(time.Now(), &tune); !errors.Is(err, ErrNoPicture) {
			t.Errorf("after 10 s: %v", err)
		}
		w.needKey(time.Now())
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			w.fed(time.Now())
			w.needKey(time.Now())
		}
		if err := w.check(time.Now(), &tune); !errors.Is(err, ErrNoKeyFrame) {
			t.Errorf("after a minute without a key frame: %v", err)
		}
	})
}

// The box's clock is set while a camera is watched over: pictures that come are still pictures that come, and a
// camera that hangs is still one that hangs.
func TestWatchdogWhileTheClockIsSet(t *testing.T) {
	tune := defaultTuning
	begin := time.Now()
	after := func(d, set time.Duration) time.Time { return clockSet(t, begin.Add(d), set) }
	for _, set := range []time.Duration{time.Hour, -time.Hour} {
		var w watchdog
		w.start(begin)
		w.haveKey()
		w.fed(after(9*time.Second, 0))
		if err := w.check(after(10*time.Second, set), &tune); err != nil {
			t.Errorf("clock set by %v: %v a second after a picture", set, err)
		}
		if err := w.check(after(19*time.Second, set), &tune); !errors.Is(err, ErrNoPicture) {
			t.Errorf("clock set by %v: %v ten seconds after the last picture", set, err)
		}
		w.fed(after(70*time.Second, set))
		w.needKey(after(11*time.Second, 0))
		if err := w.check(after(70*time.Second, set), &tune); err != nil {
			t.Errorf("clock set by %v: %v after 59 s without a key frame", set, err)
		}
		if err := w.check(after(71*time.Second, set), &tune); !errors.Is(err, ErrNoKeyFrame) {
			t.Errorf("clock set by %v: %v after a minute without a key frame", set, err)
		}
	}
}

// clockSet is the moment t on a box whose clock was set by d before it: other wall, same monotonic reading.
func clockSet(tb testing.TB, t time.Time, d time.Duration) time.Time {
	tb.Helper()
	at := t
	*(*uint64)(unsafe.Pointer(&at)) += uint64(d/time.Second) << 30 // as package time lays it out: seconds above 30 bits
	if at.Round(0).Sub(t.Round(0)) != d || at.Sub(t) != 0 {        // Round takes the monotonic reading away
		tb.Skip("package time keeps its readings in another way")
	}
	return at
}
