package segment

import (
	"crypto/rand"
	"os"
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

// tenMinutes writes an unfinished file of ten minutes of 1 Mbit/s, with a checkpoint a minute but for the last.
func tenMinutes(b *testing.B) (key testKey, f *os.File, size int64, last Place) {
	key = newTestKey()
	w, err := NewWriter(key, NewHeader(key.camera, media.Main))
	if err != nil {
		b.Fatal(err)
	}
	if f, err = os.Create(b.TempDir() + "/file"); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	fragment, buf := make([]byte, 125_000), w.AppendHeader(nil)
	for i := range int64(600) {
		r := Record{Type: FragRecord, DTS: i * 90000, Duration: 90000, Time: w.header.Start + i*1_000_000}
		if buf, err = w.AppendRecord(buf, r, fragment); err != nil {
			b.Fatal(err)
		}
		if i%60 == 59 && i < 599 {
			if buf, last, err = w.AppendCheckpoint(buf, r); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := f.Write(buf); err != nil {
			b.Fatal(err)
		}
		buf = buf[:0]
	}
	return key, f, w.Size(), last
}

// unsynced leaves out what depends on the disk.
type unsynced struct{ *os.File }

func (unsynced) Sync() error { return nil }

// BenchmarkRecover finishes a file of ten minutes of 1 Mbit/s that was left open, by a walk from its header and from its
// last checkpoint, a minute before its end.
func BenchmarkRecover(b *testing.B) {
	key, f, size, last := tenMinutes(b)
	for name, from := range map[string]Place{"header": {}, "checkpoint": last} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f.Truncate(size); err != nil {
					b.Fatal(err)
				}
				if s, err := Recover(unsynced{f}, size, 0, key, from); err != nil || s.Records != 609 {
					b.Fatal(err, s.Records)
				}
			}
		})
	}
}

// BenchmarkCheckpoint seals a checkpoint of a minute.
func BenchmarkCheckpoint(b *testing.B) {
	key := newTestKey()
	var buf []byte
	w, err := NewWriter(key, NewHeader(key.camera, media.Main))
	if err != nil {
		b.Fatal(err)
	}
	for range 60 {
		if buf, err = w.AppendRecord(buf[:0], Record{Type: FragRecord}, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		w.check = Place{} // the same lines again
		w.table = w.table[:60]
		if buf, _, err = w.AppendCheckpoint(buf[:0], Record{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(buf)), "bytes")
}
