//go:build cgo

package main

import (
	"cmp"
	"time"

	"hearth/hwaccel"
	"hearth/nvr/media"
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

	hint   hint
	why    string // why it watches closely
	hinted bool   // it does so because of a hint
	late   bool   // units were passed over; key frames must do until again
	keyAt  int64  // moment of the newest key frame; 0 none
	unitAt int64  // of the newest unit
	long   bool   // GOPs are longer than it may be blind

	attentive bool
	doubting  bool // the newest look, while attentive, says that something may move

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

// sight is what one picture showed.
type sight struct {
	at     int64
	result motion.Result
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
	w.gop.reset()
	w.hint.begin(w.w.config)
	w.closely, w.last, w.doubts, w.doubted, w.again = false, 0, 0, 0, 0
	w.late, w.keyAt, w.unitAt, w.long = false, 0, 0, false
	return w.endSpell()
}

// setAttentive says whether to watch closely all the time. Where that ends, a spell that is open goes on as if it
// had just begun.
func (w *watch) setAttentive(on bool) {
	if on == w.attentive {
		return
	}
	w.attentive, w.doubting, w.again = on, false, 0
	if !on && w.closely {
		w.since, w.until = w.last, w.last+watchFor
	}
}

// behind says that units were passed over because there was no time for them: key frames must do for a while.
func (w *watch) behind() error {
	w.gop.reset()
	w.hint.skip()
	w.late, w.again = true, w.last+revisit
	w.closely = false
	return nil
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
		w.approach(protocol.WhyRevisit, u.At, u.At+second)
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

// heed watches closely because a hint said that something moves: from the newest picture that was decoded in step, or
// from the key frame on. What moves is seen within the GOP then, not at its end.
func (w *watch) heed(u protocol.Unit, by int) error {
	why := protocol.WhySize
	if by != bySize {
		why = protocol.WhyQuality
	}
	fed := w.gop.fed
	w.approach(why, u.At, u.At+watchFor)
	w.hinted = true
	if fed > w.gop.newest+1 {
		w.gop.fed = fed
	} else {
		w.dec.Reset()
	}
	return w.follow(u)
}

// glance decodes a key frame alone, without what is not seen at 320x180. Within a spell it may become a thumb.
func (w *watch) glance(u protocol.Unit) (*sight, error) {
	spell := w.moving
	w.dec.Reset()
	w.dec.Skip(!spell, false)
	w.gop.fed = 0
	var seen *sight
	see := func(f *hwaccel.Frame) error {
		w.w.stats.Decoded++
		if f.At != u.At || f.Damaged() {
			return nil
		}
		s, err := w.look(f)
		seen = &s
		if err == nil && spell && s.result.Moving {
			err = w.thumbs.consider(w, f, s.result)
		}
		return err
	}
	if err := w.w.decode(u, see); err != nil {
		if swapped, err := w.w.lost(err, len(w.gop.units)-1); swapped || err != nil {
			return w.glanceAgain(u, err)
		}
		w.w.stats.Bad++
		w.dec.Reset()
		return nil, nil
	}
	if seen != nil {
		if w.dec.GoesOn() {
			w.gop.fed = len(w.gop.units) // no reordering: it can go on from here
		}
		return seen, nil
	}
	if err := w.w.drain(see); err != nil || seen == nil {
		if swapped, err := w.w.lost(cmp.Or(err, errNothing), len(w.gop.units)-1); swapped || err != nil {
			return w.glanceAgain(u, err)
		}
		w.w.stats.Bad++
		return nil, nil
	}
	return seen, nil
}

// glanceAgain is for after hardware failed: software does what it did not.
func (w *watch) glanceAgain(u protocol.Unit, err error) (*sight, error) {
	if err != nil {
		return nil, err
	}
	return w.glance(u)
}

// advance decodes a long GOP up to its newest unit and looks at the newest picture.
func (w *watch) advance(u protocol.Unit) (*sight, error) {
	g := &w.gop
	w.dec.Skip(false, true)
	if g.fed == 0 {
		w.dec.Reset()
		g.fed = g.newest
	}
	found := false
	var at int64
	var seen *sight
	see := func(f *hwaccel.Frame) error {
		w.w.stats.Decoded++
		if f.At < u.At-second/2 || f.Damaged() { // leads up to it
			return nil
		}
		found, at = true, f.At
		if err := f.Luma(w.luma, motion.Width, motion.Height); err != nil || !w.moving || f.At != u.At {
			return err
		}
		seen = &sight{at, w.judge(at)} // the newest picture of a spell may become a thumb
		if !seen.result.Moving {
			return nil
		}
		return w.thumbs.consider(w, f, seen.result)
	}
	if err := w.feed(len(g.units), see); err != nil {
		return nil, err
	}
	if seen != nil || !found {
		return seen, nil
	}
	return &sight{at, w.judge(at)}, nil
}

// feed decodes what is kept and was not decoded yet, up to unit number end.
func (w *watch) feed(end int, see func(*hwaccel.Frame) error) error {
	g := &w.gop
	for ; g.fed < end; g.fed++ {
		u := g.units[g.fed]
		if w.w.config.Codec == media.MJPEG && w.closely && u.At-w.last < w.pause() {
			continue // each picture stands alone, so what is not looked at need not be decoded
		}
		if err := w.w.decode(u, see); err != nil {
			swapped, err := w.w.lost(err, g.fed)
			switch {
			case err != nil:
				return err
			case swapped:
				g.fed = -1 // from the start; what was told already is not told again
				continue
			}
			w.w.stats.Bad++
		}
		if err := w.w.beat(); err != nil {
			return err
		}
	}
	return nil
}

// weigh decides what a glance means.
func (w *watch) weigh(u protocol.Unit, seen *sight, why string) error {
	r := seen.result
	expected := r.Moving == w.moving
	if r.Doubt && !w.moving && seen.at-w.doubted >= w.doubts {
		expected = false
		why = protocol.WhyDoubt
		w.doubted = seen.at
		w.doubts = min(max(2*w.doubts, 2*second), maxDoubt)
	}
	if expected {
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

// replay watches closely what was kept since the last look, and says in order what it saw.
func (w *watch) replay(u protocol.Unit, seen sight, why string) error {
	// The detector's slices hold until its next look.
	seen.result.Regions = append([]media.Region(nil), seen.result.Regions...)
	seen.result.Zones = append([]string(nil), seen.result.Zones...)
	w.approach(why, u.At, u.At+watchFor)
	w.dec.Reset()
	told := false
	see := func(f *hwaccel.Frame) error {
		w.w.stats.Decoded++
		if f.At == seen.at && !told {
			told = true
			return w.tell(seen, f)
		}
		return w.see(f)
	}
	if err := w.feed(len(w.gop.units), see); err != nil {
		return err
	}
	begins := seen.result.Moving && u.Key && !w.attentive
	if !told && begins { // reordering holds the newest picture back, and it may be the only one to show
		if err := w.w.drain(see); err != nil {
			w.w.stats.Bad++
		}
		w.gop.fed = 0
	}
	// Else it comes out with the units that follow, and is not looked at again.
	if !told {
		if err := w.tell(seen, nil); err != nil {
			return err
		}
	}
	switch {
	case begins: // it began, and that is dated: key frames see it go on
		return w.goesOn(u)
	case w.moving && !w.attentive && u.Key && w.last-w.moved >= stillFor: // it ended, likewise
		w.closely = false
		return w.endSpell()
	}
	return nil
}

// approach begins to watch closely, from the first unit that is kept; the decoder is to be reset for that.
func (w *watch) approach(why string, now, until int64) {
	w.closely, w.why, w.hinted, w.since, w.until = true, why, false, now, until
	w.dec.Skip(false, false)
	w.gop.fed = 0
}

// follow decodes everything that comes.
func (w *watch) follow(u protocol.Unit) error {
	if u.Key {
		w.gop.cut()
	}
	see := func(f *hwaccel.Frame) error {
		w.w.stats.Decoded++
		return w.see(f)
	}
	if err := w.feed(len(w.gop.units), see); err != nil {
		return err
	}
	still := w.last - max(w.moved, w.since-stillFor+doubtTime)
	switch {
	case w.attentive:
		if w.last-w.moved >= calmAfter {
			return w.endSpell()
		}
	case !w.moving && w.hinted && w.hint.persists() && w.last-w.since < hintFor:
	case w.moving && w.last-w.moved >= stillFor, !w.moving && still >= stillFor:
		w.closely = false
		return w.endSpell()
	case w.moving && u.Key && u.At >= w.until:
		return w.goesOn(u)
	}
	return nil
}

// goesOn is content with key frames while a spell is open.
func (w *watch) goesOn(u protocol.Unit) error {
	w.gop.cut()
	w.closely = false
	w.again = u.At + revisit
	return w.thumbs.flush(w)
}

// see looks at a decoded picture if it is time for a look.
func (w *watch) see(f *hwaccel.Frame) error {
	if f.At-w.last < w.pause() && w.last != 0 || f.Damaged() {
		return nil
	}
	s, err := w.look(f)
	if err != nil {
		return err
	}
	w.doubting = s.result.Doubt && w.attentive
	return w.tell(s, f)
}

// pause is how far looks lie apart at least while watching closely.
func (w *watch) pause() int64 {
	switch {
	case w.doubting:
		return doubtEvery
	case w.attentive && !w.moving:
		return attentiveEvery
	}
	return lookEvery
}

// look has the detector look at a picture.
func (w *watch) look(f *hwaccel.Frame) (sight, error) {
	if err := f.Luma(w.luma, motion.Width, motion.Height); err != nil {
		return sight{}, err
	}
	if err := w.w.hw.check(f, w.luma); err != nil {
		return sight{}, err
	}
	return sight{f.At, w.judge(f.At)}, nil
}

// judge gives the detector the picture in w.luma. Its time never goes back by more than a closer look does, whatever
// a camera's clock does between two runs.
func (w *watch) judge(at int64) motion.Result {
	w.w.detector.Blank(w.luma) // nor shall the choice of a thumb see it
	t := at - w.base
	if w.last == 0 && w.newest != 0 && (t <= w.newest || t > w.newest+3600*second) || w.base == 0 {
		w.base = at - w.newest - second/10
		t = w.newest + second/10
	}
	w.newest = max(w.newest, t)
	w.w.stats.Looks++
	return w.w.detector.Look(w.luma, time.Duration(t)*time.Microsecond)
}

// tell says what was seen, in the order in which the pictures were taken. With its picture a sight may become a
// thumb.
func (w *watch) tell(s sight, f *hwaccel.Frame) error {
	r := s.result
	w.last = s.at
	w.hint.look(s.at, r)
	if r.Moving {
		if !w.moving {
			w.moving = true
			w.spell++
			w.thumbs.begin()
		}
		w.moved, w.doubts = s.at, 0
	}
	err := w.w.say(protocol.Look{
		Of: w.w.task,
		At: s.at, Moving: r.Moving, Score: bound(r.Score), Regions: r.Regions, Zones: r.Zones, Spell: w.spell,
		Tamper: string(r.Tamper), TamperSince: w.moment(r.TamperSince, s.at),
		Frozen: r.Frozen, FrozenSince: w.moment(r.FrozenSince, s.at),
		Reach: r.Reach, Where: r.Where,
	})
	if err != nil || !r.Moving || f == nil {
		return err
	}
	return w.thumbs.consider(w, f, r)
}

// moment is when something was that the detector dates, at the latest at.
func (w *watch) moment(t time.Duration, at int64) int64 { return min(w.base+t.Microseconds(), at) }

func (w *watch) endSpell() error {
	if !w.moving {
		return nil
	}
	w.moving = false
	return w.thumbs.flush(w)
}

func bound(v float64) float64 { return min(max(v, 0), 1) }
