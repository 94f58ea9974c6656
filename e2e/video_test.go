package e2e

import (
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"hearth/nvr/sim/mark"
)

// tool runs one of Debian's programs that has to succeed, and gives what it printed.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, tail(stderr.String(), 20))
	}
	return stdout.String()
}

// readsSilently holds a file up to ffmpeg and ffprobe, which may not complain about it in any way.
func readsSilently(t testing.TB, file string) {
	t.Helper()
	for _, args := range [][]string{
		{"ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-xerror", "-i", file, "-f", "null", "-"},
		{"ffprobe", "-hide_banner", "-v", "warning", "-show_streams", "-show_format", "-o", "/dev/null", file},
	} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s complains about the export: %v\n%s", args[0], err, tail(string(out), 20))
		}
	}
}

// frame is one decoded picture of a file: when it shows, in seconds, and the MD5 of its pixels.
type frame struct {
	at  float64
	md5 string
}

// frames decodes a file's pictures with ffmpeg, in the order in which they show.
func frames(t testing.TB, file string) []frame {
	t.Helper()
	out := tool(t, "ffmpeg", "-nostdin", "-v", "error", "-i", file, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-")
	var all []frame
	var tick float64
	for line := range strings.SplitSeq(out, "\n") {
		if tb, ok := strings.CutPrefix(line, "#tb 0: "); ok {
			num, den, _ := strings.Cut(tb, "/")
			tick = number(t, num) / number(t, den)
		}
		if line == "" || line[0] == '#' {
			continue
		}
		// stream, dts, pts, duration, size, hash
		f := strings.Split(line, ",")
		all = append(all, frame{at: number(t, f[2]) * tick, md5: strings.TrimSpace(f[5])})
	}
	return all
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// probe is what ffprobe says of a file.
type probe struct {
	Streams []struct {
		CodecName string `json:"codec_name"`
		CodecType string `json:"codec_type"`
		Duration  string `json:"duration"`
		Width     int    `json:"width"`
		Height    int    `json:"height"`
	} `json:"streams"`
}

func ffprobe(t testing.TB, file string) probe {
	t.Helper()
	var p probe
	if err := json.Unmarshal([]byte(tool(t, "ffprobe", "-v", "error", "-show_streams", "-of", "json", file)), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// marked is what the mark in one picture says.
type marked struct {
	camera uint16
	frame  uint32
	ok     bool
}

// marks reads the mark out of every picture of a file.
func marks(t testing.TB, file string) []marked {
	t.Helper()
	const w, h = 320, 180
	pixels := tool(t, "ffmpeg", "-nostdin", "-v", "error", "-i", file, "-map", "0:v:0", "-fps_mode", "passthrough",
		"-vf", "scale=320:180", "-pix_fmt", "gray", "-f", "rawvideo", "-")
	var all []marked
	for i := 0; i+w*h <= len(pixels); i += w * h {
		c, f, ok := mark.Read([]byte(pixels[i:i+w*h]), w, w, h)
		all = append(all, marked{c, f, ok})
	}
	return all
}
