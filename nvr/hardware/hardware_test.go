package hardware

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

var (
	intel  = protocol.Way{Name: protocol.VAAPI, Device: "/dev/dri/renderD128"}
	nvidia = protocol.Way{Name: protocol.CUDA, Device: "0"}
	none   = protocol.Way{Name: protocol.Software}
)

func trial(c media.Codec, w protocol.Way, cpu time.Duration) protocol.Trial {
	return protocol.Trial{Codec: c, Bits: 8, Way: w, Works: true, CPU: cpu}
}

func refused(c media.Codec, w protocol.Way, why string) protocol.Trial {
	return protocol.Trial{Codec: c, Bits: 8, Way: w, Why: why}
}

func machine(trials ...protocol.Trial) *Machine {
	return Of(&protocol.Trials{Version: protocol.TrialsVersion, Trials: trials})
}

func TestWhatCostsLeastComesFirst(t *testing.T) {
	m := machine(
		trial(media.H264, nvidia, 200*time.Microsecond), trial(media.H264, intel, 100*time.Microsecond), trial(media.H264, none, 900*time.Microsecond),
		trial(media.H265, nvidia, 200*time.Microsecond), refused(media.H265, intel, "the picture is gray"), trial(media.H265, none, time.Millisecond),
		trial(media.MJPEG, nvidia, 800*time.Microsecond), trial(media.MJPEG, none, 500*time.Microsecond),
		trial(media.AV1, none, 500*time.Microsecond),
	)
	for _, c := range []struct {
		codec media.Codec
		want  string
		ways  []protocol.Way
		why   string
	}{
		{media.H264, Auto, []protocol.Way{intel, nvidia}, ""},
		{media.H264, "", []protocol.Way{intel, nvidia}, ""},
		{media.H264, "software", nil, ""},
		{media.H264, "cuda", []protocol.Way{nvidia}, ""},
		{media.H264, "v4l2m2m", nil, "has no V4L2"},
		{media.H265, Auto, []protocol.Way{nvidia}, ""},
		{media.H265, "vaapi", nil, "gray"},
		{media.MJPEG, Auto, nil, "costs more"},
		{media.MJPEG, "cuda", []protocol.Way{nvidia}, ""},
		{media.AV1, Auto, nil, ""},
	} {
		ways, why := m.Ways(c.codec, c.want)
		if fmt.Sprint(ways) != fmt.Sprint(c.ways) || !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
			t.Errorf("%s, %q: %v, %q; want %v, %q", c.codec, c.want, ways, why, c.ways, c.why)
		}
	}
	var unknown *Machine
	if ways, why := unknown.Ways(media.H264, Auto); len(ways) > 0 || why == "" {
		t.Errorf("before anything was tried: %v, %q", ways, why)
	}
}

func TestAChoiceThatCannotBeMade(t *testing.T) {
	m := machine(trial(media.H264, intel, 1), refused(media.H264, nvidia, "it hung"), trial(media.H264, none, 2))
	for _, c := range []struct{ choice, why string }{
		{Auto, ""}, {"", ""}, {"software", ""}, {"vaapi", ""}, {"cuda", "it hung"}, {"v4l2m2m", "has no V4L2 decoder"},
	} {
		err := m.Check(c.choice)
		if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%q: %v", c.choice, err)
		}
	}
	if got := fmt.Sprint(m.Has()); got != "[auto software vaapi]" {
		t.Errorf("there is %s", got)
	}
	if got := fmt.Sprint((&Machine{}).Has()); got != "[auto software]" {
		t.Errorf("before anything was tried there is %s", got)
	}
}

// worker is a hearth-vision that says what a test wants it to, and writes down what it was asked.
func worker(t *testing.T, m protocol.Machine, trials protocol.Trials) (program, dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, v := range map[string]any{"--identify-hw": m, "--probe-hw": trials} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program = filepath.Join(dir, "worker")
	script := fmt.Sprintf("#!/bin/sh\necho \"$1\" >>%s/asked\ncat -- '%s'/\"$1\"\n", dir, dir)
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return program, dir
}

func asked(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "asked"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "asked")); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

