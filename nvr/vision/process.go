package vision

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"hearth/nvr/hardware"
	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// Why a process was ended.
var (
	errSilent = errors.New("it gave no sign of life")
	errDeaf   = errors.New("it takes no more pictures")
	errLarge  = errors.New("it used too much memory")
	errMixed  = errors.New("what it said is of another camera")
	// errHardware says that the process ended, or had to be, while hardware decoded that rests from now on: so many ways as
	// there are is how often that can be.
	errHardware = errors.New("hardware that decoded failed")
	// errRests says that the process ended because of hardware that rests already.
	errRests = errors.New("hardware that decoded failed again")
	// errNotGiven says that the process speaks of hardware that it cannot have.
	errNotGiven = fmt.Errorf("it speaks of hardware that it was not given: %w", protocol.ErrMalformed)
	// errMoreWays says that hardware may be used now that the process has closed itself off from.
	errMoreWays = errors.New("there is hardware to decode with now")
)

// process is one hearth-vision with its pipes.
type process struct {
	cmd      *exec.Cmd
	task     protocol.Task
	in       *pipe
	answers  chan protocol.Message
	readErr  error         // set before answers is closed
	ended    chan struct{} // closed by kill
	watching atomic.Bool
	spell    uint64 // the newest it spoke of; Worker.look's goroutine only

	given []protocol.Way // hardware that it may open
	// Of Worker.mu, since what feeds the process and what hears it know of them: what it was told of the hardware, whether
	// it was told that there will be none, and what decodes since.
	plan   plan
	closed bool
	codec  media.Codec
	using  protocol.Way
}

// start starts the program with nothing but its pipes: no environment but what drivers of hardware need, a process
// group of its own, so that an interrupt typed at the terminal is for hearth alone. It is killed when ctx ends, but kill
// is to be called in any case.
//
// It closes itself off from all hardware but that of ways.
func start(ctx context.Context, program string, camera media.CameraID, ways []protocol.Way, said *sayings, log *slog.Logger) (*process, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	if path, err = filepath.Abs(path); err != nil { // its folder is another than ours
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	cmd := exec.CommandContext(ctx, path, arguments(ways)...)
	cmd.Dir = "/"
	cmd.Env = hardware.Environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ended := make(chan struct{})
	cmd.Stderr = &lines{log: log, said: said, ended: ended}
	cmd.WaitDelay = 2 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	in, stdin, err := newPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	defer stdin.Close()
	cmd.Stdin = stdin
	if err := cmd.Start(); err != nil {
		in.Close()
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	p := &process{cmd: cmd, task: protocol.Task{Camera: camera, Start: media.NewUUID()}, in: in, answers: make(chan protocol.Message, 64), ended: ended}
	p.given, p.closed = ways, len(ways) == 0
	go p.read(out)
	return p, nil
}

// read passes answers on until the process ends or talks nonsense. The first answer must be a Hello of our version.
func (p *process) read(out io.Reader) {
	defer close(p.answers)
	r := &counted{Reader: bufio.NewReaderSize(out, 64<<10)}
	pace := pace{rate: words, most: mostWords}
	for first := true; ; first = false {
		r.n = 0
		m, err := protocol.Read(r)
		if err != nil {
			p.readErr = fmt.Errorf("read its answer: %w", err)
			return
		}
		if h, ok := m.(protocol.Hello); first && (!ok || h.Version != protocol.Version) {
			p.readErr = fmt.Errorf("it speaks another version: %w", protocol.ErrMalformed)
			return
		}
		p.answers <- m
		pause(pace.take(float64(1+r.n/wordBytes)), p.ended)
	}
}

// kill ends the process, whatever it is doing, and waits for it.
func (p *process) kill() {
	close(p.ended)
	p.in.Close()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return
	}
	for range p.answers { // what it still said is of no use, but its reader must end
	}
	_ = p.cmd.Wait() // killed: its exit status says nothing
}

// look runs one process until it fails, which it says why, or ctx ends.
func (w *Worker) look(ctx context.Context, log *slog.Logger) (err error) {
	p, err := start(ctx, w.Program, w.Camera, w.openable(), &w.said, log)
	if err != nil {
		return err
	}
	defer func(told context.Context) { err = w.blame(told, p, err) }(ctx) // not the one below, which has ended by then
	w.queue.restart()
	answers := w.mixed(p)
	ctx, cancel := context.WithCancel(ctx)
	fed := make(chan error, 1)
	go func() { fed <- w.feed(ctx, p) }()
	w.mu.Lock()
	w.pid = p.cmd.Process.Pid
	w.mu.Unlock()
	defer func() {
		cancel()
		p.kill() // breaks the pipe, should feed be waiting in it
		if fed != nil {
			<-fed
		}
		w.ended(p)
		w.said.settle(log)
	}()

	patience := w.Patience
	if patience <= 0 {
		patience = DefaultPatience
	}
	quiet := silence{patience: patience, every: min(patience/4, 2*time.Second), heard: time.Now(), looked: time.Now()}
	tick := time.NewTicker(quiet.every)
	defer tick.Stop()
	var deaf <-chan time.Time // after a broken pipe: how long the process has to end by itself
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deaf:
			return errDeaf
		case m, ok := <-answers:
			if !ok {
				return cmp.Or(p.readErr, io.ErrUnexpectedEOF)
			}
			quiet.heard = time.Now()
			if err := w.answer(p, m, log); err != nil {
				return err
			}
		case err := <-fed:
			// A broken pipe: the process is ending. Its last words are worth more than the pipe's.
			fed, deaf = nil, time.After(2*time.Second)
			log.Debug("hearth-vision takes no more units", "err", err)
		case <-tick.C:
			if quiet.tooLong(time.Now()) && len(p.answers) == 0 {
				return errSilent
			}
			if err := w.weigh(p); err != nil {
				return err
			}
			if w.lacks(p) {
				return errMoreWays
			}
		}
	}
}
