package index

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

const benchStart = int64(1_790_035_200_000_000) // midnight, UTC

// day fills the index as a day of 16 cameras with both streams does: a checkpoint a minute, files of ten minutes,
// motion in every tenth minute, 50 events a day and camera.
func day(b *testing.B, x *Index, cams []media.CameraID, start int64) {
	b.Helper()
	for m := int64(0); m < minutesPerDay; m++ {
		at := start + m*microsPerMinute
		for i, cam := range cams {
			if (m+int64(i))%10 == 0 {
				for _, s := range []media.Stream{media.Main, media.Sub} {
					x.Add(Addition{
						Row: Row{
							Line: segment.Line{Camera: cam, Stream: s}, Start: at - 10*microsPerMinute, End: at, Size: 300 << 20,
							Segment: media.NewUUID(), Run: media.NewUUID(), Records: 600,
						},
						Covered: [][2]int64{{at - 10*microsPerMinute, at}},
					})
				}
				x.AddMotion(cam, at, 0.5)
			}
			if (m+int64(i))%29 == 0 {
				e := Event{
					ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: time.UnixMicro(at), End: time.UnixMicro(at + 20_000_000), Score: 0.7,
					Regions: []media.Region{{X: 0.1, Y: 0.2, W: 0.3, H: 0.4, Score: 0.7}},
				}
				if _, err := x.PutEvent(e, e.End); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := x.Checkpoint(at, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDay says what a camera's day costs the index.
func BenchmarkDay(b *testing.B) {
	dir, err := os.MkdirTemp("/dev/shm", "hearth-bench-")
	if err != nil {
		dir = b.TempDir()
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	x, err := Open(filepath.Join(dir, "index.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	var cams []media.CameraID
	for range 16 {
		cams = append(cams, media.NewCameraID())
	}
	days := int64(0)
	for b.Loop() {
		day(b, x, cams, benchStart+days*microsPerDay)
		days++
	}
	s := x.Stats()
	info, err := os.Stat(filepath.Join(dir, "index.db"))
	if err != nil {
		b.Fatal(err)
	}
	cameraDays := float64(days * 16)
	b.ReportMetric(float64(s.Written)/cameraDays/1024, "KiB-written/camera-day")
	b.ReportMetric(float64(info.Size())/cameraDays/1024, "KiB-size/camera-day")
	b.ReportMetric(b.Elapsed().Seconds()*1000/cameraDays, "ms/camera-day")
}

// BenchmarkDayRows reads what a timeline of a day needs, out of a month.
func BenchmarkDayRows(b *testing.B) {
	x, err := Open(filepath.Join(b.TempDir(), "index.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	l := segment.Line{Camera: media.NewCameraID()}
	for n := range int64(30 * 144) {
		at := benchStart + n*10*microsPerMinute
		x.Add(Addition{Row: Row{Line: l, Start: at, End: at + 10*microsPerMinute, Size: 300 << 20}})
	}
	if err := x.Checkpoint(benchStart, nil); err != nil {
		b.Fatal(err)
	}
	n := int64(0)
	for b.Loop() {
		from := benchStart + n%29*microsPerDay
		n++
		rows, err := x.Rows(l, from, from+microsPerDay)
		if err != nil || len(rows) < 144 {
			b.Fatal(err, len(rows))
		}
	}
}
