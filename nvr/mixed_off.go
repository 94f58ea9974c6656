//go:build !sabotage

package nvr

import (
	"hearth/nvr/event"
	"hearth/nvr/media"
	"hearth/nvr/media/sabotage"
	"hearth/storage/box"
)

// Where tests plant faults; here are none.

func mixed(_ sabotage.Fault, id media.CameraID) media.CameraID { return id }

// book is where a camera's events are made.
func (*Cameras) book(o *one) *event.Book { return o.book }

// sinks are where a camera's stream goes.
func (*Cameras) sinks(_ media.CameraID, _ media.Stream, s media.Sinks) media.Sink { return s }

// sealed is a camera's sealed password and whose it has to be.
func (*Cameras) sealed(s box.Camera) (media.CameraID, []byte) { return s.ID, s.Password }
