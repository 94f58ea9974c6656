package motion_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/motion"
)

// The scenes are judged when they are there: HEARTH_FOOTAGE names the folder with make-scenes and scenes.json, and
// HEARTH_SCENES the one with the scenes made (they are made when it is empty, which takes minutes).
//
//	HEARTH_FOOTAGE=… HEARTH_SCENES=/tmp/scenes go test -run TestScenes -v ./nvr/motion

const (
	sceneRate = 15 // pictures per second of the scenes
	sceneGOP  = 30 // pictures from one key frame to the next
	closeStep = 3  // every third picture is looked at when looking closely: 5 per second
)

// scenes says which scene is made of which clip, and when something moves in the clips.
type scenes struct {
	Clips map[string]string
	Spans map[string][][2]float64
}

func readScenes(t *testing.T, path string) scenes {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	s := scenes{Spans: map[string][][2]float64{}}
	for k, v := range raw {
		switch k {
		case "about":
		case "scenes":
			err = json.Unmarshal(v, &s.Clips)
		default:
			var spans [][2]float64
			err = json.Unmarshal(v, &spans)
			s.Spans[k] = spans
		}
		if err != nil {
			t.Fatalf("%s: %s: %v", path, k, err)
		}
	}
	return s
}

// decode gives every picture that may be looked at, as 320x180 luma, by its number; those between are nil. What was
// decoded lies beside the clip from then on.
func decode(t *testing.T, path string) [][]byte {
	raw := strings.TrimSuffix(path, ".mp4") + ".luma"
	if _, err := os.Stat(raw); err != nil {
		which := fmt.Sprintf("select=not(mod(n\\,%d)),scale=320:180", closeStep)
		out, err := exec.Command("ffmpeg", "-v", "error", "-y", "-i", path, "-vf", which, "-fps_mode", "passthrough",
			"-pix_fmt", "gray", "-f", "rawvideo", raw+".part").CombinedOutput()
		if err == nil {
			err = os.Rename(raw+".part", raw)
		}
		if err != nil {
			t.Fatalf("decode %s: %v: %s", path, err, out)
		}
	}
	all, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	const size = motion.Width * motion.Height
	pictures := make([][]byte, 0, len(all)/size*closeStep)
	for ; len(all) >= size; all = all[size:] {
		pictures = append(pictures, all[:size:size], nil, nil)
	}
	return pictures
}

// glance is a look at a scene: when, for how long it speaks, and what it found.
type glance struct {
	at, gap float64
	moving  bool
	regions []media.Region
}

// looker plays a worker: it decides which pictures to look at.
type looker struct {
	d        *motion.Detector
	pictures [][]byte
	glances  []glance
	spent    time.Duration
	looks    int
	wrong    map[string]float64 // what was wrong with the camera, and when it was first said
}

func (l *looker) look(n, gap int) motion.Result {
	begun := time.Now()
	r := l.d.Look(l.pictures[n], time.Duration(n)*time.Second/sceneRate)
	l.spent += time.Since(begun)
	l.looks++
	note := func(what string) {
		if _, ok := l.wrong[what]; !ok && what != "" {
			l.wrong[what] = float64(n) / sceneRate
		}
	}
	note(string(r.Tamper))
	if r.Frozen {
		note("frozen")
	}
	l.glances = append(l.glances, glance{float64(n) / sceneRate, float64(gap) / sceneRate, r.Moving, slices.Clone(r.Regions)})
	return r
}

// keys looks at key frames only.
func (l *looker) keys() {
	for n := 0; n < len(l.pictures); n += sceneGOP {
		l.look(n, sceneGOP)
	}
}

// all looks closely all the time.
func (l *looker) all() {
	for n := 0; n < len(l.pictures); n += closeStep {
		l.look(n, closeStep)
	}
}

// alert looks at key frames while calm. When one moves, or may, it looks at the pictures kept since the key frame
// before, and goes on closely until nothing has moved for two seconds.
func (l *looker) alert() {
	alertUntil := 0
	for n := 0; n < len(l.pictures); n += closeStep {
		calm := n >= alertUntil
		if calm && n%sceneGOP != 0 {
			continue
		}
		gap := closeStep
		r := l.look(n, gap)
		if calm && (r.Moving || r.Doubt) {
			for k := max(0, n-sceneGOP+closeStep); k < n; k += closeStep {
				if l.look(k, closeStep).Moving {
					alertUntil = n + sceneGOP + 1
				}
			}
		}
		if r.Moving {
			alertUntil = n + sceneGOP + 1
		}
	}
	slices.SortFunc(l.glances, func(a, b glance) int { return int((a.at - b.at) * 1000) })
}

// verdict is how well a scene was seen.
type verdict struct {
	spans, found  int
	falseSeconds  float64 // per still minute
	falseEvents   int
	startSeconds  float64 // false seconds in the first 20 s
	latency       []float64
	minutes       float64
	falseAt       []float64
	perPicture    time.Duration
	looksPerVideo float64
}

