package recovery

import (
	"context"
	"fmt"

	"hearth/storage/volume"
)

// All indexes every file of the volume in an empty index, names and details, and gives how many there are.
func (rec *Recovery) All(ctx context.Context) (int, error) {
	all, strange, err := volume.Walk(rec.Dir, "")
	if err != nil {
		return 0, fmt.Errorf("look through the footage: %w", err)
	}
	for _, path := range strange {
		rec.Log.Warn("a file of unknown origin lies among the footage; it is left alone", "file", path)
	}
	rows, err := rec.indexNames(all)
	if err != nil {
		return 0, err
	}
	if err := rec.Details(ctx); err != nil {
		return 0, err
	}
	return len(rows), rec.Index.Checkpoint(scannedTo(all), nil)
}

// scannedTo is the start of the newest file: what began before is all known.
func scannedTo(files []volume.Found) int64 {
	var last int64
	for _, f := range files {
		last = max(last, f.Name.Start)
	}
	return last
}
