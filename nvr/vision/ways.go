package vision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hearth/nvr/hardware"
	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// How long hardware that failed is left alone: doubled with each failure, from the start again once it has worked for
// a while.
const (
	firstRest  = time.Minute
	longRest   = 4 * time.Hour
	wellBehave = 30 * time.Minute
)

// plan is what may decode a camera's pictures besides software now.
type plan struct {
	ways  []protocol.Way
	final bool   // no hardware will be used for this stream, not later either
	why   string // there is none, for the owner
}

func (p plan) same(o plan) bool { return p.final == o.final && slices.Equal(p.ways, o.ways) }

// failure is what is remembered of hardware that failed with this camera.
type failure struct {
	why   string
	rest  time.Duration
	until time.Time // when it may be tried again
}

// failures are those of one camera. A stream can be made to have hardware fail, so another camera's worker does not
// go by them. There are as many as the machine has ways at most.
type failures map[protocol.Way]*failure

// note takes note of a failure.
func (f failures) note(w protocol.Way, why string, now time.Time) {
	had := f[w]
	if had == nil || now.Sub(had.until) > wellBehave {
		had = &failure{rest: firstRest / 2}
		f[w] = had
	}
	had.why, had.rest = why, min(2*had.rest, longRest)
	had.until = now.Add(had.rest)
}

// without takes those out that are to be left alone, and says why and until when of the first.
func (f failures) without(ways []protocol.Way, now time.Time) (left []protocol.Way, why string, until time.Time) {
	for _, w := range ways {
		had := f[w]
		if had == nil || !now.Before(had.until) {
			left = append(left, w)
			continue
		}
		if until.IsZero() || had.until.Before(until) {
			why, until = w.String()+": "+had.why, had.until
		}
	}
	return left, why, until
}

// SetHardware says what is to decode from now on: one of hardware.Choices.
func (w *Worker) SetHardware(want string) {
	w.mu.Lock()
	w.Hardware = want
	w.mu.Unlock()
	w.queue.poke()
}

// planned is a plan, and what it hangs on. It is asked for with every hand-over, and hardly ever another one.
type planned struct {
	trials *protocol.Trials
	codec  media.Codec
	want   string
	until  time.Time // when the first of what rests has rested; zero: nothing rests
	plan   plan
}

// planFor says what may decode a codec now, and keeps why for the status.
func (w *Worker) planFor(c media.Codec) plan {
	w.mu.Lock()
	defer w.mu.Unlock()
	trials, want := w.Machine.Trials(), w.want()
	if p := w.planned; p != nil && p.trials == trials && p.codec == c && p.want == want && (p.until.IsZero() || time.Now().Before(p.until)) {
		return p.plan
	}
	all, why := w.Machine.Ways(c, want)
	left, failed, until := w.failed.without(all, time.Now())
	p := plan{ways: left, final: len(all) == 0, why: why}
	w.status.RetryAt = nil
	if failed != "" {
		w.status.RetryAt = &until
		p.why = failed
	}
	w.planned = &planned{trials, c, want, until, p}
	return p
}

// noteRest takes note of a failure. The caller holds w.mu.
func (w *Worker) noteRest(way protocol.Way, why string) {
	if w.failed == nil {
		w.failed = make(failures)
	}
	w.failed.note(way, why, time.Now())
	w.planned = nil
}

// want is the owner's choice. The caller holds w.mu.
func (w *Worker) want() string {
	if w.Hardware == "" {
		return hardware.Auto
	}
	return w.Hardware
}

// noteFailure takes note of hardware that the process says failed, or that it ended with, and says whether it rests for it
// from now on. What the process may not open has not failed; and what rests already goes on resting, no longer than it would have: a
// process may have been given it with pictures that were on their way, and its words are not what rests grow by.
func (w *Worker) noteFailure(p *process, way protocol.Way, why string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.failed[way]; !p.mayOpen(way) || f != nil && time.Now().Before(f.until) {
		return false
	}
	w.noteRest(way, why)
	w.status.HardwareFailures++
	return true
}

// mayOpen says whether it is hardware that the process was given when it was started.
func (p *process) mayOpen(way protocol.Way) bool { return slices.Contains(p.given, way) }

// arguments are how a process is told which hardware it may open.
func arguments(ways []protocol.Way) []string {
	var args []string
	for _, w := range ways {
		args = append(args, w.Name+":"+w.Device)
	}
	return args
}

// openable is the hardware that the next process may open: also what failed lately, since that is tried again.
func (w *Worker) openable() []protocol.Way {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []protocol.Way
	for _, c := range []media.Codec{media.H264, media.H265, media.MJPEG, media.AV1} {
		ways, _ := w.Machine.Ways(c, w.want())
		for _, x := range ways {
			if !slices.Contains(all, x) {
				all = append(all, x)
			}
		}
	}
	return all
}

// told takes note of what a process was told.
func (w *Worker) told(p *process, c media.Codec, now plan) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.plan, p.codec = now, c
	p.closed = p.closed || now.final
	p.using = protocol.Way{}
	w.status.DecoderWhy = now.why
}

// planOf is planFor as far as a process can follow it: one that has closed itself off is told of no hardware, and another
// takes its place soon.
func (w *Worker) planOf(p *process, c media.Codec) plan {
	now := w.planFor(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.closed {
		now.ways, now.final = nil, true
	}
	return now
}

// because keeps why no hardware decodes.
func (w *Worker) because(why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.DecoderWhy = why
}

// lacks says whether there is hardware to be used that a process has no way to.
func (w *Worker) lacks(p *process) bool {
	w.mu.Lock()
	codec := p.codec
	w.mu.Unlock()
	if codec == "" {
		return false
	}
	now := w.planFor(codec)
	for _, x := range now.ways {
		if p.closed || !slices.Contains(p.given, x) {
			return true
		}
	}
	return false
}

// blame says whether the end of a process is to be put down to hardware: to what decoded, or to all that was on trial.
// A process may have come to harm by its stream; then software does too. Where nothing is left to be put to rest, hardware is
// not what keeps it from working.
func (w *Worker) blame(ctx context.Context, p *process, err error) error {
	if ctx.Err() != nil || errors.Is(err, errMoreWays) || errors.Is(err, errMixed) || errors.Is(err, errHardware) || errors.Is(err, errRests) {
		return err
	}
	w.mu.Lock()
	suspects, using := p.plan.ways, p.using
	w.mu.Unlock()
	if using.Name != "" {
		suspects = []protocol.Way{using}
	}
	for _, x := range suspects {
		if w.noteFailure(p, x, "was in use when the worker ended: "+err.Error()) && !errors.Is(err, errHardware) {
			err = fmt.Errorf("%w: %s: %w", errHardware, x, err)
		}
	}
	return err
}

// decodes takes note of what the process says decodes now.
func (w *Worker) decodes(p *process, m protocol.Decoder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.using = protocol.Way{Name: m.Name, Device: m.Device}
	w.status.Decoder, w.status.Device = m.Name, clean(m.Device)
	switch {
	case m.Failed != nil:
		w.status.DecoderWhy = m.Failed.String() + ": " + clean(m.Why)
	case m.Why != "":
		w.status.DecoderWhy = clean(m.Why)
	}
	if m.Name == protocol.Software && m.Failed == nil {
		for _, x := range p.plan.ways { // tried again, and refused again
			if f := w.failed[x]; f != nil && !time.Now().Before(f.until) {
				w.noteRest(x, f.why)
			}
		}
	}
}
