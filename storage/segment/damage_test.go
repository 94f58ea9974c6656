package segment

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"hearth/nvr/media"
)

// wholeSamples are records of every type that a file of footage has, with two checkpoints among them.
func wholeSamples() []sample {
	return append(
		smallSamples(), sample{Record{Type: CheckRecord, Time: 1_790_000_002_000_000}, nil},
		sample{
			Record{Type: FragRecord, Key: true, DTS: 270000, Duration: 90000, Time: 1_790_000_003_000_000}, bytes.Repeat([]byte("last"), 20),
		},
		sample{Record{Type: CheckRecord, Time: 1_790_000_003_000_000}, nil},
		sample{Record{Type: FragRecord, DTS: 360000, Duration: 90000, Time: 1_790_000_004_000_000}, []byte("end")},
	)
}

// known says that an error is one of those that a damaged file may give.
func known(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, ErrForged) || errors.Is(err, ErrUnfinished) || errors.Is(err, ErrGone)
}

// original is a file as it was written, against which damaged ones are held.
type original struct {
	t       *testing.T
	key     testKey
	file    []byte // finished
	records int64  // how many of its bytes are header and records
	table   []Entry
	places  []Place // of its checkpoints
	shown   [][]byte
}

func newOriginal(t *testing.T) original {
	key := newTestKey()
	file, ends, w := build(t, key, testHeader(key), wholeSamples(), true)
	o := original{t: t, key: key, file: file, records: ends[len(ends)-1], table: w.Table(), places: []Place{{}}}
	r, err := Open(bytes.NewReader(file), int64(len(file)), key)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range o.table {
		payload, err := r.Payload(i, nil)
		if err != nil {
			t.Fatal(err)
		}
		o.shown = append(o.shown, payload)
		if e.Type == CheckRecord {
			o.places = append(o.places, placeOf(o.table, i))
		}
	}
	return o
}

// readable fails the test if anything that a reader shows of record i is not what was written, and says whether it is
// shown at all.
func (o original) readable(what string, r *Reader, i int) bool {
	got, err := r.Payload(i, nil)
	if err == nil && (i >= len(o.shown) || !bytes.Equal(got, o.shown[i]) || r.Table()[i].Record != o.table[i].Record) {
		o.t.Fatalf("%s: record %d shows what was not recorded", what, i)
	}
	if err != nil && (!known(err) || got != nil) {
		o.t.Fatalf("%s: record %d: %v", what, i, err)
	}
	return err == nil
}

// found says whether a damage is found by opening and examining a file that should be finished, and fails the test if
// something is shown that was not recorded.
func (o original) found(what string, file []byte) bool {
	r, err := Open(bytes.NewReader(file), int64(len(file)), o.key)
	if err != nil {
		if !known(err) {
			o.t.Fatalf("%s: %v", what, err)
		}
		return true
	}
	bad := make(map[int]bool)
	chain := r.Examine(func(i int, err error) {
		if !known(err) {
			o.t.Fatalf("%s: record %d: %v", what, i, err)
		}
		bad[i] = true
	})
	for i := range r.Table() {
		if !o.readable(what, r, i) && !bad[i] {
			o.t.Fatalf("%s: record %d cannot be read, and the check does not say so", what, i)
		}
	}
	if (r.Verify() == nil) != (chain == nil && len(bad) == 0) {
		o.t.Fatalf("%s: Verify and Examine do not agree", what)
	}
	return chain != nil || len(bad) > 0
}

// live reads a damaged file as one that is still being written, by table and by place.
func (o original) live(what string, file []byte) {
	r, err := OpenLive(bytes.NewReader(file), o.key, o.table)
	if err != nil {
		if !known(err) {
			o.t.Fatalf("%s: %v", what, err)
		}
		return
	}
	for i := range o.table {
		shown := o.readable(what, r, i)
		_, payload, err := One(bytes.NewReader(file), o.key, placeOf(o.table, i))
		if shown != (err == nil) || shown && !bytes.Equal(payload, o.shown[i]) || !shown && !known(err) {
			o.t.Fatalf("%s: record %d by its place: %v", what, i, err)
		}
	}
}

