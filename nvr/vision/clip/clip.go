package clip

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
)

// Clip is one run of video.
type Clip struct {
	Path  string
	Run   *media.Run
	Units []media.AccessUnit // in decoding order
}

// Start is when every clip's first picture was taken.
var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// Make codes a clip. Args are ffmpeg's, inputs and codec, without the output's name.
func Make(t testing.TB, args ...string) *Clip {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Fatalf("this test needs Debian's ffmpeg (apt-get install ffmpeg): %v", err)
	}
	path := filepath.Join(t.TempDir(), "clip.mp4")
	args = append([]string{"-v", "error", "-y"}, args...)
	args = append(args, "-an", "-video_track_timescale", "90000", path)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return Open(t, path)
}

// Still is a scene in which nothing but noise moves, and Passing one through which a box of a tenth of the picture's
// width passes from left to right between two moments, in seconds. Both are ffmpeg's input arguments; what codes
// them is to follow.
func Still(size string, fps int, seconds float64) []string {
	return Passing(size, fps, seconds, seconds+1, seconds+2)
}

// Passing is described with Still.
func Passing(size string, fps int, seconds, from, to float64) []string {
	scene := fmt.Sprintf("smptehdbars=s=%s:r=%d:d=%g", size, fps, seconds)
	box := fmt.Sprintf("color=white:s=%s:r=%d:d=%g", size, fps, seconds)
	graph := fmt.Sprintf("[1]scale=iw/10:ih/4[box];[0][box]overlay=x='W*(t-%g)/%g-w/2':y='H/3':enable='between(t,%g,%g)'"+
		",noise=alls=3:allf=t,format=yuv420p[out]", from, to-from, from, to)
	return []string{"-f", "lavfi", "-i", scene, "-f", "lavfi", "-i", box, "-filter_complex", graph, "-map", "[out]"}
}

// Open takes an MP4 file apart.
func Open(t testing.TB, path string) *Clip {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	track, err := describe(t.Context(), file, path)
	if err != nil {
		t.Fatal(err)
	}
	c := &Clip{Path: path, Run: &media.Run{
		ID: media.NewUUID(), Camera: media.NewCameraID(), Stream: media.Sub, Start: start, Trusted: true,
		Tracks: []media.Track{track},
	}}
	rows, err := probe(t.Context(), "-show_entries", "packet=pts_time,dts_time,size,pos,flags", "-of", "csv=p=0", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		var pts, dts float64
		var size, pos int
		var flags string
		if _, err := fmt.Sscanf(strings.ReplaceAll(row, ",", " "), "%g %g %d %d %s", &pts, &dts, &size, &pos, &flags); err != nil {
			t.Fatalf("packet %q of %s: %v", row, path, err)
		}
		c.Units = append(c.Units, media.AccessUnit{
			Camera: c.Run.Camera, DTS: ticks(dts), PTS: ticks(pts), Key: strings.HasPrefix(flags, "K"), Data: file[pos : pos+size],
		})
	}
	sort.SliceStable(c.Units, func(i, j int) bool { return c.Units[i].DTS < c.Units[j].DTS })
	first := c.Units[0].DTS
	for i := range c.Units {
		u := &c.Units[i]
		u.DTS -= first
		u.PTS -= first
		u.Wall = start.Add(time.Duration(u.DTS) * time.Second / media.VideoClockRate)
	}
	return c
}

func ticks(seconds float64) int64 { return int64(seconds*media.VideoClockRate + 0.5) }

// Track is the clip's only track.
func (c *Clip) Track() media.Track { return c.Run.Tracks[0] }

// Shown is when unit i's picture was taken.
func (c *Clip) Shown(i int) time.Time {
	u := c.Units[i]
	return u.Wall.Add(time.Duration(u.PTS-u.DTS) * time.Second / media.VideoClockRate)
}

// Luma has ffmpeg decode and scale the clip to gray pictures of w x h bytes, in the order in which they are shown.
func (c *Clip) Luma(t testing.TB, w, h int) [][]byte {
	t.Helper()
	scale := fmt.Sprintf("scale=%d:%d:flags=area,format=gray", w, h)
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", c.Path, "-vf", scale, "-fps_mode", "passthrough", "-f", "rawvideo", "-")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, stderr.Bytes())
	}
	var pictures [][]byte
	for ; len(out) >= w*h; out = out[w*h:] {
		pictures = append(pictures, out[:w*h])
	}
	return pictures
}

func describe(ctx context.Context, file []byte, path string) (media.Track, error) {
	t := media.Track{ClockRate: media.VideoClockRate}
	rows, err := probe(ctx, "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0", path)
	if err != nil {
		return t, err
	}
	name, size, _ := strings.Cut(rows[0], ",")
	w, h, _ := strings.Cut(size, ",")
	t.Width, _ = strconv.Atoi(w)
	t.Height, _ = strconv.Atoi(h)
	switch name {
	case "h264":
		t.Codec = media.H264
		return t, readAVCC(&t, file)
	case "hevc":
		t.Codec = media.H265
		return t, readHVCC(&t, file)
	case "mjpeg":
		t.Codec = media.MJPEG
		return t, nil
	case "av1":
		t.Codec = media.AV1
		return t, readAV1C(&t, file)
	}
	return t, fmt.Errorf("%s: codec %s is not known here", path, name)
}

func probe(ctx context.Context, args ...string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "ffprobe", append([]string{"-v", "error", "-select_streams", "v:0"}, args...)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ffprobe: %w: %s", err, out)
	}
	return strings.Fields(string(out)), nil
}
