//go:build cgo

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"hearth/hwaccel"
	"hearth/nvr/vision/protocol"
)

const (
	// tryLimit is how long one way to decode may take with one sample. Drivers that are loaded for the first time take
	// seconds.
	tryLimit = 15 * time.Second
	// maxHangs is how often a device may take longer before nothing else is tried with it.
	maxHangs = 2
)

// probeHW tries every way to decode with every sample. Each try has a process of its own, in the worker's sandbox: a
// driver that hangs, crashes or wants more than a worker may is refused, and the others are tried all the same.
func probeHW(out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	found := protocol.Trials{Version: protocol.TrialsVersion, Machine: hwaccel.Machine(), Trials: []protocol.Trial{}}
	for _, h := range append(hwaccel.Present(), hwaccel.Software()) {
		hangs := 0
		for _, s := range hwaccel.Samples {
			t := protocol.Trial{Codec: s.Codec, Bits: s.Bits, Way: h.Way(), Why: "not tried: it hung before"}
			if hangs < maxHangs {
				var hung bool
				if t, hung = tryApart(self, t, s.String(), tryLimit); hung {
					hangs++
				}
			}
			found.Trials = append(found.Trials, t)
		}
	}
	return indented(out, found)
}

// tryApart makes one trial in another process.
func tryApart(self string, t protocol.Trial, sample string, limit time.Duration) (_ protocol.Trial, hung bool) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "--try-hw", t.Name, t.Device, sample)
	cmd.WaitDelay = time.Second // a driver's children may hold the pipe
	out, err := cmd.Output()
	var made protocol.Trial
	switch {
	case ctx.Err() != nil:
		t.Why, t.Wrong = fmt.Sprintf("it gave no answer for %s", limit), true
		return t, true
	case err != nil:
		var exit *exec.ExitError
		t.Why, t.Wrong = fmt.Sprintf("it crashed: %v", err), true
		if errors.As(err, &exit) && exit.Exited() && exit.ExitCode() == 1 {
			t.Wrong = false
			t.Why = "it could not be tried: " + lastLine(exit.Stderr)
		}
		return t, false
	case json.Unmarshal(out, &made) != nil || made.Way != t.Way || made.Codec != t.Codec || made.Bits != t.Bits:
		t.Why = "it could not be tried: no answer was understood"
		return t, false
	}
	return made, false
}

// lastLine is the end of what a process complained of.
func lastLine(b []byte) string {
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return brief(string(lines[len(lines)-1]))
}

// tryHW makes one trial in this process and prints it.
func tryHW(out io.Writer, way protocol.Way, sample string) error {
	s, err := hwaccel.FindSample(sample)
	if err != nil {
		return err
	}
	h, err := hwaccel.Find(way)
	if err != nil {
		return err
	}
	given := []hwaccel.Hardware{h}
	if h.Name == protocol.Software {
		given = nil
	}
	if _, err := confine(given); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(hwaccel.Try(h, s))
}

func indented(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
