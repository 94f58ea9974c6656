package clock

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pretend is a system that a test sets. The fake time of the bubble is its monotonic clock.
type pretend struct {
	off     time.Duration // of the clock, to the bubble's
	network bool
	battery *time.Duration // how far off the hardware clock is; nil: there is none
	virtual bool
}

func (p *pretend) now() (moment, shown time.Time) {
	t := time.Now()
	return t, t.Round(0).Add(p.off)
}
func (p *pretend) inStep() bool { return p.network }
func (p *pretend) host() bool   { return p.virtual }
func (p *pretend) hardware() (time.Time, bool) {
	if p.battery == nil {
		return time.Time{}, false
	}
	return time.Now().Round(0).Add(*p.battery), true
}

func TestWhatIsTrusted(t *testing.T) {
	right, wrong := time.Duration(0), -30*365*24*time.Hour
	for _, c := range []struct {
		name    string
		system  pretend
		want    Source
		problem string
	}{
		{"kept in step", pretend{network: true}, Network, ""},
		{"kept in step, with footage from a clock that was ahead", pretend{network: true, off: -2 * time.Hour}, Network, ""},
		{"kept in step by somebody who is wrong", pretend{network: true, off: wrong}, Unknown, "before this program was made"},
		{"with a battery", pretend{battery: &right}, Hardware, ""},
		{"with a battery that is empty", pretend{battery: &wrong, off: wrong}, Unknown, "before this program was made"},
		{"with an empty battery, and a time that was remembered", pretend{battery: &wrong}, Unknown, ""},
		{
			"with a battery, set behind what was recorded",
			pretend{battery: ptr(-2 * time.Hour), off: -2 * time.Hour},
			Unknown, "the newest recording is of",
		},
		{"a virtual machine", pretend{virtual: true}, Host, ""},
		{
			"a virtual machine that begins behind what was recorded",
			pretend{virtual: true, off: -2 * time.Hour},
			Unknown, "the newest recording is of",
		},
		{"a small computer", pretend{}, Unknown, ""},
		{"a small computer in 1970", pretend{off: wrong}, Unknown, "before this program was made"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &Clock{Built: time.Now().Add(-365 * 24 * time.Hour), Recorded: time.Now().Add(-time.Hour), system: &c.system}
				got := k.State()
				if got.Source != c.want || k.Trusted() != (c.want != Unknown) {
					t.Errorf("known from %q, want %q", got.Source, c.want)
				}
				if c.problem == "" && got.Problem != "" || !strings.Contains(got.Problem, c.problem) {
					t.Errorf("problem %q, want %q", got.Problem, c.problem)
				}
			})
		})
	}
}

func ptr[T any](v T) *T { return &v }

// TestLearnsTheTime: a box without a clock begins in the past, is set by the network, loses the network, and is set by
// hand.
func TestLearnsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		sys := &pretend{off: -40 * time.Hour}
		k := &Clock{Recorded: time.Now().Add(-time.Hour), system: sys, Log: slog.New(slog.NewTextHandler(&out, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		is := func(want Source, problem bool) {
			t.Helper()
			time.Sleep(3 * time.Second)
			if got := k.State(); got.Source != want || (got.Problem != "") != problem {
				t.Fatalf("%+v, want %q", got, want)
			}
		}
		is(Unknown, true)
		sys.off, sys.network = 0, true
		is(Network, false)
		if s := k.State(); s.SetBy != 40*time.Hour || time.Since(s.Set) > 4*time.Second {
			t.Errorf("set by %s at %s", s.SetBy, s.Set)
		}
		sys.network = false // for days
		time.Sleep(72 * time.Hour)
		is(Network, false)
		sys.off = 900 * time.Millisecond // too little to say that it was set
		is(Network, false)
		sys.off = time.Hour // by hand
		is(Unknown, false)
		time.Sleep(patience)
		is(Unknown, true)
		sys.battery = ptr(time.Hour) // and written to the hardware clock
		is(Hardware, false)
		cancel()
		<-done
		for _, want := range []string{
			"does not know the time yet", `clock was set" by=40h0m0s`, `knows the time" from=network`, "from=hardware", "no time server answered",
		} {
			if strings.Count(out.String(), want) == 0 {
				t.Errorf("the log does not say %q:\n%s", want, out.String())
			}
		}
		if n := strings.Count(out.String(), "clock was set"); n != 2 {
			t.Errorf("set %d times, want 2:\n%s", n, out.String())
		}
	})
}

// TestAtLeast: while the time is not known, no more has gone by since the newest footage than the program runs.
func TestAtLeast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorded := time.Now().Add(-time.Hour)
		ahead := 5 * 365 * 24 * time.Hour
		sys := &pretend{off: ahead}
		k := &Clock{Recorded: recorded, system: sys}
		is := func(what string, want time.Time) {
			t.Helper()
			time.Sleep(time.Second)
			if got := k.AtLeast(); !got.Equal(want.Add(time.Second)) {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
		}
		k.State()
		is("years ahead", recorded)
		sys.off = 2 * ahead
		is("set further ahead", recorded.Add(time.Second))
		sys.off = -30 * 24 * time.Hour
		is("behind", time.Now().Add(sys.off))
		sys.off, sys.network = ahead, true
		is("that is what time it is", time.Now().Add(ahead))
		k = &Clock{system: &pretend{off: ahead}}
		k.State()
		is("nothing recorded yet", time.Now().Add(ahead))
	})
}

// TestThisMachine: whatever it is, asking works.
func TestThisMachine(t *testing.T) {
	k := &Clock{}
	s := k.State()
	t.Logf("known from %q, hypervisor %v, built %v", s.Source, machine{}.host(), Built())
	if moment, shown := (machine{}).now(); moment.Round(0) != shown {
		t.Errorf("%s, %s", moment, shown)
	}
}
