//go:build sabotage

package record

import (
	"hearth/nvr/media"
	"hearth/nvr/media/sabotage"
)

// mixed hands the writer a run of the other camera.
func mixed(run *media.Run) *media.Run {
	r := *run
	r.Camera = sabotage.Camera(sabotage.WriterRun, run.Camera)
	return &r
}
