//go:build cgo

package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"hearth/hwaccel"
	"hearth/nvr/vision/protocol"
)

// watchdog minds how long a driver takes. A call into one that hangs does not come back, and its thread cannot be ended:
// so the process says which hardware it was, and ends. Its zero value minds nothing.
//
// Where the machine is so busy that this process hardly runs, that is no driver's fault: the time is minded in parts, and a part
// that was over late counts as one.
type watchdog struct {
	out io.Writer // what hearth reads; nobody else writes while a call is minded
	die func()    // ends the process

	mu    sync.Mutex
	timer *time.Timer
	on    bool
	by    hwaccel.Hardware
	limit time.Duration
	parts int // of it that are over
}

// minded is in how many parts a limit is minded.
const minded = 10

// mind begins to mind the time, or begins anew. Software is not minded: hearth's patience is for that.
func (d *watchdog) mind(by hwaccel.Hardware, limit time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on, d.by, d.limit, d.parts = by.Name != protocol.Software && d.die != nil, by, limit, 0
	switch {
	case !d.on:
	case d.timer == nil:
		d.timer = time.AfterFunc(limit/minded, d.bite)
	default:
		d.timer.Reset(limit / minded)
	}
}

// rest stops minding.
func (d *watchdog) rest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on = false
	if d.timer != nil {
		d.timer.Stop()
	}
}

// bite ends the process once all parts are over. It holds the lock to the end: should the call come back now, it waits in rest.
func (d *watchdog) bite() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.on {
		return
	}
	if d.parts++; d.parts < minded {
		d.timer.Reset(d.limit / minded)
		return
	}
	way := d.by.Way()
	// Best effort: without these words hearth sees the process end while hardware decodes.
	_ = protocol.Write(d.out, protocol.Error{Text: fmt.Sprintf("did not come back for %s", d.limit), Failed: &way})
	d.die()
}
