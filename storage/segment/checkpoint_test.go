package segment

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hearth/nvr/media"
)

// checked builds the bytes of a file that has a checkpoint behind some of its records, and where the checkpoints lie.
func checked(t *rapid.T, key Key, h Header, samples []sample) (file []byte, places []Place, w *Writer) {
	w, err := NewWriter(key, h)
	if err != nil {
		t.Fatal(err)
	}
	file = w.AppendHeader(nil)
	for _, s := range samples {
		if file, err = w.AppendRecord(file, s.r, s.payload); err != nil {
			t.Fatal(err)
		}
		for rapid.IntRange(0, 2).Draw(t, "checkpoint") == 0 {
			var p Place
			if file, p, err = w.AppendCheckpoint(file, s.r); err != nil {
				t.Fatal(err)
			}
			places = append(places, p)
		}
	}
	return file, places, w
}

// watched is a key that remembers what was sealed under each nonce, and fails the test when one is used for something
// else again.
type watched struct {
	testKey
	t      *rapid.T
	sealed map[string][32]byte
}

type watchedAEAD struct {
	cipher.AEAD
	key  watched
	file string
}

func (k watched) AEAD(salt []byte, segment media.UUID) (cipher.AEAD, error) {
	aead, err := k.testKey.AEAD(salt, segment)
	return watchedAEAD{aead, k, string(salt) + string(segment[:])}, err
}

func (a watchedAEAD) Seal(dst, nonce, plain, bound []byte) []byte {
	id, what := a.file+string(nonce), sha256.Sum256(append(append([]byte{byte(len(bound))}, bound...), plain...))
	if was, ok := a.key.sealed[id]; ok && was != what {
		a.key.t.Fatalf("two things were sealed under the nonce %x", nonce)
	}
	a.key.sealed[id] = what
	return a.AEAD.Seal(dst, nonce, plain, bound)
}

// hints gives places of all kinds: those of the checkpoints, and what is none.
func hints(t *rapid.T, file []byte, places, foreign []Place, w *Writer) []Place {
	list := append(slices.Clone(places), foreign...)
	for i := range w.Table() {
		list = append(list, placeOf(w.Table(), i))
	}
	for _, p := range places {
		list = append(
			list, Place{p.Seq + 1, p.Offset, p.Length}, Place{p.Seq, p.Offset + 1, p.Length}, Place{p.Seq, p.Offset, p.Length - 1},
		)
	}
	return append(list, Place{
		Seq: rapid.Uint32().Draw(t, "seq"), Offset: rapid.Int64().Draw(t, "offset"), Length: rapid.Uint32().Draw(t, "length"),
	}, Place{Seq: 1, Offset: int64(len(file)), Length: 100}, Place{Seq: MaxRecords, Offset: HeaderSize, Length: tagSize})
}

// behind gives where a record at a place ends.
func behind(p Place) int64 { return p.Offset + RecordHeaderSize + int64(p.Length) }

func usable(p Place, cut int, limit int64) bool {
	return behind(p) <= int64(cut) && (limit == 0 || behind(p) <= limit)
}

