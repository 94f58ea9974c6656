package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The faults that tests plant are in no program that is shipped: neither their names nor what they say. A build with
// them has both, and does not run as a program.
func TestShippedProgramHoldsNoFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := func(name string, args ...string) (path string, content []byte) {
		path = filepath.Join(dir, name)
		cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-ldflags", "-s -w"}, args...), "-o", path, "./cmd/hearth")...)
		cmd.Dir, cmd.Env = "..", append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return path, content
	}
	_, shipped := build("shipped")
	spoiled, faulty := build("faulty", "-tags", "sabotage")
	for _, trace := range []string{
		"PLANTED FAULTS", "sabotage.Camera", "sabotage.Planted", "sabotage.Blind", "sabotage.planted",
		"sabotage/on.go", "mixed_on.go", "storage.mixedThumbs", "storage.cachedFiles",
	} {
		if bytes.Contains(shipped, []byte(trace)) {
			t.Errorf("the shipped program has %q in it", trace)
		}
	}
	for _, trace := range []string{"PLANTED FAULTS", "sabotage.Camera", "mixed_on.go"} {
		if !bytes.Contains(faulty, []byte(trace)) {
			t.Errorf("the program with faults has no %q in it: this test would find nothing", trace)
		}
	}
	if out, err := exec.Command(spoiled, "version").CombinedOutput(); err == nil || !bytes.Contains(out, []byte("PLANTED FAULTS")) {
		t.Errorf("a program with planted faults runs: %v, %s", err, out)
	}
}
