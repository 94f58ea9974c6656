package retention

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"time"

	"hearth/nvr/media"
	"hearth/storage/index"
	"hearth/storage/segment"
)

// Limit is what one camera may keep. Zero values do not limit.
type Limit struct {
	Bytes int64
	Days  int
}

// Space is a volume's, in bytes.
type Space struct{ Free, Size int64 }

// Keeper keeps the limits of one volume.
type Keeper struct {
	Index *index.Index
	Log   *slog.Logger
	// Remove removes a file below the data folder.
	Remove func(path string) error
	// Total is the limit in bytes of all cameras together; 0: none.
	Total int64
	// Limits gives the cameras' own limits.
	Limits func() (map[media.CameraID]Limit, error)
	// Open gives the bytes of files that are still being written. They count, but cannot be let go of.
	Open func() map[media.CameraID]int64
	// Space asks the volume.
	Space func() (Space, error)

	trimmed map[media.CameraID]int64 // the hour, since 1970, up to which the index is trimmed
}

// batch is how many files go in one transaction.
const batch = 64

// Floor is the free space to keep on a volume: 5 %, or two files of each stream when those are larger, but never more
// than a fifth. files is the mean size of a file times the number of streams.
func Floor(size, files int64) int64 { return min(max(size/20, 2*files), size/5) }

// Freed says what a pass let go of.
type Freed struct {
	Files int
	Bytes int64
	// Short says that a limit or the floor is still not kept: nothing more can be let go of.
	Short bool
}

// Pass lets go of what is over a limit. floor is the free space to keep, in bytes.
func (k *Keeper) Pass(ctx context.Context, floor int64) (freed Freed, err error) {
	if err := k.Sweep(); err != nil {
		return freed, err
	}
	limits, err := k.Limits()
	if err != nil {
		return freed, fmt.Errorf("read limits: %w", err)
	}
	open := k.Open()
	for camera, limit := range limits {
		if err := k.camera(ctx, camera, limit, open[camera], &freed); err != nil {
			return freed, err
		}
	}
	totals, err := k.Index.Totals()
	if err != nil {
		return freed, err
	}
	space, err := k.Space()
	if err != nil {
		return freed, err
	}
	over := floor - space.Free
	if k.Total > 0 {
		var sum int64
		for _, n := range totals {
			sum += n
		}
		for _, n := range open {
			sum += n
		}
		over = max(over, sum-k.Total)
	}
	if err := k.free(ctx, media.CameraID{}, over, 0, &freed); err != nil {
		return freed, err
	}
	return freed, k.trim(totals)
}

func (k *Keeper) camera(ctx context.Context, camera media.CameraID, limit Limit, open int64, freed *Freed) error {
	var before int64
	if limit.Days > 0 {
		before = time.Now().AddDate(0, 0, -limit.Days).UnixMicro()
	}
	var over int64
	if limit.Bytes > 0 {
		totals, err := k.Index.Totals()
		if err != nil {
			return err
		}
		over = totals[camera] + open - limit.Bytes
	}
	return k.free(ctx, camera, over, before, freed)
}

// free lets go of a camera's oldest files, or of all cameras': what ended before a time, and then until over bytes
// are free.
func (k *Keeper) free(ctx context.Context, camera media.CameraID, over, before int64, freed *Freed) error {
	if over <= 0 && before == 0 {
		return nil
	}
	var rows []index.Row
	var failed error
	err := k.Index.Oldest(camera, -1<<62, func(r index.Row) bool {
		if over <= 0 && r.End >= before || ctx.Err() != nil {
			return false
		}
		held, err := k.Index.HeldWithin(r.Line.Camera, r.Start, r.End)
		if err != nil {
			failed = err
			return false
		}
		if held {
			return true
		}
		over -= r.Size
		if rows = append(rows, r); len(rows) == batch {
			failed = k.letGo(rows, freed)
			rows = rows[:0]
		}
		return failed == nil
	})
	if err := errors.Join(err, failed, k.letGo(rows, freed)); err != nil {
		return err
	}
	freed.Short = freed.Short || over > 0
	return ctx.Err()
}

func (k *Keeper) letGo(rows []index.Row, freed *Freed) error {
	if len(rows) == 0 {
		return nil
	}
	if err := k.Index.Condemn(rows); err != nil {
		return fmt.Errorf("let go of %d files: %w", len(rows), err)
	}
	if err := k.bury(rows); err != nil {
		return err
	}
	for _, r := range rows {
		freed.Files++
		freed.Bytes += r.Size
	}
	return nil
}

// bury removes the files of rows that are garbage, and then the rows.
func (k *Keeper) bury(rows []index.Row) error {
	for _, r := range rows {
		if err := k.Remove(r.Path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("let go of %s: %w", r.Path(), err)
		}
	}
	return k.Index.Bury(rows)
}

// Sweep goes on with what was condemned and is still there.
func (k *Keeper) Sweep() error {
	rows, err := k.Index.Garbage()
	if err != nil || len(rows) == 0 {
		return err
	}
	return k.bury(rows)
}

// trim lets events, thumbnails and the rest of the index go with the footage that they belong to. A camera without
// footage keeps them.
func (k *Keeper) trim(totals map[media.CameraID]int64) error {
	if k.trimmed == nil {
		k.trimmed = make(map[media.CameraID]int64)
	}
	for camera := range maps.Keys(totals) {
		since, ok, err := k.Index.Since(camera)
		if err != nil {
			return err
		}
		before := since.UnixMicro()
		hour := before / time.Hour.Microseconds()
		if !ok || k.trimmed[camera] == hour { // it costs a transaction
			continue
		}
		for more := true; more; {
			if more, err = k.Index.Trim(camera, before, 1000); err != nil {
				return fmt.Errorf("trim the index of camera %s: %w", camera, err)
			}
		}
		if err := k.packs(camera, before); err != nil {
			return err
		}
		k.trimmed[camera] = hour
	}
	return nil
}

// packs lets go of a camera's packs that ended before a time, in microseconds, unless a held event needs them.
func (k *Keeper) packs(camera media.CameraID, before int64) error {
	rows, err := k.Index.Rows(segment.Line{Camera: camera, Stream: segment.Pack}, -1<<62, before)
	if err != nil {
		return err
	}
	var old []index.Row
	for _, r := range rows {
		if r.End >= before || len(old) == batch {
			continue
		}
		// A pack lasts a day; the events in it began then or shortly before.
		held, err := k.Index.HeldWithin(camera, r.Start-packSlack.Microseconds(), r.End+packSlack.Microseconds())
		if err != nil {
			return err
		}
		if !held {
			old = append(old, r)
		}
	}
	var freed Freed
	return k.letGo(old, &freed)
}

// packSlack is how far an event may lie from the pack that keeps its thumbnail.
const packSlack = 24 * time.Hour
