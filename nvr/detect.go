package nvr

import (
	"sync"

	"hearth/nvr/media"
)

// detect chooses which of a camera's streams the worker looks at: the sub stream while it comes in, since it costs
// a tenth of the main stream; else the main stream. Each stream has its sink; whole runs go on to one.
type detect struct {
	to media.Sink // nil: nobody looks

	mu       sync.Mutex
	incoming [2]*media.Run // by stream; nil while nothing comes in
	current  *media.Run    // what the worker gets
}

// sink is the way in for one stream.
func (d *detect) sink(s media.Stream) media.Sink { return detectSink{d, s} }

// choose moves the worker to the stream that is best now. The caller holds d.mu.
func (d *detect) choose() {
	best := d.incoming[media.Sub]
	if best == nil {
		best = d.incoming[media.Main]
	}
	if d.to == nil || best == d.current {
		return
	}
	if d.current != nil {
		d.to.EndRun(d.current, "looking at the other stream")
	}
	d.current = best
	if best != nil {
		d.to.StartRun(best)
	}
}

type detectSink struct {
	d      *detect
	stream media.Stream
}

// StartRun implements media.Sink.
func (k detectSink) StartRun(run *media.Run) {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	k.d.incoming[k.stream] = run
	k.d.choose()
}

// WriteUnit implements media.Sink. The worker gets pictures only.
func (k detectSink) WriteUnit(run *media.Run, au *media.AccessUnit) {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	if k.d.current == run && run.Tracks[au.Track].Codec.IsVideo() {
		k.d.to.WriteUnit(run, au)
	}
}

// EndRun implements media.Sink.
func (k detectSink) EndRun(run *media.Run, reason string) {
	k.d.mu.Lock()
	defer k.d.mu.Unlock()
	if k.d.incoming[k.stream] == run {
		k.d.incoming[k.stream] = nil
	}
	if k.d.current == run {
		k.d.to.EndRun(run, reason)
		k.d.current = nil
		k.d.choose()
	}
}
