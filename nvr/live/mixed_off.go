//go:build !sabotage

package live

import "hearth/nvr/media"

// mixed is where tests plant a fault; here is none.
func (h *Hub) mixed(init Message, units []*media.AccessUnit, bytes int) (Message, []*media.AccessUnit, int) {
	return init, units, bytes
}
