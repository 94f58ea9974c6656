package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

// rig is a data folder with a store on it. Its tests run in a bubble of time.
type rig struct {
	t    *testing.T
	dir  string
	s    *Store
	logs *logs

	cancel context.CancelFunc
	done   chan error
	runs   map[media.CameraID]int
}

// logs collects what is logged.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// bubble runs a test with a store in a bubble of time.
func bubble(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	dir := quickDir(t)
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, dir: dir, logs: &logs{}, runs: make(map[media.CameraID]int)}
		defer r.close() // also when the test gives up: nobody may be left in the bubble
		r.open(Options{})
		test(t, r)
	})
}

// quickDir gives a folder in memory where there is one, so that thousands of syncs take no time.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "hearth-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (r *rig) open(o Options) {
	r.t.Helper()
	o.Dir, o.Log = r.dir, slog.New(slog.NewTextHandler(r.logs, nil))
	s, err := Open(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.s = s
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan error, 1)
	go func() { r.done <- s.Run(ctx) }()
}

// close stops the store as a service is stopped.
func (r *rig) close() {
	r.t.Helper()
	if r.s == nil {
		return
	}
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Error(err)
	}
	if err := r.s.Close(); err != nil {
		r.t.Error(err)
	}
	r.s = nil
}

func (r *rig) reopen() {
	r.t.Helper()
	r.close()
	r.open(Options{})
}

func (r *rig) camera() media.CameraID {
	r.t.Helper()
	id := media.NewCameraID()
	if err := r.s.Box().PutCamera(box.Camera{ID: id, Name: "camera " + id.String()[:8], Record: "continuous"}); err != nil {
		r.t.Fatal(err)
	}
	if err := r.s.Keys().AddCamera(id); err != nil {
		r.t.Fatal(err)
	}
	return id
}

func (r *rig) grant(id media.CameraID, verb access.Verb) access.Grant {
	r.t.Helper()
	// Whoever asks first becomes the owner, with a password that costs little to hash: there are thousands of stores.
	if people, err := r.s.Access().People(); err != nil {
		r.t.Fatal(err)
	} else if len(people) == 0 {
		quick, err := access.Open(r.s.Box(), access.WithHash(accesstest.Hash()))
		if err != nil {
			r.t.Fatal(err)
		}
		accesstest.Person(r.t, quick, "Test owner", access.Owner)
	}
	return accesstest.Grant(r.t, r.s.Access(), r.s.Box(), id, verb)
}

func (r *rig) writer(id media.CameraID, stream media.Stream) *StreamWriter {
	r.t.Helper()
	w, err := r.s.Writer(id, stream)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// begin begins a run now.
func (r *rig) begin(w *StreamWriter, id media.CameraID, stream media.Stream) *media.Run {
	r.runs[id]++
	run := &media.Run{
		ID: media.NewUUID(), Camera: id, Stream: stream, Start: time.Now().UTC(), Trusted: true,
		Tracks: []media.Track{{Codec: media.H264, ClockRate: media.VideoClockRate, Width: 640, Height: 360}},
	}
	w.Begin(run, fmt.Appendf(nil, "init %d of %s %s", r.runs[id], id, stream))
	return run
}

// text is what a test fragment says.
func text(id media.CameraID, stream media.Stream, second int64) string {
	return fmt.Sprintf("second %d of %s %s ", second, id, stream)
}

// record appends n fragments of a second, one a second, with a key frame every keys seconds.
func (r *rig) record(w *StreamWriter, run *media.Run, from, n, keys int64) {
	r.t.Helper()
	for i := from; i < from+n; i++ {
		body := strings.Repeat(text(run.Camera, run.Stream, i), 20)
		err := w.Append(Fragment{
			DTS: i * media.VideoClockRate, Duration: media.VideoClockRate, Start: run.Start.Add(time.Duration(i) * time.Second),
			Key: i%keys == 0, Data: [][]byte{[]byte(body[:10]), []byte(body[10:])},
		})
		if err != nil {
			r.t.Fatalf("append second %d: %v", i, err)
		}
		time.Sleep(time.Second)
	}
}

// settle waits until all that was appended is durable.
func (r *rig) settle() {
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

// pieces reads footage to its end.
func (r *rig) pieces(g access.Grant, stream media.Stream, from, to time.Time) []Piece {
	r.t.Helper()
	list, err := r.try(g, stream, from, to)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func (r *rig) try(g access.Grant, stream media.Stream, from, to time.Time) (list []Piece, err error) {
	f, err := r.s.Footage(g, stream, from, to)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for {
		p, err := f.Next()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, p)
	}
}

// seconds says which seconds of a run pieces are of, and makes sure of whose.
func (r *rig) seconds(list []Piece, run *media.Run) (seconds []int64) {
	r.t.Helper()
	for _, p := range list {
		second := p.DTS / media.VideoClockRate
		if want := text(run.Camera, run.Stream, second); !bytes.HasPrefix(p.Data, []byte(want)) {
			r.t.Fatalf("second %d says %q", second, p.Data[:min(len(p.Data), 60)])
		}
		if p.Run != run.ID || !p.Start.Equal(run.Start.Add(time.Duration(second)*time.Second)) {
			r.t.Fatalf("second %d: run %s, %s", second, p.Run, p.Start)
		}
		seconds = append(seconds, second)
	}
	return seconds
}

// span is from..to, for comparison.
func span(from, n int64) (list []int64) {
	for i := from; i < from+n; i++ {
		list = append(list, i)
	}
	return list
}
