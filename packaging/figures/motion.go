package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

var motionRuns = []run{
	{"./nvr/motion", "^BenchmarkLook$", "2s"},
	{"./nvr/vision", "^BenchmarkScenes$", "1x"},
}

var sixteenRuns = []run{{"./e2e", "^BenchmarkSixteen$", "1x"}}

var sixteenFigures = []figure{
	{"16 calm cameras of 1080p15 4 Mbit/s, sub streams of 640x360: CPU s per camera-minute, all of it", "with-sub-streams", "CPU-s/cam-min", "%.3f", 0.45},
	{"  hearth: receives, seals, records both, feeds the workers", "with-sub-streams", "hearth-CPU-s/cam-min", "%.3f", 0},
	{"  the workers", "with-sub-streams", "workers-CPU-s/cam-min", "%.3f", 0},
	{"  memory of all of it (Pss), MiB", "with-sub-streams", "MiB", "%.0f", 1024},
	{"  of hearth (Pss), MiB", "with-sub-streams", "hearth-MiB", "%.0f", 0},
	{"  of a worker (Pss), MiB", "with-sub-streams", "worker-MiB", "%.1f", 0},
	{"  of the largest worker, with all that workers share (Rss), MiB", "with-sub-streams", "largest-worker-rss-MiB", "%.1f", 25},
	{"  written, Mbit/s per camera", "with-sub-streams", "written-Mbit/s/cam", "%.2f", 0},
	{"  events", "with-sub-streams", "events", "%.0f", 0},
	{"the same without sub streams: CPU s per camera-minute, all of it", "without", "CPU-s/cam-min", "%.3f", 0.9},
	{"  hearth", "without", "hearth-CPU-s/cam-min", "%.3f", 0},
	{"  the workers", "without", "workers-CPU-s/cam-min", "%.3f", 0},
	{"  memory of all of it (Pss), MiB", "without", "MiB", "%.0f", 1024},
	{"  of hearth (Pss), MiB", "without", "hearth-MiB", "%.0f", 0},
	{"  of a worker (Pss), MiB", "without", "worker-MiB", "%.1f", 0},
	{"  of the largest worker, with all that workers share (Rss), MiB", "without", "largest-worker-rss-MiB", "%.1f", 60},
	{"  written, Mbit/s per camera", "without", "written-Mbit/s/cam", "%.2f", 0},
	{"  events", "without", "events", "%.0f", 0},
}

// What a scene may cost of what decoding everything costs: while nothing moves, and where something does for at least a
// third of the time. And what a calm sub stream may cost in a minute.
const (
	calmPart   = 1.0 / 12
	movingPart = 1.0 / 3
	calmCPU    = 0.06
)

// motionTables prints how each scene was seen and what that cost, and the look alone.
func motionTables(out io.Writer, values map[string]map[string]float64) {
	scenes := make(map[string]map[string]float64)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		scene, ok := strings.CutPrefix(name, "Scenes/")
		if !ok {
			continue
		}
		scenes[scene] = values[name]
		if of, ok := strings.CutSuffix(scene, "/640x360/hearth"); ok {
			names = append(names, of)
		}
	}
	for _, size := range []string{"640x360", "1920x1080"} {
		fmt.Fprintf(out, "%s, key frames every 2 s. CPU: seconds per minute of video.\n", size)
		largest := make(map[string]float64)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "scene\tmoves\tfound\tfalse s/min\tin first 20 s\tfalse events/h\tlate, median/worst s\tnoticed\tlooks/min\tCPU\tdecoding all\tpart\tverdict\t")
		for _, name := range names {
			v, all := scenes[name+"/"+size+"/hearth"], scenes[name+"/"+size+"/everything"]
			if v == nil || all == nil {
				fmt.Fprintf(w, "%s\tnot measured\t\n", name)
				continue
			}
			for _, unit := range []string{"MiB-rss", "MiB-pss"} {
				largest[unit] = max(largest[unit], v[unit])
			}
			part := v["cpu-s/min"] / all["cpu-s/min"]
			fmt.Fprintf(w, "%s\t%.0f %%\t%.0f/%.0f\t%.1f\t%.1f\t%.1f\t%s\t%s\t%.0f\t%.3f\t%.3f\t%s\t%s\t\n", name, 100*v["moves"], v["found"], v["true"],
				v["false-s/min"], v["false-s-20"], v["false/h"], lateness(v, "late"), lateness(v, "noticed"), v["looks/min"],
				v["cpu-s/min"], all["cpu-s/min"], fraction(part), sceneVerdict(size, v, all, part))
		}
		_ = w.Flush()
		fmt.Fprintln(out)
		if len(largest) > 0 {
			values[size] = largest
		}
	}
	table(out, motionFigures, values)
}

var motionFigures = []figure{
	{"the look alone, calm: pictures a second of a core", "Look/calm", "pictures/cpu-s", "%.0f", -3000},
	{"the look alone, two walkers: pictures a second of a core", "Look/moving", "pictures/cpu-s", "%.0f", -3000},
	{"the largest worker on a sub stream, with all that workers share (Rss), MiB", "640x360", "MiB-rss", "%.1f", 25},
	{"  without what other processes have too (Pss), MiB", "640x360", "MiB-pss", "%.1f", 0},
	{"the largest worker on 1080p (Rss), MiB", "1920x1080", "MiB-rss", "%.1f", 60},
	{"  (Pss), MiB", "1920x1080", "MiB-pss", "%.1f", 0},
}

func lateness(v map[string]float64, what string) string {
	if _, ok := v[what+"-s"]; !ok {
		return "–"
	}
	return fmt.Sprintf("%.1f/%.1f", v[what+"-s"], v[what+"-worst-s"])
}

func fraction(part float64) string {
	if part <= 0 {
		return "–"
	}
	return fmt.Sprintf("1/%.1f", 1/part)
}

// sceneVerdict says what of a scene misses its aim.
func sceneVerdict(size string, v, all map[string]float64, part float64) string {
	var missed []string
	say := func(miss bool, what string) {
		if miss {
			missed = append(missed, what)
		}
	}
	say(v["found"] < v["true"], "not all found")
	say(v["false-s/min"] > 0 || v["false/h"] > 0, "false")
	say(v["true"] == 0 && part > calmPart, "part > 1/12")
	say(v["true"] == 0 && size == "640x360" && v["cpu-s/min"] > calmCPU, "CPU > 0.06")
	say(v["moves"] >= 1.0/3 && part > movingPart, "part > 1/3")
	say(v["skipped"] > 0 || all["skipped"] > 0, "units left out: the machine is too busy")
	if len(missed) == 0 {
		return "met"
	}
	return "MISSED: " + strings.Join(missed, ", ")
}
