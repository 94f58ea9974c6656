//go:build cgo

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hearth/hwaccel"
	"hearth/nvr/motion"
	"hearth/nvr/vision/protocol"
)

const (
	// chooseLimit is how long hardware may take to show its first picture, its device's opening included. It is within
	// hearth's patience.
	chooseLimit = 8 * time.Second
	// decodeLimit is how long it may take with one unit after that.
	decodeLimit = 1500 * time.Millisecond
	// maxSilent is how many units it may take without giving a picture: more than any codec reorders.
	maxSilent = 20

	// A picture is compared with software's when it is this much unlike the one before it, in levels, and every so
	// many looks. It costs the decoding of a GOP up to there, so that only the first units of one are within reach; what is
	// odd beyond them has the next GOP's start compared.
	oddApart     = 8
	spotEvery    = 64
	compareReach = 30
	// Where a unit does not decode software is asked whose fault that is, in GOPs of up to so many units: for no more than
	// if there were no hardware.
	askReach   = 300
	checkEvery = 2 * time.Second // after one such work and before the next
)

var (
	errSilent  = errors.New("takes units and gives no pictures")
	errNothing = errors.New("gave no picture of a key frame")
)

// ways turns arguments into the hardware that may be opened.
func ways(args []string) ([]hwaccel.Hardware, error) {
	var list []hwaccel.Hardware
	for _, a := range args {
		name, device, found := strings.Cut(a, ":")
		h, err := hwaccel.Find(protocol.Way{Name: name, Device: device})
		if err != nil || !found {
			return nil, fmt.Errorf("%q is not understood; hearth starts this program by itself, and --probe-hw tries the decoders", a)
		}
		list = append(list, h)
	}
	return list, nil
}

// hardware is what may decode besides software, and how it is held to it: it must come back from each unit in time, give
// pictures, and the right ones. What does not is left for software at once, and hearth says when it may try again.
type hardware struct {
	w     *worker
	ways  []hwaccel.Hardware
	final bool // there will be none
	anew  bool // at the next key frame, choose anew
	dog   watchdog

	silent        int       // units since the newest picture
	newest        []byte    // luma that was looked at last
	width, height int       // of its picture
	looks         int       // since a picture was compared
	compared      time.Time // when that was done
	owed          bool      // one was odd, and not compared
	asked         time.Time // when software had said whose fault something is
}

// set takes on what may decode from now on.
func (h *hardware) set(list []protocol.Way, final bool) {
	h.final, h.ways = final, h.ways[:0]
	for _, w := range list {
		if hw, err := hwaccel.Find(w); err == nil {
			h.ways = append(h.ways, hw)
		}
	}
	if dec := h.w.watch.dec; dec != nil {
		best := hwaccel.Software()
		if len(h.ways) > 0 {
			best = h.ways[0]
		}
		h.anew = dec.Hardware().Way() != best.Way()
	}
	if final && !h.decodes() {
		h.w.box.seal()
	}
}

// decodes says whether hardware decodes now.
func (h *hardware) decodes() bool {
	return h.w.watch.dec != nil && h.w.watch.dec.Hardware().Name != protocol.Software
}

// begin forgets the decoder before.
func (h *hardware) begin() {
	h.anew, h.silent, h.newest, h.looks, h.owed = false, 0, h.newest[:0], 0, false
	h.width, h.height = 0, 0
}

// choose opens the decoder that suits the stream, with its first key frame.
func (h *hardware) choose(p hwaccel.Params, key []byte) (*hwaccel.Decoder, string, error) {
	h.begin()
	defer h.dog.rest()
	return hwaccel.Choose(p, key, h.ways, func(next hwaccel.Hardware) { h.dog.mind(next, chooseLimit) })
}

// decode gives the decoder a unit.
func (w *worker) decode(u protocol.Unit, see func(*hwaccel.Frame) error) error {
	return w.hw.minded(see, func(see func(*hwaccel.Frame) error) error { return w.watch.dec.Decode(u.Data, u.At, see) })
}

// drain gets what the decoder holds back.
func (w *worker) drain(see func(*hwaccel.Frame) error) error {
	return w.hw.minded(see, w.watch.dec.Drain)
}

// minded has the decoder do something while the watchdog minds the time that it takes, that of see left out.
func (h *hardware) minded(see func(*hwaccel.Frame) error, do func(func(*hwaccel.Frame) error) error) error {
	if !h.decodes() {
		return do(see)
	}
	by := h.w.watch.dec.Hardware()
	h.dog.mind(by, decodeLimit)
	defer h.dog.rest()
	if !h.w.watch.leaves {
		h.silent++
	}
	err := do(func(f *hwaccel.Frame) error {
		h.silent = 0
		h.dog.rest()
		defer h.dog.mind(by, decodeLimit)
		return see(f)
	})
	if err == nil && h.silent > maxSilent {
		return errSilent
	}
	return err
}

