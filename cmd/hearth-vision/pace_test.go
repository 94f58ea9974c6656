//go:build cgo

package main

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
)

// pace gives a worker one unit after the other, and knows with which unit it said what.
type pace struct {
	t    testing.TB
	w    *worker
	said bytes.Buffer
	all  bytes.Buffer // everything but signs of life
}

func newPace(t testing.TB, c protocol.Config, s media.MotionSettings) *pace {
	p := &pace{t: t}
	p.w = newWorker(&p.said, &sandbox{sealed: true}, time.Hour)
	p.w.watch.init(p.w)
	t.Cleanup(p.w.closeDecoder)
	if err := p.w.begin(c); err != nil {
		t.Fatal(err)
	}
	p.w.motion(s)
	return p
}

// unit gives it a unit of a clip, moved by a time, and returns the looks that it told of.
func (p *pace) unit(c *clip.Clip, i int, by time.Duration) (looks []protocol.Look) {
	p.t.Helper()
	u := protocol.Unit{At: c.Shown(i).Add(by).UnixMicro(), Key: c.Units[i].Key}
	u.Data = append(make([]byte, 0, len(c.Units[i].Data)+protocol.Padding), c.Units[i].Data...)
	if err := errors.Join(p.w.unit(u), p.w.sign(), p.w.out.Flush()); err != nil {
		p.t.Fatal(err)
	}
	for {
		m, err := protocol.Read(&p.said)
		if errors.Is(err, io.EOF) {
			return looks
		}
		if err != nil {
			p.t.Fatal(err)
		}
		switch m := m.(type) {
		case protocol.Look:
			looks = append(looks, m)
		case protocol.Stats:
			continue
		case protocol.Error:
			p.t.Errorf("it said %q", m.Text)
		}
		if err := protocol.Write(&p.all, m); err != nil {
			p.t.Fatal(err)
		}
	}
}

// noticed is one spell of motion: when it began, and when the worker said so, both in seconds of the clip.
type noticed struct{ begun, told, over float64 }

// film gives it a whole clip, moved by a time, and returns what was noticed of it.
func (p *pace) film(c *clip.Clip, by time.Duration) (spells []noticed) {
	p.t.Helper()
	zero := c.Run.Start.Add(by).UnixMicro()
	for i := range c.Units {
		for _, l := range p.unit(c, i, by) {
			at := float64(l.At-zero) / 1e6
			switch n := len(spells); {
			case !l.Moving:
			case n > 0 && at-spells[n-1].over <= 3:
				spells[n-1].over = at
			default:
				spells = append(spells, noticed{at, c.Units[i].Wall.Sub(c.Run.Start).Seconds(), at})
			}
		}
	}
	return spells
}
