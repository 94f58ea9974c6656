package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"text/tabwriter"
	"time"
)

// Of what the benchmarks' cameras send.
const (
	benchCameras = 16
	benchSettle  = 15 * time.Second
	benchSpan    = 60 * time.Second
)

// calmClip makes a video of a still, noisy scene with a camera's constant 4 Mbit/s, GOP 2 s, kept between runs.
func calmClip(b *testing.B, width, height, kbit int) string {
	b.Helper()
	dir, err := filepath.Abs("../.cache/bench")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(dir, fmt.Sprintf("calm-%dx%d-%dk.mp4", width, height, kbit))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	rate := strconv.Itoa(kbit) + "k"
	// One picture of a test scene, held, with fresh noise on every frame: what a yard at noon is to an encoder.
	tool(b, "ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi",
		"-i", fmt.Sprintf("testsrc2=s=%dx%d:r=15:d=1,trim=end_frame=1,loop=300:1:0,setpts=N/15/TB,noise=c0s=8:c0f=t+u", width, height),
		"-t", "20", "-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "high", "-pix_fmt", "yuv420p",
		"-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-bf", "0",
		"-x264-params", "sliced-threads=0:ref=1:nal-hrd=cbr", "-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate,
		"-movflags", "+faststart", path+".part.mp4")
	if err := os.Rename(path+".part.mp4", path); err != nil {
		b.Fatal(err)
	}
	return path
}

// measured reads what processes use over a span of time, and gives it per camera-minute.
type measured struct {
	name    string
	cameras int
	pids    []int
	syncs   float64 // for a camera in a second; negative: not counted
	before  usage
	result  usage
}

func measure(b *testing.B, span time.Duration, all ...*measured) {
	b.Helper()
	var err error
	for _, m := range all {
		if m.before, err = read(m.pids...); err != nil {
			b.Fatal(err)
		}
	}
	<-time.After(span)
	for _, m := range all {
		after, err := read(m.pids...)
		if err != nil {
			b.Fatalf("%s ended while it was measured: %v", m.name, err)
		}
		m.result = after.since(m.before)
	}
}

// perCameraMinute is CPU seconds for one camera in one minute.
func (m *measured) perCameraMinute(span time.Duration) float64 {
	return m.result.cpu.Seconds() / span.Minutes() / float64(m.cameras)
}

// writes is calls for one camera in one second.
func (m *measured) writes(span time.Duration) float64 {
	return float64(m.result.writeCalls) / span.Seconds() / float64(m.cameras)
}

func table(span time.Duration, all ...*measured) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nwhat\tCPU s per camera-minute\tmemory MiB in all\twritten Mbit/s per camera\twrite calls per camera-second\tsyncs\t")
	for _, m := range all {
		syncs := "?"
		if m.syncs >= 0 {
			syncs = fmt.Sprintf("%.2f", m.syncs)
		}
		fmt.Fprintf(w, "%s\t%.3f\t%.0f\t%.2f\t%.2f\t%s\t\n", m.name, m.perCameraMinute(span), float64(m.result.memory)/(1<<20),
			float64(m.result.written)*8/1e6/span.Seconds()/float64(m.cameras), m.writes(span), syncs)
	}
	w.Flush()
}

