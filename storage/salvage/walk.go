package salvage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"hearth/nvr/media"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// onDisk is a file by its name.
type onDisk struct {
	path string // below the media folder
	name segment.Name
	size int64
}

// cam is what lies in one camera's folder.
type cam struct {
	id    media.CameraID
	name  string // of its folder in the output
	files []onDisk
}

func (s *Salvage) wants(stream media.Stream) bool {
	return stream == media.Main || stream == segment.Pack || s.Sub && stream == media.Sub
}

// walk lists all that there is, by names only. What cannot be listed is told, and the rest goes on.
func (s *Salvage) walk() []cam {
	var list []cam
	for _, e := range s.list("") {
		id, err := media.ParseCameraID(e.Name())
		if err != nil || !e.IsDir() {
			if e.IsDir() && e.Name() != "heads" && e.Name() != "snapshots" && e.Name() != "lost+found" {
				s.found(e.Name(), "of unknown origin: left out")
			}
			continue
		}
		c := cam{id: id}
		for _, d := range s.list(e.Name()) {
			path := filepath.Join(e.Name(), d.Name())
			if !d.IsDir() {
				continue // the key, and what else the box noted of this camera
			}
			if _, err := time.Parse(time.DateOnly, d.Name()); err != nil {
				s.found(path, "of unknown origin: left out")
				continue
			}
			for _, f := range s.list(path) {
				if f.Name() == volume.PageFile || f.Name() == volume.PageTemp {
					continue // what was let go of
				}
				c.add(s, filepath.Join(path, f.Name()), f)
			}
		}
		slices.SortFunc(c.files, func(a, b onDisk) int {
			switch {
			case a.name.Start < b.name.Start:
				return -1
			case a.name.Start > b.name.Start:
				return 1
			}
			return strings.Compare(a.path, b.path)
		})
		list = append(list, c)
	}
	s.names(list)
	return list
}

func (s *Salvage) list(below string) []os.DirEntry {
	entries, err := os.ReadDir(filepath.Join(s.Media, below)) // gives what it could read with the error
	if err != nil {
		s.found(below, "cannot be listed whole: %w", err)
	}
	return entries
}

func (c *cam) add(s *Salvage, path string, e os.DirEntry) {
	n, ok := segment.ParseName(e.Name())
	if !ok || !e.Type().IsRegular() {
		s.found(path, "of unknown origin: left out")
		return
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return
	} else if err != nil {
		s.found(path, "cannot be looked at: %w", err)
		return
	}
	c.files = append(c.files, onDisk{path, n, info.Size()})
}

// names gives each camera a folder of its own in the output.
func (s *Salvage) names(list []cam) {
	used := make(map[string]int)
	for i := range list {
		list[i].name = fileName(s.Names[list[i].id])
		if list[i].name == "" {
			list[i].name = list[i].id.String()
		}
		used[strings.ToLower(list[i].name)]++
	}
	for i := range list {
		if used[strings.ToLower(list[i].name)] > 1 {
			list[i].name += " " + list[i].id.String()
		}
	}
}

// fileName makes a name that every file system takes out of what a person wrote.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
	name = strings.Trim(name, " .")
	for len(name) > 100 { // bytes; the rest of a path needs room too
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}
