package segment

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Records that were punched out are gone and nothing else is; one that is damaged besides is found among them.
func TestGone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := newTestKey()
		samples := append(smallSamples(), drawSamples(t)...)
		file, ends, _ := build(t, key, testHeader(key), samples, true)
		from := rapid.IntRange(0, len(samples)).Draw(t, "from")
		to := rapid.IntRange(from, len(samples)).Draw(t, "to")
		damaged := rapid.IntRange(0, len(samples)-1).Draw(t, "damaged")
		r, err := Open(bytes.NewReader(file), int64(len(file)), key)
		if err != nil {
			t.Fatal(err)
		}
		first, last := Span(r.Table(), from, to)
		if from < to && (last != ends[to-1] || first != ends[to-1]-sum(r.Table()[from:to])) || from == to && first != last {
			t.Fatalf("records %d to %d lie from %d to %d", from, to, first, last)
		}
		clear(file[first:last])
		if damaged < from || damaged >= to {
			file[r.Table()[damaged].Offset+RecordHeaderSize] ^= 1
		} else {
			damaged = -1
		}
		found := make(map[int]error)
		if err := r.Examine(func(i int, err error) { found[i] = err }); err != nil {
			t.Fatal(err)
		}
		for i, s := range samples {
			got, err := r.Payload(i, nil)
			want := error(nil)
			switch {
			case i >= from && i < to:
				want = ErrGone
			case i == damaged:
				want = ErrDamaged
			case !bytes.Equal(got, s.payload):
				t.Fatalf("record %d: %q", i, got)
			}
			if !errors.Is(err, want) || !errors.Is(found[i], want) || (want == nil) != (found[i] == nil) {
				t.Fatalf("record %d: %v and %v, want %v", i, err, found[i], want)
			}
		}
		if err := r.Verify(); damaged >= 0 && !errors.Is(err, ErrDamaged) || damaged < 0 && err != nil {
			t.Fatal(err)
		}
	})
}

func sum(table []Entry) (n int64) {
	for _, e := range table {
		n += e.Size()
	}
	return n
}

// failing is a file one of whose places cannot be read.
type failing struct {
	*bytes.Reader
	at int64
}

var errSector = errors.New("bad sector")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off <= f.at && f.at < off+int64(len(p)) {
		return 0, errSector
	}
	return f.Reader.ReadAt(p, off)
}

// A bad sector costs the record that lies on it, and the rest is still looked at.
func TestExamineGoesOnBehindABadSector(t *testing.T) {
	key := newTestKey()
	file, ends, _ := build(t, key, testHeader(key), smallSamples(), true)
	file[ends[2]-1] ^= 1
	r, err := Open(failing{bytes.NewReader(file), ends[0] + 40}, int64(len(file)), key)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[int]error)
	if err := r.Examine(func(i int, err error) { found[i] = err }); err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || !errors.Is(found[1], errSector) || !errors.Is(found[2], ErrDamaged) {
		t.Fatal(fmt.Sprint(found))
	}
}
