//go:build sabotage

package vision

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/sabotage"
	"hearth/nvr/vision/clip"
)

// safeLog keeps what several goroutines log.
type safeLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Before one camera nothing ever moves, before the other somebody walks: every look that says "moving" and every thumb
// of the first is the second's. The pipes between hearth and the workers are exchanged.
func TestSabotagedPipes(t *testing.T) {
	calm := clip.Make(t, append(clip.Still("320x180", 15, 10), coding...)...)
	walk := clip.Make(t, append(clip.Passing("320x180", 15, 10, 3, 8), coding...)...)
	for name, fault := range map[string]sabotage.Fault{
		"what goes in":   sabotage.PipeIn,
		"what comes out": sabotage.PipeOut,
	} {
		t.Run(name, func(t *testing.T) {
			ids := [2]media.CameraID{media.NewCameraID(), media.NewCameraID()}
			try := func() (a, b *rig, log *safeLog, bell *alarm.Bell) {
				log = &safeLog{}
				bell = &alarm.Bell{Log: slog.New(slog.NewTextHandler(log, nil))}
				for i, r := range []**rig{&a, &b} {
					*r = newRig(t, func(w *Worker) {
						w.Camera, w.Bell, w.Motion.Attentive = ids[i], bell, true
					})
				}
				a.stream(calm)
				b.stream(walk)
				return a, b, log, bell
			}
			moved := func(r *rig) bool {
				r.mu.Lock()
				defer r.mu.Unlock()
				for _, l := range r.looks {
					if l.Moving {
						return true
					}
				}
				return len(r.thumbs) > 0
			}

			sabotage.Plant(t, fault, ids[0], ids[1])
			a, b, log, bell := try()
			b.until("an alarm of both", func() bool { return bell.Counts()[alarm.Worker] >= 2 })
			if moved(a) || moved(b) {
				t.Error("a worker's finds came out on the other side")
			}
			if !strings.Contains(log.String(), "level=ERROR msg=\"ALARM: ") {
				t.Errorf("no alarm: %s", log)
			}
			sabotage.Heal()
		})
	}
	t.Run("without the check", func(t *testing.T) {
		ids := [2]media.CameraID{media.NewCameraID(), media.NewCameraID()}
		sabotage.Plant(t, sabotage.PipeOut, ids[0], ids[1])
		sabotage.CloseEyes(t, string(alarm.Worker))
		a := newRig(t, func(w *Worker) { w.Camera, w.Motion.Attentive = ids[0], true })
		b := newRig(t, func(w *Worker) { w.Camera, w.Motion.Attentive = ids[1], true })
		a.stream(calm)
		b.stream(walk)
		a.until("the other camera's thumb: or the fault is none", func() bool {
			a.mu.Lock()
			defer a.mu.Unlock()
			return len(a.thumbs) > 0
		})
	})
}

// What another camera sent is not looked at, nor an answer of a process that was there before.
func TestSabotagedUnits(t *testing.T) {
	log := &safeLog{}
	bell := &alarm.Bell{Log: slog.New(slog.NewTextHandler(log, nil))}
	w := &Worker{Camera: media.NewCameraID(), Bell: bell}
	run := &media.Run{Camera: w.Camera, Tracks: []media.Track{{Codec: media.H264}}}
	w.WriteUnit(run, &media.AccessUnit{Camera: media.NewCameraID(), Key: true, Data: []byte{1}})
	if n := len(w.queue.take()); n != 0 || bell.Counts()[alarm.Worker] != 1 {
		t.Errorf("%d units wait, %v", n, bell.Counts())
	}
	w.WriteUnit(run, &media.AccessUnit{Camera: w.Camera, Key: true, Data: []byte{1}})
	if n := len(w.queue.take()); n != 1 {
		t.Errorf("%d units wait of its own", n)
	}
}
