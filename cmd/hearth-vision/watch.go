//go:build cgo

package main

import (
	"time"

	"hearth/hwaccel"
	"hearth/nvr/motion"
	"hearth/nvr/vision/protocol"
)

// How attention is spent, in microseconds of the video's own time. See docs/design/vision.md.
const (
	second = int64(time.Second / time.Microsecond)

	glanceEvery = 450_000     // key frames closer together than this are passed over while calm
	blind       = 2 * second  // never longer without a look
	jitter      = 100_000     // what cameras that send a key frame every two seconds may be late
	lookEvery   = 190_000     // looks while watching: five a second, with room for jitter
	calmAfter   = 3 * second  // stillness after which a spell has ended, while attentive
	doubtTime   = 1 * second  // stillness after which a closer look that found nothing ends
	hintFor     = 4 * second  // it lasts at most so long where a hint goes on
	stillFor    = 1 * second  // stillness after which watching closely ends, and what was seen is dated: key frames see what comes
	endFor      = 1_000_000   // so much of it will do before a key frame in which nothing moves
	peekFor     = 600_000     // how long a doubt is followed
	showFor     = 600_000     // how long what begins is watched closely, for a picture to show, where no key frame shows it; and what goes on, now and then
	watchFor    = 2 * second  // how long it is watched closely when key frames see a spell end
	revisit     = 20 * second // and again closely for a moment, this often
	maxDoubt    = 64 * second // doubts that keep leading to nothing are followed this seldom

	attentiveEvery = 120_000 // looks while attentive: every other picture of 15 a second
	doubtEvery     = 30_000  // looks while attentive, after one that doubts: at the next picture
)

// watch decides what of the stream is decoded, and looks at it.
//
// While calm it glances at key frames. A glance that sees a change (motion begins, or ends) makes it watch closely:
// it decodes what was kept since the last look, which dates the change, and then all that comes, until things have
// been still, or have moved for long enough to know. When it is attentive it watches closely all the time.
type watch struct {
	w   *worker
	dec *hwaccel.Decoder // nil until the first key frame of the run
	gop gop

	leaves bool // pictures that no other refers to are left out: units may give none

	hint   hint
	why    string // why it watches closely
	hinted bool   // it does so because of a hint
	late   bool   // units were passed over; key frames must do until again
	keyAt  int64  // moment of the newest key frame; 0 none
	unitAt int64  // of the newest unit
	long   bool   // GOPs are longer than it may be blind

	attentive bool
	doubting  bool // the newest look, while attentive, says that something may move

	past    past
	peeking bool   // it follows a doubt
	doubt   sight  // that
	before  int64  // the newest moment that was told before that
	once    bool   // one picture since then showed something that moves: with the next it is believed
	stirred *sight // what it led to

	closely bool  // everything is decoded, not only key frames
	until   int64 // when to be content with key frames although it moves
	since   int64 // when watching closely began
	again   int64 // when to watch closely again although nothing changed
	last    int64 // moment of the newest look; 0 before the first of the run
	moved   int64 // moment of the newest look that saw motion
	moving  bool  // a spell is open
	spell   uint64
	doubts  int64 // how long to wait with the next doubt
	doubted int64
	base    int64 // what the detector counts time from
	newest  int64 // the newest moment the detector was given, in its own count
	luma    []byte
	thumbs  thumbs
}

func (w *watch) init(worker *worker) {
	w.w = worker
	w.gop.shelf = &worker.in.shelf
	w.luma = make([]byte, motion.Width*motion.Height)
}

func (w *watch) mode() string {
	switch {
	case w.dec == nil:
		return "waiting"
	case w.closely && w.attentive:
		return "attentive"
	case w.closely:
		return "watching"
	}
	return "calm"
}

