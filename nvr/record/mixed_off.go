//go:build !sabotage

package record

import "hearth/nvr/media"

// mixed is where tests plant a fault; here is none.
func mixed(run *media.Run) *media.Run { return run }
