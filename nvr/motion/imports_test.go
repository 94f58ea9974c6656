package motion_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The package is pure: it may not even import what could read or write anything.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	allowed := []string{"encoding/binary", "math", "time", "hearth/nvr/media"}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if path := strings.Trim(i.Path.Value, `"`); !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// A look allocates nothing once the detector is there.
func TestNoAllocation(t *testing.T) {
	d, at := warm(newYard(1), 0.5, 3, 2e9)
	y := newYard(1)
	n := 0
	if got := testing.AllocsPerRun(50, func() {
		y.clear()
		walker(y, float64(n)/5, 0)
		n++
		at += 2e8
		d.Look(y.still(), at)
	}); got > 0 {
		t.Errorf("%v allocations per look", got)
	}
}
