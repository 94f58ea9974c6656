//go:build !sabotage

package web

import (
	"hearth/nvr/media"
	"hearth/nvr/media/sabotage"
	"hearth/storage/access"
)

// Where tests plant faults; here are none.

func mixed(_ sabotage.Fault, id media.CameraID) media.CameraID { return id }

func mixedSession(s access.Session) access.Session { return s }
