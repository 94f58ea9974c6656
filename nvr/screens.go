package nvr

import (
	"log/slog"
	"sync/atomic"

	"hearth/nvr/camera"
	"hearth/nvr/live"
	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
)

// screens are a camera's live hubs. They outlive its connection: when that is made anew, whoever watches goes on
// watching, and sees the next run as after any loss of the camera. They close when the camera is removed.
type screens struct {
	hubs [2]*live.Hub // by stream
	now  atomic.Pointer[camera.Camera]
	// attentive is when the worker wants every packet at once too.
	attentive atomic.Bool
}

func newScreens(id media.CameraID, bell *alarm.Bell, log *slog.Logger) *screens {
	s := &screens{}
	for i := range s.hubs {
		stream := media.Stream(i)
		s.hubs[i] = &live.Hub{Camera: id, Stream: stream, Log: log, Bell: bell, OnWatch: func(on bool) {
			if c := s.now.Load(); c != nil {
				c.SetLowLatency(stream, on || s.attentive.Load())
			}
		}}
	}
	return s
}

// show makes c the camera that is asked for every packet at once while somebody watches, or always when attentive.
func (s *screens) show(c *camera.Camera, attentive bool) {
	s.now.Store(c)
	s.attend(attentive)
}

// attend switches attention.
func (s *screens) attend(attentive bool) {
	s.attentive.Store(attentive)
	c := s.now.Load()
	if c == nil {
		return
	}
	for i, h := range s.hubs {
		c.SetLowLatency(media.Stream(i), attentive || h.Viewers() > 0)
	}
}

func (s *screens) close() {
	for _, h := range s.hubs {
		h.Close()
	}
}
