//go:build cgo

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"syscall"
	"testing"

	"hearth/nvr/vision/clip"
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
// HEARTH_SCENES: a folder with scenes NAME.mp4 and scenes.json, which says what moves when.
func BenchmarkScenes(b *testing.B) {
	dir := os.Getenv("HEARTH_SCENES")
	if dir == "" {
		b.Skip("HEARTH_SCENES names no folder")
	}
	text, err := os.ReadFile(filepath.Join(dir, "scenes.json"))
	if err != nil {
		b.Fatal(err)
	}
	var truth map[string]json.RawMessage
	var scenes map[string]string
	if err := json.Unmarshal(text, &truth); err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(truth["scenes"], &scenes); err != nil {
		b.Fatal(err)
	}
	var names []string
	for name := range scenes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			var spans [][2]float64
			if err := json.Unmarshal(truth[scenes[name]], &spans); err != nil {
				b.Fatal(err)
			}
			c := clip.Open(b, filepath.Join(dir, name+".mp4"))
			all := messages(c, true)
			before := cpu(b)
			var h *heard
			for b.Loop() {
				h = serveAll(b, all)
			}
			minutes := float64(len(c.Units)) / 15 / 60
			b.ReportMetric((cpu(b)-before)/float64(b.N)/minutes, "cpu-s/min")
			b.ReportMetric(float64(h.stats.Decoded)/minutes, "pictures/min")
			b.ReportMetric(float64(len(h.thumbs)), "thumbs")
			judge(b, h, c, spans)
		})
	}
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
	found, worst, mean := 0, 0.0, 0.0
	for _, s := range spans {
		for _, e := range events {
			if e[0] <= s[1] && e[1] >= s[0] {
				found++
				late := max(0, e[0]-s[0])
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
	}
}

func cpu(t testing.TB) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
