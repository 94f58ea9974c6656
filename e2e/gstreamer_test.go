package e2e

import (
	"fmt"
	"math"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// gstPassword has every kind of character that breaks addresses.
const gstPassword = `p@ss:w/rd? #50%&é`

// TestGStreamer records what a server sends that nobody here wrote: H.264 with B-frames and AAC, and H.265.
func TestGStreamer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h264, h265 := filepath.Join(dir, "h264.mp4"), filepath.Join(dir, "h265.mp4")
	source := func(n int) []string {
		return []string{"-nostdin", "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=640x360:r=25:d=%d", n)}
	}
	tool(t, "ffmpeg", append(source(120), "-f", "lavfi", "-i", "sine=440:r=48000:d=120",
		"-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac", h264)...)
	tool(t, "ffmpeg", append(source(120), "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=50:bframes=0",
		"-pix_fmt", "yuv420p", "-tag:v", "hvc1", h265)...)

	port := freePort(t)
	gst := func() *process {
		p := start(t, "/usr/bin/python3", []string{"GST_USER=viewer", "GST_PASSWORD=" + gstPassword},
			"gst/server.py", port, "yard=h264+aac:"+h264, "door=h265:"+h265)
		p.line(t, "ready", 20*time.Second)
		return p
	}
	server := gst()

	a := serve(t, "")
	add := func(name string) string {
		return a.add(t, map[string]any{
			"name": name, "url": fmt.Sprintf("rtsp://127.0.0.1:%s/%s", port, name),
			"username": "viewer", "password": gstPassword, "record": "continuous", "audio": true,
		})
	}
	began := time.Now().Add(-time.Second)
	cameras := map[string]string{"yard": add("yard"), "door": add("door")}
	for _, id := range cameras {
		a.online(t, id, 20*time.Second)
	}
	recorded := func(id string) time.Duration {
		var sum time.Duration
		for _, s := range a.timeline(t, id, began, time.Now().Add(time.Minute)).Spans {
			sum += s.To.Sub(s.From)
		}
		return sum
	}
	for _, id := range cameras {
		eventually(t, time.Minute, "33 s recorded", func() bool { return recorded(id) >= 33*time.Second })
	}

	// Not up to this moment: of the newest pictures, a B-frame between two others may still be on its way.
	until := time.Now().Add(-3 * time.Second)

	t.Run("H.264 and AAC", func(t *testing.T) {
		file := a.export(t, cameras["yard"], began, until)
		readsSilently(t, file)
		agrees(t, frames(t, h264), frames(t, file))
		var sound bool
		for _, s := range ffprobe(t, file).Streams {
			if s.CodecType == "audio" {
				sound = s.CodecName == "aac" && number(t, s.Duration) >= 29
			}
		}
		if !sound {
			t.Error("the export has no AAC track of 29 s or more")
		}
	})
	t.Run("H.265", func(t *testing.T) {
		file := a.export(t, cameras["door"], began, until)
		readsSilently(t, file)
		agrees(t, frames(t, h265), frames(t, file))
		if got := ffprobe(t, file).Streams[0].CodecName; got != "hevc" {
			t.Errorf("codec %s, want hevc", got)
		}
	})
	t.Run("the server dies and comes back", func(t *testing.T) {
		server.kill()
		for _, id := range cameras {
			eventually(t, 30*time.Second, "camera seen to be gone", func() bool { return a.camera(t, id).State == "offline" })
			if a.camera(t, id).Problem == "" {
				t.Error("a camera that is gone does not say what the matter is")
			}
		}
		before := make(map[string]time.Duration)
		for _, id := range cameras {
			// Two seconds without the camera: a gap that nobody would call a hiccup.
			eventually(t, 20*time.Second, "two seconds are missing", func() bool {
				spans := a.timeline(t, id, began, time.Now()).Spans
				return time.Since(spans[len(spans)-1].To) > 2*time.Second
			})
			before[id] = recorded(id)
		}
		gst()
		for name, id := range cameras {
			a.online(t, id, 45*time.Second) // the longest wait between two tries is 30 s
			eventually(t, 20*time.Second, "recording again", func() bool { return recorded(id) > before[id]+4*time.Second })
			tl := a.timeline(t, id, began, time.Now())
			if len(tl.Spans) < 2 || len(tl.Gaps) == 0 {
				t.Fatalf("%s: %d spans and %d gaps, want an explicit gap between two spans", name, len(tl.Spans), len(tl.Gaps))
			}
			if gap := tl.Gaps[len(tl.Gaps)-1]; strings.TrimSpace(gap.Reason) == "" {
				t.Errorf("%s: the gap has no reason: %+v", name, gap)
			}
			readsSilently(t, a.export(t, id, began, time.Now()))
		}
	})
}

// agrees checks that a recording holds consecutive pictures of its source, pixel for pixel, at the source's pace.
func agrees(t *testing.T, source, recording []frame) {
	t.Helper()
	if len(recording) < 29*25 {
		t.Fatalf("%d pictures recorded, want at least 29 s of 25", len(recording))
	}
	first := slices.IndexFunc(source, func(f frame) bool { return f.md5 == recording[0].md5 })
	if first < 0 {
		t.Fatal("the first recorded picture is not in the source")
	}
	for i, f := range recording {
		if first+i >= len(source) || source[first+i].md5 != f.md5 {
			t.Fatalf("recorded picture %d is not picture %d of the source", i, first+i)
		}
		want, got := source[first+i].at-source[first].at, f.at-recording[0].at
		if math.Abs(want-got) > 0.001 {
			t.Fatalf("recorded picture %d shows at %.4f s, in the source at %.4f s", i, got, want)
		}
	}
}

// freePort finds a port that nobody listens on right now.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
