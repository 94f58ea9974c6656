//go:build cgo

package main

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
)

// passes has a worker look at a clip again and again, and says for each pass what it noticed.
func passes(t *testing.T, c *clip.Clip, n int, mute bool) (p *pace, spells [][]noticed) {
	t.Helper()
	p = newPace(t, configOf(c.Track(), true), media.MotionSettings{Sensitivity: 0.5})
	p.w.watch.hint.mute = mute
	length := c.Units[len(c.Units)-1].Wall.Sub(c.Run.Start) + time.Second/15
	for pass := range n {
		spells = append(spells, p.film(c, time.Duration(pass)*length))
	}
	return p, spells
}

// A box comes 0.3 s after a key frame and passes for three seconds, every 24 s. Where the encoder works at one
// quality, the worker learns within three passes to notice it when it comes; where the bit rate is always full, it
// notices at the next key frame, 1.7 s later, and trusts nothing. Both times the spell is dated alike.
func TestMotionIsNoticedWithinTheGOP(t *testing.T) {
	const begins, ends = 12.3, 15.3
	for _, c := range []struct {
		name    string
		trusted bool
		args    []string
	}{
		{"h264 at one quality", true, with(gop30, "-bf", "0", "-crf", "27")},
		{"h264 with B-frames", true, with(gop30, "-bf", "2", "-b_strategy", "0", "-crf", "27")},
		{"h264 at one quality under a limit", true, with(gop30, "-bf", "0", "-crf", "27", "-maxrate", "300k", "-bufsize", "300k")},
		{"h265 at one quality", true, []string{
			"-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params",
			"log-level=error:keyint=30:min-keyint=30:scenecut=0:bframes=0:crf=27",
		}},
		{"h264 with a full bit rate", false, with(gop30, "-bf", "0", "-tune", "zerolatency", "-x264-params", "sliced-threads=0:nal-hrd=cbr",
			"-b:v", "100k", "-minrate", "100k", "-maxrate", "100k", "-bufsize", "100k")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			film := clip.Make(t, append(clip.Passing("320x180", 15, 24, begins, ends), c.args...)...)
			const n, learning = 6, 3
			p, spells := passes(t, film, n, false)
			deaf, before := passes(t, film, n, true)
			h := &p.w.watch.hint
			trust, why := h.trust()
			t.Logf("trust %.2f: %s; %d of %d hints right; decoded %d, without hints %d", trust, why, h.right, h.heeded, p.w.stats.Decoded, deaf.w.stats.Decoded)
			for pass := range n {
				if len(spells[pass]) != 1 || len(before[pass]) != 1 {
					t.Fatalf("pass %d: noticed %.2f, without hints %.2f", pass, spells[pass], before[pass])
				}
				with, without := spells[pass][0], before[pass][0]
				t.Logf("pass %d: noticed at %.2f, without hints at %.2f", pass, with, without)
				for _, s := range []noticed{with, without} {
					if s.begun < begins-0.2 || s.begun > begins+0.2 || s.over < ends-0.5 || s.over > ends+0.5 {
						t.Errorf("pass %d: %.2f", pass, s)
					}
				}
				if without.told < 13.9 || without.told > 14.3 {
					t.Errorf("pass %d: without hints it was noticed at %.2f, the key frame is at 14", pass, without.told)
				}
				if late := with.told - begins; pass >= learning && c.trusted && late > 1 {
					t.Errorf("pass %d: noticed %.2f s after it began", pass, late)
				}
			}
			if c.trusted != (trust >= heeded) || c.trusted != (h.heeded > 0) || !c.trusted && trust > 0.3 {
				t.Errorf("trust %.2f: %s; %d hints", trust, why, h.heeded)
			}
			again, _ := passes(t, film, n, false)
			if !bytes.Equal(p.all.Bytes(), again.all.Bytes()) || p.all.Len() == 0 {
				t.Error("the same units gave another answer")
			}
		})
	}
}

// Something small goes out of the picture a moment after the only key frame that shows it: that one alone is a doubt, and
// what follows shows nothing.
func TestWhoHasJustLeftIsSeen(t *testing.T) {
	const begins, ends = 12.3, 14.1
	graph := fmt.Sprintf("[1]scale=8:8[box];[0][box]overlay=x='250+54*(t-%g)/%g':y=60:enable='between(t,%g,%g)',noise=alls=3:allf=t,format=yuv420p[out]",
		begins, ends-begins, begins, ends)
	film := clip.Make(t, append([]string{
		"-f", "lavfi", "-i", "smptehdbars=s=320x180:r=15:d=24", "-f", "lavfi", "-i", "color=white:s=320x180:r=15:d=24", "-filter_complex", graph, "-map", "[out]",
	}, with(gop30, "-bf", "0")...)...)
	p := newPace(t, configOf(film.Track(), true), media.MotionSettings{Sensitivity: 0.5})
	spells := p.film(film, 0)
	if len(spells) != 1 || spells[0].begun < begins-0.2 || spells[0].begun > begins+0.3 || spells[0].over > ends+0.2 {
		t.Errorf("noticed %.2f", spells)
	}
	t.Logf("noticed %.2f; %d pictures decoded", spells, p.w.stats.Decoded)
}

