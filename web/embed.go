package web

import (
	"embed"
	"io/fs"
)

//go:embed all:ui/dist
var dist embed.FS

// UI is the page as it was built into the program; without index.html when it was not.
func UI() fs.FS {
	ui, err := fs.Sub(dist, "ui/dist")
	if err != nil { // the name is a constant and valid
		return nil
	}
	return ui
}
