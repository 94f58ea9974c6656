package nvr

import (
	"time"

	"hearth/nvr/camera"
	"hearth/nvr/media"
	"hearth/nvr/record"
	"hearth/nvr/vision"
	"hearth/storage/access"
)

// CameraState is how a camera does right now.
type CameraState struct {
	camera.State
	Vision    vision.Status
	Recording map[media.Stream]record.Counters
	Came      map[media.Stream]camera.Counters // what came in since it was started
	Viewers   int
	// Identity is what the camera is known by, by stream; that of the sub stream is nil where it is the same.
	Identity [2]*IdentityState
	Private  *PrivacyState // nil: it is not
}

// State says how a camera does. Any valid grant for the camera will do.
func (c *Cameras) State(g access.Grant) (CameraState, error) {
	o, err := c.one(g)
	if err != nil {
		return CameraState{}, err
	}
	c.mu.Lock()
	private, ok := c.private(o.id)
	c.mu.Unlock()
	if ok || o.looking.Err() != nil { // then it is just about to look again
		s := CameraState{State: camera.State{Status: camera.Connecting, Since: time.Now()}}
		if ok {
			s.State, s.Private = camera.State{Status: camera.Private, Since: private.Since}, &private
		}
		s.Identity, err = c.identityStates(g.Camera(), o)
		return s, err
	}
	s := CameraState{
		State: o.camera.State(), Vision: o.worker.Status(),
		Recording: make(map[media.Stream]record.Counters), Came: make(map[media.Stream]camera.Counters),
	}
	for i, r := range o.recorders {
		s.Came[media.Stream(i)] = o.camera.Counters(media.Stream(i))
		s.Recording[media.Stream(i)] = r.Counters()
		s.Viewers += o.screens.hubs[i].Viewers()
	}
	s.Identity, err = c.identityStates(g.Camera(), o)
	return s, err
}
