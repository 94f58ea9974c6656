package volume

import (
	"os"

	"hearth/storage/segment"
)

// Finished opens a finished file and checks that it is the one that lies there by name.
func Finished(f *os.File, l segment.Line, start int64, key segment.Key) (*segment.Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, err := segment.Open(f, info.Size(), key)
	if err != nil {
		return nil, err
	}
	n := segment.Name{Stream: l.Stream, Start: start}
	return r, n.CheckHeader(l.Camera, r.Header())
}
