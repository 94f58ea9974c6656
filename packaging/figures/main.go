// Figures runs benchmarks and prints what they measure in one table, each figure beside its aim and beside how others do
// the same. It is what `make bench-storage`, `make bench-motion` and `make bench-16` run, in the repository's folder:
//
//	figures [storage | motion | sixteen]
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// run is a run of benchmarks.
type run struct {
	pkg, bench, time string
}

// topic is a table and what measures for it.
type topic struct {
	runs  []run
	print func(out io.Writer, values map[string]map[string]float64)
}

var topics = map[string]topic{
	"storage": {storageRuns, func(out io.Writer, v map[string]map[string]float64) { table(out, storageFigures, v) }},
	"motion":  {motionRuns, motionTables},
	"sixteen": {sixteenRuns, func(out io.Writer, v map[string]map[string]float64) { table(out, sixteenFigures, v) }},
}

// The order is that of how long they take.
var storageRuns = []run{
	{"./storage/segment", "^(BenchmarkSeal|BenchmarkRecover)$", "1s"},
	{"./storage/commit", "^BenchmarkRecord16$", "10s"},
	{"./storage/index", "^BenchmarkMonth$", "1x"},
	{"./storage", "^(BenchmarkFigures|BenchmarkPowerCut)$", "1x"},
	{"./e2e", "^(BenchmarkSeekPeers|BenchmarkRecording)$", "1x"},
}

// figure is a line of the table.
type figure struct {
	what  string
	bench string // name of the benchmark, without what precedes the last names and without the number of processors
	unit  string
	show  string  // how a value is written
	aim   float64 // what it is to stay below, or at least to be where it is negative; 0: there is no aim
}

