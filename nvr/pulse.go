package nvr

import (
	"hearth/nvr/camera"
	"hearth/nvr/media"
	"hearth/nvr/record"
)

// Pulse says whether what cameras send is recorded.
type Pulse struct {
	// Due is how many cameras send pictures that are to be recorded always, that can be, and that their disk takes.
	Due int
	// Fragments is how many of these cameras' fragments storage has taken since the cameras were started.
	Fragments uint64
}

// Pulse looks at all cameras.
func (c *Cameras) Pulse() Pulse {
	c.mu.Lock()
	running := make([]*one, 0, len(c.running))
	for _, o := range c.running {
		running = append(running, o)
	}
	c.mu.Unlock()
	var p Pulse
	for _, o := range running {
		o.mu.Lock()
		mode := record.Mode(o.settings.Record)
		o.mu.Unlock()
		if mode == record.Off || mode == record.Motion || o.looking.Err() != nil {
			continue
		}
		r := o.recorders[media.Main]
		if o.camera.State().Status != camera.Online || !r.Cuts() || !c.Store.Records(o.id) {
			continue
		}
		p.Due++
		p.Fragments += r.Counters().Fragments
	}
	return p
}
