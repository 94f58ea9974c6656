//go:build sabotage

package nvr

import (
	"sync"

	"hearth/nvr/event"
	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/sabotage"
	"hearth/storage/box"
)

// Where tests plant faults.

func mixed(f sabotage.Fault, id media.CameraID) media.CameraID { return sabotage.Camera(f, id) }

// book is where the other camera's events are made.
func (c *Cameras) book(o *one) *event.Book {
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.running[mixed(sabotage.Books, o.settings.ID)]; other != nil {
		return other.book
	}
	return o.book
}

// allSinks are where all cameras' streams go.
var allSinks sync.Map // sinkKey: media.Sinks

type sinkKey struct {
	camera media.CameraID
	stream media.Stream
}

// sinks passes a camera's stream on to the other camera's sinks.
func (*Cameras) sinks(id media.CameraID, stream media.Stream, s media.Sinks) media.Sink {
	allSinks.Store(sinkKey{id, stream}, s)
	return &swapped{id: id, stream: stream, own: s}
}

type swapped struct {
	id     media.CameraID
	stream media.Stream
	own    media.Sinks
	now    media.Sinks // of the run under way
}

func (k *swapped) StartRun(run *media.Run) {
	k.now = k.own
	if other, ok := allSinks.Load(sinkKey{mixed(sabotage.Sinks, k.id), k.stream}); ok {
		k.now = other.(media.Sinks)
	}
	k.now.StartRun(run)
}

func (k *swapped) WriteUnit(run *media.Run, au *media.AccessUnit) { k.now.WriteUnit(run, au) }

func (k *swapped) EndRun(run *media.Run, reason string) { k.now.EndRun(run, reason) }

// sealed is the other camera's sealed password. With the check switched off it is opened as that, too.
func (c *Cameras) sealed(s box.Camera) (media.CameraID, []byte) {
	other, err := c.Store.Box().Camera(mixed(sabotage.PasswordRow, s.ID))
	if err != nil || other.ID == s.ID {
		return s.ID, s.Password
	}
	if sabotage.Blind(string(alarm.Password)) {
		return other.ID, other.Password
	}
	return s.ID, other.Password
}
