package salvage

import (
	"os"
	"path/filepath"
	"testing"

	"hearth/nvr/media"
)

// What the box notes of what it let go of is no finding: every box that has been full once has it.
func TestPagesOfTheLedger(t *testing.T) {
	dir := t.TempDir()
	day := filepath.Join(dir, media.NewCameraID().String(), "2026-11-22")
	must(t, os.MkdirAll(day, 0o700))
	for _, name := range []string{"gone", "gone.new"} {
		must(t, os.WriteFile(filepath.Join(day, name), []byte("a page"), 0o600))
		must(t, os.WriteFile(filepath.Join(filepath.Dir(day), name), []byte("a page"), 0o600))
	}
	s := &Salvage{Media: dir}
	if list := s.walk(); len(list) != 1 || len(list[0].files) != 0 {
		t.Errorf("found %+v", list)
	}
	if len(s.result.Findings) > 0 {
		t.Errorf("told: %v", s.result.Findings)
	}
	must(t, os.WriteFile(filepath.Join(day, "holiday.jpg"), nil, 0o600))
	if s.walk(); len(s.result.Findings) != 1 {
		t.Errorf("of a stranger's file is told: %v", s.result.Findings)
	}
}
