//go:build cgo

package main

import (
	"fmt"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
)

// The worker is given the pictures of the first 300 ms in which something moves and not one more: it must have said
// so by then, whenever within a GOP and between two looks that begins.
func TestAttentiveSeesMotionWithin300Milliseconds(t *testing.T) {
	for _, c := range []struct {
		name   string
		phases int
		args   []string
	}{
		{"h264", 4, with(gop30, "-bf", "0")},
		{"h264 with B-frames", 2, with(gop30, "-bf", "1", "-b_strategy", "0")},
		{"h265", 1, []string{"-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=error:keyint=30:bframes=0"}},
		{"mjpeg", 1, []string{"-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p"}},
	} {
		for phase := range c.phases {
			t.Run(fmt.Sprintf("%s, picture %d", c.name, phase), func(t *testing.T) {
				t.Parallel()
				begins := 12 + float64(phase)/15
				clip := clip.Make(t, append(clip.Passing("640x360", 15, 13, begins, begins+6), c.args...)...)
				sent := messages(clip, true)
				sent[0] = protocol.Motion{Settings: media.MotionSettings{Sensitivity: 0.5, Attentive: true}}
				units := 0
				for _, u := range clip.Units {
					if u.Wall.Sub(clip.Run.Start).Seconds() < begins+0.299 {
						units++
					}
				}
				sent = sent[:2+units]
				h := serveAll(t, sent)
				if h.err != nil || len(h.errors) > 0 {
					t.Fatalf("it ended with %v and said %v", h.err, h.errors)
				}
				for _, l := range h.looks {
					at := time.UnixMicro(l.At).Sub(clip.Run.Start).Seconds()
					if l.Moving && at < begins-0.001 {
						t.Errorf("moving at %.3f s, the box comes at %.3f s", at, begins)
					}
				}
				if last := h.looks[len(h.looks)-1]; !last.Moving || len(h.thumbs) == 0 {
					t.Errorf("of %d looks the last is %+v, %d thumbs", len(h.looks), last, len(h.thumbs))
				}
				if c.name != "mjpeg" && h.stats.Decoded < h.stats.Units-2 || h.stats.Mode != "attentive" {
					t.Errorf("not every picture was decoded: %+v", h.stats)
				}
			})
		}
	}
}

// Attention is switched on and off in the midst of GOPs of 10 s.
func TestAttentionIsSwitchedWhileItRuns(t *testing.T) {
	c := clip.Make(t, append(clip.Still("320x240", 15, 60), "-c:v", "libx264", "-preset", "veryfast", "-g", "150", "-sc_threshold", "0", "-bf", "0")...)
	const on, off = 14 * 15, 44 * 15 // units
	var sent []protocol.Message
	for i, m := range messages(c, true) {
		switch i - 2 {
		case on:
			sent = append(sent, protocol.Motion{Settings: media.MotionSettings{Sensitivity: 0.5, Attentive: true}})
		case off:
			sent = append(sent, protocol.Motion{Settings: media.MotionSettings{Sensitivity: 0.5}})
		}
		sent = append(sent, m)
	}
	h := serveAll(t, sent)
	if h.err != nil || len(h.errors) > 0 {
		t.Fatalf("it ended with %v and said %v", h.err, h.errors)
	}
	last := 0.0
	for _, l := range h.looks {
		at := time.UnixMicro(l.At).Sub(c.Run.Start).Seconds()
		gap := at - last
		attentive := at > 14.5 && at < 44
		if attentive && gap > 0.15 || at > 48 && gap < 0.6 || gap > 2.2 {
			t.Errorf("a look at %.2f s, %.2f s after the one before", at, gap)
		}
		last = at
	}
	if last < 57 || h.stats.Mode != "calm" || len(h.looks) < 30*7 {
		t.Errorf("%d looks, the last at %.1f s; %+v", len(h.looks), last, h.stats)
	}
}
