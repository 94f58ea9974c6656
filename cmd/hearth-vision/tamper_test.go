//go:build cgo

package main

import (
	"testing"

	"hearth/nvr/vision/clip"
)

// trouble is what the looks said was wrong, in seconds of the clip.
type trouble struct {
	kind            string
	since, from, to float64
}

// troubles are the stretches in which the looks of a clip said that something was wrong.
func troubles(c *clip.Clip, h *heard) (out []trouble) {
	second := func(at int64) float64 { return float64(at-c.Run.Start.UnixMicro()) / 1e6 }
	note := func(kind string, since, at int64) {
		if n := len(out); n > 0 && out[n-1].kind == kind {
			out[n-1].to = second(at)
			return
		}
		out = append(out, trouble{kind, second(since), second(at), second(at)})
	}
	for _, l := range h.looks {
		if l.Tamper != "" {
			note(l.Tamper, l.TamperSince, l.At)
		}
		if l.Frozen {
			note("frozen", l.FrozenSince, l.At)
		}
	}
	return out
}

// A lens is covered from second 40 to 70. What is coded and decoded again says so, and when it began.
func TestACoveredLensIsTold(t *testing.T) {
	c := clip.Make(t, append([]string{
		"-f", "lavfi", "-i", "smptehdbars=s=320x180:r=15:d=90",
		"-vf", "drawbox=color=black:t=fill:enable='between(t,40,70)',noise=alls=4:allf=t,format=yuv420p",
	}, with(gop30, "-bf", "0")...)...)
	h := serveAll(t, messages(c, true))
	if h.err != nil {
		t.Fatal(h.err)
	}
	got := troubles(c, h)
	if len(got) != 1 || got[0].kind != "covered" {
		t.Fatalf("%+v", got)
	}
	if g := got[0]; g.since < 39 || g.since > 42.1 || g.from < 50 || g.from > 54 || g.to < 67 || g.to > 72.1 {
		t.Errorf("%+v; it was covered from 40 to 70", g)
	}
}

// A camera stands still from second 50 on: its encoder goes on sending units of the same picture. It takes an encoder
// some key frames until its picture is the same byte for byte.
func TestAFrozenPictureIsTold(t *testing.T) {
	c := clip.Make(t, append([]string{
		"-f", "lavfi", "-i", "smptehdbars=s=320x180:r=15:d=50",
		"-vf", "noise=alls=4:allf=t,format=yuv420p,tpad=stop_mode=clone:stop_duration=75",
	}, with(gop30, "-bf", "0")...)...)
	h := serveAll(t, messages(c, true))
	if h.err != nil {
		t.Fatal(h.err)
	}
	got := troubles(c, h)
	if len(got) != 1 || got[0].kind != "frozen" {
		t.Fatalf("%+v", got)
	}
	if g := got[0]; g.since < 48 || g.since > 80 || g.from > 112 || g.to < 120 {
		t.Errorf("%+v; it stood still from 50 on", g)
	}
	t.Logf("%+v", got)
}
