//go:build cgo

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/hostile"
	"hearth/nvr/vision/protocol"
)

// Limits of a worker: those at which hearth ends it (nvr/vision).
const (
	memoryLimit = 300 << 20
	patience    = 10 * time.Second
)

// TestHostileStreams gives each stream that means harm to a worker of its own, sealed as in real life and told to decode
// everything. It may pass over what it cannot use, or end; it may not take more than hearth grants. What lives looks at
// the good pictures that come afterwards.
func TestHostileStreams(t *testing.T) {
	good := hostile.Good()
	for _, s := range hostile.Corpus(t) {
		t.Run(s.Name, func(t *testing.T) {
			const begins = 1_700_000_000_000_000
			const later = begins + 3600*second
			task := protocol.Task{Camera: media.NewCameraID(), Start: media.NewUUID()}
			list := []protocol.Message{task, protocol.Motion{Settings: media.MotionSettings{Sensitivity: 0.5, Attentive: true}}}
			list = append(list, s.Messages(task, begins)...)
			list = append(list, good.Messages(task, later)...)
			b := bear(t, confinement{Serve: true}, list, later)
			t.Logf("%d MB, %.2f s of processor time, silent for %v at most; ended with %v; %d looks; %+v; %v",
				b.rss>>20, b.cpu.Seconds(), b.silent, b.err, b.looks, b.stats, b.said)
			if b.rss > memoryLimit {
				t.Errorf("it took %d MB", b.rss>>20)
			}
			if b.busiest > patience {
				t.Errorf("it worked for %v without a sign of life", b.busiest)
			}
			if b.err == nil && !b.recovered {
				t.Error("it lives, and does not look at what came afterwards")
			}
			if b.nonsense != nil {
				t.Errorf("it said what hearth does not understand: %v", b.nonsense)
			}
		})
	}
}

// borne is how a worker did.
type borne struct {
	err      error         // how it ended
	nonsense error         // in what it said
	rss      int64         // bytes at most, while it lived
	cpu      time.Duration // processor time in all
	silent   time.Duration // the longest between two messages
	busiest  time.Duration // the most processor time between two signs of life
	looks    int
	said     []string
	// recovered says that it looked at a picture of the good stream.
	recovered bool
	stats     protocol.Stats
}

// bear has a worker take the messages as fast as it will, until it looks at a picture that was taken later, or ends.
func bear(t *testing.T, c confinement, list []protocol.Message, later int64) borne {
	t.Helper()
	cmd, stdin, out, errs := copyOf(t, c, users()[0])
	go func() {
		w := bufio.NewWriter(stdin)
		for _, m := range list {
			if protocol.Write(w, m) != nil {
				return // it has ended
			}
		}
		_ = w.Flush()
	}()
	var b borne
	heard, before := time.Now(), 0.0
	for {
		m, err := protocol.Read(out)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				b.nonsense = err
			}
			break
		}
		b.silent, heard = max(b.silent, time.Since(heard)), time.Now()
		switch m := m.(type) {
		case protocol.Look:
			b.looks++
			if m.At >= later && !b.recovered {
				b.recovered = true
				b.rss = max(b.rss, highWater(cmd.Process.Pid))
				stdin.Close()
			}
		case protocol.Error:
			b.said = append(b.said, m.Text)
		case protocol.Stats:
			b.stats = m
			b.rss = max(b.rss, highWater(cmd.Process.Pid))
			b.busiest = max(b.busiest, time.Duration((m.CPU-before)*float64(time.Second)))
			before = m.CPU
		}
	}
	if b.nonsense != nil {
		_ = cmd.Process.Kill()
	}
	b.err = cmd.Wait()
	b.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	b.busiest = max(b.busiest, b.cpu-time.Duration(before*float64(time.Second)))
	if line, _, _ := strings.Cut(errs.String(), "\n"); line != "" {
		b.said = append(b.said, line)
	}
	return b
}

// highWater is the most memory that was resident in a process that lives, in bytes; what wait(2) tells includes its
// parent's.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	var kb int64
	if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
		_, _ = fmt.Sscan(after, &kb)
	}
	return kb << 10
}

// Without the limits the largest bomb takes more than hearth grants: else the test above would show nothing.
func TestTheBombIsOne(t *testing.T) {
	for _, s := range hostile.Corpus(t) {
		if s.Name != "h264-bomb-8192" {
			continue
		}
		s.Units = s.Units[:6] // of 100 MB each
		list := append([]protocol.Message{protocol.Motion{Settings: media.MotionSettings{Attentive: true}}}, s.Messages(protocol.Task{}, 1)...)
		list = append(list, hostile.Good().Messages(protocol.Task{}, 3600*second)...)
		if b := bear(t, confinement{Serve: true, Off: []layer{limits}}, list, 3600*second); b.rss < memoryLimit*3/2 {
			t.Errorf("it took %d MB only", b.rss>>20)
		}
		return
	}
	t.Fatal("there is no such stream")
}