// begin forgets the run before.
func (w *watch) begin() error {
	if err := w.letGo(); err != nil {
		return err
	}
	w.gop.reset()
	w.hint.begin(w.w.config)
	w.closely, w.peeking, w.last, w.doubts, w.doubted, w.again = false, false, 0, 0, 0, 0
	w.late, w.keyAt, w.unitAt, w.long = false, 0, 0, false
	return w.endSpell()
}

// setAttentive says whether to watch closely all the time. Where that ends, a spell that is open goes on as if it
// had just begun.
func (w *watch) setAttentive(on bool) {
	if on == w.attentive {
		return
	}
	w.attentive, w.doubting, w.peeking, w.again = on, false, false, 0
	if !on && w.closely {
		w.since, w.until = w.last, w.last+watchFor
	}
}

// behind says that units were passed over because there was no time for them: key frames must do for a while.
func (w *watch) behind() error {
	w.gop.reset()
	w.hint.skip()
	w.late, w.again = true, w.last+revisit
	w.closely, w.peeking = false, false
	return w.letGo()
}

// reason says why it is in its mode, in the protocol's words.
func (w *watch) reason() string {
	switch {
	case w.dec == nil:
		return protocol.WhyNoKey
	case w.closely && w.attentive:
		return protocol.WhyAsked
	case w.closely:
		return w.why
	case w.late:
		return protocol.WhyBehind
	case w.moving:
		return protocol.WhyMovesOn
	}
	return protocol.WhyStill
}

// unit takes the next unit of the stream.
func (w *watch) unit(u protocol.Unit) error {
	if !w.gop.add(u) {
		if len(w.gop.units) == 0 && !u.Key {
			w.w.stats.Skipped++
		}
		return nil
	}
	due := w.due(u)
	w.hint.take(u, !w.closely && !w.moving)
	if w.closely {
		return w.follow(u)
	}
	w.late = w.late && u.At < w.again
	if u.At >= w.again && (w.attentive || u.Key && w.moving) {
		w.gop.cut()
		w.approach(protocol.WhyRevisit, u.At, u.At+showFor)
		w.dec.Reset()
		return w.follow(u)
	}
	if by, ok := w.hint.fires(u.At); ok && !w.late {
		return w.heed(u, by)
	}
	passed := u.At - w.last
	var seen *sight
	var err error
	why := protocol.WhyKey
	switch {
	case u.Key && (w.last == 0 || passed >= glanceEvery || passed < 0):
		seen, err = w.glance(u)
	case due:
		why = protocol.WhyPicture
		seen, err = w.advance(u)
	}
	if err != nil || seen == nil {
		return err
	}
	return w.weigh(u, seen, why)
}

// due says whether it would be blind for too long with this picture or the next. Where key frames come in time, they
// are waited for.
func (w *watch) due(u protocol.Unit) bool {
	step := min(max(u.At-w.unitAt, 0), second/2)
	w.unitAt = u.At
	if u.Key {
		w.long = w.keyAt != 0 && u.At-w.keyAt > blind+jitter
		w.keyAt = u.At
		return false
	}
	passed := u.At - w.last
	switch {
	case w.last == 0:
		return false
	case w.long:
		return passed+step > blind
	}
	w.long = passed >= blind+jitter
	return w.long
}

// weigh decides what a glance means.
func (w *watch) weigh(u protocol.Unit, seen *sight, why string) error {
	r := seen.result
	if r.Doubt && !w.moving && seen.at-w.doubted >= w.doubts {
		w.doubted = seen.at
		w.doubts = min(max(2*w.doubts, 2*second), maxDoubt)
		if r.WarmUp { // all is doubted, and may be gone in a moment
			return w.replay(u, *seen, protocol.WhyDoubt)
		}
		return w.peek(u, *seen)
	}
	if r.Moving == w.moving {
		if err := w.tell(*seen, nil); err != nil {
			return err
		}
		if u.Key {
			w.gop.cut()
		}
		return nil
	}
	return w.replay(u, *seen, why)
}
