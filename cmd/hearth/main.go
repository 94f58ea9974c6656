// Command hearth is the appliance: cameras in, footage on disk, the page out. It also carries its own tools.
package main

import "os"

// version is set by the Makefile from git.
var version = "dev"

func main() {
	noCores()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
