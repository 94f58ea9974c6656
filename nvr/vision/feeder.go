package vision

import (
	"bufio"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// feeder turns queued units into messages for one process.
type feeder struct {
	worker  *Worker
	process *process
	out     *bufio.Writer
	run     *media.Run            // that the process was told of
	motion  *media.MotionSettings // likewise
}

// hand writes the units, and before them what the process must know to use them. Urgent says not to wait for more.
func (f *feeder) hand(items []item) (urgent bool, err error) {
	s := f.worker.settings()
	if s != f.motion {
		f.motion, urgent = s, true
		if err := protocol.Write(f.out, protocol.Motion{Settings: *s}); err != nil {
			return false, err
		}
	}
	urgent = urgent || s.Attentive || f.process.watching.Load()
	for _, it := range items {
		if it.run != f.run {
			f.run = it.run
			c := configOf(it.run.Tracks[it.au.Track], f.worker.Hardware)
			c.Look = true
			if err := protocol.Write(f.out, c); err != nil {
				return false, err
			}
		}
		if err := protocol.Write(f.out, unitOf(it.au)); err != nil {
			return false, err
		}
		urgent = urgent || it.au.Key
	}
	return urgent, nil
}

func configOf(t media.Track, hardware string) protocol.Config {
	if hardware == "" {
		hardware = "auto"
	}
	return protocol.Config{
		Codec: t.Codec, VPS: t.VPS, SPS: t.SPS, PPS: t.PPS, Config: t.Config,
		Width: t.Width, Height: t.Height, Hardware: hardware,
	}
}

// unitOf is an access unit with the moment at which its picture was taken: its Wall is that of its DTS.
func unitOf(au *media.AccessUnit) protocol.Unit {
	shown := au.Wall.Add(time.Duration(au.PTS-au.DTS) * time.Second / media.VideoClockRate)
	return protocol.Unit{At: shown.UnixMicro(), Key: au.Key, Data: au.Data}
}
