package segment

import (
	"bytes"
	"crypto/cipher"
	"testing"

	"hearth/nvr/media"
)

// fixedKey is one whose files can lie in a corpus.
type fixedKey struct{ testKey }

func (k fixedKey) AEAD(salt []byte, segment media.UUID) (cipher.AEAD, error) {
	return k.testKey.AEAD(salt, segment)
}

func fuzzKey() fixedKey {
	return fixedKey{testKey{camera: media.CameraID{1, 2, 3, 4, 5, 6, 7, 8}, secret: [32]byte{5}}}
}

func fuzzFile(f *testing.F, finished bool) []byte {
	h := Header{Camera: fuzzKey().camera, Segment: media.UUID{4}, Start: 1_790_000_000_000_000}
	file, _, _ := build(f, fuzzKey(), h, wholeSamples(), finished)
	return file
}

func FuzzHeader(f *testing.F) {
	f.Add(fuzzFile(f, false)[:HeaderSize])
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err == nil && !bytes.Equal(h.Append(nil), b[:HeaderSize]) {
			t.Fatal("a header was read that would be written differently")
		}
	})
}

// FuzzFile gives foreign bytes to everything that reads a file.
func FuzzFile(f *testing.F) {
	finished, open := fuzzFile(f, true), fuzzFile(f, false)
	key := fuzzKey()
	_, table, _, err := Walk(bytes.NewReader(open), int64(len(open)), key)
	if err != nil {
		f.Fatal(err)
	}
	r, err := Open(bytes.NewReader(finished), int64(len(finished)), key)
	if err != nil {
		f.Fatal(err)
	}
	var samples [][]byte
	for i, e := range table {
		payload, err := r.Payload(i, nil)
		if err != nil {
			f.Fatal(err)
		}
		samples = append(samples, payload)
		if e.Type == CheckRecord {
			f.Add(finished, uint32(i), e.Offset, e.Length)
			f.Add(open, uint32(i), e.Offset, e.Length)
		}
	}
	f.Add(finished[:len(finished)-40], uint32(0), int64(0), uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, seq uint32, offset int64, length uint32) {
		size := int64(len(b))
		if r, err := Open(bytes.NewReader(b), size, key); err == nil {
			if !bytes.Equal(b, finished) && r.Verify() == nil && !r.Summary().Recovered {
				t.Fatal("foreign bytes passed as a whole file")
			}
		}
		_, _ = ReadSummary(bytes.NewReader(b), size)
		m := &memory{data: bytes.Clone(b), limit: -1}
		s, err := Recover(m, size, 0, key, Place{seq, offset, length})
		if err != nil {
			if !bytes.Equal(m.data, b) {
				t.Fatalf("changed, although: %v", err)
			}
			return
		}
		r, err := Open(bytes.NewReader(m.data), s.Size, key)
		if err != nil {
			t.Fatalf("recovered, but: %v", err)
		}
		for i, e := range r.Table() {
			if got, err := r.Payload(i, nil); i >= len(table) || e != table[i] || err == nil && !bytes.Equal(got, samples[i]) {
				t.Fatalf("record %d was not recorded: %v", i, err)
			}
		}
		first := bytes.Clone(m.data)
		if again, err := Recover(m, int64(len(m.data)), 0, key, Place{seq, offset, length}); err != nil || again != s || !bytes.Equal(first, m.data) {
			t.Fatalf("recovered twice: %v", err)
		}
	})
}

// FuzzRecord gives a foreign record, with its checksum made right, to the walk: only the seal is between it and us.
func FuzzRecord(f *testing.F) {
	open := fuzzFile(f, false)
	f.Add(open[HeaderSize:], uint16(0))
	f.Fuzz(func(t *testing.T, records []byte, cut uint16) {
		file := append(bytes.Clone(open[:HeaderSize]), records...)
		size := int64(len(file)) - int64(cut)%int64(len(file))
		_, table, end, err := Walk(bytes.NewReader(file), size, fuzzKey())
		if err != nil {
			return
		}
		if end > size && len(table) > 0 {
			t.Fatal("records beyond the end")
		}
		if !bytes.HasPrefix(open, file[:max(end, HeaderSize)]) {
			t.Fatal("foreign records passed")
		}
	})
}

// FuzzFooter gives a foreign end to a good file.
func FuzzFooter(f *testing.F) {
	file := fuzzFile(f, true)
	open := fuzzFile(f, false)
	f.Add(file[len(open):])
	f.Fuzz(func(t *testing.T, end []byte) {
		b := append(bytes.Clone(open), end...)
		if r, err := Open(bytes.NewReader(b), int64(len(b)), fuzzKey()); err == nil && !bytes.Equal(b, file) {
			t.Fatalf("a foreign footer passed: %+v", r.Summary())
		}
	})
}

// FuzzCheckpoint gives a checkpoint that was sealed with foreign bytes in it, so that only its own checks stand
// between it and a table: whatever is believed of it reaches the checkpoint without a gap.
func FuzzCheckpoint(f *testing.F) {
	h := Header{Camera: fuzzKey().camera, Segment: media.UUID{4}, Start: 1_790_000_000_000_000}
	file, _, w := build(f, fuzzKey(), h, smallSamples(), false)
	f.Add(appendCheckpoint(nil, Place{}, w.Table()))
	f.Add(appendCheckpoint(nil, placeOf(w.Table(), 2), w.Table()))
	f.Add(appendCheckpoint(nil, Place{}, nil))
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, _, w := build(t, fuzzKey(), h, smallSamples(), false)
		b, err := w.AppendRecord(bytes.Clone(file), Record{Type: CheckRecord}, payload)
		if err != nil {
			return
		}
		r, err := begin(bytes.NewReader(b), fuzzKey())
		if err != nil {
			t.Fatal(err)
		}
		self := placeOf(w.Table(), 4)
		table, cut, err := r.upTo(self, int64(len(b)))
		if err == nil && (cut != int64(len(b)) || len(table) != 5 || table[4] != w.Table()[4]) {
			t.Fatalf("a table of %d records up to %d", len(table), cut)
		}
		right := bytes.Equal(payload, appendCheckpoint(nil, Place{}, w.Table()[:4]))
		if read(w.AppendFooter(b), fuzzKey()) == nil != right {
			t.Fatal("the check does not tell a right checkpoint from a wrong one")
		}
	})
}
