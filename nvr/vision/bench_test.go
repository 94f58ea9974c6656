package vision

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
)

// Of what BenchmarkMinute measures.
const (
	benchSettle = 15 * time.Second // start, warm-up
	benchSpan   = 60 * time.Second
)

// BenchmarkMinute measures what workers cost at a camera's own pace: a still, noisy scene at a constant bit rate, 15
// pictures and half a key frame a second; calm, and attentive, which decodes every picture, at the same time. CPU
// seconds per minute and resident memory are the worker process's own; hearth-cpu is this process's share of all of
// them, the pretended cameras included.
//
// HEARTH_VISION_BESIDE may name another build of hearth-vision, which is then measured beside this one, calm.
func BenchmarkMinute(b *testing.B) {
	beside := os.Getenv("HEARTH_VISION_BESIDE")
	var all []*paced
	for _, size := range []struct{ name, size, rate string }{{"1080p15-4M", "1920x1080", "4M"}, {"360p15-512k", "640x360", "512k"}} {
		c := clip.Make(b, append(clip.Still(size.size, 15, 20), "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency",
			"-g", "30", "-sc_threshold", "0", "-bf", "0", "-x264-params", "sliced-threads=0:nal-hrd=cbr",
			"-b:v", size.rate, "-minrate", size.rate, "-maxrate", size.rate, "-bufsize", size.rate)...)
		add := func(name, path string, attentive bool) {
			all = append(all, &paced{name: name + "-" + size.name, clip: c, worker: &Worker{
				Program: path, Camera: media.NewCameraID(),
				Motion: media.MotionSettings{Sensitivity: 0.5, Attentive: attentive},
			}})
		}
		add("calm", program, false)
		if beside != "" {
			add("calm-beside", beside, false)
		} else {
			add("attentive", program, true)
		}
	}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for _, p := range all {
		running.Go(func() { _ = p.worker.Run(ctx) })
		running.Go(func() { p.send(ctx) })
	}
	<-time.After(benchSettle)
	for b.Loop() {
		own := ownCPU(b)
		for _, p := range all {
			p.before, p.begun = p.worker.Status(), time.Now()
		}
		<-time.After(benchSpan)
		for _, p := range all {
			s := p.worker.Status()
			if s.Restarts > 0 || s.Dropped > 0 || s.Skipped > 0 || s.Bad > 0 {
				b.Errorf("%s: %+v", p.name, s)
			}
			b.ReportMetric((s.CPU-p.before.CPU)/time.Since(p.begun).Minutes(), p.name+"-cpu-s/min")
			b.ReportMetric(float64(s.RSS>>10)/1024, p.name+"-MB")
			fmt.Printf("%-28s %.3f CPU s/min %6.1f MB %v looks\n", p.name, (s.CPU-p.before.CPU)/time.Since(p.begun).Minutes(), float64(s.RSS)/(1<<20), s.Looks-p.before.Looks)
		}
		b.ReportMetric((ownCPU(b)-own)/float64(len(all)), "hearth-cpu-s/min")
	}
}

// paced is a worker with a camera that sends as fast as it films.
type paced struct {
	name   string
	clip   *clip.Clip
	worker *Worker
	before Status
	begun  time.Time
}

func (p *paced) send(ctx context.Context) {
	pace := time.NewTicker(time.Second / 15)
	defer pace.Stop()
	for shift := time.Duration(0); ; shift += length(p.clip) {
		for i := range p.clip.Units {
			select {
			case <-ctx.Done():
				return
			case <-pace.C:
			}
			u := shifted(p.clip, i, shift)
			u.Camera = p.worker.Camera
			p.worker.WriteUnit(p.clip.Run, &u)
		}
	}
}

func ownCPU(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
