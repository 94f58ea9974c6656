package segment

import (
	"crypto/rand"
	"testing"

	"hearth/nvr/media"
)

// BenchmarkSeal seals fragments of a second of 4 Mbit/s, as the committer does.
func BenchmarkSeal(b *testing.B) {
	key := newTestKey()
	fragment := make([]byte, 500_000)
	rand.Read(fragment)
	var buf []byte
	w, err := NewWriter(key, NewHeader(key.camera, media.Main))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(fragment)))
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = w.AppendRecord(buf[:0], Record{Type: FragRecord}, fragment); err != nil {
			b.Fatal(err)
		}
	}
}