// BenchmarkRecording measures receiving, sealing and recording beside what Frigate's recorder does, one
// `ffmpeg -c copy -f segment` per camera, and beside MediaMTX, on the same cameras at the same time.
func BenchmarkRecording(b *testing.B) {
	urls := sim(b, "--cameras", strconv.Itoa(benchCameras), "--clip", calmClip(b, 1920, 1080, 4000))
	a := serve(b, "")
	hearth := &measured{name: "hearth: receive, seal, record", cameras: benchCameras, pids: []int{a.cmd.Process.Pid}}
	for i, url := range urls {
		a.add(b, map[string]any{
			"name": fmt.Sprintf("Camera %d", i+1), "url": url, "record": "continuous",
			"motion": map[string]any{"sensitivity": 0.5, "off": true},
		})
	}
	out := b.TempDir()
	ffmpeg := &measured{name: "ffmpeg -c copy -f segment", cameras: benchCameras}
	for i, url := range urls {
		p := start(b, "ffmpeg", nil, "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", url, "-c", "copy",
			"-f", "segment", "-segment_time", "10", "-reset_timestamps", "1", filepath.Join(out, fmt.Sprintf("%d-%%05d.mp4", i)))
		ffmpeg.pids = append(ffmpeg.pids, p.cmd.Process.Pid)
	}
	all := map[string]*measured{"hearth": hearth, "ffmpeg": ffmpeg}
	if program := mediamtx(b); program != "" {
		paths := make(map[string]string)
		for i, url := range urls {
			paths[fmt.Sprintf("camera%d", i)] = url
		}
		p := startPeer(b, program, paths)
		all["mediamtx"] = &measured{name: "MediaMTX v1.14.0", cameras: benchCameras, pids: []int{p.cmd.Process.Pid}}
		p.recording(b, benchCameras)
	}
	allOnline(b, a, benchCameras)
	<-time.After(benchSettle)

	list := slices.Collect(maps.Values(all))
	for b.Loop() {
		measure(b, benchSpan, list...)
	}
	for _, m := range list {
		m.syncs = syncs(b, m.pids) / benchCameras
	}
	table(benchSpan, list...)
	for name, m := range all {
		b.ReportMetric(m.perCameraMinute(benchSpan), name+"-CPU-s/cam-min")
		b.ReportMetric(m.writes(benchSpan), name+"-writes/cam-s")
		b.ReportMetric(float64(m.result.memory)/(1<<20)/benchCameras, name+"-MiB/cam")
		if m.syncs >= 0 {
			b.ReportMetric(m.syncs, name+"-syncs/cam-s")
		}
	}
	b.ReportMetric(hearth.perCameraMinute(benchSpan)/ffmpeg.perCameraMinute(benchSpan), "hearth/ffmpeg")
}

// BenchmarkVision measures the workers on a calm scene beside the same workers with the same FFmpeg decoding every
// frame, on the same cameras at the same time.
func BenchmarkVision(b *testing.B) {
	for _, size := range []struct{ width, height, kbit int }{{1920, 1080, 4000}, {640, 360, 512}} {
		b.Run(fmt.Sprintf("%dx%d", size.width, size.height), func(b *testing.B) {
			urls := sim(b, "--cameras", "2", "--clip", calmClip(b, size.width, size.height, size.kbit))
			calm := watched(b, urls[0], "hearth-vision, calm", false)
			every := watched(b, urls[1], "the same, decoding every frame", true)
			<-time.After(benchSettle)
			for b.Loop() {
				measure(b, benchSpan, calm, every)
			}
			table(benchSpan, calm, every)
			b.ReportMetric(calm.perCameraMinute(benchSpan), "calm-CPU-s/cam-min")
			b.ReportMetric(every.perCameraMinute(benchSpan), "every-CPU-s/cam-min")
			b.ReportMetric(calm.perCameraMinute(benchSpan)/every.perCameraMinute(benchSpan), "calm/every")
		})
	}
}

// watched starts a box with one camera and gives its worker.
func watched(b *testing.B, url, name string, attentive bool) *measured {
	b.Helper()
	a := serve(b, "")
	a.add(b, map[string]any{
		"name": "Camera", "url": url, "record": "off",
		"motion": map[string]any{"sensitivity": 0.5, "attentive": attentive},
	})
	allOnline(b, a, 1)
	var pids []int
	eventually(b, 20*time.Second, "a worker", func() bool {
		pids = children(b, a.cmd.Process.Pid)
		return len(pids) == 1
	})
	return &measured{name: name, cameras: 1, pids: pids, syncs: -1}
}

func allOnline(t testing.TB, a *appliance, want int) {
	t.Helper()
	eventually(t, time.Minute, "all cameras online", func() bool {
		var list struct {
			Items []camera `json:"items"`
		}
		a.do(t, "GET", "/cameras", nil, &list)
		online := 0
		for _, c := range list.Items {
			if c.State == "online" {
				online++
			}
		}
		return online == want
	})
}