func judge(l *looker, spans [][2]float64) verdict {
	length := float64(len(l.pictures)) / sceneRate
	v := verdict{spans: len(spans), minutes: length / 60}
	still := func(t float64) bool {
		for _, s := range spans {
			if t >= s[0]-2 && t <= s[1]+2 {
				return false
			}
		}
		return true
	}
	stillSeconds := 0.0
	for t := 20.0; t < length; t += 0.1 {
		if still(t) {
			stillSeconds += 0.1
		}
	}
	seconds, last := 0.0, -100.0
	for _, g := range l.glances {
		if !g.moving || !still(g.at) {
			if g.moving {
				last = g.at
			}
			continue
		}
		if g.at < 20 {
			v.startSeconds += g.gap
		} else {
			seconds += g.gap
		}
		if g.at-last > 2.1 {
			v.falseEvents++
		}
		v.falseAt = append(v.falseAt, g.at)
		last = g.at
	}
	v.falseSeconds = seconds / max(stillSeconds, 1) * 60
	for _, s := range spans {
		for _, g := range l.glances {
			if g.moving && g.at >= s[0]-0.2 && g.at <= s[1]+0.2 {
				v.found++
				v.latency = append(v.latency, max(0, g.at-s[0]))
				break
			}
		}
	}
	v.perPicture = l.spent / time.Duration(max(l.looks, 1))
	v.looksPerVideo = float64(l.looks) / v.minutes
	return v
}

// TestScenes judges the detector on real clips under disturbances, in three ways of looking, and prints the table
// that docs/design/motion.md shows.
func TestScenes(t *testing.T) {
	footage, dir := os.Getenv("HEARTH_FOOTAGE"), os.Getenv("HEARTH_SCENES")
	if footage == "" || dir == "" {
		t.Skip("HEARTH_FOOTAGE and HEARTH_SCENES name no folders")
	}
	about := readScenes(t, filepath.Join(footage, "scenes.json"))
	names := []string{"car-day", "car-clouds", "car-clock", "car-rain", "person-day", "person-night", "person-lights", "person-shake", "empty-noise"}
	if _, err := os.Stat(filepath.Join(dir, names[0]+".mp4")); err != nil {
		if out, err := exec.Command(filepath.Join(footage, "make-scenes"), dir).CombinedOutput(); err != nil {
			t.Fatalf("make scenes: %v: %s", err, out)
		}
	}
	ways := []struct {
		name string
		run  func(*looker)
	}{{"key frames", (*looker).keys}, {"alert", (*looker).alert}, {"all, 5/s", (*looker).all}}
	fmt.Println("| scene | way | found | false s/min | false s in first 20 s | false events | latency median, worst (s) | pictures/min | µs each |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	table := func(name string, pictures [][]byte, spans [][2]float64, wrong string) {
		for _, way := range ways {
			l := &looker{d: motion.New(media.MotionSettings{Sensitivity: 0.5}), pictures: pictures, wrong: map[string]float64{}}
			way.run(l)
			if at, said := l.wrong[wrong]; len(l.wrong) > 1 || len(l.wrong) == 1 && !said || wrong != "" && !said {
				t.Errorf("%s, %s: wrong with the camera: %v, want %q", name, way.name, l.wrong, wrong)
			} else if said {
				t.Logf("%s, %s: %s at %.1f", name, way.name, wrong, at)
				continue // what moves then is not what moved in the clip
			}
			v := judge(l, spans)
			slices.Sort(v.latency)
			late := "–"
			if len(v.latency) > 0 {
				late = fmt.Sprintf("%.1f, %.1f", v.latency[len(v.latency)/2], v.latency[len(v.latency)-1])
			}
			fmt.Printf("| %s | %s | %d/%d | %.1f | %.1f | %d | %s | %.0f | %d |\n", name, way.name, v.found, v.spans, v.falseSeconds,
				v.startSeconds, v.falseEvents, late, v.looksPerVideo, v.perPicture.Microseconds())
			if len(v.falseAt) > 0 {
				t.Logf("%s, %s: false at %.1f", name, way.name, v.falseAt)
			}
		}
	}
	clips := map[string][][]byte{}
	only := os.Getenv("HEARTH_SCENE") // a part of the name of those wanted; empty: all
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.Contains(n, only) })
	for _, name := range names {
		clips[name] = decode(t, filepath.Join(dir, name+".mp4"))
		table(name, clips[name], about.Spans[about.Clips[name]], "")
	}
	for n, d := range disturbances {
		if clips[d.clip] == nil {
			continue
		}
		r := rand.New(rand.NewPCG(uint64(n), 1))
		pictures := make([][]byte, len(clips[d.clip]))
		for i, p := range clips[d.clip] {
			if p != nil {
				pictures[i] = make([]byte, len(p))
				d.to(r, float64(i)/sceneRate, p, pictures[i])
			}
		}
		table(d.clip+", "+d.name, pictures, about.Spans[about.Clips[d.clip]], d.wrong)
	}
}
