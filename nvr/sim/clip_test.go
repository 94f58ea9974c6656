package sim_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/sim"
	"hearth/nvr/sim/mark"
)

// film is a second of a small yard, with two key frames.
func film(t testing.TB) *sim.Clip {
	t.Helper()
	c, err := sim.Yard(0).Film(sim.Video{Width: 320, Height: 180}, 30, 15, 30, 77)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// convert has ffmpeg make a file out of a raw stream.
func convert(t *testing.T, dir string, raw []byte, name string, args ...string) string {
	t.Helper()
	in, out := filepath.Join(dir, name+".in.h264"), filepath.Join(dir, name)
	if err := os.WriteFile(in, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-v", "error", "-y", "-r", "30", "-i", in}, append(args, out)...)
	if b, err := exec.Command(program(t, "ffmpeg"), args...).CombinedOutput(); err != nil {
		t.Skipf("ffmpeg cannot make %s: %v\n%s", name, err, b)
	}
	return out
}

func TestClipsPlayRoundAndRound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := film(t).AnnexB()
	for _, c := range []struct {
		file  string
		codec media.Codec
		args  []string
	}{
		{"copy.mp4", media.H264, []string{"-c", "copy"}},
		{"copy.h264", media.H264, []string{"-c", "copy"}},
		{"b.mp4", media.H264, []string{"-c:v", "libx264", "-bf", "2", "-g", "15", "-crf", "20"}},
		{"h265.mp4", media.H265, []string{"-c:v", "libx265", "-tag:v", "hvc1", "-x265-params", "keyint=15:log-level=error"}},
		{"h265.hevc", media.H265, []string{"-c:v", "libx265", "-x265-params", "keyint=15:bframes=0:log-level=error"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			clip, err := sim.ReadClip(convert(t, dir, raw, c.file, c.args...), 30)
			if err != nil {
				t.Fatal(err)
			}
			if clip.Codec != c.codec || len(clip.Units) != 30 || (clip.Length-time.Second).Abs() > time.Millisecond {
				t.Fatalf("clip is %s, %d pictures, %v", clip.Codec, len(clip.Units), clip.Length)
			}
			camera := &sim.Camera{Name: "clip", Clip: clip, SubClip: clip}
			s := serve(t, camera)
			// 70 pictures: twice round.
			got, complaints := pictures(t, "tcp", s.URL(camera, media.Sub), 320, 180, 70)
			if complaints != "" {
				t.Errorf("ffmpeg complains:\n%s", complaints)
			}
			var last uint32
			for i, luma := range got {
				number, frame, ok := mark.Read(luma, 320, 320, 180)
				if !ok || number != 77 || i > 0 && frame != (last+1)%30 {
					t.Fatalf("picture %d: mark %d %d %v after %d", i, number, frame, ok, last)
				}
				last = frame
			}
		})
	}
}

func TestWhatIsNoClipIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	raw := film(t).AnnexB()
	for _, file := range []string{
		filepath.Join(dir, "missing.mp4"), write("a.avi", raw), write("b.mp4", raw), write("empty.mp4", nil),
		write("empty.h264", nil), write("text.h264", []byte("no video")), write("wrong.h265", raw),
	} {
		if _, err := sim.ReadClip(file, 15); err == nil {
			t.Errorf("%s is taken for a clip", filepath.Base(file))
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than a line: %v", filepath.Base(file), err)
		}
	}
}

func TestEverythingEndsWithTheContext(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("serve", func(t *testing.T) {
		camera := small("door")
		camera.Sound = sim.AAC
		s := serve(t, camera)
		next(t, listen(t, s.URL(camera, media.Main)).packets, "packet")
		next(t, listen(t, s.URL(camera, media.Sub)).packets, "packet")
	})
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			b := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, b[:runtime.Stack(b, true)])
		}
	}
}

func TestPortInUseIsOneLine(t *testing.T) {
	t.Parallel()
	s := serve(t, small("door"))
	err := (&sim.Server{Listen: s.Addr().String(), Cameras: []*sim.Camera{small("other")}}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a port in use: %v", err)
	}
	err = (&sim.Server{Cameras: []*sim.Camera{small("one"), small("one")}}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "/one") {
		t.Errorf("two cameras of one name: %v", err)
	}
}

// BenchmarkCameraMinute measures what serving costs: CPU seconds of this process for a minute of one camera, watched
// over TCP by ffmpeg in processes of its own. It takes 12 s a case.
func BenchmarkCameraMinute(b *testing.B) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		b.Skip("ffmpeg is not installed")
	}
	clip, err := sim.Yard(1).Film(sim.Video{Width: 1920, Height: 1080, Bitrate: 4_000_000}, 15, 30, 60, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("the clip has %.2f Mbit/s", float64(len(clip.AnnexB()))*8/clip.Length.Seconds()/1e6)
	for name, make := range map[string]func() []*sim.Camera{
		"drawn 720p and 360p": func() []*sim.Camera { return []*sim.Camera{{}, {}} },
		"clip 1080p": func() (cameras []*sim.Camera) {
			for range 8 {
				cameras = append(cameras, &sim.Camera{Clip: clip})
			}
			return cameras
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				cameras := make()
				s := serve(b, cameras...)
				var urls []string
				for _, c := range cameras {
					urls = append(urls, s.URL(c, media.Main))
					if !c.NoSub {
						urls = append(urls, s.URL(c, media.Sub))
					}
				}
				for _, u := range urls {
					cmd := exec.CommandContext(b.Context(), ffmpeg, "-v", "error", "-rtsp_transport", "tcp", "-i", u, "-c", "copy", "-f", "null", "-")
					if err := cmd.Start(); err != nil {
						b.Fatal(err)
					}
					b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
				}
				for _, c := range cameras {
					for c.Watchers(media.Main) == 0 {
						time.Sleep(50 * time.Millisecond)
					}
				}
				before, start := cpu(b), time.Now()
				time.Sleep(10 * time.Second)
				used, took := cpu(b)-before, time.Since(start)
				b.ReportMetric(used.Seconds()*60/took.Seconds()/float64(len(cameras)), "cpu-s/camera-min")
			}
		})
	}
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
