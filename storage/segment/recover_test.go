package segment

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// A file cut at any byte, with any rubbish behind the cut, recovers to its whole records, and again to the same
// bytes, also when the power goes in the midst of the recovery.
func TestRecoverAnywhere(t *testing.T) {
	key := newTestKey()
	h, samples := testHeader(key), wholeSamples()
	for _, finished := range []bool{false, true} {
		file, ends, _ := build(t, key, h, samples, finished)
		for cut := HeaderSize; cut <= len(file); cut++ {
			for _, rubbish := range [][]byte{nil, make([]byte, 100), bytes.Repeat([]byte{0xa5}, 500)} {
				m := &memory{data: append(bytes.Clone(file[:cut]), rubbish...), limit: -1}
				whole := 0 // the rubbish may by chance be what was cut off
				for whole < len(ends) && bytes.HasPrefix(m.data, file[:ends[whole]]) {
					whole++
				}
				s, err := Recover(m, int64(len(m.data)), 0, key, Place{})
				if whole == 0 {
					if !errors.Is(err, ErrEmpty) {
						t.Fatalf("cut at %d: %v", cut, err)
					}
					continue
				}
				if err != nil || s.Records != whole || s.Size != int64(len(m.data)) {
					t.Fatalf("cut at %d: %v, %d records of %d, %d bytes of %d", cut, err, s.Records, whole, s.Size, len(m.data))
				}
				if err := read(m.data, key); err != nil {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				first := bytes.Clone(m.data)
				if again, err := Recover(m, int64(len(m.data)), 0, key, Place{}); err != nil || again != s || !bytes.Equal(first, m.data) {
					t.Fatalf("cut at %d, again: %v", cut, err)
				}
			}
		}
	}
}

func TestRecoverAfterPowerCutsInRecovery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := newTestKey()
		file, ends, _ := build(t, key, testHeader(key), append(smallSamples(), drawSamples(t)...), false)
		at := rapid.IntRange(int(ends[0]), len(file)).Draw(t, "cut")
		calm := &memory{data: bytes.Clone(file[:at]), limit: -1}
		want, err := Recover(calm, int64(at), 0, key, Place{})
		if err != nil {
			t.Fatal(err)
		}
		m := &memory{data: bytes.Clone(file[:at])}
		for range rapid.IntRange(1, 4).Draw(t, "cuts") {
			m.limit = rapid.IntRange(0, int(want.Size)-at+200).Draw(t, "written")
			if _, err := Recover(m, int64(len(m.data)), 0, key, Place{}); err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
		}
		m.limit = -1
		if got, err := Recover(m, int64(len(m.data)), 0, key, Place{}); err != nil || got != want || !bytes.Equal(m.data, calm.data) {
			t.Fatalf("%v: %+v, want %+v", err, got, want)
		}
	})
}

// What lies behind the last good sync of a file whose sync failed is not believed, even if it can be read.
func TestRecoverWithinLimit(t *testing.T) {
	key := newTestKey()
	for _, finished := range []bool{false, true} {
		file, ends, _ := build(t, key, testHeader(key), smallSamples(), finished)
		m := &memory{data: bytes.Clone(file), limit: -1}
		s, err := Recover(m, int64(len(file)), ends[1], key, Place{})
		if err != nil || s.Records != 2 || !s.Recovered {
			t.Fatal(err, s.Records)
		}
		if err := read(m.data, key); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnChain(t *testing.T) {
	key := newTestKey()
	file, ends, w := build(t, key, testHeader(key), smallSamples(), false)
	m := &memory{data: bytes.Clone(file[:ends[2]]), limit: -1}
	s, err := Recover(m, ends[2], 0, key, Place{})
	if err != nil {
		t.Fatal(err)
	}
	if !OnChain(w.Header(), w.Table(), s.Chain) || OnChain(w.Header(), w.Table()[:2], s.Chain) {
		t.Fatal("the chain of a file that was cut is not part of the whole one's")
	}
}
