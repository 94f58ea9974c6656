//go:build cgo

package main

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"syscall"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/motion"
	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
)

// BenchmarkCalm measures a whole calm worker: reading, glancing at key frames, looking, answering. 1080p15 at
// 4 Mbit/s and a sub stream.
func BenchmarkCalm(b *testing.B) {
	for _, size := range []struct{ name, size, rate string }{{"1080p15-4M", "1920x1080", "4M"}, {"360p15-512k", "640x360", "512k"}} {
		b.Run(size.name, func(b *testing.B) {
			c := clip.Make(b, append(clip.Still(size.size, 15, 60), with(gop30, "-tune", "zerolatency",
				"-x264-params", "sliced-threads=0:nal-hrd=cbr", "-b:v", size.rate, "-minrate", size.rate, "-maxrate", size.rate, "-bufsize", size.rate)...)...)
			all := messages(c, true)
			before := cpu(b)
			var h *heard
			for b.Loop() {
				h = serveAll(b, all)
			}
			b.ReportMetric((cpu(b)-before)/float64(b.N), "cpu-s/min")
			b.ReportMetric(float64(h.stats.Decoded), "pictures/min")
			b.ReportMetric(float64(h.stats.RSS>>20), "peak-MB")
		})
	}
}

// BenchmarkScenes judges the whole way, glances and closer looks, by real footage under disturbances. It needs
// HEARTH_SCENES: a folder with scenes NAME.mp4 and scenes.json, which says what moves when. Beside it each is decoded whole (attentive).
// All goes as fast as it will, so that a busy machine can measure it too: a worker that sleeps in between needs more of both.
func BenchmarkScenes(b *testing.B) {
	names, spansOf := scenes(b)
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			spans := spansOf[name]
			c := clip.Open(b, filepath.Join(os.Getenv("HEARTH_SCENES"), name+".mp4"))
			all := messages(c, true)
			before := cpu(b)
			var h *heard
			for b.Loop() {
				h = serveAll(b, all)
			}
			minutes := float64(len(c.Units)) / 15 / 60
			used := (cpu(b) - before) / float64(b.N)
			all[0] = protocol.Motion{Settings: media.MotionSettings{Sensitivity: 0.5, Attentive: true}}
			before = cpu(b)
			serveAll(b, all)
			b.ReportMetric(used/minutes, "cpu-s/min")
			b.ReportMetric((cpu(b)-before)/minutes, "everything-cpu-s/min")
			b.ReportMetric((cpu(b)-before)/used, "times-less")
			b.ReportMetric(float64(h.stats.Decoded)/minutes, "pictures/min")
			b.ReportMetric(float64(len(h.thumbs)), "thumbs")
			judge(b, h, c, spans)
			shown(b, h)
		})
	}
}

// scenes are those of HEARTH_SCENES, and the spans in seconds in which something moves in them.
func scenes(b *testing.B) (names []string, spans map[string][][2]float64) {
	b.Helper()
	dir := os.Getenv("HEARTH_SCENES")
	if dir == "" {
		b.Skip("HEARTH_SCENES names no folder")
	}
	text, err := os.ReadFile(filepath.Join(dir, "scenes.json"))
	if err != nil {
		b.Fatal(err)
	}
	var truth map[string]json.RawMessage
	var of map[string]string
	if err := json.Unmarshal(text, &truth); err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(truth["scenes"], &of); err != nil {
		b.Fatal(err)
	}
	spans = map[string][][2]float64{}
	for name, kind := range of {
		names = append(names, name)
		var s [][2]float64
		if err := json.Unmarshal(truth[kind], &s); err != nil {
			b.Fatal(err)
		}
		spans[name] = s
	}
	sort.Strings(names)
	return names, spans
}

// BenchmarkTake measures what learning from one unit costs that is not decoded.
func BenchmarkTake(b *testing.B) {
	y := newYard(1)
	y.minutes(3, floor)
	r := rand.New(rand.NewPCG(1, 1))
	units := make([]protocol.Unit, 900)
	for i := range units {
		octaves, qp := floor(r, false)
		units[i] = unitOf(0, octaves, qp)
	}
	at := second * 300
	for i := 0; b.Loop(); i++ {
		at += frameTime
		u := units[i%len(units)]
		u.At = at
		y.h.take(u, true)
		if i%30 == 0 {
			y.h.look(at, motion.Result{})
		}
	}
}

