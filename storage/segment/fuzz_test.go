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
	file, _, _ := build(f, fuzzKey(), h, smallSamples(), finished)
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
	f.Add(finished)
	f.Add(open)
	f.Add(finished[:len(finished)-40])
	key := fuzzKey()
	f.Fuzz(func(t *testing.T, b []byte) {
		size := int64(len(b))
		if r, err := Open(bytes.NewReader(b), size, key); err == nil {
			if !bytes.Equal(b, finished) && r.Verify() == nil && !r.Summary().Recovered {
				t.Fatal("foreign bytes passed as a whole file")
			}
		}
		_, _ = ReadSummary(bytes.NewReader(b), size)
		m := &memory{data: bytes.Clone(b), limit: -1}
		s, err := Recover(m, size, 0, key, Place{})
		if err != nil {
			return
		}
		if err := read(m.data, key); err != nil {
			t.Fatalf("recovered, but: %v", err)
		}
		first := bytes.Clone(m.data)
		if again, err := Recover(m, int64(len(m.data)), 0, key, Place{}); err != nil || again != s || !bytes.Equal(first, m.data) {
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
