package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mediamtx gives the path of MediaMTX, which the Makefile builds for benchmarks; "" when it is not there.
func mediamtx(b *testing.B) string {
	b.Helper()
	path, err := filepath.Abs("../.cache/bench/mediamtx")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		b.Log("without MediaMTX: make .cache/bench/mediamtx builds it")
		return ""
	}
	return path
}

// peer is a running MediaMTX that records what it takes, in files of ten minutes and parts of a second, and plays it back.
type peer struct {
	*process
	rtsp, playback string // addresses
	dir            string // of its recordings
}

// startPeer starts MediaMTX with nothing but what it records and plays back with; paths names what it is to fetch.
func startPeer(b *testing.B, program string, paths map[string]string) *peer {
	b.Helper()
	dir, err := os.MkdirTemp(os.Getenv("HEARTH_BENCH_DIR"), "hearth-bench-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &peer{rtsp: "127.0.0.1:" + freePort(b), playback: "127.0.0.1:" + freePort(b), dir: dir}
	var c strings.Builder
	fmt.Fprintf(&c, "logLevel: warn\nrtmp: no\nhls: no\nwebrtc: no\nsrt: no\nrtspAddress: %s\nrtspTransports: [tcp]\n", p.rtsp)
	fmt.Fprintf(&c, "writeQueueSize: 4096\nplayback: yes\nplaybackAddress: %s\npathDefaults:\n  record: yes\n", p.playback)
	fmt.Fprintf(&c, "  recordPath: %s/%%path/%%Y-%%m-%%d_%%H-%%M-%%S-%%f\n", dir)
	fmt.Fprintf(&c, "  recordPartDuration: 1s\n  recordSegmentDuration: 10m\n  recordDeleteAfter: 0s\npaths:\n  all_others:\n")
	for name, url := range paths {
		fmt.Fprintf(&c, "  %s:\n    source: %s\n    rtspTransport: tcp\n", name, url)
	}
	file := filepath.Join(b.TempDir(), "mediamtx.yml")
	if err := os.WriteFile(file, []byte(c.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	p.process = start(b, program, []string{"TZ=UTC"}, file)
	eventually(b, 10*time.Second, "MediaMTX", func() bool {
		conn, err := net.Dial("tcp", p.playback)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return p
}

// recording waits until so many of a peer's paths are being recorded.
func (p *peer) recording(b *testing.B, n int) {
	b.Helper()
	eventually(b, time.Minute, "MediaMTX to record", func() bool {
		files, _ := filepath.Glob(filepath.Join(p.dir, "*", "*.mp4"))
		return len(files) == n
	})
}
