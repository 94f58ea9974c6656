package record

import (
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
)

// Bounds of one fragment. Time is the one that works; the others hold against a camera whose clock stands still.
const (
	// maxTicks is half a second. At most two seconds may be lost in a power cut: half a second while a fragment grows, a
	// quarter in the kernel (package camera), a second until the next commit, and a quarter is left for the disk.
	maxTicks   = media.VideoClockRate / 2
	maxSamples = 1024
	maxBytes   = 16 << 20

	// What sound may pile up while no picture comes.
	maxSoundSeconds = 10
	maxSoundBytes   = 1 << 20
)

// cutter cuts the units of one run into fragments, in the order in which they come.
type cutter struct {
	emit func(f storage.Fragment, bytes int)

	seq     uint32
	started bool // the first key frame was seen
	tracks  []track
	runs    []fmp4.TrackRun // scratch
	dropped uint64          // units
	stuck   bool            // the newest unit of video was dropped
}

// track is what a cutter has of one track.
type track struct {
	video   bool
	rate    int64
	held    *media.AccessUnit // waits for the next one to know how long it lasts
	usual   int64             // how long a unit lasts, in ticks: a running mean
	base    int64             // DTS of the first sample
	start   time.Time         // wall clock of the first sample
	ticks   int64             // length of the samples
	bytes   int
	samples []fmp4.Sample
}

func newCutter(run *media.Run, emit func(storage.Fragment, int)) *cutter {
	c := &cutter{emit: emit, tracks: make([]track, len(run.Tracks))}
	for i, t := range run.Tracks {
		c.tracks[i] = track{video: t.Codec.IsVideo(), rate: int64(t.ClockRate)}
	}
	return c
}

// write takes the next unit. Units before the first key frame are passed over; one that is not later than the one
// before it on its track is dropped.
func (c *cutter) write(u *media.AccessUnit) {
	if u.Track < 0 || u.Track >= len(c.tracks) {
		c.dropped++
		return
	}
	t := &c.tracks[u.Track]
	if u.DTS < 0 || u.PTS < u.DTS {
		c.drop(t)
		return
	}
	if !c.started {
		if !t.video || !u.Key {
			return
		}
		c.started = true
	}
	if t.held == nil {
		t.held = u
		return
	}
	ticks := u.DTS - t.held.DTS
	if ticks <= 0 {
		c.drop(t)
		return
	}
	c.stuck = c.stuck && !t.video
	t.learn(ticks)
	c.push(t, ticks)
	t.held = u
	if t.video && (u.Key || t.ticks+t.usual > maxTicks) {
		c.flush()
	}
}

// drop counts a unit that cannot be used.
func (c *cutter) drop(t *track) {
	c.dropped++
	c.stuck = c.stuck || t.video
}

// learn keeps the mean of how long units last; a pause says nothing about it.
func (t *track) learn(ticks int64) {
	switch {
	case t.usual == 0:
		t.usual = ticks
	case ticks <= 4*t.usual:
		t.usual += (ticks - t.usual) / 8
	}
}

// push makes a sample of the unit that was held back. It lasts ticks.
func (c *cutter) push(t *track, ticks int64) {
	u := t.held
	ticks = min(ticks, 1<<32-1)
	if t.video && len(t.samples) > 0 && (t.ticks+ticks > maxTicks || len(t.samples) >= maxSamples || t.bytes+len(u.Data) > maxBytes) {
		c.flush()
	}
	if !t.video {
		for len(t.samples) > 0 && (t.ticks+ticks > maxSoundSeconds*t.rate || t.bytes+len(u.Data) > maxSoundBytes) {
			first := t.samples[0]
			t.base += int64(first.Duration)
			t.ticks -= int64(first.Duration)
			t.bytes -= len(first.Data)
			t.samples = t.samples[1:]
			c.dropped++
		}
	}
	if len(t.samples) == 0 {
		t.base, t.start, t.ticks, t.bytes = u.DTS, u.Wall, 0, 0
	}
	t.samples = append(t.samples, fmp4.Sample{
		Duration: uint32(ticks), CTO: int32(min(u.PTS-u.DTS, 1<<31-1)), Key: u.Key || !t.video, Data: u.Data,
	})
	t.ticks += ticks
	t.bytes += len(u.Data)
}

// finish makes fragments of all that is left: units held back last as long as usual.
func (c *cutter) finish() {
	for i := range c.tracks {
		t := &c.tracks[i]
		if t.held == nil {
			continue
		}
		ticks := t.usual
		if ticks == 0 {
			ticks = t.rate / 25
		}
		c.push(t, ticks)
		t.held = nil
	}
	c.flush()
}

// flush emits a fragment of the pictures that are there and the sound beside them. Without a picture there is none:
// sound waits for one.
func (c *cutter) flush() {
	var video *track
	c.runs = c.runs[:0]
	pieces, bytes := 1, 0
	for i := range c.tracks {
		t := &c.tracks[i]
		if t.video {
			video = t
		}
		if len(t.samples) > 0 {
			c.runs = append(c.runs, fmp4.TrackRun{Track: i, BaseDTS: uint64(t.base), Samples: t.samples})
			pieces += len(t.samples)
			bytes += t.bytes
		}
	}
	if video == nil || len(video.samples) == 0 {
		return
	}
	c.seq++
	head := fmp4.AppendHeader(make([]byte, 0, fmp4.HeaderSize(c.runs)), c.seq, c.runs)
	data := append(make([][]byte, 0, pieces), head)
	for _, r := range c.runs {
		for i := range r.Samples {
			data = append(data, r.Samples[i].Data)
		}
	}
	f := storage.Fragment{DTS: video.base, Duration: video.ticks, Start: video.start, Key: video.samples[0].Key, Data: data}
	for i := range c.tracks {
		t := &c.tracks[i]
		clear(t.samples) // the fragment has them now
		t.samples, t.ticks, t.bytes = t.samples[:0], 0, 0
	}
	c.emit(f, bytes+len(head))
}
