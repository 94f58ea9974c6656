package volume

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// Found is a file of footage as a walk over the folders finds it.
type Found struct {
	Camera media.CameraID
	Name   segment.Name
	Size   int64 // bytes
}

// Line is whose it is.
func (f Found) Line() segment.Line { return segment.Line{Camera: f.Camera, Stream: f.Name.Stream} }

// Path is where it lies, below the volume's folder.
func (f Found) Path() string { return f.Name.Path(f.Camera) }

// Walk walks the cameras' folders from a day on ("" for all days) by names only. strange are the paths, below the
// data folder, that are not of Hearth's making.
func Walk(dir, fromDay string) (files []Found, strange []string, err error) {
	cameras, err := os.ReadDir(filepath.Join(dir, "media"))
	if err != nil {
		return nil, nil, err
	}
	for _, c := range cameras {
		camera, err := media.ParseCameraID(c.Name())
		if err != nil || !c.IsDir() || camera.String() != c.Name() {
			if !ours(c.Name()) {
				strange = append(strange, filepath.Join("media", c.Name()))
			}
			continue
		}
		days, err := os.ReadDir(filepath.Join(dir, "media", c.Name()))
		if err != nil {
			return nil, nil, err
		}
		for _, d := range days {
			below := filepath.Join("media", c.Name(), d.Name())
			if !d.IsDir() {
				if d.Name() != "key" && !strings.HasPrefix(d.Name(), keyTemp) && !gone(d.Name()) {
					strange = append(strange, below)
				}
				continue
			}
			if d.Name() < fromDay {
				continue
			}
			entries, err := os.ReadDir(filepath.Join(dir, below))
			if err != nil {
				return nil, nil, err
			}
			for _, e := range entries {
				path := filepath.Join(below, e.Name())
				if gone(e.Name()) && !e.IsDir() {
					continue
				}
				n, ok := segment.ParseName(e.Name())
				if !ok || n.Path(camera) != path || !e.Type().IsRegular() { // opening a pipe would never end
					strange = append(strange, path)
					continue
				}
				info, err := e.Info()
				if errors.Is(err, fs.ErrNotExist) { // let go of meanwhile
					continue
				} else if err != nil {
					return nil, nil, err
				}
				files = append(files, Found{Camera: camera, Name: n, Size: info.Size()})
			}
		}
	}
	slices.SortFunc(files, func(a, b Found) int {
		switch {
		case a.Name.Start < b.Name.Start:
			return -1
		case a.Name.Start > b.Name.Start:
			return 1
		}
		return int(a.Name.Stream) - int(b.Name.Stream)
	})
	return files, strange, nil
}

// keyTemp is how a camera's key is called while it is written. One that a power cut left is not to be set aside: it goes
// with the camera, as its key does.
const keyTemp = ".key.new-"

// gone says whether a file is a page of the ledger, or one that was being written when the power went.
func gone(name string) bool { return name == PageFile || name == PageTemp }

// PageFile is what a page of the ledger is called (package ledger), PageTemp while it is written.
const (
	PageFile = "gone"
	PageTemp = "gone.new"
)

// ours says whether a name in the media folder is of something else that Hearth keeps there, or of the file system itself
// where that folder is a disk of its own.
func ours(name string) bool {
	return name == MarkerFile || name == "heads" || name == "snapshots" || name == AsideFolder || name == "lost+found"
}
