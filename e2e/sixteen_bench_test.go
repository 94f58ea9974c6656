package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sixteenSpan is how long the benchmark of the whole box measures.
const sixteenSpan = 2 * time.Minute

// BenchmarkSixteen measures the whole box, hearth and its workers, with 16 calm cameras of 1080p15 at 4 Mbit/s: with a sub
// stream of 640x360 at 512 kbit/s each, which is recorded and looked at, and without one, when the main stream is looked at.
// The cameras are another process, which is not counted. Memory is Pss, so that what the workers share counts once, and
// Rss of the largest worker, which is what one more camera's worker can cost at most.
//
//	go test -run '^$' -bench Sixteen -benchtime 1x ./e2e
func BenchmarkSixteen(b *testing.B) {
	for _, c := range []struct {
		name string
		sub  bool
	}{{"with-sub-streams", true}, {"without", false}} {
		b.Run(c.name, func(b *testing.B) {
			args := []string{"--cameras", strconv.Itoa(benchCameras), "--clip", calmClip(b, 1920, 1080, 4000)}
			if c.sub {
				args = append(args, "--sub-clip", calmClip(b, 640, 360, 512))
			}
			urls := sim(b, args...)
			a := serve(b, "")
			for i, url := range urls {
				settings := map[string]any{"name": fmt.Sprintf("Camera %d", i+1), "url": url, "record": "continuous"}
				if c.sub {
					settings["detect_url"] = strings.TrimSuffix(url, "/") + "/sub"
				}
				a.add(b, settings)
			}
			allOnline(b, a, benchCameras)
			var workers []int
			eventually(b, time.Minute, "a worker for each camera", func() bool {
				workers = children(b, a.cmd.Process.Pid)
				return len(workers) == benchCameras
			})
			<-time.After(2 * benchSettle) // backgrounds are learned, clocks found
			hearth := &measured{name: "hearth", cameras: benchCameras, pids: []int{a.cmd.Process.Pid}, syncs: -1}
			looks := &measured{name: "its workers", cameras: benchCameras, pids: workers, syncs: -1}
			for b.Loop() {
				measure(b, sixteenSpan, hearth, looks)
			}
			table(sixteenSpan, hearth, looks)
			if now := children(b, a.cmd.Process.Pid); len(now) != benchCameras || now[0] != workers[0] {
				b.Errorf("workers ended while they were measured: %v, now %v", workers, now)
			}
			largest := int64(0)
			for _, pid := range workers {
				rss, err := field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Rss:")
				if err != nil {
					b.Fatal(err)
				}
				largest = max(largest, rss<<10)
			}
			const mib = 1 << 20
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(hearth.perCameraMinute(sixteenSpan), "hearth-CPU-s/cam-min")
			b.ReportMetric(looks.perCameraMinute(sixteenSpan), "workers-CPU-s/cam-min")
			b.ReportMetric(hearth.perCameraMinute(sixteenSpan)+looks.perCameraMinute(sixteenSpan), "CPU-s/cam-min")
			b.ReportMetric(float64(hearth.result.memory)/mib, "hearth-MiB")
			b.ReportMetric(float64(looks.result.memory)/mib/benchCameras, "worker-MiB")
			b.ReportMetric(float64(largest)/mib, "largest-worker-rss-MiB")
			b.ReportMetric(float64(hearth.result.memory+looks.result.memory)/mib, "MiB")
			b.ReportMetric(float64(hearth.result.written)*8/1e6/sixteenSpan.Seconds()/benchCameras, "written-Mbit/s/cam")
			var events struct {
				Items []json.RawMessage `json:"items"`
			}
			a.do(b, "GET", "/events?"+fromTo(time.Now().Add(-time.Hour), time.Now()), nil, &events)
			b.ReportMetric(float64(len(events.Items)), "events")
		})
	}
}
