package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

const (
	peerDays   = 30
	peerSeeks  = 60
	peerDaySum = 24 * 6 // files of ten minutes
)

// BenchmarkSeekPeers measures how MediaMTX and ffmpeg come to a random moment of one camera's 30 days, beside
// BenchmarkFigures of package storage: MediaMTX through its playback server, which looks through the camera's folder for
// the file; ffmpeg in a file of ten minutes, of ten seconds, that it is given. All of MediaMTX's files are names of one
// that it recorded itself.
func BenchmarkSeekPeers(b *testing.B) {
	clip := calmClip(b, 1920, 1080, 4000)
	b.Run("ffmpeg", func(b *testing.B) { ffmpegSeek(b, clip) })
	program := mediamtx(b)
	if program == "" {
		return
	}
	p := startPeer(b, program, nil)
	tool(b, "ffmpeg", "-nostdin", "-v", "error", "-readrate", "60", "-stream_loop", "-1", "-i", clip, "-t", "615", "-c", "copy",
		"-f", "rtsp", "-rtsp_transport", "tcp", "rtsp://"+p.rtsp+"/cam")
	files, err := filepath.Glob(filepath.Join(p.dir, "cam", "*.mp4"))
	if err != nil || len(files) < 2 {
		b.Fatalf("MediaMTX recorded %v, %v", files, err)
	}
	slices.Sort(files)
	first := time.Now().UTC().Truncate(time.Minute).Add(-peerDays * 24 * time.Hour)
	for n := range peerDays * peerDaySum {
		at := first.Add(time.Duration(n) * 10 * time.Minute)
		if err := os.Link(files[0], filepath.Join(p.dir, "cam", at.Format("2006-01-02_15-04-05")+"-000000.mp4")); err != nil {
			b.Fatal(err)
		}
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			b.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	b.Run("mediamtx-seek", func(b *testing.B) {
		p.ask(b, peerSeeks, 64<<10, func() string {
			at := first.Add(time.Duration(rnd.Int64N(int64(peerDays*24*time.Hour - 20*time.Second))))
			return "/get?" + url.Values{"path": {"cam"}, "start": {at.Format(time.RFC3339Nano)}, "duration": {"1"}}.Encode()
		})
	})
	b.Run("mediamtx-timeline", func(b *testing.B) {
		p.ask(b, peerSeeks, 64, func() string {
			from := first.Add(time.Duration(rnd.IntN((peerDays-1)*24)) * time.Hour)
			return "/list?" + url.Values{"path": {"cam"}, "start": {from.Format(time.RFC3339)}, "end": {from.Add(24 * time.Hour).Format(time.RFC3339)}}.Encode()
		})
	})
}

// ask asks the playback server n times, and reports how long answers took and what they cost. Answers are at least of a size.
func (p *peer) ask(b *testing.B, n, atLeast int, query func() string) {
	b.Helper()
	var took []time.Duration
	once := func() {
		begin := time.Now()
		resp, err := http.Get("http://" + p.playback + query())
		if err != nil {
			b.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || len(body) < atLeast {
			b.Fatalf("MediaMTX: %s %d bytes, %v: %.200s", resp.Status, len(body), err, body)
		}
		took = append(took, time.Since(begin))
	}
	for range 5 {
		once()
	}
	took = nil
	before, calls := reads(b, p.cmd.Process.Pid), 0
	for range n {
		once()
	}
	after := reads(b, p.cmd.Process.Pid)
	calls = int(after.calls - before.calls)
	report(b, took, (after.cpu-before.cpu).Seconds()*1000/float64(n))
	b.ReportMetric(float64(calls)/float64(n), "read-calls")
}

func report(b *testing.B, took []time.Duration, cpu float64) {
	b.Helper()
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(cpu, "cpu-ms")
}

type readUse struct {
	cpu   time.Duration
	calls int64
}

func reads(b *testing.B, pid int) readUse {
	b.Helper()
	u, err := read(pid)
	if err != nil {
		b.Fatal(err)
	}
	calls, err := field("/proc/"+strconv.Itoa(pid)+"/io", "syscr:")
	if err != nil {
		b.Fatal(err)
	}
	return readUse{u.cpu, calls}
}

// ffmpegSeek has ffmpeg copy the first picture at a random moment out of a segment of its own, as it cuts them.
func ffmpegSeek(b *testing.B, clip string) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		b.Skip(err)
	}
	dir := b.TempDir()
	tool(b, "ffmpeg", "-nostdin", "-v", "error", "-stream_loop", "1", "-i", clip, "-t", "30", "-c", "copy", "-f", "segment", "-segment_time", "10",
		"-reset_timestamps", "1", filepath.Join(dir, "%d.mp4"))
	rnd := rand.New(rand.NewPCG(1, 2))
	var took []time.Duration
	var cpu time.Duration
	for range peerSeeks {
		cmd := exec.Command(program, "-nostdin", "-v", "error", "-ss", fmt.Sprintf("%.2f", rnd.Float64()*8), "-i", filepath.Join(dir, "1.mp4"),
			"-c", "copy", "-t", "1", "-f", "mp4", "-movflags", "frag_keyframe+empty_moov", "pipe:1")
		begin := time.Now()
		out, err := cmd.Output()
		if err != nil || len(out) < 64<<10 {
			b.Fatalf("ffmpeg: %d bytes, %v", len(out), err)
		}
		took = append(took, time.Since(begin))
		cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	report(b, took, cpu.Seconds()*1000/float64(len(took)))
}
