package vision

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
)

// Of what BenchmarkScenes plays.
const (
	sceneFPS    = 15
	sceneSettle = 5 * time.Second // of video, until CPU time counts: a worker's start is no running cost
)

// sceneSizes are the streams that cameras send: a sub stream and a main stream.
var sceneSizes = []sceneSize{{"640x360", "512k"}, {"1920x1080", "4M"}}

type sceneSize struct{ size, rate string }

// scene is video of which it is known what moves when.
type scene struct {
	name  string
	spans [][2]float64 // seconds in which something moves
	file  func(sceneSize) string
}

// BenchmarkScenes plays scenes to real workers at the pace at which cameras send them, and judges what they say: each
// as a sub stream and as a main stream, each to a worker as it is and to one that decodes every picture and looks with
// the same eye (attentive), all at the same time.
//
// The scenes are those that HEARTH_FOOTAGE's make-scenes makes, where that names a folder with one; else drawn yards. They
// are kept in .cache/bench. HEARTH_SPEED plays them so many times as fast: for a quick look, since a processor that never
// sleeps decodes with warm caches. HEARTH_ONLY is a pattern of what to play, NAME/SIZE. HEARTH_VISION_BESIDE may
// list other builds of hearth-vision, to which all of them are shown too.
//
//	go test -run '^$' -bench '^BenchmarkScenes$' -benchtime 1x -timeout 1h ./nvr/vision
func BenchmarkScenes(b *testing.B) {
	speed := 1.0
	if s, err := strconv.ParseFloat(os.Getenv("HEARTH_SPEED"), 64); err == nil && s > 0 {
		speed = s
	}
	ways := []string{"hearth", "everything"}
	ways = append(ways, filepath.SplitList(os.Getenv("HEARTH_VISION_BESIDE"))...)
	only, err := regexp.Compile(os.Getenv("HEARTH_ONLY"))
	if err != nil {
		b.Fatal(err)
	}
	var all []*showing
	for _, s := range scenes(b) {
		for _, size := range sceneSizes {
			name := s.name + "/" + size.size
			if !only.MatchString(name) {
				continue
			}
			c := clip.Open(b, s.file(size))
			for _, way := range ways {
				path := program
				if filepath.IsAbs(way) {
					path = way
				}
				all = append(all, &showing{name: name + "/" + filepath.Base(way), scene: s, clip: c, speed: speed, worker: &Worker{
					Program: path, Camera: media.NewCameraID(), Hardware: "software",
					Motion: media.MotionSettings{Sensitivity: 0.5, Attentive: way == "everything"},
				}})
			}
		}
	}
	// As many scenes at a time as leave more than half of the processors to whatever else there is.
	most := int(max(1, 1.5*float64(runtime.NumCPU())/speed)) * len(sceneSizes) * len(ways)
	for group := range slices.Chunk(all, most) {
		var playing sync.WaitGroup
		for _, p := range group {
			playing.Go(func() { p.play(b.Context()) })
		}
		playing.Wait()
	}
	for _, p := range all {
		b.Run(p.name, p.report)
	}
}

// showing is one worker that a scene is shown to, and what it said.
type showing struct {
	name   string
	scene  scene
	clip   *clip.Clip
	speed  float64
	worker *Worker

	begun    time.Time
	looks    []seen
	end      Status
	rss, pss int64 // at the end, bytes
}

// seen is a look, in seconds of the scene.
type seen struct {
	at, noticed float64
	moving      bool
	cpu         float64 // of the worker, as it said last
}

// play shows the scene once.
func (p *showing) play(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	p.begun = time.Now()
	p.worker.OnLook = func(l Look) {
		p.looks = append(p.looks, seen{
			l.At.Sub(p.begun).Seconds(), time.Since(p.begun).Seconds() * p.speed, l.Moving, p.worker.Status().CPU,
		})
	}
	go func() {
		defer close(done)
		_ = p.worker.Run(ctx)
	}()
	run := *p.clip.Run
	for i := range p.clip.Units {
		u := p.clip.Units[i]
		since := time.Duration(u.DTS) * time.Second / media.VideoClockRate
		<-time.After(time.Until(p.begun.Add(time.Duration(float64(since) / p.speed))))
		u.Camera, u.Wall = p.worker.Camera, p.begun.Add(since)
		p.worker.WriteUnit(&run, &u)
	}
	<-time.After(2 * time.Second) // it says how it does that often
	p.end = p.worker.Status()
	p.worker.mu.Lock()
	pid := p.worker.pid
	p.worker.mu.Unlock()
	p.rss, p.pss = memoryOf(pid)
	cancel()
	<-done
}

// memoryOf reads a process's Rss (with all that it shares) and Pss (with its share of that), in bytes. Not everybody may.
func memoryOf(pid int) (rss, pss int64) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "Rss: %d kB", &kb); err == nil {
			rss = kb << 10
		} else if _, err := fmt.Sscanf(line, "Pss: %d kB", &kb); err == nil {
			pss = kb << 10
		}
	}
	return rss, pss
}

// report says how well it was seen and what that cost.
func (p *showing) report(b *testing.B) {
	if s := p.end; s.Restarts > 0 || s.Dropped > 0 || s.Skipped > 0 || s.Bad > 0 {
		b.Logf("not all was looked at: %+v", s)
	}
	if len(p.looks) < 2 {
		b.Fatalf("%d looks: %+v", len(p.looks), p.end)
	}
	b.ReportMetric(0, "ns/op")
	for unit, x := range p.judge() {
		b.ReportMetric(x, unit)
	}
}
