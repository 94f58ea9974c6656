package salvage

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/keyring"
	"hearth/storage/segment"
)

// BenchmarkSalvage reads ten minutes of a camera of 4 Mbit/s and writes them as MP4, both in memory.
func BenchmarkSalvage(b *testing.B) {
	dir := memoryDir(b)
	db, err := box.Open(filepath.Join(dir, "hearth.db"))
	must(b, err)
	defer db.Close()
	keys, err := keyring.Open(dir, db)
	must(b, err)
	id := media.NewCameraID()
	must(b, keys.AddCamera(id))
	key, err := keys.ForRecording(id)
	must(b, err)

	f := film(b, "320x180", 4)
	start := time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC).UnixMicro()
	h := segment.NewHeader(id, media.Main)
	h.Start, h.RunStart, h.Run = start, start, media.NewUUID()
	w, err := segment.NewWriter(key, h)
	must(b, err)
	raw, err := w.AppendRecord(w.AppendHeader(nil), segment.Record{Type: segment.InitRecord, Time: start}, f.init)
	must(b, err)
	noise := make([]byte, 500_000/fps)
	rand.Read(noise)
	for _, second := range f.seconds {
		for i := range second {
			second[i].Data = noise
		}
	}
	for n := range int64(600) {
		raw, err = w.AppendRecord(raw, segment.Record{
			Type: segment.FragRecord, Key: n%2 == 0, DTS: n * media.VideoClockRate, Duration: media.VideoClockRate, Time: start + n*1e6,
		}, f.fragment(n))
		must(b, err)
	}
	raw = w.AppendFooter(raw)
	path := filepath.Join(dir, segment.FinishedName(media.Main, start, w.End()).Path(id))
	must(b, os.MkdirAll(filepath.Dir(path), 0o700))
	must(b, os.WriteFile(path, raw, 0o600))

	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		out := memoryDir(b)
		r, err := keyring.WithKey(keys.ForRecovery(), filepath.Join(dir, "media"))
		must(b, err)
		s := &Salvage{Media: filepath.Join(dir, "media"), Keys: r, Out: out, Zone: time.UTC}
		got, err := s.Run(context.Background())
		must(b, err)
		if got.Files != 1 || len(got.Findings) > 0 {
			b.Fatalf("%+v", got)
		}
		must(b, os.RemoveAll(out))
	}
}
