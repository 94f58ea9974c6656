//go:build !linux

package camera

import (
	"errors"
	"net/netip"
)

// cardOf is known on Linux only.
func cardOf(_, _ netip.Addr) (card, error) { return card{}, errors.ErrUnsupported }
