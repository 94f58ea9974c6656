package hardware

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hearth/nvr/vision/protocol"
)

// fileName is where in the data folder the result is kept. It can be deleted at any time.
const fileName = "hardware.json"

// kept reads what was kept; nil when there is nothing that can be used.
func (m *Machine) kept() *protocol.Trials {
	if m.Dir == "" {
		return nil
	}
	f, err := os.Open(filepath.Join(m.Dir, fileName))
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxAnswer))
	if err != nil {
		return nil
	}
	t, err := protocol.ParseTrials(b)
	if err != nil {
		return nil // damaged, or of another version: it is made anew
	}
	return t
}

// keep replaces what was kept, in one step. A result in which something hung or crashed is kept too: trying it again
// at every start would cost as much each time.
func (m *Machine) keep(t *protocol.Trials) error {
	if m.Dir == "" {
		return nil
	}
	b, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(m.Dir, fileName+".*")
	if err != nil {
		return fmt.Errorf("keep what decodes here: %w", err)
	}
	defer os.Remove(f.Name()) // gone already, if all went well
	if _, err = f.Write(append(b, '\n')); err == nil {
		err = f.Chmod(0o644)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(m.Dir, fileName))
	}
	if err != nil {
		return fmt.Errorf("keep what decodes here: %w", err)
	}
	return nil
}