func TestItIsRememberedUntilSomethingChanges(t *testing.T) {
	now := protocol.Machine{FFmpeg: "7.1", Kernel: "6.12", Devices: []protocol.Device{{Way: intel, Driver: "i915 8086:46a6"}}}
	found := protocol.Trials{Version: protocol.TrialsVersion, Machine: now, Trials: []protocol.Trial{trial(media.H264, intel, 1)}}
	data := t.TempDir()
	for _, c := range []struct {
		name   string
		change func()
		again  bool
		tried  bool
	}{
		{"the first time", func() {}, false, true},
		{"nothing changed", func() {}, false, false},
		{"asked for again", func() {}, true, true},
		{"another kernel", func() { now.Kernel = "6.13" }, false, true},
		{"another FFmpeg", func() { now.FFmpeg = "7.1.1" }, false, true},
		{"another driver", func() { now.Devices = []protocol.Device{{Way: intel, Driver: "xe 8086:46a6"}} }, false, true},
		{"another device", func() { now.Devices = append(now.Devices, protocol.Device{Way: nvidia}) }, false, true},
		{"no device", func() { now.Devices = nil }, false, true},
		{"nothing changed since", func() {}, false, false},
		{"what is kept is damaged", func() { damage(t, data, "{\"version\": 1, \"tri") }, false, true},
		{"what is kept is of the future", func() { damage(t, data, `{"version": 99, "trials": []}`) }, false, true},
		{"what is kept names no decoder", func() { damage(t, data, `{"version": 1, "trials": [{"name": "abacus", "works": true}]}`) }, false, true},
		{"nothing changed at last", func() {}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.change()
			found.Machine = now
			program, dir := worker(t, now, found)
			m := &Machine{Program: program, Dir: data, Log: slog.New(slog.DiscardHandler)}
			tried, err := m.Know(t.Context(), c.again)
			if err != nil || tried != c.tried {
				t.Fatalf("tried %v, %v", tried, err)
			}
			want := map[bool]string{true: "--identify-hw --probe-hw", false: "--identify-hw"}[c.tried]
			if c.again {
				want = "--probe-hw"
			}
			if got := asked(t, dir); got != want {
				t.Errorf("it was asked %q, want %q", got, want)
			}
			if w, _ := m.Ways(media.H264, Auto); len(w) != 1 {
				t.Errorf("ways %v", w)
			}
		})
	}
	if left, err := filepath.Glob(filepath.Join(data, "*")); err != nil || len(left) != 1 {
		t.Errorf("in the data folder: %v, %v", left, err)
	}
}

func damage(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAWorkerThatTalksNonsenseIsNotBelieved(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":        "vaapi works, trust me",
		"no decoder":     `{"version":1,"trials":[{"codec":"h264","name":"abacus","works":true}]}`,
		"too much":       `{"version":1,"trials":[` + strings.Repeat(`{"name":"cuda"},`, protocol.MaxTrials) + `{"name":"cuda"}]}`,
		"an endless why": `{"version":1,"trials":[{"name":"cuda","why":"` + strings.Repeat("x", protocol.MaxText+1) + `"}]}`,
		"negative costs": `{"version":1,"trials":[{"name":"cuda","works":true,"cpu_ns":-1}]}`,
		"endless":        strings.Repeat(" ", maxAnswer+1) + `{"version":1,"trials":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			program, dir := worker(t, protocol.Machine{}, protocol.Trials{})
			if err := os.WriteFile(filepath.Join(dir, "--probe-hw"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			m := &Machine{Program: program}
			if _, err := m.Know(t.Context(), true); err == nil || m.Trials() != nil {
				t.Errorf("%v was believed: %+v", err, m.Trials())
			}
		})
	}
	m := &Machine{Program: "/bin/false"}
	if _, err := m.Know(t.Context(), false); err == nil {
		t.Error("a program that fails is believed")
	}
}

// When a try hangs, nothing is left of it.
func TestWhatHangsIsEndedWithAllThatItStarted(t *testing.T) {
	dir := t.TempDir()
	program, child := filepath.Join(dir, "worker"), filepath.Join(dir, "child")
	if err := syscall.Mkfifo(child, 0o600); err != nil {
		t.Fatal(err)
	}
	// Its try keeps the pipe's end open for as long as it lives, and says when it is there.
	script := fmt.Sprintf("#!/bin/sh\n(echo lives; exec sleep 1000) >%s &\nsleep 1000\n", child)
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		m := &Machine{Program: program}
		_, err := m.Know(ctx, true)
		asked <- err
	}()
	lives, err := os.Open(child)
	if err != nil {
		t.Fatal(err)
	}
	defer lives.Close()
	if _, err := io.ReadFull(lives, make([]byte, len("lives\n"))); err != nil {
		t.Fatal(err)
	}
	cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := io.ReadAll(lives)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Error("its try goes on")
	}
	if err := <-asked; err == nil {
		t.Error("no answer was taken for one")
	}
}
