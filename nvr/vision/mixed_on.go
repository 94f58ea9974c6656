//go:build sabotage

package vision

import (
	"sync"
	"syscall"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/sabotage"
	"hearth/nvr/vision/protocol"
)

// processes are the ones that run, by camera.
var processes sync.Map // media.CameraID: *process

// other gives the process that a fault makes of a camera's own.
func (w *Worker) other(f sabotage.Fault, p *process) *process {
	id := sabotage.Camera(f, w.Camera)
	if id == w.Camera {
		return p
	}
	for range 1000 { // it may be about to start
		if o, ok := processes.Load(id); ok && o.(*process).cmd.Process.Signal(syscall.Signal(0)) == nil {
			return o.(*process)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return p
}

// mixed gives the answers of the other camera's process.
func (w *Worker) mixed(p *process) <-chan protocol.Message {
	processes.Store(media.CameraID(w.Camera), p)
	return w.other(sabotage.PipeOut, p).answers
}

// mixedPipe gives the pipe to the other camera's process.
func (w *Worker) mixedPipe(p *process) *pipe { return w.other(sabotage.PipeIn, p).in }