// From whatever place a recovery begins, and wherever the file was cut, it gives the bytes of one that walks from the
// header; and no two recoveries of a file, also of a damaged one, seal different tables under one nonce.
func TestRecoverFromCheckpoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := watched{newTestKey(), t, make(map[string][32]byte)}
		file, places, w := checked(t, key, testHeader(key.testKey), append(smallSamples(), drawSamples(t)...))
		_, foreign, _ := checked(t, key, testHeader(key.testKey), smallSamples())
		records := len(file)
		if rapid.Bool().Draw(t, "finished") {
			file = w.AppendFooter(file)
		}
		cut := rapid.IntRange(int(w.Table()[1].Offset), len(file)).Draw(t, "cut")
		limit := int64(rapid.IntRange(0, 1).Draw(t, "limited") * rapid.IntRange(int(w.Table()[1].Offset), cut).Draw(t, "limit"))
		torn := append(bytes.Clone(file[:cut]), rapid.SampledFrom([][]byte{nil, make([]byte, 200), bytes.Repeat([]byte{0xa5}, 99)}).Draw(t, "rubbish")...)
		recovered := func(torn []byte, from Place) ([]byte, Summary) {
			m := &memory{data: bytes.Clone(torn), limit: -1}
			s, err := Recover(m, int64(len(torn)), limit, key, from)
			if (errors.Is(err, ErrEmpty) || errors.Is(err, ErrDamaged)) && bytes.Equal(m.data, torn) {
				return nil, s
			} else if err != nil {
				t.Fatalf("from %+v: %v", from, err)
			}
			return m.data, s
		}
		want, summary := recovered(torn, Place{})
		if err := read(want, key); err != nil || summary.Records < 1 {
			t.Fatal(err)
		}
		all := hints(t, file, places, foreign, w)
		for _, from := range all {
			if got, s := recovered(torn, from); !bytes.Equal(got, want) || s != summary {
				t.Fatalf("from %+v: %+v, want %+v", from, s, summary)
			}
		}

		// A byte that the disk changed ends the walk; a checkpoint behind it saves all but that record.
		at := rapid.IntRange(HeaderSize, min(cut, records)-1).Draw(t, "changed")
		torn[at] ^= 0x10
		for _, from := range all {
			got, s := recovered(torn, from)
			if got == nil {
				continue // the first record is the changed one, or it lies in the midst
			}
			r, err := Open(bytes.NewReader(got), int64(len(got)), key)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Examine(func(i int, err error) {
				if e := r.Table()[i]; int64(at) < e.Offset || int64(at) >= e.Offset+e.Size() || errors.Is(err, ErrGone) {
					t.Fatalf("record %d: %v", i, err)
				}
			}); err != nil {
				t.Fatal(err)
			}
			// It does not help when the changed byte lies in a checkpoint before it.
			if usable(from, cut, limit) && slices.Contains(places, from) && from.Offset > int64(at) && s.Records <= int(from.Seq) &&
				!slices.ContainsFunc(places, func(p Place) bool { return p.Offset <= int64(at) && int64(at) < behind(p) }) {
				t.Fatalf("from %+v, with byte %d changed: only %d records", from, at, s.Records)
			}
		}
	})
}

// A recovery from a checkpoint reads what lies behind it, and of what lies before it only header and checkpoints.
func TestCheckpointSparesTheWalk(t *testing.T) {
	key := newTestKey()
	w, err := NewWriter(key, testHeader(key))
	if err != nil {
		t.Fatal(err)
	}
	file := w.AppendHeader(nil)
	var place Place
	for range 10 {
		for range 60 {
			if file, err = w.AppendRecord(file, Record{Type: FragRecord}, make([]byte, 10_000)); err != nil {
				t.Fatal(err)
			}
		}
		if file, place, err = w.AppendCheckpoint(file, Record{}); err != nil {
			t.Fatal(err)
		}
	}
	m := &counted{memory: memory{data: file, limit: -1}}
	if s, err := Recover(m, int64(len(file)), 0, key, place); err != nil || s.Records != 610 {
		t.Fatal(err, s.Records)
	}
	if m.read > 60_000 {
		t.Errorf("%d bytes were read", m.read)
	}
}

type counted struct {
	memory
	read int
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.read += len(p)
	return c.memory.ReadAt(p, off)
}

