package sim_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/sim"
	"hearth/nvr/sim/mark"
)

// small is what a camera of a test draws, so that many fit on a small machine.
func small(name string) *sim.Camera {
	return &sim.Camera{
		Name: name, GOP: 10,
		Main: sim.Video{Width: 320, Height: 180}, Sub: sim.Video{Width: 160, Height: 90},
		User: "owner", Password: "p:ss w/rd@%",
	}
}

// serve runs a server until the test ends.
func serve(t testing.TB, cameras ...*sim.Camera) *sim.Server {
	t.Helper()
	s := &sim.Server{Cameras: cameras}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-done:
		t.Fatalf("server: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("server: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the server does not stop")
		}
	})
	return s
}

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// pictures has ffmpeg decode n pictures of an address and gives the size and luma of each. complaints is what it wrote.
func pictures(t *testing.T, transport, address string, w, h, n int) (luma [][]byte, complaints string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, "ffmpeg"), "-v", "warning", "-rtsp_transport", transport, "-analyzeduration", "700000", "-i", address,
		"-map", "0:v", "-frames:v", fmt.Sprint(n), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, errs.String())
	}
	b := out.Bytes()
	if len(b) != w*h*n {
		t.Fatalf("ffmpeg gave %d bytes, want %d pictures of %dx%d\n%s", len(b), n, w, h, errs.String())
	}
	for range n {
		luma = append(luma, b[:w*h])
		b = b[w*h:]
	}
	return luma, errs.String()
}

func TestFFmpegReadsMarkedPictures(t *testing.T) {
	t.Parallel()
	front, garden := small("front-door"), small("garden")
	garden.BPictures = true
	s := serve(t, front, garden)
	for _, c := range []struct {
		camera    *sim.Camera
		stream    media.Stream
		transport string
		w, h      int
	}{
		{front, media.Main, "tcp", 320, 180},
		{front, media.Sub, "tcp", 160, 90},
		{front, media.Main, "udp", 320, 180},
		{front, media.Sub, "udp", 160, 90},
		{garden, media.Main, "tcp", 320, 180},
	} {
		t.Run(c.camera.Name+" "+c.stream.String()+" "+c.transport, func(t *testing.T) {
			t.Parallel()
			got, complaints := pictures(t, c.transport, s.URL(c.camera, c.stream), c.w, c.h, 25)
			if complaints != "" {
				t.Errorf("ffmpeg complains:\n%s", complaints)
			}
			var last uint32
			for i, luma := range got {
				camera, frame, ok := mark.Read(luma, c.w, c.w, c.h)
				if !ok || camera != c.camera.Number {
					t.Fatalf("picture %d: mark %d %d %v, want camera %d", i, camera, frame, ok, c.camera.Number)
				}
				if i > 0 && frame != last+1 {
					t.Fatalf("picture %d has number %d after %d", i, frame, last)
				}
				last = frame
				sent, ok := c.camera.SentAt(c.stream, frame)
				late := sent.Sub(c.camera.TakenAt(frame))
				if !ok || late < 0 || late > 10*time.Second {
					t.Fatalf("picture %d was sent %v after it was taken (known: %v)", frame, late, ok)
				}
			}
			if c.camera.Count(c.stream) < int64(len(got)) {
				t.Errorf("the camera counts %d pictures, %d were seen", c.camera.Count(c.stream), len(got))
			}
		})
	}
}

// probe runs ffprobe on an address.
func probe(t *testing.T, address string) (out string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b, err := exec.CommandContext(ctx, program(t, "ffprobe"), "-v", "error", "-rtsp_transport", "tcp", "-analyzeduration", "1500000", "-show_entries",
		"stream=codec_name,profile,width,height,has_b_frames,sample_rate,channels,r_frame_rate", "-of", "compact=nk=1", address).
		CombinedOutput()
	return string(b), err
}

func TestProbeSeesCodecs(t *testing.T) {
	t.Parallel()
	plain, b, g711, aac := small("plain"), small("b"), small("g711"), small("aac")
	b.BPictures = true
	g711.Sound, aac.Sound = sim.PCMU, sim.AAC
	g711.Auth = sim.Basic
	s := serve(t, plain, b, g711, aac)
	for camera, want := range map[*sim.Camera]string{
		plain: "h264|Constrained Baseline|320|180|0|15/1",
		b:     "h264|Main|320|180|1|15/1",
		g711:  "pcm_mulaw|unknown|8000|1",
		aac:   "aac|LC|16000|1",
	} {
		t.Run(camera.Name, func(t *testing.T) {
			t.Parallel()
			out, err := probe(t, s.URL(camera, media.Main))
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("ffprobe says %v\n%swant %s", err, out, want)
			}
		})
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]sim.Auth{"digest": sim.Digest, "basic": sim.Basic} {
		t.Run(name, func(t *testing.T) {
			camera := small("door")
			camera.Auth = auth
			s := serve(t, camera)
			right := s.URL(camera, media.Main)
			if out, err := probe(t, right); err != nil {
				t.Errorf("the right password is refused: %s", out)
			}
			u, err := url.Parse(right)
			if err != nil {
				t.Fatal(err)
			}
			for _, wrong := range []*url.Userinfo{nil, url.UserPassword("owner", "guess"), url.UserPassword("other", camera.Password)} {
				u.User = wrong
				if out, err := probe(t, u.String()); err == nil || !strings.Contains(out, "401 Unauthorized") {
					t.Errorf("%v: ffprobe says %v\n%s", wrong, err, out)
				}
			}
			camera.Trouble.RefusePassword(true)
			if out, err := probe(t, right); err == nil || !strings.Contains(out, "401") {
				t.Errorf("refusing camera: ffprobe says %v\n%s", err, out)
			}
			camera.Trouble.RefusePassword(false)
			camera.Trouble.Offline(true)
			if out, err := probe(t, right); err == nil || !strings.Contains(out, "404") {
				t.Errorf("camera that is away: ffprobe says %v\n%s", err, out)
			}
		})
	}
}

func TestSoundDecodes(t *testing.T) {
	t.Parallel()
	mu, a, aac := small("mu"), small("a"), small("aac")
	mu.Sound, a.Sound, aac.Sound = sim.PCMU, sim.PCMA, sim.AAC
	s := serve(t, mu, a, aac)
	for _, c := range []struct {
		camera *sim.Camera
		rate   int
		loud   bool
	}{{mu, 8000, true}, {a, 8000, true}, {aac, 16000, false}} {
		t.Run(c.camera.Name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, program(t, "ffmpeg"), "-v", "warning", "-rtsp_transport", "tcp", "-analyzeduration", "700000",
				"-i", s.URL(c.camera, media.Sub), "-map", "0:a", "-t", "1", "-f", "s16le", "-")
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); err != nil || errs.Len() > 0 {
				t.Fatalf("ffmpeg: %v\n%s", err, errs.String())
			}
			b := out.Bytes()
			if n := len(b) / 2; n < c.rate*9/10 || n > c.rate*11/10 {
				t.Errorf("%d samples in a second, want about %d", n, c.rate)
			}
			loudest := 0
			for i := 0; i+1 < len(b); i += 2 {
				loudest = max(loudest, int(int16(uint16(b[i])|uint16(b[i+1])<<8)))
			}
			if c.loud && (loudest < 1200 || loudest > 1800) || !c.loud && loudest > 0 {
				t.Errorf("the loudest sample is %d", loudest)
			}
		})
	}
}
