package retention

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

// BenchmarkLetGoOfADay lets go of a day of 64 cameras, both streams, in files of ten minutes: ledgers, index, unlinks and
// folders. How long the file system takes to free the blocks is not in it; the files are empty.
func BenchmarkLetGoOfADay(b *testing.B) {
	const cameras = 64
	for range b.N {
		b.StopTimer()
		dir := b.TempDir()
		r := newRig(b, dir)
		r.k.Index, r.k.Disk = r.x, r.k.Disk.(frailDisk).Folder
		r.k.Pages = func(cam media.CameraID) (ledger.Files, segment.Key, error) {
			return ledger.Folder(dir, cam), testKey{cam}, nil
		}
		begin := time.Now().Add(-72 * time.Hour).Truncate(24 * time.Hour)
		for range cameras {
			cam := media.NewCameraID()
			r.limits[cam] = Limit{Days: 1}
			must(b, os.MkdirAll(filepath.Join(dir, segment.Folder(cam, begin.UnixMicro())), 0o700))
			for s := range media.Stream(2) {
				l := segment.Line{Camera: cam, Stream: s}
				for i := range 144 {
					start := begin.Add(time.Duration(i) * 10 * time.Minute).UnixMicro()
					row := index.Row{Line: l, Start: start, End: start + 599e6, Size: 1 << 28, Segment: media.NewUUID()}
					row.Prev, row.Head = [32]byte{byte(i), byte(s), 1}, [32]byte{byte(i + 1), byte(s), 1}
					must(b, os.WriteFile(filepath.Join(dir, row.Path()), nil, 0o600))
					r.x.Add(index.Addition{Row: row, Covered: [][2]int64{{row.Start, row.End}}})
				}
			}
		}
		must(b, r.x.Checkpoint(0, nil))
		before := written(b)
		b.StartTimer()
		f := r.pass(0)
		b.StopTimer()
		if f.Files != cameras*2*144 {
			b.Fatalf("%+v", f)
		}
		b.ReportMetric(float64(written(b)-before)/(1<<20), "MiB-written/op")
		b.ReportMetric(float64(f.Files), "files/op")
		must(b, r.x.Close())
	}
}

// written is how many bytes this process sent to the disk.
func written(b *testing.B) int64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if n, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			v, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			must(b, err)
			return v
		}
	}
	return 0
}