// A checkpoint that was sealed with something else in it than the table of its file is found by the check, and nothing
// is recovered from it.
func TestWrongCheckpoint(t *testing.T) {
	key := newTestKey()
	_, ends, _ := build(t, key, testHeader(key), smallSamples(), false)
	prev := Place{Seq: 0, Offset: HeaderSize, Length: uint32(tagSize + len("ftyp moov"))}
	itself := Place{Seq: 4, Offset: ends[3], Length: placeSize + tagSize}
	for name, change := range map[string]func(*Place, *[]Entry){
		"right":                    func(*Place, *[]Entry) {},
		"another type":             func(*Place, *[]Entry) {},
		"a line too few":           func(_ *Place, e *[]Entry) { *e = (*e)[:len(*e)-1] },
		"a line too many":          func(_ *Place, e *[]Entry) { *e = append(*e, (*e)[0]) },
		"another hash":             func(_ *Place, e *[]Entry) { (*e)[1].Hash[5] ^= 1 },
		"another offset":           func(_ *Place, e *[]Entry) { (*e)[1].Offset++ },
		"an enormous length":       func(_ *Place, e *[]Entry) { (*e)[1].Length = 1 << 31 },
		"another time":             func(_ *Place, e *[]Entry) { (*e)[1].Time++ },
		"a record before it":       func(p *Place, _ *[]Entry) { *p = prev },
		"a number behind its own":  func(p *Place, _ *[]Entry) { *p = prev; p.Seq = 100 },
		"itself before it":         func(p *Place, e *[]Entry) { *p = itself; *e = nil },
		"a place that is nowhere":  func(p *Place, _ *[]Entry) { *p = prev; p.Offset = -1 },
		"a place behind the file":  func(p *Place, _ *[]Entry) { *p = prev; p.Offset = 1 << 62 },
		"a place too large for it": func(p *Place, _ *[]Entry) { *p = prev; p.Length = 1<<32 - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			file, _, w := build(t, key, testHeader(key), smallSamples(), false)
			var p Place
			table := slices.Clone(w.Table())
			change(&p, &table)
			payload := make([]byte, placeSize)
			putPlace(payload, p)
			for _, e := range table[min(int(p.Seq), len(table)):] {
				payload = append(payload, make([]byte, entrySize)...)
				putEntry(payload[len(payload)-entrySize:], e)
			}
			kind := CheckRecord
			if name == "another type" {
				kind = NoteRecord
			}
			file, err := w.AppendRecord(file, Record{Type: kind}, payload)
			if err != nil {
				t.Fatal(err)
			}
			r, err := begin(bytes.NewReader(file), key)
			if err != nil {
				t.Fatal(err)
			}
			// What the seal holds is believed, but for what cannot be: another hash is found by who reads the record.
			believed := name == "right" || name == "another hash" || name == "another time"
			if _, _, err := r.upTo(placeOf(w.Table(), 4), int64(len(file))); believed != (err == nil) {
				t.Fatal(err)
			}
			walked, hinted := &memory{data: bytes.Clone(file), limit: -1}, &memory{data: bytes.Clone(file), limit: -1}
			want, err := Recover(walked, int64(len(file)), 0, key, Place{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := Recover(hinted, int64(len(file)), 0, key, placeOf(w.Table(), 4))
			if err != nil || !believed && (got != want || !bytes.Equal(walked.data, hinted.data)) {
				t.Fatalf("%v: %+v, want %+v", err, got, want)
			}
			if err := read(walked.data, key); (name == "right" || name == "another type") != (err == nil) || err != nil && !errors.Is(err, ErrForged) {
				t.Fatal(err)
			}
		})
	}
}

// A checkpoint knows the one before it by its hash.
func TestCheckpointsFitTogether(t *testing.T) {
	key := newTestKey()
	for _, wrong := range []bool{false, true} {
		file, _, w := build(t, key, testHeader(key), smallSamples(), false)
		file, first, err := w.AppendCheckpoint(file, Record{})
		if err != nil {
			t.Fatal(err)
		}
		table := slices.Clone(w.Table())
		if wrong {
			table[first.Seq].Hash[0] ^= 1
		}
		file, err = w.AppendRecord(file, Record{Type: CheckRecord}, appendCheckpoint(nil, first, table))
		if err != nil {
			t.Fatal(err)
		}
		r, err := begin(bytes.NewReader(file), key)
		if err != nil {
			t.Fatal(err)
		}
		got, cut, err := r.upTo(placeOf(w.Table(), len(table)), int64(len(file)))
		if wrong && !errors.Is(err, ErrDamaged) || !wrong && (err != nil || cut != w.Size() || !slices.Equal(got, w.Table())) {
			t.Fatal(wrong, err)
		}
	}
}
