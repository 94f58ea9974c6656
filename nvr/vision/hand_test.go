package vision

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// Many parts and large ones go through a pipe that somebody reads slowly, in order and whole.
func TestThePipeTakesEverything(t *testing.T) {
	in, out, err := newPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var parts [][]byte
	var want []byte
	for i := range 3000 { // more than one call takes
		b := bytes.Repeat([]byte{byte(i)}, 1+i%50)
		if i%1000 == 500 {
			b = bytes.Repeat([]byte{byte(i)}, 3<<20) // more than a pipe holds
		}
		parts = append(parts, b)
		want = append(want, b...)
	}
	failed := make(chan error, 1)
	go func() {
		failed <- in.writeAll(parts)
		in.Close()
	}()
	got, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came out, not the %d that went in", len(got), len(want))
	}
}

func TestAClosedPipeIsAnError(t *testing.T) {
	in, out, err := newPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out.Close()
	if err := in.writeAll([][]byte{{1}}); err == nil {
		t.Error("nobody reads, and nothing was said")
	}

	// Closing it ends a write that waits.
	in, out, err = newPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	failed := make(chan error, 1)
	go func() { failed <- in.writeAll([][]byte{make([]byte, 4<<20)}) }()
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := <-failed; err == nil {
		t.Error("a write was cut off, and nothing was said")
	}
}

// While nothing moves units are handed over with each key frame, once a second where these lie far apart, and before there are
// too many bytes for the pipe; else one by one.
func TestUnitsAreHandedOverTogetherWhileCalm(t *testing.T) {
	for _, c := range []struct {
		name        string
		gop, bytes  int // pictures; of each
		attentive   bool
		least, most int // wakes in 20 s of 15 pictures a second
	}{
		{"calm", 30, 100, false, 10, 11},
		{"key frames far apart", 150, 100, false, 18, 21},
		{"no more key frames", 1000, 100, false, 18, 21},
		{"many bytes", 30, 50_000, false, 10 + 9, 10 + 11},
		{"attentive", 30, 100, true, 300, 300},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &Worker{Motion: media.MotionSettings{Attentive: c.attentive}}
				w.queue.hurry(c.attentive)
				wakes, got := 0, 0
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					for {
						select {
						case <-w.queue.signal():
							wakes++
							got += len(w.queue.take())
						case <-ctx.Done():
							return
						}
					}
				}()
				run := &media.Run{Tracks: []media.Track{{Codec: media.H264}}}
				for i := range 300 {
					w.WriteUnit(run, &media.AccessUnit{Key: i%c.gop == 0, Wall: time.Now(), Data: make([]byte, c.bytes)})
					time.Sleep(time.Second / 15)
				}
				synctest.Wait()
				if wakes < c.least || wakes > c.most {
					t.Errorf("woken %d times, not %d to %d", wakes, c.least, c.most)
				}
				w.EndRun(run, "")
				synctest.Wait()
				if got != 300 {
					t.Errorf("%d of 300 units were handed over when the run had ended", got)
				}
				cancel()
			})
		})
	}
}

// A process that begins to watch closely gets each unit at once, also when it does so because of a mere doubt.
func TestAProcessThatWatchesGetsEachUnitAtOnce(t *testing.T) {
	w := &Worker{}
	p := &process{}
	wakes := func() (n int) {
		for range 10 {
			w.WriteUnit(&media.Run{Tracks: []media.Track{{Codec: media.H264}}}, &media.AccessUnit{Data: []byte{1}})
			select {
			case <-w.queue.signal():
				n++
			default:
			}
		}
		return n
	}
	for _, c := range []struct {
		mode string
		want int
	}{{"calm", 0}, {"watching", 10}, {"calm", 0}, {"attentive", 10}} {
		if err := w.answer(p, protocol.Stats{Mode: c.mode}, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		select { // what waited
		case <-w.queue.signal():
			w.queue.take()
		default:
		}
		if n := wakes(); n != c.want {
			t.Errorf("%s: woken %d times for 10 units, not %d", c.mode, n, c.want)
		}
	}
}

// What one hand-over writes is what the protocol reads, config and settings first.
func TestWhatIsHandedOverIsRead(t *testing.T) {
	in, out, err := newPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w := &Worker{Motion: media.MotionSettings{Sensitivity: 0.25}}
	task := protocol.Task{Camera: media.NewCameraID(), Start: media.NewUUID()}
	f := feeder{worker: w, process: &process{task: task, in: in}}
	run := &media.Run{Tracks: []media.Track{{Codec: media.H264, SPS: []byte("sps"), Width: 64}}}
	at := time.UnixMicro(1_700_000_000_000_000)
	var items []item
	for i := range 5 {
		items = append(items, item{run, &media.AccessUnit{Wall: at, PTS: 90, Key: i == 0, Data: bytes.Repeat([]byte{byte(i)}, 10+i)}})
	}
	items = append(items, item{run, &media.AccessUnit{Wall: at, Data: make([]byte, protocol.MaxBody+1)}})
	if err := f.hand(items); err != nil {
		t.Fatal(err)
	}
	in.Close()
	if m, err := protocol.Read(out); err != nil || m != protocol.Message(task) {
		t.Errorf("first %v, %v", m, err)
	}
	if m, err := protocol.Read(out); err != nil || m.(protocol.Motion).Settings.Sensitivity != 0.25 {
		t.Errorf("then %v, %v", m, err)
	}
	if m, err := protocol.Read(out); err != nil || string(m.(protocol.Config).SPS) != "sps" || !m.(protocol.Config).Look {
		t.Errorf("then %v, %v", m, err)
	}
	for i := range 5 {
		m, err := protocol.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		if u := m.(protocol.Unit); u.Start != task.Start || u.At != at.UnixMicro()+1000 || u.Key != (i == 0) || !bytes.Equal(u.Data, items[i].au.Data) {
			t.Errorf("unit %d: %+v", i, u)
		}
	}
	if m, err := protocol.Read(out); !errors.Is(err, io.EOF) {
		t.Errorf("at the end %v, %v", m, err)
	}
	if n := w.Status().Dropped; n != 1 {
		t.Errorf("%d units counted as dropped; one was too large to be a camera's", n)
	}
}

func TestTheLogNamesTheCameraOnce(t *testing.T) {
	var text strings.Builder
	log := slog.New(slog.NewTextHandler(&text, nil)).With("camera", "Door")
	w := &Worker{Camera: media.NewCameraID(), Log: log}
	for _, why := range []string{"", "vaapi: no such device"} {
		if err := w.answer(&process{}, protocol.Decoder{Name: "software", Codec: "h264", Why: why}, log); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	if len(lines) != 2 || strings.Contains(lines[0], "why") || !strings.Contains(lines[1], `why="vaapi: no such device"`) {
		t.Errorf("%s", text.String())
	}
	for _, l := range lines {
		if strings.Count(l, "camera") != 1 {
			t.Errorf("%s", l)
		}
	}
}

// The one picture that a process is started for reaches it, also when waiting for it used its token up.
func TestWhatAProcessIsStartedForIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queue
		waited := make(chan bool)
		go func() { waited <- q.wait(t.Context()) }()
		synctest.Wait() // it found nothing and waits for the token
		q.put(&media.Run{}, &media.AccessUnit{Key: true, Data: make([]byte, 100)})
		if !<-waited {
			t.Fatal("it did not wait")
		}
		q.restart()
		select {
		case <-q.signal():
		case <-time.After(time.Minute):
			t.Fatal("a picture lies there and nobody is told")
		}
		if n := len(q.take()); n != 1 {
			t.Errorf("%d units", n)
		}
	})
}
