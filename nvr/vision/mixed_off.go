//go:build !sabotage

package vision

import "hearth/nvr/vision/protocol"

// Where tests plant faults; here are none.

func (w *Worker) mixed(p *process) <-chan protocol.Message { return p.answers }

func (w *Worker) mixedPipe(p *process) *pipe { return p.in }
