package volume

import (
	"hearth/nvr/media"
	"hearth/storage/box"
)

// RemovedSetting is where hearth.db lists the cameras that are removed, but whose folders are not gone from all volumes
// yet: one may be away for months.
const RemovedSetting = "removed-cameras"

// Removed gives them.
func Removed(b *box.Box) (list []media.CameraID, err error) {
	_, err = b.Setting(RemovedSetting, &list)
	return list, err
}
