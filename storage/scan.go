package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// found is a file of footage as a walk over the folders finds it.
type found struct {
	camera media.CameraID
	name   segment.Name
	size   int64
}

func (f found) line() segment.Line { return segment.Line{Camera: f.camera, Stream: f.name.Stream} }

func (f found) path() string { return f.name.Path(f.camera) }

// scan walks the cameras' folders from a day on ("" for all days) by names only. strange are the paths, below the
// data folder, that are not of Hearth's making.
func scan(dir, fromDay string) (files []found, strange []string, err error) {
	cameras, err := os.ReadDir(filepath.Join(dir, "media"))
	if err != nil {
		return nil, nil, err
	}
	for _, c := range cameras {
		camera, err := media.ParseCameraID(c.Name())
		if err != nil || !c.IsDir() || camera.String() != c.Name() {
			if c.Name() != volumeFile {
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
				if d.Name() != "key" {
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
				n, ok := segment.ParseName(e.Name())
				if !ok || n.Path(camera) != path {
					strange = append(strange, path)
					continue
				}
				info, err := e.Info()
				if errors.Is(err, fs.ErrNotExist) { // let go of meanwhile
					continue
				} else if err != nil {
					return nil, nil, err
				}
				files = append(files, found{camera: camera, name: n, size: info.Size()})
			}
		}
	}
	slices.SortFunc(files, func(a, b found) int {
		switch {
		case a.name.Start < b.name.Start:
			return -1
		case a.name.Start > b.name.Start:
			return 1
		}
		return int(a.name.Stream) - int(b.name.Stream)
	})
	return files, strange, nil
}
