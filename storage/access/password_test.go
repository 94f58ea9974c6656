package access

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"hearth/storage/box"
)

func TestHash(t *testing.T) {
	h := Hash{MemoryKiB: 64, Passes: 2, Threads: 2}
	one, two := h.make("secret"), h.make("secret")
	if one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=64,t=2,p=2$") {
		t.Errorf("%s, %s", one, two)
	}
	for password, want := range map[string]bool{"secret": true, "secret ": false, "": false} {
		if got, err := matches(one, password); err != nil || got != want {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
}

// The reference implementation's own words for it (argon2 20190702: echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1).
func TestHashOfOthers(t *testing.T) {
	const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := matches(hash, "password"); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestBadHashes(t *testing.T) {
	good := Hash{MemoryKiB: 64, Passes: 1, Threads: 1}.make("x")
	for _, bad := range []string{
		"", "$", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=64", "m=4294967295", 1), strings.Replace(good, "m=64", "m=064", 1),
		strings.Replace(good, "m=64", "m=7", 1), strings.Replace(good, "t=1", "t=0", 1), strings.Replace(good, "p=1", "p=255", 1),
		strings.Replace(good, "p=1", "q=1", 1), good[:len(good)-40], good + "$", good + "=",
	} {
		if _, err := matches(bad, "x"); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(Hash{MemoryKiB: 64, Passes: 1, Threads: 1}.make("x"))
	f.Add("$argon2id$v=19$m=1,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		h, salt, sum, err := parseHash(s)
		if err == nil && (h.MemoryKiB > maxMemoryKiB || h.Passes == 0 || h.Threads == 0 || len(salt) < 8 || len(sum) < 16) {
			t.Errorf("%q gives %+v", s, h)
		}
	})
}

// The table of tries stays bounded under a flood, and keeps the latest.
func TestAttemptsAreBounded(t *testing.T) {
	a := newAttempts()
	old := time.Now().Add(-time.Minute)
	for i := range 3 * maxAttempts {
		k := attemptKey{name: strings.Repeat("x", i%7) + string(rune(i))}
		a.mu.Lock()
		a.count(k, 1, time.Minute, old.Add(time.Duration(i)))
		a.mu.Unlock()
	}
	if len(a.by) > maxAttempts {
		t.Errorf("%d kept", len(a.by))
	}
}

func BenchmarkDefaultHash(b *testing.B) {
	for b.Loop() {
		DefaultHash().make("a password of some length")
	}
}

// The cost is what fits into a quarter of a second here, is measured once, and not at every start; another machine measures
// again.
func TestTunedHash(t *testing.T) {
	for pass, want := range map[time.Duration]uint32{
		time.Microsecond: 12, 21 * time.Millisecond: 12, 50 * time.Millisecond: 5, 85 * time.Millisecond: 3, 110 * time.Millisecond: 2, time.Second: 2,
	} {
		if got := passesFor(pass); got != want {
			t.Errorf("a pass of %s: %d of them, want %d", pass, got, want)
		}
	}
	b, err := box.Open(filepath.Join(t.TempDir(), "hearth.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	first, err := tune(b)
	if err != nil || first.Passes < 2 || first.Passes > 12 || first.MemoryKiB != DefaultHash().MemoryKiB {
		t.Fatalf("%+v, %v", first, err)
	}
	kept := map[string]any{"passes": 7, "machine": fmt.Sprintf("%s, %d cores", runtime.GOARCH, runtime.NumCPU())}
	if err := b.PutSetting("password-hash", kept); err != nil {
		t.Fatal(err)
	}
	if h, err := tune(b); err != nil || h.Passes != 7 {
		t.Errorf("at the next start: %+v, %v", h, err)
	}
	kept["machine"], kept["passes"] = "abacus, 10 rods", 99
	if err := b.PutSetting("password-hash", kept); err != nil {
		t.Fatal(err)
	}
	if h, err := tune(b); err != nil || h.Passes > 12 {
		t.Errorf("on another machine: %+v, %v", h, err)
	}
	if _, err := b.Setting("password-hash", &kept); err != nil || kept["machine"] == "abacus, 10 rods" {
		t.Errorf("kept: %v, %v", kept, err)
	}
}
