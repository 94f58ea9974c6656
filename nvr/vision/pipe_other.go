//go:build !linux

package vision

import "fmt"

func (p *pipe) widen() {}

// writeAll writes the parts one after the other.
func (p *pipe) writeAll(parts [][]byte) error {
	for _, b := range parts {
		if _, err := p.Write(b); err != nil {
			return fmt.Errorf("hand over units: %w", err)
		}
	}
	return nil
}
