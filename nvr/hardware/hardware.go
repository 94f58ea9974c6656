package hardware

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"hearth/nvr/vision/protocol"
)

// How long hearth-vision may take to say which hardware there is, and to try it all.
const (
	identifyLimit = 10 * time.Second
	probeLimit    = 5 * time.Minute
	maxAnswer     = 1 << 20 // bytes
)

// Machine is what decodes here. Its zero value knows nothing, so that software decodes.
type Machine struct {
	Program string // path of hearth-vision
	Dir     string // the data folder, where the result is kept; empty: it is not kept
	Log     *slog.Logger

	trials atomic.Pointer[protocol.Trials]
}

// Of is a machine of which it is known what decodes.
func Of(t *protocol.Trials) *Machine {
	m := &Machine{}
	m.trials.Store(t)
	return m
}

// Trials are what was found; nil while nothing was tried yet.
func (m *Machine) Trials() *protocol.Trials {
	if m == nil {
		return nil
	}
	return m.trials.Load()
}

// Know finds out what decodes here: from what was kept, if it is of this machine as it is now, or by trying everything,
// which takes seconds, or by trying it again. Tried says which. An error says that hearth-vision does not answer; what
// could not be kept is only logged.
func (m *Machine) Know(ctx context.Context, again bool) (tried bool, err error) {
	if !again {
		out, err := m.ask(ctx, "--identify-hw", identifyLimit)
		if err != nil {
			return false, err
		}
		now, err := protocol.ParseMachine(out)
		if err != nil {
			return false, fmt.Errorf("read which hardware there is: %w", err)
		}
		if kept := m.kept(); kept != nil && same(kept.Machine, *now) {
			m.trials.Store(kept)
			return false, nil
		}
	}
	out, err := m.ask(ctx, "--probe-hw", probeLimit)
	if err != nil {
		return false, err
	}
	t, err := protocol.ParseTrials(out)
	if err != nil {
		return false, fmt.Errorf("read what the decoders did: %w", err)
	}
	m.trials.Store(t)
	if err := m.keep(t); err != nil && m.Log != nil {
		m.Log.Warn("what decodes here is not remembered; it is tried again at the next start", "error", err)
	}
	return true, nil
}

// Run is Know for the box: it says in the log what was found, and returns.
func (m *Machine) Run(ctx context.Context) {
	begun := time.Now()
	tried, err := m.Know(ctx, false)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		m.Log.Warn("the decoders of this machine could not be tried; software decodes", "error", err)
		return
	}
	t := m.Trials()
	for _, d := range t.Devices {
		m.Log.Info("hardware", "decoder", d.Way, "driver", d.Driver, "decodes", works(t, d.Way))
	}
	m.Log.Debug("decoders are known", "tried", tried, "took", time.Since(begun).Round(time.Millisecond))
}

// same says whether two are the same machine, with the same drivers.
func same(a, b protocol.Machine) bool {
	return a.FFmpeg == b.FFmpeg && a.Kernel == b.Kernel && slices.Equal(a.Devices, b.Devices)
}

// ask has hearth-vision answer one question. When it takes too long it is ended with all that it has started: each of its
// tries is a process of its own, and it is those that hang.
func (m *Machine) ask(ctx context.Context, question string, limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.Program, question)
	cmd.Dir, cmd.Env, cmd.WaitDelay = "/", Environment(), time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, complaint := &bounded{most: maxAnswer}, &bounded{most: 1000}
	cmd.Stdout, cmd.Stderr = out, complaint
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("ask %s for the decoders: no answer for %s", m.Program, limit)
	case err != nil:
		return nil, fmt.Errorf("ask %s for the decoders: %w: %s", m.Program, err, bytes.ToValidUTF8(bytes.TrimSpace(complaint.b), []byte("?")))
	}
	return out.b, nil
}

// Environment is what of our environment the drivers of hardware decoders may want to know.
func Environment() []string {
	env := []string{"GOTRACEBACK=single"}
	for _, name := range []string{"LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// bounded keeps the first bytes of what is written to it.
type bounded struct {
	b    []byte
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.b = append(b.b, p[:min(len(p), b.most-len(b.b))]...)
	return len(p), nil
}
