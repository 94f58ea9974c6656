// Package fixedseed makes property tests (pgregory.net/rapid) try the same values in every run, so that a build does
// not fail for what nobody changed. With HEARTH_RANDOM set, each run tries other ones. Only tests import it.
package fixedseed

import (
	"flag"
	"os"
	"testing"
)

// seed is where rapid begins unless it is told otherwise. Any number but 0 does.
const seed = "1"

// Main is a TestMain, or a part of one: it runs the tests and gives the exit status. A seed given by -rapid.seed
// (0 for a random one) or RAPID_SEED holds.
func Main(m *testing.M) int {
	flag.Parse()
	given := os.Getenv("HEARTH_RANDOM") != "" || os.Getenv("RAPID_SEED") != ""
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.seed" })
	if !given {
		if err := flag.Set("rapid.seed", seed); err != nil {
			panic(err) // the package has no property tests
		}
	}
	return m.Run()
}
