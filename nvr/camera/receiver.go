package camera

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"hearth/nvr/media"
)

// receiver turns one session's packets into runs of access units. gortsplib calls it from its reading goroutines:
// one for TCP, one per medium for UDP; the lock makes one of them.
type receiver struct {
	camera media.CameraID
	stream media.Stream
	sink   media.Sink
	tune   *tuning
	tally  *tally
	log    *slog.Logger
	onRun  func(*media.Run)

	video video
	emit  func(*unit) // picture, made into a value once and not with every packet
	sound sound       // nil: none wanted, or none to be had
	watch watchdog

	mu       sync.Mutex
	sequence sequence
	time     timeline
	clock    *wallClock // nil until the first run, and after a jump
	box      boxClock
	trusted  func() bool // whether the box knows the time; nil: it does
	order    *order
	lastWall time.Time // of the last unit of any run

	run      *media.Run // nil between runs
	base     int64      // ticks of the session at DTS 0
	size     [2]int     // pictures of the run, or of the last one
	waiting  bool       // within a run: for a key frame, since a picture was lost
	lastGood time.Time  // arrival of the last picture passed on
	noRASL   bool       // leave out pictures that refer to what came before the key frame
	held     []placed   // first pictures, waiting for the sound
	listened bool       // the first run waited for the sound already

	voice voice // how the sound fits the picture

	unreadable int                     // key frames in a row without parameters that can be read
	broken     atomic.Pointer[Problem] // why the session cannot go on
}

// placed is a unit and its presentation time in ticks of the session.
type placed struct {
	*unit
	pts int64
}

// videoPacket takes the next packet of the picture.
func (r *receiver) videoPacket(p *rtp.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.contain()
	if r.broken.Load() != nil {
		return // the session is about to end
	}
	r.tally.packets.Add(1)
	r.tally.bytes.Add(uint64(len(p.Payload)))
	if n := r.sequence.next(p.SequenceNumber); n != 0 {
		r.tally.lost.Add(n)
		r.video.lost()
	}
	if r.emit == nil {
		r.emit = r.picture
	}
	if err := r.video.push(p, r.emit); err != nil {
		r.tally.errors.Add(1)
	}
}

// picture takes a picture from its packets to its place in a run.
func (r *receiver) picture(u *unit) {
	if u.damaged {
		r.release()
		r.drop(u)
		return
	}
	now := time.Now()
	r.watch.fed(now)
	r.box.at(u.arrived)
	pts, jumped := r.time.next(u.ts, u.arrived)
	if jumped {
		r.release()
		r.end(reasonClock)
		r.clock = nil
	}
	if u.changed {
		r.release()
		r.end(r.changeReason())
	}
	if u.key {
		r.atKeyFrame(u, now)
	}
	switch {
	case len(r.held) > 0:
		r.held = append(r.held, placed{u, pts})
		if u.arrived.Sub(r.held[0].arrived) >= r.tune.awaitSound {
			r.release()
		}
	case r.run != nil && !r.waiting, u.key && r.ready(u, pts):
		r.place(u, pts)
	case len(r.held) == 0:
		r.drop(u)
	}
}

// drop leaves a picture out. All that follow refer to it, up to the next key frame.
func (r *receiver) drop(u *unit) {
	r.tally.dropped.Add(1)
	r.watch.needKey(u.arrived)
	if r.run == nil {
		return
	}
	r.waiting = true
	if u.arrived.Sub(r.lastGood) > r.tune.hole {
		r.end(reasonPackets)
	}
}

// atKeyFrame ends a run that should not go on, at the point where another one can begin at once.
func (r *receiver) atKeyFrame(u *unit, now time.Time) {
	if r.box.wasSet() {
		r.release()
		r.end(reasonBoxTime)
		r.obeyClock()
	}
	if r.run == nil {
		return
	}
	sounding := len(r.run.Tracks) > 1
	switch {
	case r.waiting && u.arrived.Sub(r.lastGood) > r.tune.hole:
		r.end(reasonPackets)
	case !r.run.Trusted && r.knowsTime():
		r.end(reasonTrusted)
	case !sounding && r.sound != nil && r.voice.alive(now):
		r.end(reasonSound)
	case sounding && !r.voice.alive(now):
		r.end(reasonSilence)
	}
}

// obeyClock goes on with the box's clock as it was set. Pictures may get the same times again as others did before.
func (r *receiver) obeyClock() {
	step := r.box.obey()
	r.clock, r.lastWall = nil, time.Time{}
	r.log.Warn("the box's clock was set: another run begins", "by", step.Round(time.Millisecond))
}

func (r *receiver) knowsTime() bool { return r.trusted == nil || r.trusted() }

