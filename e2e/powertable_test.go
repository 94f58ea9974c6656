package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"hearth/e2e/power"
)

// count exports everything of each camera and reads the number of every picture.
func (p *plug) count(t *testing.T) {
	t.Helper()
	for i, id := range p.ids {
		file := p.box.export(t, id, time.Now().Add(-12*time.Hour), time.Now())
		p.numbers = append(p.numbers, numbers(t, file, powerWidth, powerHeight, uint16(i+1)))
	}
}

// account says for each life what of each camera was lost.
func (p *plug) account(t *testing.T) {
	t.Helper()
	p.sent.more(t)
	for i := range p.ids {
		account(t, uint16(i+1), p.lives, p.sent, p.numbers[i])
	}
	// Of the last life not everything was there yet when the pictures were counted.
	p.lives = p.lives[:len(p.lives)-1]
}

// judge holds what was lost against the promise.
func (p *plug) judge(t *testing.T) {
	t.Helper()
	kept := 0
	for n, l := range p.lives {
		for i := range p.ids {
			here := l.cameras[i+1]
			kept += here.kept
			if most := p.most(n); here.time > most {
				t.Errorf("%s: life %d, ended %s %s after its start: camera %d lost %d pictures, %s", p.system, n, l.end,
					l.died.Sub(l.began).Round(time.Millisecond), i+1, here.missing, here.time.Round(time.Millisecond))
			}
		}
	}
	if least := len(p.cuts) * powerCameras * powerFPS; kept < least {
		t.Errorf("%s: %d pictures were kept, want at least %d: this proves nothing", p.system, kept, least)
	}
	if stats := p.disk.Stats(); stats.Lost == 0 || stats.Flushes == 0 {
		t.Errorf("%s: the disk lost nothing: this proves nothing (%+v)", p.system, stats)
	}
	for _, what := range []string{"check --deep", "recovered twice", "files finished", "journals replayed"} {
		if p.looked[what] == 0 {
			t.Errorf("%s: %s: not once", p.system, what)
		}
	}
	for _, line := range p.trouble {
		t.Errorf("%s: the machine said: %s", p.system, line)
	}
	if t.Failed() {
		t.Logf("disk and console are kept in %s", p.kept)
	}
}

// most is what may be lost at the end of a life. A processor that is emulated, and shared with whatever else runs here, may
// stand still for longer than a commit may take, so there the promise is counted but not insisted on to the second.
func (p *plug) most(life int) time.Duration {
	most := p.promised(life)
	if p.machine.Accelerator == power.Emulated {
		most += powerEmulated
	}
	return most
}

// promised is the same without that.
func (p *plug) promised(life int) time.Duration {
	if p.rotated[life] {
		return powerRotating
	}
	return powerPromise
}

// last says how the last cut went.
func (p *plug) last() string {
	if len(p.cuts) == 0 {
		return ""
	}
	c := p.cuts[len(p.cuts)-1]
	return fmt.Sprintf("the last %s, %.1f s after the switch; the disk kept %s", c.moment, c.after.Seconds(), c.way)
}

// table says what the cuts cost.
func (p *plug) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nlost at a cut, %s\tcuts\tpictures kept\tpictures p50\tmax\tms p50\tp95\tmax\t\n", p.system)
	line := func(name string, chosen func(c cut, camera int) bool) {
		var frames, times []int64
		kept, cuts := 0, 0
		for _, c := range p.cuts {
			some := false
			for _, l := range p.lives {
				for camera := 1; camera <= powerCameras && l.died.Equal(c.died); camera++ {
					if here := l.cameras[camera]; chosen(c, camera) && here.sent > 0 {
						kept, some = kept+here.kept, true
						frames = append(frames, int64(here.missing))
						times = append(times, here.time.Milliseconds())
					}
				}
			}
			if some {
				cuts++
			}
		}
		slices.Sort(frames)
		slices.Sort(times)
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, cuts, kept, part(frames, 50), part(frames, 100),
			part(times, 50), part(times, 95), part(times, 100))
	}
	ways, moments := make(map[string]bool), make(map[string]int)
	for camera := 1; camera <= powerCameras; camera++ {
		line(fmt.Sprintf("camera %d", camera), func(_ cut, of int) bool { return of == camera })
	}
	line("a disk that does not rotate", func(c cut, _ int) bool { return !c.rotates })
	line("one that rotates", func(c cut, _ int) bool { return c.rotates })
	line("aimed", func(c cut, _ int) bool { return c.aimed })
	for _, c := range p.cuts {
		ways[c.way] = true
		moments[c.moment]++
	}
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		line("cache: "+way, func(c cut, _ int) bool { return c.way == way })
	}
	w.Flush()
	over, of := 0, 0
	for n, l := range p.lives {
		for camera := 1; camera <= powerCameras; camera++ {
			if here := l.cameras[camera]; l.end != stopped && here.sent > 0 {
				of++
				if here.time > p.promised(n) {
					over++
				}
			}
		}
	}
	fmt.Fprintf(&b, "more than promised (%s, rotating %s): %d of %d losses\n", powerPromise, powerRotating, over, of)
	fmt.Fprintf(&b, "cuts: %d %s, %d %s; accelerator %s\n", moments[whileRecording], whileRecording,
		moments[whileStarting], whileStarting, p.machine.Accelerator)
	for _, what := range slices.Sorted(maps.Keys(p.looked)) {
		fmt.Fprintf(&b, "%s: %d times; ", what, p.looked[what])
	}
	slices.Sort(p.commits)
	slices.Sort(p.risks)
	fmt.Fprintf(&b, "\nas the box says: a commit took p50 %d ms, p95 %d ms, max %d ms; ",
		part(p.commits, 50), part(p.commits, 95), part(p.commits, 100))
	fmt.Fprintf(&b, "footage was at risk for p50 %d ms, p95 %d ms, max %d ms",
		part(p.risks, 50), part(p.risks, 95), part(p.risks, 100))
	stats := p.disk.Stats()
	fmt.Fprintf(&b, "\nthe disk: %d writes, %d flushes; at the cuts %d sectors of its cache were kept, %d lost, %d writes torn\n",
		stats.Writes, stats.Flushes, stats.Kept, stats.Lost, stats.Torn)
	fmt.Fprintf(&b, "promised and held: %d changes of settings with their audit lines, %d events\n",
		p.promise.changes, len(p.promise.events))
	return b.String()
}
