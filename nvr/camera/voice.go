package camera

import (
	"time"

	"github.com/pion/rtp"

	"hearth/nvr/media"
)

const (
	// silence is how long sound may stay away before a run without it is due. A track without data would keep a
	// browser from playing the picture.
	silence = 10 * time.Second
	// drift is how far sound and picture may come apart before the sound is moved: half of what people notice.
	drift = 120 * time.Millisecond
)

// voice says where on a run's time line the sound belongs. Its RTP clock has another zero than that of the picture,
// and often another crystal, so it is put where it arrives, goes by its own count from there, and is moved only
// when the two have drifted apart.
type voice struct {
	heard    time.Time // arrival of the last packet
	sequence sequence
	time     timeline

	anchored bool
	shift    int64 // DTS minus ticks
	next     int64 // the least DTS that the next sample may have
	lastWall time.Time

	late     envelope
	baseline int64 // by how much the sound is later than the picture since it was anchored, ns
	compared bool
}

// alive says whether sound comes in.
func (v *voice) alive(now time.Time) bool { return !v.heard.IsZero() && now.Sub(v.heard) < silence }

// begin is called with every run.
func (v *voice) begin() {
	v.anchored, v.next, v.lastWall = false, 0, time.Time{}
	v.late, v.compared = envelope{}, false
}

// soundPacket takes the next packet of the sound.
func (r *receiver) soundPacket(p *rtp.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.contain()
	if r.broken.Load() != nil {
		return // the session is about to end
	}
	now := time.Now()
	r.tally.packets.Add(1)
	r.tally.bytes.Add(uint64(len(p.Payload)))
	missing := r.voice.sequence.next(p.SequenceNumber)
	r.tally.lost.Add(missing)
	samples, err := r.sound.push(p, missing != 0)
	if err != nil {
		r.tally.audioErrors.Add(1)
	}
	if err == nil {
		r.voice.heard = now
		if len(r.held) > 0 {
			r.release()
		}
	}
	for _, s := range samples {
		r.say(s, now)
	}
}

func (r *receiver) flushSound() {
	if r.sound == nil {
		return
	}
	for _, s := range r.sound.flush() {
		r.say(s, r.voice.heard)
	}
}

// say gives a sample its times and passes it on, if the run has sound.
func (r *receiver) say(s sample, arrived time.Time) {
	v := &r.voice
	track := r.sound.track()
	rate := int64(track.ClockRate)
	v.time.rate = rate
	ticks, jumped := v.time.next(s.ts, arrived)
	if r.run == nil || len(r.run.Tracks) < 2 || s.duration <= 0 {
		return
	}
	origin := nanos(r.base, media.VideoClockRate) // of the run, in media time
	if !v.anchored || jumped {
		v.shift = ticksOf(r.clock.moment(r.box.at(arrived))-origin, rate) - s.duration - ticks
		v.anchored = true
		v.late, v.compared = envelope{}, false
	}
	at := nanos(ticks+v.shift, rate) + origin
	v.late.add(at, r.box.at(arrived)-r.clock.anchor-at)
	r.follow(at, rate)

	dts := ticks + v.shift
	if overlap := v.next - dts; overlap > s.duration/2 || dts < 0 {
		return // it was moved back, or began before the picture: leave this one out
	} else if overlap > 0 {
		dts = v.next
	}
	v.next = dts + s.duration
	wall := r.clock.at(nanos(dts, rate) + origin)
	if wall.Before(v.lastWall) {
		wall = v.lastWall
	}
	v.lastWall = wall
	r.tally.audioUnits.Add(1)
	r.sink.WriteUnit(r.run, &media.AccessUnit{Camera: r.camera, Track: 1, DTS: dts, PTS: dts, Key: true, Wall: wall, Data: s.data})
}

// follow moves the sound when it has drifted away from the picture: by how much later it arrives than the picture,
// compared with when both envelopes were full for the first time.
func (r *receiver) follow(at, rate int64) {
	v := &r.voice
	if !v.late.settled(at) || !r.clock.late.settled(r.clock.last) {
		return
	}
	difference := v.late.min() - r.clock.late.min()
	if !v.compared {
		v.baseline, v.compared = difference, true
		return
	}
	if d := difference - v.baseline; d > int64(drift) || d < -int64(drift) {
		v.shift += ticksOf(d, rate)
		v.late = envelope{}
	}
}
