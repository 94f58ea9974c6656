package main

import (
	"fmt"
	"runtime"
)

type versionCmd struct{}

// Run prints the version, and what built it.
func (versionCmd) Run(p *program) error {
	fmt.Fprintf(p.stdout, "hearth %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
