package salvage

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/fmp4/fmp4test"
	"hearth/storage"
	"hearth/storage/box"
	"hearth/storage/snapshot"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const fps = 5

// tape is a clip cut into fragments of a second, that can be recorded over and over.
type tape struct {
	init    []byte
	tracks  []media.Track
	seconds [][]fmp4.Sample
}

// film makes a tape of some seconds with a key frame at every other.
func film(t testing.TB, size string, seconds int) *tape {
	t.Helper()
	c := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Size: size, FPS: fps, GOP: 2 * fps, Seconds: seconds})
	init, err := fmp4.Init(c.Run.Tracks)
	must(t, err)
	f := &tape{init: init, tracks: c.Run.Tracks}
	for i, u := range c.Units {
		if i%fps == 0 {
			f.seconds = append(f.seconds, nil)
		}
		last := &f.seconds[len(f.seconds)-1]
		*last = append(*last, fmp4.Sample{Duration: media.VideoClockRate / fps, CTO: int32(u.PTS - u.DTS), Key: u.Key, Data: u.Data})
	}
	return f
}

// fragment is second n of a run that records the tape.
func (f *tape) fragment(n int64) []byte {
	return fmp4.AppendFragment(nil, uint32(n+1), []fmp4.TrackRun{{
		BaseDTS: uint64(n * media.VideoClockRate), Samples: f.seconds[n%int64(len(f.seconds))],
	}})
}

// house is a box in a bubble of time.
type house struct {
	t    *testing.T
	over *testing.T // the test around the bubble
	dir  string
	s    *storage.Store
	stop func()
}

// live runs a test with a box that begins in the last minutes of an hour.
func live(over *testing.T, test func(t *testing.T, h *house)) {
	over.Helper()
	dir := memoryDir(over)
	synctest.Test(over, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2000, 1, 1, 21, 58, 0, 0, time.UTC)))
		h := &house{t: t, over: over, dir: dir}
		s, err := storage.Open(storage.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		must(t, err)
		h.s = s
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		h.stop = func() {
			cancel()
			must(t, <-done)
			must(t, s.Close())
			h.stop = func() {}
		}
		defer func() { h.stop() }()
		test(t, h)
	})
}

// memoryDir gives a folder in memory where there is one.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "hearth-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (h *house) camera(name string) media.CameraID {
	h.t.Helper()
	id := media.NewCameraID()
	must(h.t, h.s.Box().PutCamera(box.Camera{ID: id, Name: name, Record: "continuous"}))
	must(h.t, h.s.Keys().AddCamera(id))
	return id
}

// recording is a run under way.
type recording struct {
	h   *house
	id  media.CameraID
	on  media.Stream
	w   *storage.StreamWriter
	run *media.Run
	f   *tape
	n   int64
}

func (h *house) record(id media.CameraID, stream media.Stream, f *tape) *recording {
	h.t.Helper()
	w, err := h.s.Writer(id, stream)
	must(h.t, err)
	r := &recording{h: h, id: id, on: stream, w: w}
	r.begin(f)
	return r
}

func (r *recording) begin(f *tape) {
	r.run = &media.Run{ID: media.NewUUID(), Camera: r.id, Stream: r.on, Start: time.Now().UTC(), Trusted: true, Tracks: f.tracks}
	r.f, r.n = f, 0
	r.w.Begin(r.run, f.init)
}

// second records one more second; the clock is the caller's.
func (r *recording) second() {
	r.h.t.Helper()
	must(r.h.t, r.w.Append(storage.Fragment{
		DTS: r.n * media.VideoClockRate, Duration: media.VideoClockRate, Start: r.run.Start.Add(time.Duration(r.n) * time.Second),
		Key: r.f.seconds[r.n%int64(len(r.f.seconds))][0].Key, Data: [][]byte{r.f.fragment(r.n)},
	}))
	r.n++
}

// roll records some seconds of several recordings side by side.
func roll(seconds int, all ...*recording) {
	for range seconds {
		for _, r := range all {
			r.second()
		}
		time.Sleep(time.Second)
	}
}

// disk copies the media folder, as it lies there at this moment: what a disk taken out of a box holds.
func (h *house) disk() string {
	h.t.Helper()
	time.Sleep(2 * time.Second)
	synctest.Wait()
	dir := memoryDir(h.over)
	must(h.t, os.CopyFS(filepath.Join(dir, "media"), os.DirFS(filepath.Join(h.dir, "media"))))
	return dir
}

func (h *house) recoveryKey() snapshot.Key {
	h.t.Helper()
	text, err := h.s.MakeRecoveryKey()
	must(h.t, err)
	k, err := snapshot.ParseKey([]byte(text))
	must(h.t, err)
	return k
}

// files lists the files of a disk's camera with an ending, in order.
func files(t testing.TB, disk, ending string) (list []string) {
	t.Helper()
	must(t, filepath.WalkDir(disk, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, ending) {
			list = append(list, path)
		}
		return err
	}))
	slices.Sort(list)
	return list
}

// pictures counts the pictures of all MP4 files below a folder, as ffprobe sees them, by the paths of the files.
func pictures(t testing.TB, dir string) (sum int, by map[string]int) {
	t.Helper()
	by = make(map[string]int)
	for _, f := range files(t, dir, ".mp4") {
		out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v", "-count_packets",
			"-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", f).CombinedOutput()
		must(t, err)
		n, err := strconv.Atoi(strings.TrimSpace(string(out)))
		must(t, err)
		rel, _ := filepath.Rel(dir, f)
		by[rel] = n
		sum += n
	}
	return sum, by
}

// salvage reads a disk, all into a new folder.
func salvage(t testing.TB, disk string, k snapshot.Key, boxKey []byte) (string, Result) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	return out, into(t, out, disk, k, boxKey)
}

func into(t testing.TB, out, disk string, k snapshot.Key, boxKey []byte) Result {
	t.Helper()
	s, findings, err := Open(disk, k, boxKey)
	must(t, err)
	if len(findings) > 0 {
		t.Errorf("%v", findings)
	}
	s.Out, s.Zone = out, time.UTC
	r, err := s.Run(context.Background())
	must(t, err)
	return r
}
