package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"

	simulated "hearth/nvr/sim"
)

// TestOtherCodecs takes an AV1 camera and one of Motion JPEG the whole way: recorded, decoded by the worker, an event with its
// thumbnail, exported, and on the page: Chromium plays the one, and says of the other that no browser does.
func TestOtherCodecs(t *testing.T) {
	const fps, seconds = 10, 30
	numbers := map[string]uint16{"Yard": 901, "Shed": 902}
	clip := func(name, file string, times int, coding ...string) string {
		scene := comes(0, 10*time.Second)
		film, err := scene.Film(simulated.Video{Width: 640, Height: 360}, fps, 2*fps, fps*seconds, numbers[name])
		if err != nil {
			t.Fatal(err)
		}
		raw, coded := filepath.Join(t.TempDir(), "film.h264"), filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(raw, bytes.Repeat(film.AnnexB(), times), 0o600); err != nil {
			t.Fatal(err)
		}
		tool(t, "ffmpeg", append(append([]string{"-nostdin", "-v", "error", "-r", fmt.Sprint(fps), "-i", raw}, coding...), coded)...)
		return coded
	}
	av1File := clip("Yard", "av1.mp4", 1, "-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-lag-in-frames", "0",
		"-g", fmt.Sprint(2*fps), "-crf", "35", "-pix_fmt", "yuv420p")
	// GStreamer does not begin again at the end.
	mjpegFile := clip("Shed", "mjpeg.mov", 8, "-c:v", "mjpeg", "-huffman", "default", "-q:v", "4", "-pix_fmt", "yuvj420p")

	av1, err := simulated.ReadClip(av1File, 0)
	if err != nil {
		t.Fatal(err)
	}
	yard := &simulated.Camera{Name: "yard", Clip: av1, User: "viewer", Password: gstPassword}
	server := simulate(t, yard)
	port := freePort(t)
	start(t, "/usr/bin/python3", []string{"GST_USER=viewer", "GST_PASSWORD=" + gstPassword}, "gst/server.py", port, "shed=mjpeg:"+mjpegFile).
		line(t, "ready", 20*time.Second)

	a := serve(t, "")
	began := time.Now().Add(-time.Second)
	ids := make(map[string]string)
	for name, url := range map[string]string{
		"Yard": fmt.Sprintf("rtsp://%s/yard", server.Addr()), "Shed": fmt.Sprintf("rtsp://127.0.0.1:%s/shed", port),
	} {
		ids[name] = a.add(t, map[string]any{
			"name": name, "url": url, "username": "viewer", "password": gstPassword, "record": "continuous",
			"motion": map[string]any{"sensitivity": 0.5, "masks": []media.Polygon{markArea()}},
		})
	}
	codecs := map[string]string{"Yard": "av1", "Shed": "mjpeg"}
	for name, id := range ids {
		a.online(t, id, 30*time.Second)
		t.Run(codecs[name], func(t *testing.T) {
			var seen event
			eventually(t, 2*time.Minute, "an event with a thumbnail", func() bool {
				for _, e := range a.events(t) {
					if e.Camera == id && e.HasThumb {
						seen = e
					}
				}
				return seen.HasThumb
			})
			if got := a.thumbnail(t, seen.ID); got != numbers[name] {
				t.Errorf("the thumbnail is of camera %d, want %d", got, numbers[name])
			}
			if c := a.camera(t, id); c.Vision.Decoder == "" || c.Vision.Bad > 0 || c.Vision.Restarts > 0 || c.Vision.Problem != "" {
				t.Errorf("the worker: %+v", c.Vision)
			}
			eventually(t, time.Minute, "14 s recorded", func() bool {
				spans := a.timeline(t, id, began, time.Now()).Spans
				return len(spans) > 0 && spans[0].To.Sub(spans[0].From) > 14*time.Second
			})
			file := a.export(t, id, began, began.Add(14*time.Second))
			readsSilently(t, file)
			if got := ffprobe(t, file).Streams[0]; got.CodecName != codecs[name] || got.Width != 640 || got.Height != 360 {
				t.Errorf("it exports %+v", got)
			}
			all := marks(t, file)
			if len(all) < 8*fps {
				t.Errorf("%d pictures were exported", len(all))
			}
			for i, m := range all {
				if next := (all[max(i-1, 0)].frame + 1) % (fps * seconds); !m.ok || m.camera != numbers[name] || i > 0 && m.frame != next {
					t.Fatalf("picture %d of the export: %+v after %+v", i, m, all[max(i-1, 0)])
				}
			}
		})
	}
	newBrowser(t, "codecs.mjs", map[string]any{
		"origin": a.url, "owner": owner{Name: ownerName, Password: ownerPassword}, "ids": ids, "numbers": numbers,
	}).steps(t)
}