var storageFigures = []figure{
	{"index, both streams, 50 events a day: written per camera-day, MiB", "Month", "growing-MiB-written/camera-day", "%.2f", 6},
	{"the same while as much is let go of, MiB", "Month", "full-MiB-written/camera-day", "%.2f", 6},
	{"index size per camera-day, KiB", "Month", "growing-KiB-size/camera-day", "%.1f", 64},
	{"the same while as much is let go of, KiB", "Month", "full-KiB-size/camera-day", "%.1f", 64},

	{"seek among 64 cameras × 30 days, first picture in hand, warm: p99, ms", "seek-warm", "p99-ms", "%.2f", 5},
	{"  half of them, ms", "seek-warm", "p50-ms", "%.2f", 0},
	{"  CPU, ms", "seek-warm", "cpu-ms", "%.2f", 0},
	{"  read calls, pages of the mapped index not among them", "seek-warm", "read-calls", "%.0f", 0},
	{"  MediaMTX, one camera's 30 days: p99, ms", "mediamtx-seek", "p99-ms", "%.0f", 0},
	{"  MediaMTX: half of them, ms", "mediamtx-seek", "p50-ms", "%.0f", 0},
	{"  MediaMTX: CPU, ms", "mediamtx-seek", "cpu-ms", "%.0f", 0},
	{"  MediaMTX: read calls", "mediamtx-seek", "read-calls", "%.0f", 0},
	{"  ffmpeg, in a file of 10 s that it is given: half of them, ms", "SeekPeers/ffmpeg", "p50-ms", "%.0f", 0},
	{"  ffmpeg: CPU, ms", "SeekPeers/ffmpeg", "cpu-ms", "%.0f", 0},
	{"seek cold: reads of the disk until the picture's place is known", "seek-cold", "disk-reads-to-find", "%.0f", 2},
	{"  of them pages of the index", "seek-cold", "of-them-index", "%.0f", 0},
	{"  reads of the disk for the picture, 500 KB", "seek-cold", "disk-reads-of-picture", "%.0f", 0},
	{"  half of them, ms", "seek-cold", "p50-ms", "%.1f", 0},
	{"  p99, ms", "seek-cold", "p99-ms", "%.1f", 0},

	{"a day's timeline out of them: p99, ms", "timeline", "p99-ms", "%.2f", 10},
	{"  half of them, ms", "timeline", "p50-ms", "%.2f", 0},
	{"  CPU, ms", "timeline", "cpu-ms", "%.2f", 0},
	{"  MediaMTX's list of a day: p99, ms", "mediamtx-timeline", "p99-ms", "%.0f", 0},
	{"  MediaMTX: CPU, ms", "mediamtx-timeline", "cpu-ms", "%.0f", 0},
	{"  MediaMTX: read calls", "mediamtx-timeline", "read-calls", "%.0f", 0},

	{"letting go of a day of 64 cameras, whole files: files", "let-go-whole", "files", "%.0f", 0},
	{"  s", "let-go-whole", "s", "%.1f", 0},
	{"  CPU, s", "let-go-whole", "cpu-s", "%.2f", 0},
	{"  written, MiB", "let-go-whole", "MiB-written", "%.1f", 0},
	{"  of them to the index, MiB", "let-go-whole", "MiB-index", "%.1f", 0},
	{"  to the cameras' ledgers, MiB", "let-go-whole", "MiB-ledger", "%.1f", 0},
	{"letting go of a day of 16 cameras but for 50 events each: whole files", "let-go-parts", "files", "%.0f", 0},
	{"  files into which holes are punched", "let-go-parts", "files-punched", "%.0f", 0},
	{"  s", "let-go-parts", "s", "%.1f", 0},
	{"  CPU, s", "let-go-parts", "cpu-s", "%.2f", 0},
	{"  written, MiB", "let-go-parts", "MiB-written", "%.1f", 0},
	{"  of them to the index, MiB", "let-go-parts", "MiB-index", "%.1f", 0},
	{"  to the cameras' ledgers, MiB", "let-go-parts", "MiB-ledger", "%.1f", 0},

	{"index lost, footage not in memory: names, until the box serves, files/s", "rebuild-names", "files/s", "%.0f", 0},
	{"  details, while it serves, files/s", "rebuild-details", "files/s", "%.0f", 0},
	{"  `hearth rebuild`, files/s", "Figures/rebuild", "files/s", "%.0f", 0},
	{"  that is, GB of footage a second with files of 300 MB", "Figures/rebuild", "GB-of-footage/s", "%.0f", 0},
	{"  CPU, ms per file", "Figures/rebuild", "cpu-ms/file", "%.2f", 0},
	{"power cut, 64 open files of almost ten minutes, 9.6 MB each: without checkpoints, s", "power-cut-whole", "s", "%.1f", 0},
	{"  CPU, s", "power-cut-whole", "cpu-s", "%.2f", 0},
	{"  read, MB", "power-cut-whole", "MB-read", "%.0f", 0},
	{"  with checkpoints, s", "power-cut-checkpoints", "s", "%.1f", 0},
	{"  CPU, s", "power-cut-checkpoints", "cpu-s", "%.2f", 0},
	{"  read, MB", "power-cut-checkpoints", "MB-read", "%.0f", 0},
	{"finishing one file of 75 MB: from its header, ms", "Recover/header", "ns/op", "ms", 0},
	{"  from its last checkpoint, ms", "Recover/checkpoint", "ns/op", "ms", 0},

	{"sealing, one core, MB/s", "Seal", "MB/s", "%.0f", 0},
	{"16 cameras × 4 Mbit/s sealed, written, durable each second: CPU s per camera-minute", "Record16", "cpu-s/camera-minute", "%.3f", 0},
	{"  write calls per camera-second", "Record16", "writes/camera-second", "%.2f", 0},
	{"  syncs per camera-second", "Record16", "syncs/camera-second", "%.2f", 0},
	{"  bytes more than the fragments, per camera-second", "Record16", "bytes-more/camera-second", "%.0f", 0},
	{"  a commit of 16 cameras, ms", "Record16", "ms/commit", "%.1f", 0},

	{"whole program, 16 cameras over RTSP: CPU s per camera-minute", "Recording", "hearth-CPU-s/cam-min", "%.3f", 0},
	{"  ffmpeg, one process a camera", "Recording", "ffmpeg-CPU-s/cam-min", "%.3f", 0},
	{"  MediaMTX", "Recording", "mediamtx-CPU-s/cam-min", "%.3f", 0},
	{"write calls per camera-second", "Recording", "hearth-writes/cam-s", "%.2f", 0},
	{"  ffmpeg", "Recording", "ffmpeg-writes/cam-s", "%.2f", 0},
	{"  MediaMTX", "Recording", "mediamtx-writes/cam-s", "%.2f", 0},
	{"syncs per camera-second, the index's among them", "Recording", "hearth-syncs/cam-s", "%.2f", 0},
	{"  ffmpeg", "Recording", "ffmpeg-syncs/cam-s", "%.2f", 0},
	{"  MediaMTX", "Recording", "mediamtx-syncs/cam-s", "%.2f", 0},
	{"memory per camera, MiB: all of it by 16", "Recording", "hearth-MiB/cam", "%.1f", 0},
	{"  ffmpeg, MiB", "Recording", "ffmpeg-MiB/cam", "%.1f", 0},
	{"  MediaMTX: all of it by 16, MiB", "Recording", "mediamtx-MiB/cam", "%.1f", 0},
}

