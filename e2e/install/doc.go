// Package install tries the Debian package as an owner would, on Debians that boot: installed, set up, recording, rebooted,
// upgraded, broken and mended, removed and purged. `make test-install` runs it.
package install
