package e2e

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// killTable says what the kills cost, by camera and by the moment at which lives ended.
func killTable(lives []*life) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nlost at the end of a life\tlives\tpictures kept\tpictures p50\tp95\tmax\tms p50\tp95\tmax\t")
	line := func(name string, chosen func(l *life, camera int) bool) {
		var frames, times []int64
		kept, counted := 0, 0
		for _, l := range lives {
			any := false
			for c := 1; c <= killCameras; c++ {
				if here := l.cameras[c]; chosen(l, c) && here.sent > 0 {
					any = true
					kept += here.kept
					frames = append(frames, int64(here.missing))
					times = append(times, here.time.Milliseconds())
				}
			}
			if any {
				counted++
			}
		}
		slices.Sort(frames)
		slices.Sort(times)
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, counted, kept,
			part(frames, 50), part(frames, 95), part(frames, 100), part(times, 50), part(times, 95), part(times, 100))
	}
	killed := func(l *life) bool { return l.end != stopped }
	for c := 1; c <= killCameras; c++ {
		line(fmt.Sprintf("camera %d", c), func(l *life, camera int) bool { return killed(l) && camera == c })
	}
	line("all", func(l *life, _ int) bool { return killed(l) })
	for _, end := range []string{whileRecording, whileStarting, whileStopping, stopped} {
		line(end, func(l *life, _ int) bool { return l.end == end })
	}
	w.Flush()

	var starts []int64
	for _, l := range lives {
		if !l.online.IsZero() {
			starts = append(starts, l.online.Sub(l.began).Milliseconds())
		}
	}
	slices.Sort(starts)
	fmt.Fprintf(&b, "from the start to pictures of all %d cameras: p50 %d ms, p95 %d ms, max %d ms\n", killCameras,
		part(starts, 50), part(starts, 95), part(starts, 100))
	return b.String()
}

// part is the value below which so many hundredths of the sorted values lie; 100 is the largest.
func part(sorted []int64, hundredths int) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*hundredths/100)]
}