func main() {
	name := "storage"
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	topic, ok := topics[name]
	if !ok || len(os.Args) > 2 {
		fmt.Fprintln(os.Stderr, "usage: figures [storage | motion | sixteen]")
		os.Exit(2)
	}
	machine()
	values := make(map[string]map[string]float64)
	failed := false
	for _, r := range topic.runs {
		begin := time.Now()
		if err := r.do(values); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", r.pkg, err)
			failed = true
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", r.pkg, time.Since(begin).Round(time.Second))
	}
	fmt.Printf("load at the end: %s\n\n", load())
	topic.print(os.Stdout, values)
	if failed {
		os.Exit(1)
	}
}

// machine says where this is measured.
func machine() {
	model := "unknown"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(b); m != nil {
			model = string(m[1])
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	fmt.Printf("%d × %s, Linux %s, %s\nload at the beginning: %s\n", runtime.NumCPU(), model, bytes.TrimSpace(kernel), runtime.Version(), load())
}

func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

var (
	result = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)
	metric = regexp.MustCompile(`(\S+) (\S+)`)
)

// do runs benchmarks and adds what they report to the values, by name and unit.
func (r run) do(values map[string]map[string]float64) error {
	cmd := exec.CommandContext(context.Background(), "go", "test", "-run", "^$", "-bench", r.bench, "-benchtime", r.time, "-timeout", "1h", r.pkg) //nolint:gosec // ours
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	for s := bufio.NewScanner(io.TeeReader(out, os.Stderr)); s.Scan(); {
		m := result.FindStringSubmatch(s.Text())
		if m == nil {
			continue
		}
		if values[m[1]] == nil {
			values[m[1]] = make(map[string]float64)
		}
		for _, pair := range metric.FindAllStringSubmatch(strings.Join(strings.Fields(m[2]), " "), -1) {
			if v, err := strconv.ParseFloat(pair[1], 64); err == nil {
				values[m[1]][pair[2]] = v
			}
		}
	}
	return cmd.Wait()
}

// table prints the figures that were measured, and names those that were not.
func table(out io.Writer, figures []figure, values map[string]map[string]float64) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tmeasured\taim\t")
	for _, f := range figures {
		v, ok := f.find(values)
		shown := "not measured"
		if ok && f.show == "ms" {
			shown = fmt.Sprintf("%.1f", v/1e6)
		} else if ok {
			shown = fmt.Sprintf(f.show, v)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t\n", f.what, shown, f.verdict(v, ok))
	}
	_ = w.Flush()
}

// verdict is the aim and whether it is met.
func (f figure) verdict(v float64, measured bool) string {
	if f.aim == 0 {
		return ""
	}
	aim, met := fmt.Sprintf("%g", f.aim), v <= f.aim
	if f.aim < 0 {
		aim, met = fmt.Sprintf("at least %g", -f.aim), v >= -f.aim
	}
	switch {
	case !measured:
		return aim
	case met:
		return aim + ": met"
	}
	return aim + ": MISSED"
}

func (f figure) find(values map[string]map[string]float64) (float64, bool) {
	for name, units := range values {
		if name == f.bench || strings.HasSuffix(name, "/"+f.bench) {
			if v, ok := units[f.unit]; ok {
				return v, true
			}
		}
	}
	return 0, false
}
