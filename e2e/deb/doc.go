// Package deb looks into the packages that `make deb` has made: what is in them, what they need and whether Debians and Ubuntus have
// it, and whether the same sources give the same bytes elsewhere. `make test-deb` runs it.
package deb
