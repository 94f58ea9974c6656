//go:build sabotage

package layer

import (
	"hearth/nvr/media"
	"hearth/nvr/media/sabotage"
)

// mixed writes what is of one camera's space into the journal as of the other's.
func mixed(owner string) string {
	if len(owner) < len(media.CameraID{}) {
		return owner
	}
	n := len(media.CameraID{})
	other := sabotage.Camera(sabotage.Journal, media.CameraID([]byte(owner[:n])))
	return string(other[:]) + owner[n:]
}