// ready says whether a run can begin, or go on, with a key frame. The first run waits a moment for the sound: a run
// that promises sound and has none does not play in a browser, and one without cannot get any.
func (r *receiver) ready(u *unit, pts int64) bool {
	if r.run != nil {
		return true
	}
	if _, ok := r.video.track(); !ok {
		if r.unreadable++; r.unreadable >= 5 {
			r.broken.Store(&Problem{
				Kind:     ErrUnsupportedCodec,
				Sentence: "The camera's pictures come without parameters that Hearth can read. Choose another profile, or H.264, in the camera.",
			})
		}
		return false
	}
	r.unreadable = 0
	if r.sound != nil && !r.listened && !r.voice.alive(u.arrived) {
		r.listened = true
		r.held = append(r.held, placed{u, pts})
		return false
	}
	return true
}

// release begins the run that waited for the sound.
func (r *receiver) release() {
	held := r.held
	r.held = nil
	for _, p := range held {
		r.place(p.unit, p.pts)
	}
}

// place gives a picture its times and passes it on, in a new run if there is none.
func (r *receiver) place(u *unit, pts int64) {
	if u.key {
		r.noRASL = r.run == nil || r.waiting
		if r.waiting {
			r.order.restart()
		}
		r.waiting = false
		r.watch.haveKey()
	}
	if u.leading && r.noRASL {
		return // cannot be decoded when decoding began with that key frame (H.265, 3.129)
	}
	if r.run == nil {
		r.begin(u, pts)
		return
	}
	dts, pts := r.order.next(pts, u.slice)
	at := nanos(dts, media.VideoClockRate)
	r.clock.observe(at, r.box.at(u.arrived))
	r.write(u, dts, pts, r.clock.at(at))
}

// begin starts a run with a key frame.
func (r *receiver) begin(u *unit, pts int64) {
	info, _ := r.video.track()
	fps := info.fps
	if fps == 0 {
		fps = 25
	}
	r.order = newOrder(info.Track, int64(media.VideoClockRate/fps))
	dts, pts := r.order.next(pts, u.slice)
	r.base = dts
	at := nanos(dts, media.VideoClockRate)
	if r.clock == nil {
		r.clock = newWallClock(at, r.notBack(r.box.at(u.arrived)))
	}
	r.clock.observe(at, r.box.at(u.arrived))
	start := r.clock.at(at)
	r.run = &media.Run{
		ID: media.NewUUID(), Camera: r.camera, Stream: r.stream,
		Start: start, Trusted: r.knowsTime(), Tracks: []media.Track{info.Track},
	}
	if step := r.box.told(); step != 0 {
		r.run.ClockWas = start.Add(-step)
	}
	r.size = [2]int{info.Width, info.Height}
	r.voice.begin()
	if r.sound != nil && r.voice.alive(u.arrived) {
		r.run.Tracks = append(r.run.Tracks, r.sound.track())
	}
	r.tally.runs.Add(1)
	r.log.Info("run begins", "codec", info.Codec, "width", info.Width, "height", info.Height, "sound", len(r.run.Tracks) > 1)
	r.sink.StartRun(r.run)
	r.onRun(r.run)
	r.write(u, dts, pts, start)
}

// notBack keeps the runs of a stream in order, where a new one is anchored a little too early, in Unix time. A clock that
// was set back is obeyed.
func (r *receiver) notBack(t int64) int64 {
	const slack = 10 * time.Second
	if r.lastWall.IsZero() {
		return t
	}
	if d := r.lastWall.UnixNano() - t; d >= 0 && d < int64(slack) {
		return r.lastWall.Add(time.Millisecond).UnixNano()
	}
	return t
}

func (r *receiver) write(u *unit, dts, pts int64, wall time.Time) {
	r.lastWall, r.lastGood = wall, u.arrived
	r.tally.units.Add(1)
	r.sink.WriteUnit(r.run, &media.AccessUnit{
		Camera: r.camera, DTS: dts - r.base, PTS: pts - r.base, Key: u.key, Wall: wall, Data: u.data,
	})
}

// finish ends the session: nothing comes any more.
func (r *receiver) finish(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.release()
	r.end(reason)
}

// end ends the run, if there is one.
func (r *receiver) end(reason string) {
	if r.run == nil {
		return
	}
	r.flushSound()
	run := r.run
	r.run, r.waiting = nil, false
	r.watch.needKey(time.Now())
	r.log.Info("run ends", "reason", reason)
	r.sink.EndRun(run, reason)
}

func (r *receiver) changeReason() string {
	if info, ok := r.video.track(); ok && [2]int{info.Width, info.Height} != r.size {
		return reasonSize
	}
	return reasonParams
}

// trouble says why the session cannot go on; nil as long as it can.
func (r *receiver) trouble() error {
	if p := r.broken.Load(); p != nil {
		return p
	}
	return nil
}

// sequence counts what is missing between packets.
type sequence struct {
	known bool
	want  uint16
}

// next gives how many packets are missing before this one. A number from the past, which only a restart of the
// camera's counter makes, counts as one.
func (s *sequence) next(n uint16) uint64 {
	missing := n - s.want
	if !s.known {
		missing = 0
	}
	s.known, s.want = true, n+1
	if missing >= 0x8000 {
		return 1
	}
	return uint64(missing)
}
