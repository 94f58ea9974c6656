package live

import (
	"slices"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
)

// window is over how many of the last frames the longest one is looked for.
const window = 16

// maxBroken is how many packets of sound wait for a key frame after a break: enough for one that is late itself.
const maxBroken = 16

// muxer makes fragments of a run's units.
//
// A frame is sent at once, before anyone knows how long it lasts. It is said to last as long as the longest of the
// frames before it: the next frame's own time is exact anyhow, while a browser takes a next frame that is later than
// twice the said duration for a break and drops everything until a key frame (Media Source Extensions, coded frame
// processing, step 6).
//
// A break in the sound would cost the picture the same way, since both share one buffer in the browser, and some
// cameras send no sound while it is quiet. So after a break sound waits for the next key frame.
type muxer struct {
	seq    uint32
	tracks []muxTrack
	sound  []*media.AccessUnit // waits for the next picture
	broken bool                // what waits comes after a break, and waits for a key frame
	usuals []int64             // scratch
	scratch
}

// muxTrack is what a muxer knows of one track.
type muxTrack struct {
	video bool
	rate  int64
	last  int64 // DTS of the newest unit; -1: there was none
	late  bool  // the newest unit came later than a browser would take it for the next
	durs  [window]int64
	n     int
}

// begin prepares for a run.
func (x *muxer) begin(run *media.Run) {
	x.tracks, x.sound, x.broken = make([]muxTrack, len(run.Tracks)), nil, false
	for i, t := range run.Tracks {
		x.tracks[i] = muxTrack{video: t.Codec.IsVideo(), rate: int64(t.ClockRate), last: -1}
	}
}

func (x *muxer) video(track int) bool { return x.tracks[track].video }

// learn takes note of a unit's time. It says false of a unit that cannot be sent: its time is impossible or not
// later than that of the unit before.
func (x *muxer) learn(au *media.AccessUnit) bool {
	if au.Track < 0 || au.Track >= len(x.tracks) || au.PTS < au.DTS {
		return false
	}
	t := &x.tracks[au.Track]
	if au.DTS <= t.last || au.DTS < 0 {
		return false
	}
	if t.last >= 0 {
		t.late = au.DTS-t.last > 2*t.usual()
		if t.video || !t.late {
			t.durs[t.n%window] = min(au.DTS-t.last, t.rate) // a pause of more than a second is no frame's length
			t.n++
		}
	}
	t.last = au.DTS
	return true
}

// usual is how long the next unit is said to last, in ticks. Nothing being known yet, that is half a second, so that
// the second unit of a slow camera is no break.
func (t *muxTrack) usual() int64 {
	if t.n == 0 {
		return max(t.rate/2, 1)
	}
	return slices.Max(t.durs[:min(t.n, window)])
}

// add takes the next unit for those who watch. It gives a fragment for each picture, with the sound before it; sound
// alone only when a tenth of a second of it has come without a picture.
func (x *muxer) add(au *media.AccessUnit) (Message, bool) {
	t := &x.tracks[au.Track]
	if !t.video {
		return x.addSound(t, au)
	}
	if x.broken {
		if !au.Key || len(x.sound) == 0 || !x.before(x.sound[0], au) {
			m := x.message([]*media.AccessUnit{au}, au.Key)
			return m, true
		}
		x.broken = false
	}
	x.sound = append(x.sound, au)
	m := x.message(x.sound, au.Key)
	m.Wall = au.Wall
	x.forget()
	return m, true
}

// addSound is add for sound.
func (x *muxer) addSound(t *muxTrack, au *media.AccessUnit) (m Message, ok bool) {
	if t.late {
		m, ok = x.rest()
		x.forget()
		x.broken = true
	}
	x.sound = append(x.sound, au)
	switch {
	case x.broken:
		if len(x.sound) > maxBroken {
			x.sound = slices.Delete(x.sound, 0, 1)
		}
		return m, ok
	case au.DTS-x.sound[0].DTS+t.usual() < t.rate/10:
		return Message{}, false
	}
	return x.rest()
}

// before says whether one unit is to be decoded before another. At the same time is not before: a browser may take
// either first, and the break must come before the key frame that mends it.
func (x *muxer) before(a, b *media.AccessUnit) bool {
	return fmp4.Duration(a.DTS, int(x.tracks[a.Track].rate)) < fmp4.Duration(b.DTS, int(x.tracks[b.Track].rate))
}

// rest makes a fragment of the sound that waits for a picture.
func (x *muxer) rest() (Message, bool) {
	if len(x.sound) == 0 || x.broken {
		return Message{}, false
	}
	m := x.message(x.sound, false)
	x.forget()
	return m, true
}

// forget lets go of the sound that waits.
func (x *muxer) forget() {
	clear(x.sound)
	x.sound = x.sound[:0]
}

// soFar makes the entry of a new viewer's queue that holds the GOP so far. It is put in a fragment by the viewer's
// own goroutine, when it comes to it.
func (x *muxer) soFar(units []*media.AccessUnit, bytes int) entry {
	x.seq++
	usual := make([]int64, len(x.tracks))
	for i := range x.tracks {
		usual[i] = x.tracks[i].usual()
	}
	seq := x.seq
	return entry{
		Message: Message{Kind: Media, Camera: units[0].Camera, Key: true, Wall: units[0].Wall},
		newest:  units[len(units)-1].Wall, bytes: bytes,
		data: func() []byte { return new(scratch).fragment(seq, units, usual) },
	}
}

// message makes a fragment of a few units.
func (x *muxer) message(units []*media.AccessUnit, key bool) Message {
	x.seq++
	x.usuals = x.usuals[:0]
	for i := range x.tracks {
		x.usuals = append(x.usuals, x.tracks[i].usual())
	}
	return Message{Kind: Media, Camera: units[0].Camera, Key: key, Wall: units[0].Wall, Data: x.fragment(x.seq, units, x.usuals)}
}

// scratch is what making a fragment needs and need not make anew each time.
type scratch struct {
	runs    []fmp4.TrackRun
	samples []fmp4.Sample
}

// fragment makes a fragment of units of several tracks. A unit lasts until the next of its track, the last as long
// as usual says.
func (x *scratch) fragment(seq uint32, units []*media.AccessUnit, usual []int64) []byte {
	runs, samples := x.runs[:0], slices.Grow(x.samples[:0], len(units))
	for track := range usual {
		first := len(samples)
		var base, last int64
		for _, u := range units {
			if u.Track != track {
				continue
			}
			if len(samples) == first {
				base = u.DTS
			} else {
				samples[len(samples)-1].Duration = uint32(min(u.DTS-last, 1<<32-1))
			}
			last = u.DTS
			samples = append(samples, fmp4.Sample{
				Duration: uint32(usual[track]), CTO: int32(min(u.PTS-u.DTS, 1<<31-1)), Key: u.Key, Data: u.Data,
			})
		}
		if len(samples) > first {
			runs = append(runs, fmp4.TrackRun{Track: track, BaseDTS: uint64(base), Samples: samples[first:]})
		}
	}
	b := fmp4.AppendFragment(make([]byte, 0, fmp4.HeaderSize(runs)+fmp4.DataSize(runs)), seq, runs)
	clear(samples) // or it would keep the pictures
	x.runs, x.samples = runs, samples
	return b
}
