package e2e

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// deps lists the packages that a package needs, itself included, as `hearth` is built: without cgo.
func deps(t *testing.T, pkg string, env ...string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", pkg)
	cmd.Dir = ".."
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}

// rooms lists the packages of the module below a folder.
func rooms(t *testing.T, below string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "./"+below+"/...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list ./%s/...: %v", below, err)
	}
	return strings.Fields(string(out))
}

// TestWhoMayCallWhom keeps docs/design/house.md true.
func TestWhoMayCallWhom(t *testing.T) {
	t.Parallel()
	within := func(pkg string, folders ...string) bool {
		return slices.ContainsFunc(folders, func(f string) bool {
			return pkg == "hearth/"+f || strings.HasPrefix(pkg, "hearth/"+f+"/")
		})
	}
	for _, rule := range []struct {
		below  string
		never  []string // folders of ours
		others []string // import paths of others, with what lies below them
	}{
		{"nvr/media", []string{"cmd", "web", "hwaccel", "storage", "e2e"}, []string{"github.com/labstack/echo"}},
		{"storage", []string{"cmd", "web", "hwaccel", "e2e", "nvr/camera", "nvr/record", "nvr/live", "nvr/vision", "nvr/motion", "nvr/event", "nvr/sim"}, []string{"github.com/labstack/echo"}},
		{"nvr", []string{"cmd", "web", "hwaccel", "e2e"}, []string{"github.com/labstack/echo"}},
		{"hwaccel", []string{"cmd", "web", "storage", "e2e"}, []string{"github.com/labstack/echo"}},
		{"web", []string{"cmd", "hwaccel", "e2e"}, nil},
	} {
		for _, pkg := range rooms(t, rule.below) {
			for _, dep := range deps(t, pkg) {
				if within(dep, rule.never...) {
					t.Errorf("%s needs %s: never upward", pkg, dep)
				}
				for _, o := range rule.others {
					if dep == o || strings.HasPrefix(dep, o+"/") {
						t.Errorf("%s needs %s", pkg, dep)
					}
				}
			}
		}
	}

	t.Run("hearth links no cgo", func(t *testing.T) {
		if list := deps(t, "./cmd/hearth", "CGO_ENABLED=0"); slices.Contains(list, "runtime/cgo") || slices.Contains(list, "hearth/hwaccel") {
			t.Error("hearth links cgo, or hwaccel")
		}
	})
	t.Run("the look does no input or output", func(t *testing.T) {
		cmd := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, "./nvr/motion")
		cmd.Dir = ".."
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, banned := range []string{"os", "net", "time/tzdata", "math/rand", "math/rand/v2"} {
			if slices.Contains(strings.Fields(string(out)), banned) {
				t.Errorf("nvr/motion imports %s", banned)
			}
		}
	})
	t.Run("only the worker uses FFmpeg", func(t *testing.T) {
		cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
		cmd.Dir = ".."
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			if slices.Contains(f[1:], "hearth/hwaccel") && f[0] != "hearth/cmd/hearth-vision" && f[0] != "hearth/hwaccel" {
				t.Errorf("%s imports hwaccel", f[0])
			}
		}
	})
}