// BenchmarkHints plays each scene three times to one worker, and judges how soon it notices what moves the last two times,
// once it has learned: as it is, and without heeding hints. A span is noticed with the unit that made the worker say
// that something moves in it; that may be long after it began, or before its first second is over.
func BenchmarkHints(b *testing.B) {
	names, spansOf := scenes(b)
	for _, name := range names {
		c := clip.Open(b, filepath.Join(os.Getenv("HEARTH_SCENES"), name+".mp4"))
		for _, kind := range []string{"hints", "none"} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				var late []float64
				var found, all int
				var spent, decoded, minutes float64
				var p *pace
				for b.Loop() {
					late, found, all = nil, 0, 0
					p = newPace(b, configOf(c.Track(), true), media.MotionSettings{Sensitivity: 0.5})
					p.w.watch.hint.mute = kind == "none"
					length := c.Units[len(c.Units)-1].Wall.Sub(c.Run.Start) + time.Second/15
					p.film(c, 0)
					before, had := cpu(b), p.w.stats.Decoded
					for pass := range 2 {
						spells := p.film(c, time.Duration(pass+1)*length)
						for _, s := range spansOf[name] {
							all++
							if at := noticedAt(spells, s); at >= 0 {
								found++
								late = append(late, max(at-s[0], 0))
							}
						}
					}
					minutes = 2 * length.Minutes()
					spent, decoded = (cpu(b)-before)/minutes, float64(p.w.stats.Decoded-had)/minutes
				}
				b.ReportMetric(spent, "cpu-s/min")
				b.ReportMetric(decoded, "pictures/min")
				b.ReportMetric(float64(found), "found")
				b.ReportMetric(float64(all), "true")
				trust, _ := p.w.watch.hint.trust()
				b.ReportMetric(trust, "trust")
				b.ReportMetric(float64(p.w.watch.hint.heeded), "heeded")
				b.ReportMetric(float64(p.w.watch.hint.right), "right")
				if sort.Float64s(late); len(late) > 0 {
					b.ReportMetric(late[len(late)/2], "noticed-median-s")
					b.ReportMetric(late[len(late)-1], "noticed-worst-s")
				}
			})
		}
	}
}

// noticedAt says when it was said that something moves in a span: -1 never.
func noticedAt(spells []noticed, span [2]float64) float64 {
	for _, s := range spells {
		if s.begun <= span[1] && s.over >= span[0] {
			return s.told
		}
	}
	return -1
}

// judge compares events (looks that move, joined over gaps of up to 3 s) with the true spans.
func judge(b *testing.B, h *heard, c *clip.Clip, spans [][2]float64) {
	var events [][2]float64
	for _, l := range h.looks {
		at := float64(l.At-c.Run.Start.UnixMicro()) / 1e6
		if !l.Moving {
			continue
		}
		if n := len(events); n > 0 && at-events[n-1][1] <= 3 {
			events[n-1][1] = at
		} else {
			events = append(events, [2]float64{at, at})
		}
	}
	b.Logf("events %.1f", events)
	found, worst, mean, early := 0, 0.0, 0.0, 0.0
	for _, s := range spans {
		for _, e := range events {
			if e[0] <= s[1] && e[1] >= s[0] {
				found++
				late := max(0, e[0]-s[0])
				if s[0]-e[0] < 1 { // else something moved already
					early = max(early, s[0]-e[0])
				}
				worst = max(worst, late)
				mean += late
				break
			}
		}
	}
	wrong := 0
	for _, e := range events {
		hit := false
		for _, s := range spans {
			hit = hit || e[0] <= s[1]+2 && e[1] >= s[0]-2
		}
		if !hit {
			wrong++
		}
	}
	falseTime := 0.0
	for i, l := range h.looks {
		at := float64(l.At-c.Run.Start.UnixMicro()) / 1e6
		inside := false
		for _, s := range spans {
			inside = inside || at >= s[0]-2 && at <= s[1]+2
		}
		if l.Moving && !inside && i+1 < len(h.looks) {
			falseTime += float64(h.looks[i+1].At-l.At) / 1e6
		}
	}
	b.ReportMetric(float64(found), "found")
	b.ReportMetric(float64(len(spans)), "true")
	b.ReportMetric(float64(wrong), "false-events")
	b.ReportMetric(falseTime, "false-s")
	if found > 0 {
		b.ReportMetric(mean/float64(found), "late-mean-s")
		b.ReportMetric(worst, "late-worst-s")
		b.ReportMetric(early, "early-worst-s")
	}
}

func cpu(t testing.TB) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