// recovered recovers a damaged file from each place. A damage of which the recovery says nothing, and which changes
// nothing that it keeps, must be found afterwards.
func (o original) recovered(what string, file []byte, finished bool) {
	for _, from := range o.places {
		m := &memory{data: bytes.Clone(file), limit: -1}
		s, err := Recover(m, int64(len(file)), 0, o.key, from)
		if err != nil {
			if !known(err) && !errors.Is(err, ErrEmpty) || !bytes.Equal(m.data, file) {
				o.t.Fatalf("%s, from %+v: %v", what, from, err)
			}
			continue
		}
		found := o.found(what+", recovered", m.data)
		// A finished file whose footer was damaged gets another: that is a repair, and is said to be one.
		repaired := finished && s.Records == len(o.table) && s.Recovered
		if !found && s.Records == len(o.table) && !repaired || !s.Recovered && !bytes.Equal(m.data, file) {
			o.t.Fatalf("%s, from %+v: nobody says so", what, from)
		}
		if s.Records < len(o.table) && finished && bytes.Equal(m.data, file) {
			o.t.Fatalf("%s, from %+v: a shorter file was taken for finished", what, from)
		}
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	o := newOriginal(t)
	if o.found("as it was written", o.file) {
		t.Fatal("what is right is not found right")
	}
	for n := range o.file {
		for bit := range 8 {
			what := "a flipped bit"
			o.file[n] ^= 1 << bit
			if !o.found(what, o.file) {
				t.Fatalf("bit %d of byte %d of %d is not found", bit, n, len(o.file))
			}
			o.live(what, o.file)
			// What is read without a key is not sealed for who reads it, but has its checksums.
			if _, err := ReadHeader(bytes.NewReader(o.file)); (n < HeaderSize) != (err != nil) {
				t.Fatalf("bit %d of byte %d, header: %v", bit, n, err)
			}
			_, err := ReadSummary(bytes.NewReader(o.file), int64(len(o.file)))
			if changed := n < HeaderSize || int64(n) >= o.records; changed != (err != nil) {
				t.Fatalf("bit %d of byte %d, summary: %v", bit, n, err)
			}
			if bit == n%8 {
				o.recovered("a flipped bit of a finished file", o.file, true)
				if int64(n) < o.records {
					o.recovered("a flipped bit of an open file", o.file[:o.records], false)
				}
			}
			o.file[n] ^= 1 << bit
		}
	}
}

func TestEveryTruncationIsFound(t *testing.T) {
	o := newOriginal(t)
	for n := range o.file {
		if !o.found("a cut", o.file[:n]) {
			t.Fatalf("cut to %d of %d bytes: not found", n, len(o.file))
		}
		o.live("a cut", o.file[:n])
		for _, from := range o.places {
			m := &memory{data: bytes.Clone(o.file[:n]), limit: -1}
			s, err := Recover(m, int64(n), 0, o.key, from)
			if err != nil && !known(err) && !errors.Is(err, ErrEmpty) {
				t.Fatal(err)
			}
			if err == nil && (!s.Recovered || o.found("a cut, recovered", m.data) || int64(n) < o.records && s.Records >= len(o.table)) {
				t.Fatalf("cut to %d of %d bytes, from %+v: %+v", n, len(o.file), from, s)
			}
		}
	}
	m := &memory{data: bytes.Clone(o.file), limit: 0}
	if s, err := Recover(m, int64(len(o.file)), 0, o.key, Place{}); err != nil || s.Recovered || !bytes.Equal(m.data, o.file) {
		t.Fatalf("a finished file was changed: %v", err)
	}
	if !o.found("a byte more", append(bytes.Clone(o.file), 0)) {
		t.Fatal("a byte more was not found")
	}
}

// A stretch of zeros is what a lost block leaves, and what a hole is: found, whatever it covers.
func TestEveryHoleIsFound(t *testing.T) {
	o := newOriginal(t)
	for from := range o.file {
		for _, size := range []int{1, 16, 100, 512} {
			file := bytes.Clone(o.file)
			clear(file[from:min(from+size, len(file))])
			if !bytes.Equal(file, o.file) && !o.found("a hole", file) {
				t.Fatalf("%d zeros at %d are not found", size, from)
			}
			o.live("a hole", file)
		}
	}
}

// Files of another camera, of another place in the chain, and footers from elsewhere: an error each.
func TestSwappedParts(t *testing.T) {
	o, other := newOriginal(t), newOriginal(t)
	same, _, _ := build(t, o.key, testHeader(o.key), wholeSamples(), true)
	for what, file := range map[string][]byte{
		"another camera's file":   other.file,
		"another camera's footer": append(bytes.Clone(o.file[:o.records]), other.file[other.records:]...),
		"another file's footer":   append(bytes.Clone(o.file[:o.records]), same[o.records:]...),
		"another file's header":   append(bytes.Clone(same[:HeaderSize]), o.file[HeaderSize:]...),
		"another file's records":  append(bytes.Clone(o.file[:HeaderSize]), same[HeaderSize:]...),
		"two records changed places": func() []byte {
			a, b := o.table[1], o.table[2]
			file := bytes.Clone(o.file[:a.Offset])
			file = append(file, o.file[b.Offset:b.Offset+b.Size()]...)
			file = append(file, o.file[a.Offset:a.Offset+a.Size()]...)
			return append(file, o.file[b.Offset+b.Size():]...)
		}(),
	} {
		if !o.found(what, file) {
			t.Errorf("%s is not found", what)
		}
		o.live(what, file)
	}
	if _, err := Open(bytes.NewReader(o.file), int64(len(o.file)), testKey{media.NewCameraID(), o.key.secret}); !errors.Is(err, ErrForged) {
		t.Errorf("the right secret of another camera: %v", err)
	}
}

// A footer that was sealed with another chain, or another end, than its table has.
func TestWrongFooter(t *testing.T) {
	o := newOriginal(t)
	for what, change := range map[string]func(*footer){
		"as it should be": func(*footer) {},
		"another chain":   func(f *footer) { f.chain[3] ^= 1 },
		"another end":     func(f *footer) { f.end++ },
		"another hash":    func(f *footer) { f.table[2].Hash[0] ^= 1 },
		"another time":    func(f *footer) { f.table[2].Time++ },
		"a record fewer":  func(f *footer) { f.table = f.table[:len(f.table)-1] },
		"another offset":  func(f *footer) { f.table[2].Offset++ },
	} {
		r, err := begin(bytes.NewReader(o.file), o.key)
		if err != nil {
			t.Fatal(err)
		}
		f := footer{table: slices.Clone(o.table), end: o.table[len(o.table)-1].End(), dataEnd: o.records, chain: Chain(r.header, o.table)}
		change(&f)
		file := appendFooter(bytes.Clone(o.file[:o.records]), r.open, f)
		if o.found(what, file) != (what != "as it should be") {
			t.Errorf("%s: not what was expected", what)
		}
	}
}