// lost is called when decoding unit i of those that are kept went wrong. Where that is the hardware's fault software
// takes over, and true is returned: what is kept is to be decoded again.
func (w *worker) lost(cause error, i int) (bool, error) {
	h := &w.hw
	if !h.decodes() {
		return false, nil
	}
	if !errors.Is(cause, hwaccel.ErrPixels) && !h.innocent(i) {
		return false, nil
	}
	failed := w.watch.dec.Hardware().Way()
	h.ways = slices.DeleteFunc(h.ways, func(x hwaccel.Hardware) bool { return x.Way() == failed })
	w.closeDecoder()
	h.begin()
	dec, err := hwaccel.Open(w.params, hwaccel.Software())
	if err != nil {
		return false, fmt.Errorf("after %s failed: %w", failed, err)
	}
	w.watch.dec = dec
	return true, w.say(protocol.Decoder{
		Sandbox: w.box.String(), Missing: brief(w.box.Missing()),
		Name: protocol.Software, Codec: string(w.config.Codec), Width: w.config.Width, Height: w.config.Height, Why: cause.Error(), Failed: &failed,
	})
}

// innocent says whether the stream is: software decodes it up to unit i without a fault. It is not said of every fault.
func (h *hardware) innocent(i int) bool {
	if time.Since(h.asked) < checkEvery || h.w.watch.gop.into(i) >= askReach {
		return false
	}
	defer func() { h.asked = time.Now() }()
	pictures := 0
	err := h.inSoftware(i, func(f *hwaccel.Frame) error {
		pictures++
		if f.Damaged() {
			return errNothing
		}
		return nil
	})
	return err == nil && pictures > 0
}

// inSoftware decodes what is kept, from the key frame at or before unit i up to that, with a decoder of its own. It gives
// signs of life meanwhile.
func (h *hardware) inSoftware(i int, see func(*hwaccel.Frame) error) error {
	g := &h.w.watch.gop
	dec, err := hwaccel.Open(h.w.params, hwaccel.Software())
	if err != nil {
		return err
	}
	defer dec.Close()
	for _, u := range g.units[i-g.into(i) : i+1] {
		if err := dec.Decode(u.Data, u.At, see); err != nil {
			return err
		}
		if err := h.w.beat(); err != nil {
			return err
		}
	}
	return dec.Drain(see)
}

// check compares a picture with software's, if hardware made it and it is odd, or it is time for it. ErrPixels when they
// differ. Luma is the picture scaled to motion's size.
func (h *hardware) check(f *hwaccel.Frame, luma []byte) error {
	if !h.decodes() {
		return nil
	}
	return h.hold(f, luma)
}

func (h *hardware) hold(f *hwaccel.Frame, luma []byte) error {
	width, height := f.Size()
	resized := h.width != 0 && (width != h.width || height != h.height)
	odd := resized || h.owed || len(h.newest) == len(luma) && unlike(luma, h.newest) > oddApart
	h.looks++
	if odd || h.looks >= spotEvery {
		h.owed = odd
		i := slices.IndexFunc(h.w.watch.gop.units, func(u protocol.Unit) bool { return u.At == f.At })
		near := i >= 0 && h.w.watch.gop.into(i) < compareReach
		if near && (resized || time.Since(h.compared) >= checkEvery) {
			h.looks, h.owed = 0, false
			err := h.compare(f, luma, i)
			h.compared = time.Now()
			if err != nil {
				return err
			}
		}
	}
	h.newest = append(h.newest[:0], luma...)
	h.width, h.height = width, height
	return nil
}

// compare compares the picture of unit i.
func (h *hardware) compare(f *hwaccel.Frame, luma []byte, i int) error {
	width, height := f.Size()
	reference := make([]byte, len(luma))
	var found, sized bool
	err := h.inSoftware(i, func(s *hwaccel.Frame) error {
		if s.Damaged() {
			return errNothing
		}
		if s.At != f.At {
			return nil
		}
		found = true
		w, h := s.Size()
		sized = w == width && h == height
		return s.Luma(reference, motion.Width, motion.Height)
	})
	if err != nil || !found {
		return nil // nothing to compare with: the stream's fault
	}
	if !sized {
		return fmt.Errorf("%w: it has %dx%d pixels", hwaccel.ErrPixels, width, height)
	}
	_, err = hwaccel.Compare(luma, reference)
	return err
}

// unlike is the mean difference of two pictures, in levels.
func unlike(a, b []byte) int {
	sum := 0
	for i := range a {
		d := int(a[i]) - int(b[i])
		sum += max(d, -d)
	}
	return sum / max(len(a), 1)
}
