package vision

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/vision/protocol"
)

// cudaMemory is what a process may use more when it decodes on an NVIDIA card, whose driver maps a lot.
const cudaMemory = 500 << 20

// answer takes in one message of the process. An error says that the process is not to be listened to any longer.
func (w *Worker) answer(p *process, m protocol.Message, log *slog.Logger) error {
	switch m := m.(type) {
	case protocol.Hello:
		w.said.log(log, slog.LevelDebug, "hearth-vision is ready", "camera_id", w.Camera, "ffmpeg", m.FFmpeg, "sandbox", m.Sandbox, "pid", p.cmd.Process.Pid)
		w.confined(m.Sandbox, m.Missing, log)
	case protocol.Decoder:
		if m.Name != protocol.Software && !p.mayOpen(protocol.Way{Name: m.Name, Device: m.Device}) || m.Failed != nil && !p.mayOpen(*m.Failed) {
			return errNotGiven
		}
		if m.Why != "" {
			log = log.With("why", clean(m.Why))
		}
		w.said.log(log, slog.LevelInfo, "looking for motion", "decoder", m.Name, "codec", m.Codec, "width", m.Width, "height", m.Height)
		if m.Failed != nil {
			w.said.log(log, slog.LevelWarn, "hardware failed, software decodes", "decoder", clean(m.Failed.String()))
			w.noteFailure(p, *m.Failed, clean(m.Why))
		}
		w.decodes(p, m)
		w.confined(m.Sandbox, m.Missing, log)
	case protocol.Stats:
		watching := m.Mode == "watching" || m.Mode == "attentive"
		if p.watching.Swap(watching) != watching {
			w.queue.hurry(watching || w.settings().Attentive)
		}
		w.mu.Lock()
		s := &w.status
		s.Mode, s.Why, s.CPU, s.Skipped, s.Bad = m.Mode, m.Why, m.CPU, m.Skipped, m.Bad
		s.Received, s.Decoded = m.Units, m.Decoded
		s.Hint = Hint{Trust: m.Trust, Why: m.Hint, Led: m.Hints, Right: m.Right}
		w.costs.add(time.Now(), m)
		w.mu.Unlock()
		w.queue.wakeAt(m.Wake)
	case protocol.Look:
		if !w.mine(p, m.Of) {
			return errMixed
		}
		w.mu.Lock()
		w.status.Looks++
		w.status.Problem = ""
		look := Look{
			Camera: m.Of.Camera, At: time.UnixMicro(m.At).UTC(), Moving: m.Moving, Score: m.Score,
			Regions: m.Regions, Zones: m.Zones, Spell: w.spells + m.Spell,
			Tamper: m.Tamper, TamperSince: time.UnixMicro(m.TamperSince).UTC(),
			Frozen: m.Frozen, FrozenSince: time.UnixMicro(m.FrozenSince).UTC(),
			Reach: m.Reach, Where: m.Where,
		}
		w.mu.Unlock()
		if m.Moving && p.watching.CompareAndSwap(false, true) {
			w.queue.hurry(true)
		}
		p.spell = max(p.spell, m.Spell)
		if w.OnLook != nil {
			w.OnLook(look)
		}
	case protocol.Thumb:
		if !w.mine(p, m.Of) {
			return errMixed
		}
		w.mu.Lock()
		spell := w.spells + m.Spell
		w.mu.Unlock()
		if w.OnThumb != nil {
			w.OnThumb(Thumb{Camera: m.Of.Camera, At: time.UnixMicro(m.At).UTC(), Score: m.Score, Region: m.Region, Spell: spell, JPEG: m.JPEG})
		}
	case protocol.Error:
		if m.Mixed {
			w.Bell.Ring(alarm.Worker, w.Camera, "a worker was fed with pictures of another camera")
			return errMixed
		}
		if m.Failed != nil {
			switch {
			case !p.mayOpen(*m.Failed):
				return errNotGiven
			case !w.noteFailure(p, *m.Failed, clean(m.Text)):
				return fmt.Errorf("%w: %s %s", errRests, *m.Failed, clean(m.Text))
			}
			return fmt.Errorf("%w: %s %s", errHardware, *m.Failed, clean(m.Text))
		}
		w.said.log(log, slog.LevelWarn, "hearth-vision says", "problem", clean(m.Text))
		w.mu.Lock()
		w.status.Problem = clean(m.Text)
		w.mu.Unlock()
	default:
		return fmt.Errorf("it sent what only hearth sends: %w", protocol.ErrMalformed)
	}
	return nil
}

// unprotected is logged once: it is the machine's matter, not a camera's.
var unprotected sync.Once

// confined takes note of what the process says of its sandbox.
func (w *Worker) confined(sandbox, missing string, log *slog.Logger) {
	if sandbox == "" && missing == "" {
		return
	}
	w.mu.Lock()
	w.status.Sandbox, w.status.Unprotected = clean(sandbox), clean(missing)
	w.mu.Unlock()
	if missing != "" {
		unprotected.Do(func() {
			log.Warn("this machine's kernel cannot confine what decodes the cameras' pictures as it should", "why", clean(missing))
		})
	}
}

// mine says whether an answer is of the camera and of the start of the process.
func (w *Worker) mine(p *process, of protocol.Task) bool {
	if !w.Bell.Same(alarm.Worker, p.task.Camera, of.Camera, "a worker answered with what another camera saw") {
		return false
	}
	return w.Bell.Same(alarm.Worker, media.CameraID(p.task.Start), media.CameraID(of.Start), "an answer of another worker came")
}

// ended sums up a process that is gone.
func (w *Worker) ended(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cpuPast += w.status.CPU
	w.spells += p.spell
	w.pid = 0
	w.status.CPU, w.status.RSS, w.status.Mode, w.status.Decoder, w.status.Device = 0, 0, "stopped", "", ""
	w.past.Received += w.status.Received
	w.past.Decoded += w.status.Decoded
	w.past.Hint.Led += w.status.Hint.Led
	w.past.Hint.Right += w.status.Hint.Right
	w.status.Received, w.status.Decoded, w.status.Hint = 0, 0, Hint{}
	w.costs.restart()
	w.queue.wakeAt(0)
}

// weigh reads how much memory the process uses, and says so when it is too much.
func (w *Worker) weigh(p *process) error {
	rss, err := residentMemory(p.cmd.Process.Pid)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it has just ended; its pipe will say so
	}
	if err != nil {
		return err
	}
	limit := w.MemoryLimit
	if limit <= 0 {
		limit = DefaultMemoryLimit
	}
	w.mu.Lock()
	w.status.RSS = rss
	if w.status.Decoder == "cuda" {
		limit += cudaMemory
	}
	w.mu.Unlock()
	if rss > limit {
		return fmt.Errorf("%w: %d MB", errLarge, rss>>20)
	}
	return nil
}

// residentMemory is the resident set of a process in bytes, from /proc/PID/statm (proc(5)).
func residentMemory(pid int) (int64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, fmt.Errorf("read the worker's memory: %w", err)
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0, nil // a process that has ended but was not waited for
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the worker's memory: %w", err)
	}
	return pages * int64(os.Getpagesize()), nil
}
