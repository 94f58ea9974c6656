package segment

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hearth/nvr/media"
)

// Line is one camera's files of one stream, one after the other: what a chain of hashes runs along.
type Line struct {
	Camera media.CameraID
	Stream media.Stream // Main, Sub or Pack
}

func (l Line) String() string {
	if l.Stream == Pack {
		return l.Camera.String() + " pack"
	}
	return l.Camera.String() + " " + l.Stream.String()
}

// Name is what a file's name says.
type Name struct {
	Stream   media.Stream
	Start    int64 // microseconds since 1970, UTC
	Duration int64 // milliseconds; of a finished file
	Open     bool  // still being written, or left so
}

const dayLayout = "2006-01-02"

// Day is the folder, by the UTC day, for a file that starts at a time in microseconds.
func Day(start int64) string { return time.UnixMicro(start).UTC().Format(dayLayout) }

// Folder is where a camera's files of a day lie, below the data folder.
func Folder(camera media.CameraID, start int64) string {
	return filepath.Join("media", camera.String(), Day(start))
}

// Path is the whole path of a line's file, below the data folder.
func (n Name) Path(camera media.CameraID) string {
	return filepath.Join(Folder(camera, n.Start), n.String())
}

// FinishedName is the name of a finished file: microseconds in, rounded up to whole milliseconds.
func FinishedName(stream media.Stream, start, end int64) Name {
	return Name{Stream: stream, Start: start, Duration: (end - start + 999) / 1000}
}

// String gives "1790000000000000.open" or "1790000000000000-600000.seg"; the sub stream has ".sub" before the ending
// and an open pack ".pack".
func (n Name) String() string {
	s := strconv.FormatInt(n.Start, 10)
	if !n.Open {
		s += "-" + strconv.FormatInt(n.Duration, 10)
	}
	switch {
	case n.Open && n.Stream == Pack:
		return s + ".pack.open"
	case n.Stream == Pack:
		return s + ".pack"
	case n.Stream == media.Sub:
		s += ".sub"
	}
	if n.Open {
		return s + ".open"
	}
	return s + ".seg"
}

// ParseName reads a file's name; ok is false for what is none of ours.
func ParseName(name string) (n Name, ok bool) {
	parts := strings.Split(name, ".")
	if len(parts) < 2 {
		return Name{}, false
	}
	switch strings.Join(parts[1:], ".") {
	case "seg":
	case "open":
		n.Open = true
	case "sub.seg":
		n.Stream = media.Sub
	case "sub.open":
		n.Stream, n.Open = media.Sub, true
	case "pack":
		n.Stream = Pack
	case "pack.open":
		n.Stream, n.Open = Pack, true
	default:
		return Name{}, false
	}
	start, duration, dash := strings.Cut(parts[0], "-")
	var err error
	if n.Start, err = strconv.ParseInt(start, 10, 64); err != nil {
		return Name{}, false
	}
	if dash {
		if n.Duration, err = strconv.ParseInt(duration, 10, 64); err != nil {
			return Name{}, false
		}
	}
	return n, dash != n.Open && n.String() == name
}

// CheckHeader says whether a header fits the place its file was found in.
func (n Name) CheckHeader(camera media.CameraID, h Header) error {
	if h.Camera != camera || h.Stream != n.Stream || h.Start != n.Start {
		return fmt.Errorf("%w: its header is of %s at %d", ErrForged, Line{h.Camera, h.Stream}, h.Start)
	}
	return nil
}
