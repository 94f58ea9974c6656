package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindVision(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"bin/hearth-vision", "bin/notes"} {
		mode := os.FileMode(0o700)
		if strings.HasSuffix(name, "notes") {
			mode = 0o600
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	want := filepath.Join(dir, "bin", "hearth-vision")
	for _, said := range []string{want, "bin/hearth-vision", "./bin/../bin/hearth-vision", "hearth-vision"} {
		if got, err := findVision(said); err != nil || got != want {
			t.Errorf("--vision %s: %q, %v, want %q", said, got, err, want)
		}
	}
	for _, said := range []string{"bin/notes", "bin/none", "none", "bin"} {
		if got, err := findVision(said); err == nil || !strings.Contains(err.Error(), "--vision") {
			t.Errorf("--vision %s: %q, %v", said, got, err)
		}
	}
}
