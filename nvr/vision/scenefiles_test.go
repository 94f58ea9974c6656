package vision

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hearth/nvr/sim"
	"hearth/nvr/sim/h264"
)

// sceneCache is where scenes are kept between runs.
const sceneCache = "../../.cache/bench"

// scenes are those of the footage where there is some, else drawn ones.
func scenes(b *testing.B) []scene {
	b.Helper()
	if dir := os.Getenv("HEARTH_FOOTAGE"); dir != "" {
		return footage(b, dir)
	}
	return drawn(b)
}

// footage has the folder's own program make its scenes, and reads what moves in them.
func footage(b *testing.B, dir string) (all []scene) {
	b.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "scenes.json"))
	if err != nil {
		b.Fatal(err)
	}
	var truth struct {
		Scenes map[string]string `json:"scenes"`
	}
	var spans map[string]json.RawMessage
	if err := json.Unmarshal(text, &truth); err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(text, &spans); err != nil {
		b.Fatal(err)
	}
	made := make(map[sceneSize]string)
	folder := func(size sceneSize) string {
		if made[size] == "" {
			made[size] = makeScenes(b, dir, size)
		}
		return made[size]
	}
	for name, of := range truth.Scenes {
		s := scene{name: name, file: func(size sceneSize) string { return filepath.Join(folder(size), name+".mp4") }}
		if err := json.Unmarshal(spans[of], &s.spans); err != nil {
			b.Fatal(err)
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y scene) int { return cmp.Compare(x.name, y.name) })
	return all
}

// makeScenes has the footage's program make its scenes of a size, those that are not there yet, and gives their folder.
func makeScenes(b *testing.B, dir string, size sceneSize) string {
	b.Helper()
	out, err := filepath.Abs(filepath.Join(sceneCache, "scenes-"+size.size))
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), filepath.Join(dir, "make-scenes"), out, size.size, size.rate) //nolint:gosec // the caller's
	if said, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("make-scenes: %v\n%s", err, said)
	}
	return out
}

// drawn are yards of the simulated cameras, coded as the footage is: two by day, one in the evening's light, one with the
// noise of a dark night, and one to which nobody comes.
func drawn(b *testing.B) (all []scene) {
	b.Helper()
	const length = 2 * time.Minute
	for _, d := range []struct {
		name  string
		yard  int
		noise float64 // of the yard's
		empty bool
	}{
		{"drawn-door", 0, 1, false},
		{"drawn-garage", 2, 1, false},
		{"drawn-evening", 5, 1, false},
		{"drawn-noise", 3, 2.5, false},
		{"drawn-empty", 1, 1.5, true},
	} {
		yard := sim.Yard(d.yard)
		yard.Noise *= d.noise
		yard.First, yard.Every = 23*time.Second, 24*time.Second
		if d.empty {
			yard.Every = 0
		}
		s := scene{name: d.name}
		for _, v := range yard.Spans(0, length) {
			s.spans = append(s.spans, [2]float64{v.From.Seconds(), min(v.To, length).Seconds()})
		}
		s.file = func(size sceneSize) string {
			file := filepath.Join(sceneCache, "drawn-"+size.size, d.name+".mp4")
			draw(b, yard, size.size, size.rate, length, file)
			return file
		}
		all = append(all, s)
	}
	return all
}

// draw draws and codes a yard, unless that was done before.
func draw(b *testing.B, yard *sim.Scene, size, rate string, length time.Duration, file string) {
	b.Helper()
	if _, err := os.Stat(file); err == nil {
		return
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		b.Fatal(err)
	}
	var w, h int
	if _, err := fmt.Sscanf(size, "%dx%d", &w, &h); err != nil {
		b.Fatal(err)
	}
	part := file + ".part.mp4"
	cmd := exec.CommandContext(b.Context(), "ffmpeg", "-nostdin", "-v", "error", "-y", //nolint:gosec // ours
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-r", fmt.Sprint(sceneFPS), "-i", "-",
		"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "high", "-g", "30", "-keyint_min", "30",
		"-sc_threshold", "0", "-bf", "0", "-x264-params", "sliced-threads=0:ref=1:nal-hrd=cbr",
		"-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, part)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	view, picture := yard.View(w, h, 1), h264.NewPicture(w, h)
	wall := time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC)
	for n := range int(length.Seconds() * sceneFPS) {
		at := time.Duration(n) * time.Second / sceneFPS
		view.Draw(picture, uint32(n), at, wall.Add(at)) //nolint:gosec // small
		if err := planes(in, picture); err != nil {
			b.Fatal(err)
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(part, file); err != nil {
		b.Fatal(err)
	}
}

// planes writes a picture as raw yuv420p.
func planes(out io.Writer, p *h264.Picture) error {
	for y := range p.Height {
		if _, err := out.Write(p.Y[y*p.YStride:][:p.Width]); err != nil {
			return err
		}
	}
	for _, plane := range [][]byte{p.Cb, p.Cr} {
		for y := range p.Height / 2 {
			if _, err := out.Write(plane[y*p.CStride:][:p.Width/2]); err != nil {
				return err
			}
		}
	}
	return nil
}
