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
type watchdog struct {
	out io.Writer // what hearth reads; nobody else writes while a call is minded
	die func()    // ends the process

	mu    sync.Mutex
	timer *time.Timer
	on    bool
	by    hwaccel.Hardware
	limit time.Duration
}

// mind begins to mind the time, or begins anew. Software is not minded: hearth's patience is for that.
func (d *watchdog) mind(by hwaccel.Hardware, limit time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on, d.by, d.limit = by.Name != protocol.Software && d.die != nil, by, limit
	switch {
	case !d.on:
	case d.timer == nil:
		d.timer = time.AfterFunc(limit, d.bite)
	default:
		d.timer.Reset(limit)
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

// bite holds the lock to the end: should the call come back now, it waits in rest.
func (d *watchdog) bite() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.on {
		return
	}
	way := d.by.Way()
	// Best effort: without these words hearth sees the process end while hardware decodes.
	_ = protocol.Write(d.out, protocol.Error{Text: fmt.Sprintf("did not come back for %s", d.limit), Failed: &way})
	d.die()
}
