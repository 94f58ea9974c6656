//go:build cgo

package main

import (
	"fmt"
	"slices"
	"strings"

	"hearth/hwaccel"
)

// layer is one of the walls around this program. They do not rely on each other.
type layer string

const (
	limits       layer = "limits"       // of memory, files, priority
	capabilities layer = "capabilities" // of root, should it be started by root
	files        layer = "files"        // Landlock
	calls        layer = "calls"        // seccomp
)

// sandbox is what is closed already.
type sandbox struct {
	closed  []string // in words
	missing []string // what this kernel cannot close, and why
	off     []layer  // only tests leave some out
	sealed  bool
}

func (s *sandbox) String() string { return strings.Join(s.closed, ", ") }

// Missing says what stays open because this kernel cannot close it; empty where nothing does.
func (s *sandbox) Missing() string { return strings.Join(s.missing, "; ") }

// confine gives up what no decoder needs, before the first byte of the camera is read. Where there is hardware that
// may decode, what its drivers need stays open until seal; else all is closed at once. An error says that something
// failed that every kernel can do.
func confine(present []hwaccel.Hardware, off ...layer) (*sandbox, error) {
	s := &sandbox{off: off}
	if err := s.lower(); err != nil {
		return nil, err
	}
	if err := s.disown(); err != nil {
		return nil, err
	}
	if len(present) == 0 {
		s.seal()
		return s, nil
	}
	s.try(files, "no files but those of drivers", func() error { return onlyDrivers(present) })
	s.try(calls, "no system calls but those of drivers", func() error { return allow(driverCalls()) })
	return s, nil
}

// seal closes what was left to drivers, once it is known that no hardware is used.
func (s *sandbox) seal() {
	if s.sealed {
		return
	}
	s.sealed = true
	s.try(limits, "tight limits", tighten) // which asks /proc
	s.try(files, "no files, no TCP", noFiles)
	s.try(calls, "no system calls but a few", func() error { return allow(sealedCalls()) })
}

func (s *sandbox) without(l layer) bool { return slices.Contains(s.off, l) }

// try puts up a wall, and takes note of it.
func (s *sandbox) try(l layer, words string, do func() error) {
	if s.without(l) {
		return
	}
	if err := do(); err != nil {
		s.missing = append(s.missing, fmt.Sprintf("%s: %v", l, err))
		return
	}
	s.closed = append(s.closed, words)
}
