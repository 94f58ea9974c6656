//go:build cgo

package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"hearth/hwaccel"
	"hearth/nvr/media"
	"hearth/nvr/motion"
	"hearth/nvr/vision/protocol"
)

const (
	// beatEvery is how long a sign of life may be in coming. It is a little less than the usual two seconds between key
	// frames, so that it goes out with what was seen in one.
	beatEvery = 1800 * time.Millisecond
	// idle is how long it waits for something to come in before it gives a sign of life without: units come with each key
	// frame, and waking up costs as much as looking at a small picture.
	idle = 3 * time.Second
	// lagLimit is how long units may wait before they are passed over.
	lagLimit = 4 * time.Second
)

// worker handles what hearth sends, one message after the other.
type worker struct {
	in  *inbox
	out *bufio.Writer
	box *sandbox
	lag time.Duration

	task     protocol.Task
	config   protocol.Config
	params   hwaccel.Params
	detector *motion.Detector
	watch    watch
	lastBeat time.Time
	stats    protocol.Stats
	hw       hardware
	refused  time.Time // when it was last said that nothing decodes this stream
}

func (w *worker) run() error {
	defer w.closeDecoder()
	w.watch.init(w)
	if err := w.say(protocol.Hello{Version: protocol.Version, FFmpeg: hwaccel.Version(), Sandbox: w.box.String(), Missing: brief(w.box.Missing())}); err != nil {
		return err
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	for {
		m, err := w.in.next(idle)
		if err != nil {
			w.lastBeat = time.Time{}
			return errors.Join(err, w.watch.letGo(), w.beat()) // the last figures
		}
		switch m := m.(type) {
		case nil:
			err = w.watch.letGo() // nothing comes that would say more of it
		case protocol.Task:
			err = w.begun(m)
		case protocol.Config:
			err = w.begin(m)
		case protocol.Ways:
			w.hw.set(m.Ways, m.Final)
		case protocol.Motion:
			w.motion(m.Settings)
		case protocol.Unit:
			err = w.unit(m)
		case protocol.Picture:
			err = w.picture(m)
		default:
			return errors.New("hearth sent what only this program sends")
		}
		if err != nil {
			return err
		}
		if err := w.beat(); err != nil {
			return err
		}
	}
}

// errMixed says that something came in that is for another camera's worker.
var errMixed = errors.New("pictures of another camera came in")

// begun takes note of whom it works for; that never changes.
func (w *worker) begun(t protocol.Task) error {
	if w.task != (protocol.Task{}) || w.config.Codec != "" {
		return errMixed
	}
	w.task = t
	return nil
}

// begin takes on another run. What was kept goes; the background stays, it is the same camera.
func (w *worker) begin(c protocol.Config) error {
	w.closeDecoder()
	w.config = c
	w.hw.set(c.Ways, c.Final)
	w.params = hwaccel.Params{
		Codec: c.Codec, VPS: c.VPS, SPS: c.SPS, PPS: c.PPS, Config: c.Config, Width: c.Width, Height: c.Height,
	}
	if w.detector == nil {
		w.detector = motion.New(media.MotionSettings{Sensitivity: 0.5})
	}
	return w.watch.begin()
}

func (w *worker) motion(s media.MotionSettings) {
	w.watch.setAttentive(s.Attentive)
	if w.detector == nil {
		w.detector = motion.New(s)
		return
	}
	w.detector.SetSettings(s)
}

func (w *worker) unit(u protocol.Unit) error {
	if w.config.Codec == "" {
		return errors.New("hearth sent a unit before it said what it is")
	}
	if u.Start != w.task.Start {
		return errMixed
	}
	w.stats.Units++
	if hwaccel.AnnexB(w.config.Codec, u.Data) != nil {
		w.stats.Bad++
		w.in.shelf.put(u.Data)
		return nil
	}
	if !w.config.Look {
		w.watch.gop.add(u)
		return nil
	}
	if n := w.in.catchUp(w.lag); n > 0 {
		w.stats.Skipped += n + 1
		return w.watch.behind()
	}
	if w.hw.anew && u.Key {
		w.closeDecoder()
		w.watch.gop.fed = 0
	}
	if w.watch.dec == nil {
		if err := w.open(u); err != nil || w.watch.dec == nil {
			return err
		}
	}
	return w.watch.unit(u)
}

// open chooses the decoder with the run's first key frame.
func (w *worker) open(u protocol.Unit) error {
	if !u.Key {
		return nil
	}
	dec, why, err := w.hw.choose(w.params, u.Data)
	if err != nil {
		w.stats.Bad++
		if time.Since(w.refused) < time.Minute {
			return nil
		}
		w.refused = time.Now()
		return w.say(protocol.Error{Text: fmt.Sprintf("the camera's %s pictures cannot be decoded: %v", w.config.Codec, err)})
	}
	if dec.Hardware().Name == protocol.Software && w.hw.final {
		w.box.seal()
	}
	w.watch.dec = dec
	width, height := dec.Size()
	return w.say(protocol.Decoder{
		Name: dec.Hardware().Name, Device: dec.Hardware().Device, Codec: string(w.config.Codec), Width: width, Height: height, Why: why,
		Sandbox: w.box.String(), Missing: brief(w.box.Missing()),
	})
}

// picture decodes what is kept and codes the newest picture.
func (w *worker) picture(p protocol.Picture) error {
	jpeg, at, err := w.newest(p.Width)
	if err != nil {
		return w.say(protocol.Error{ID: p.ID, Text: err.Error()})
	}
	return w.say(protocol.JPEG{Of: w.task, ID: p.ID, At: at, JPEG: jpeg})
}

func (w *worker) newest(width int) (jpeg []byte, at int64, err error) {
	g := &w.watch.gop
	if len(g.units) == 0 {
		return nil, 0, errors.New("no key frame has come yet")
	}
	if !w.config.Look && w.hw.final {
		w.box.seal()
	}
	dec, err := hwaccel.Open(w.params, hwaccel.Software())
	if err != nil {
		return nil, 0, err
	}
	defer dec.Close()
	last := g.units[len(g.units)-1].At
	see := func(f *hwaccel.Frame) (err error) {
		if f.At == last { // the others only lead up to it
			jpeg, err = f.JPEG(width)
			at = f.At
		}
		return err
	}
	for _, u := range g.units[g.newest:] {
		if err = dec.Decode(u.Data, u.At, see); err != nil {
			break
		}
	}
	if e := dec.Drain(see); err == nil {
		err = e
	}
	if jpeg == nil && err == nil {
		err = errors.New("no picture came out")
	}
	return jpeg, at, err
}

func (w *worker) closeDecoder() {
	if w.watch.dec != nil {
		w.hw.dog.mind(w.watch.dec.Hardware(), decodeLimit)
		w.watch.dec.Close()
		w.hw.dog.rest()
		w.watch.dec = nil
	}
}

// say gives a message to out; beat sends it.
func (w *worker) say(m protocol.Message) error {
	switch x := m.(type) {
	case protocol.Error:
		x.Text = brief(x.Text)
		m = x
	case protocol.Decoder:
		x.Why = brief(x.Why)
		m = x
	}
	return protocol.Write(w.out, m)
}

// brief keeps texts of drivers and decoders within the protocol's bounds.
func brief(s string) string {
	const most = 500
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "?")
}

// beat sends what was said, and the sign of life when it is time for one or the mode changed. It is called from
// wherever time passes.
func (w *worker) beat() error {
	if time.Since(w.lastBeat) >= beatEvery || w.watch.mode() != w.stats.Mode {
		if err := w.sign(); err != nil {
			return err
		}
	}
	return w.out.Flush()
}

// sign is the sign of life.
func (w *worker) sign() error {
	w.lastBeat = time.Now()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return fmt.Errorf("ask for the time used: %w", err)
	}
	w.stats.Mode, w.stats.Why = w.watch.mode(), w.watch.reason()
	h := &w.watch.hint
	w.stats.Trust, w.stats.Hint = h.trust()
	w.stats.Hints, w.stats.Right, w.stats.Wake = h.heeded, h.right, h.wake()
	w.stats.CPU = float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	w.stats.RSS = u.Maxrss << 10
	w.stats.Kept = len(w.watch.gop.units)
	return w.say(w.stats)
}