// In "smart" GOPs of ten seconds no two looks lie farther apart than two seconds, whatever a hint says; in the first of
// them a tenth more, since until then key frames might come every two seconds.
func TestNeverBlindForLongerThanTwoSeconds(t *testing.T) {
	for _, c := range []struct {
		name string
		fps  int
		args []string
		late float64 // of a picture that comes out when those behind it came in
	}{
		{"10 s at 15 a second", 15, []string{"-g", "150", "-bf", "0"}, 0},
		{"10 s at 25 a second", 25, []string{"-g", "250", "-bf", "0"}, 0},
		{"10 s at 6 a second", 6, []string{"-g", "60", "-bf", "0"}, 0},
		{"10 s with B-frames", 15, []string{"-g", "150", "-bf", "2", "-b_strategy", "0"}, 0.2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			film := clip.Make(t, append(clip.Passing("320x180", c.fps, 62, 31.3, 34.3),
				append([]string{"-c:v", "libx264", "-preset", "veryfast", "-sc_threshold", "0"}, c.args...)...)...)
			p := newPace(t, configOf(film.Track(), true), media.MotionSettings{Sensitivity: 0.5})
			last, looks := 0.0, 0
			for i := range film.Units {
				now := film.Shown(i).Sub(film.Run.Start).Seconds()
				looks += len(p.unit(film, i, 0)) // a look that shows nothing may be told of a second later
				if p.w.watch.last != 0 {
					last = time.UnixMicro(p.w.watch.last).Sub(film.Run.Start).Seconds()
				}
				most := 2.001 + c.late
				if last < 2.5 {
					most += 0.1 + 1/float64(c.fps)
				}
				if now-last > most {
					t.Fatalf("at %.3f s the newest look is of %.3f s", now, last)
				}
			}
			s := p.w.stats
			t.Logf("%d looks, %d of %d pictures decoded", looks, s.Decoded, s.Units)
			if looks > 150 {
				t.Errorf("%d looks in a minute", looks)
			}
		})
	}
}

// Where key frames come every two seconds, they are waited for, although they come a little late.
func TestKeyFramesAreWaitedFor(t *testing.T) {
	film := clip.Make(t, append(clip.Still("320x180", 15, 40), with(gop30, "-bf", "0")...)...)
	p := newPace(t, configOf(film.Track(), true), media.MotionSettings{Sensitivity: 0.5})
	for i := range film.Units {
		jitter := time.Duration(i/30%3) * 30 * time.Millisecond
		p.unit(film, i, jitter)
	}
	if s := p.w.stats; s.Decoded != 20 || s.Looks != 20 {
		t.Errorf("%d pictures decoded and %d looked at, of 20 key frames", s.Decoded, s.Looks)
	}
}

// A worker says why it does what it does.
func TestReasons(t *testing.T) {
	film := clip.Make(t, append(clip.Passing("320x180", 15, 40, 12.3, 31.4), with(gop30, "-bf", "0")...)...)
	p := newPace(t, configOf(film.Track(), true), media.MotionSettings{Sensitivity: 0.5})
	said := func() string { return p.w.stats.Mode + ": " + p.w.stats.Why }
	var course []string
	for i := range film.Units {
		p.unit(film, i, 0)
		if now := said(); len(course) == 0 || course[len(course)-1] != now {
			course = append(course, now)
		}
	}
	want := []string{
		"calm: " + protocol.WhyStill, "calm: " + protocol.WhyMovesOn, "watching: " + protocol.WhyKey, "calm: " + protocol.WhyStill,
	}
	for len(want) > 0 && len(course) > 0 {
		if course[0] == want[0] {
			want = want[1:]
		}
		course = course[1:]
	}
	if len(want) > 0 {
		t.Errorf("it never said %q", want)
	}
	p.w.motion(media.MotionSettings{Sensitivity: 0.5, Attentive: true})
	length := 40 * time.Second
	p.unit(film, 0, length)
	if now := said(); now != "attentive: "+protocol.WhyAsked {
		t.Errorf("attentive, it says %q", now)
	}
	p.w.motion(media.MotionSettings{Sensitivity: 0.5})
	for i := range 60 {
		p.unit(film, i+1, length)
	}
	if err := p.w.watch.behind(); err != nil {
		t.Fatal(err)
	}
	p.unit(film, 60, length)
	if now := said(); now != "calm: "+protocol.WhyBehind {
		t.Errorf("behind, it says %q", now)
	}
}
