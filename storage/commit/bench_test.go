package commit_test

import (
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/segment"
)

// BenchmarkRecord16 records a second of 16 cameras at 4 Mbit/s per round, on a real disk: what sealing, writing and
// making durable cost on top of receiving. HEARTH_BENCH_DIR names the disk; otherwise it is that of temporary files.
func BenchmarkRecord16(b *testing.B) {
	const cameras, perSecond = 16, 500_000
	dir := b.TempDir()
	if at := os.Getenv("HEARTH_BENCH_DIR"); at != "" {
		var err error
		if dir, err = os.MkdirTemp(at, "hearth-bench-"); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	disk, err := commit.OpenFolder(dir)
	if err != nil {
		b.Fatal(err)
	}
	c := &commit.Committer{
		Disk: disk, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Key: func(id media.CameraID) (segment.Key, error) { return testKey{id}, nil },
		// The footage is removed when its file is finished: a benchmark does not fill a disk.
		OnFinished: func(f commit.Finished) { _ = disk.Remove(f.Name.Path(f.Line.Camera)) },
		RollBytes:  func(segment.Line) int64 { return 64 << 20 },
	}
	mdat := make([]byte, perSecond)
	rand.Read(mdat)
	start := time.Now()
	var writers []*commit.Writer
	for range cameras {
		id := media.NewCameraID()
		if err := os.MkdirAll(filepath.Join(dir, "media", id.String()), 0o700); err != nil {
			b.Fatal(err)
		}
		w, err := c.Writer(segment.Line{Camera: id})
		if err != nil {
			b.Fatal(err)
		}
		w.Begin(&media.Run{ID: media.NewUUID(), Camera: id, Start: start}, make([]byte, 800))
		writers = append(writers, w)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	used, rounds := cpu(b), int64(0)
	for b.Loop() {
		for _, w := range writers {
			// A moof, then what came from the network in pieces.
			data := append(make([][]byte, 0, 16), mdat[:600])
			for at := 600; at < perSecond; at += perSecond / 15 {
				data = append(data, mdat[at:min(at+perSecond/15, perSecond)])
			}
			if err := w.Append(commit.Fragment{DTS: rounds * 90000, Duration: 90000, Start: start.Add(time.Duration(rounds) * time.Second), Key: rounds%2 == 0, Data: data}); err != nil {
				b.Fatal(err)
			}
		}
		c.Flush()
		rounds++
	}
	used = cpu(b) - used
	runtime.ReadMemStats(&after)
	s, seconds := c.Stats(), float64(rounds*cameras)
	b.ReportMetric(used.Seconds()*60/seconds, "cpu-s/camera-minute")
	b.ReportMetric(float64(s.WriteCalls)/seconds, "writes/camera-second")
	b.ReportMetric(float64(s.Syncs)/seconds, "syncs/camera-second")
	b.ReportMetric(float64(s.WrittenBytes)/seconds-perSecond, "bytes-more/camera-second")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/seconds, "alloc-B/camera-second")
	b.ReportMetric(s.CommitTotal.Seconds()*1000/float64(s.Commits), "ms/commit")
	c.Stop()
	if s.Failures > 0 || c.Stats().WriteCalls == 0 {
		b.Fatalf("%+v", s)
	}
}

// cpu is the time that this process has used, user and system.
func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
