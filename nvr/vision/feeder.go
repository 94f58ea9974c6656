package vision

import (
	"bytes"
	"context"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// feeder turns queued units into messages for one process.
type feeder struct {
	worker  *Worker
	process *process
	begun   bool                  // the process was told whom it works for
	run     *media.Run            // that it was told of
	motion  *media.MotionSettings // likewise

	codec media.Codec // of the run
	plan  plan        // what may decode it, as the process was told

	heads bytes.Buffer // messages, and what comes before units
	parts []part
	out   [][]byte
}

// part is a range of heads and the bytes of a unit to follow it.
type part struct {
	from, to int
	body     []byte
}

// feed hands the queue over to the process: at once while that watches closely, else with each key frame, and sooner when
// that is long in coming.
func (w *Worker) feed(ctx context.Context, p *process) error {
	f := feeder{worker: w, process: p}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.queue.signal():
		}
		if err := f.hand(w.queue.take()); err != nil {
			return err
		}
		w.queue.hurry(f.motion.Attentive || p.watching.Load())
	}
}

// hand writes the units, and before them what the process must know to use them. Their bytes go from where they are
// into the pipe.
func (f *feeder) hand(items []item) error {
	f.heads.Reset()
	f.parts = f.parts[:0]
	if !f.begun {
		f.begun = true
		if err := protocol.Write(&f.heads, f.process.task); err != nil {
			return err
		}
	}
	if s := f.worker.settings(); s != f.motion {
		f.motion = s
		if err := protocol.Write(&f.heads, protocol.Motion{Settings: *s}); err != nil {
			return err
		}
	}
	if f.codec != "" {
		if now := f.worker.planOf(f.process, f.codec); !now.same(f.plan) {
			f.tell(now)
			if err := protocol.Write(&f.heads, protocol.Ways{Ways: now.ways, Final: now.final}); err != nil {
				return err
			}
		} else if now.why != f.plan.why {
			f.plan.why = now.why
			f.worker.because(now.why)
		}
	}
	from := 0
	for _, it := range items {
		if it.run != f.run {
			f.run = it.run
			track := it.run.Tracks[it.au.Track]
			f.codec = track.Codec
			f.tell(f.worker.planOf(f.process, f.codec))
			c := configOf(track, f.plan)
			c.Look = true
			if err := protocol.Write(&f.heads, c); err != nil {
				return err
			}
		}
		if len(it.au.Data) > protocol.MaxBody {
			f.worker.queue.count(1) // no camera's
			continue
		}
		f.heads.Write(protocol.AppendUnitHead(f.heads.AvailableBuffer(), unitOf(f.process.task, it.au)))
		f.parts = append(f.parts, part{from, f.heads.Len(), it.au.Data})
		from = f.heads.Len()
	}
	f.parts = append(f.parts, part{from: from, to: f.heads.Len()})

	heads := f.heads.Bytes()
	f.out = f.out[:0]
	for _, p := range f.parts {
		for _, b := range [][]byte{heads[p.from:p.to], p.body} {
			if len(b) > 0 {
				f.out = append(f.out, b)
			}
		}
	}
	err := f.worker.mixedPipe(f.process).writeAll(f.out)
	clear(f.parts) // the units belong to others
	clear(f.out)
	return err
}

// tell takes note of what the process is being told.
func (f *feeder) tell(now plan) {
	f.plan = now
	f.worker.told(f.process, f.codec, now)
}

func configOf(t media.Track, p plan) protocol.Config {
	return protocol.Config{
		Codec: t.Codec, VPS: t.VPS, SPS: t.SPS, PPS: t.PPS, Config: t.Config,
		Width: t.Width, Height: t.Height, Ways: p.ways, Final: p.final,
	}
}

// unitOf is an access unit with the moment at which its picture was taken: its Wall is that of its DTS.
func unitOf(t protocol.Task, au *media.AccessUnit) protocol.Unit {
	shown := au.Wall.Add(time.Duration(au.PTS-au.DTS) * time.Second / media.VideoClockRate)
	return protocol.Unit{Start: t.Start, At: shown.UnixMicro(), Key: au.Key, Data: au.Data}
}
