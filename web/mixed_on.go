//go:build sabotage

package web

import (
	"sync/atomic"

	"hearth/nvr/media"
	"hearth/nvr/media/sabotage"
	"hearth/storage/access"
)

// Where tests plant faults.

func mixed(f sabotage.Fault, id media.CameraID) media.CameraID { return sabotage.Camera(f, id) }

// lastSession is that of the request before, as a cache or a pool of contexts would keep it.
var lastSession atomic.Pointer[access.Session]

func mixedSession(s access.Session) access.Session {
	if !sabotage.Planted(sabotage.DoorSession) {
		lastSession.Store(&s)
		return s
	}
	return *lastSession.Load()
}
