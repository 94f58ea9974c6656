package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

// Index is what of the index is asked and told; *index.Index is one.
type Index interface {
	Lines() ([]segment.Line, error)
	Written(l segment.Line, from int64, n int) ([]index.Row, error)
	EventSpans(camera media.CameraID, from, to int64) ([]index.EventSpan, error)
	VolumeTotals() (map[uint8]map[media.CameraID]int64, error)
	HeldWithin(camera media.CameraID, from, to int64) (bool, error)
	Unread(on func(volume uint8) bool) (bool, error)
	Rows(l segment.Line, from, to int64) ([]index.Row, error)
	Gaps(l segment.Line, from, to int64) ([]index.Gap, error)
	Since(camera media.CameraID) (time.Time, bool, error)

	Condemn(rows []index.Row) error
	Garbage() ([]index.Row, error)
	Bury(rows []index.Row) error
	PunchAll(list []index.Punched) error
	Trim(camera media.CameraID, before int64, n int) (more bool, err error)
}

// Disk is what of the volume's file system is needed; commit.Disk is one. Paths are below the volume's folder.
type Disk interface {
	Open(path string) (commit.File, error)
	Punch(path string, from, to int64) error
	Remove(path string) error
	SyncDir(path string) error
}

// Keeper keeps the limits of one volume. Limits of bytes are over all volumes; what they take from this one is what is
// the oldest of all.
type Keeper struct {
	Index Index
	Disk  Disk
	Log   *slog.Logger
	// Volume is the number of the volume.
	Volume uint8
	// There says which volumes are there now; nil: only this one. What lies on others does not count.
	There func(volume uint8) bool
	// Table reads the table of a finished file on this volume.
	Table func(index.Row) ([]segment.Entry, error)
	// Pages gives where a camera's ledger lies on this volume, and its key. A nil key says that the camera has none: its
	// files go whole, and nothing is noted, because nothing of them can be verified either.
	Pages func(media.CameraID) (ledger.Files, segment.Key, error)
	// Total is the limit in bytes of all cameras together; 0: none.
	Total int64
	// Now is how late it is for limits of days; nil: what the clock shows.
	Now func() time.Time
	// Limits gives the cameras' own limits.
	Limits func() (map[media.CameraID]Limit, error)
	// Open gives the bytes of files that are still being written. They count, but cannot be let go of.
	Open func() map[media.CameraID]int64
	// Space asks the volume.
	Space func() (Space, error)
	// Ballast is given back when there is no block left to let go of footage with; nil: there is none.
	Ballast *Ballast

	mended   bool                     // what an earlier pass left half done is ended
	noHoles  bool                     // the volume's file system cannot punch them
	frontier map[segment.Line]int64   // up to which start a line's files are pared
	reset    time.Time                // when frontier was begun anew
	held     map[file][]span          // files of which nothing but what is held is left, and what that was
	unread   bool                     // the index does not know all files yet
	stuck    map[media.CameraID]bool  // cameras whose files cannot be let go of in this pass
	failed   []error                  // why
	trimmed  map[media.CameraID]int64 // the hour, since 1970, up to which the index is trimmed
	folded   map[media.CameraID]int64 // the hour, since 1970, in which the ledger was folded
}

// file is a file's place on its line.
type file struct {
	line  segment.Line
	start int64
}

func fileOf(r index.Row) file { return file{r.Line, r.Start} }

// lowWater is the free space below which the ballast is given back, in bytes.
const lowWater = 8 << 20

// Pass lets go of what is over a limit. floor is the free space to keep, in bytes. Until the index knows all files, and
// thereby all events, it only ends what was begun.
func (k *Keeper) Pass(ctx context.Context, floor int64) (freed Freed, err error) {
	space, err := k.Space()
	if err != nil {
		return freed, err
	}
	if space.Free < lowWater && space.Free < floor {
		k.giveBallast()
	}
	err = k.pass(ctx, floor, &freed)
	if errors.Is(err, syscall.ENOSPC) && k.giveBallast() {
		k.mended = false
		err = k.pass(ctx, floor, &freed)
	}
	k.mended = k.mended && err == nil
	if err == nil && k.Ballast != nil {
		if err := k.Ballast.Hold(floor); err != nil {
			k.Log.Warn("cannot set aside the space that letting go needs on a full disk", "error", err)
		}
	}
	return freed, err
}

func (k *Keeper) giveBallast() bool {
	given, err := k.Ballast.Give()
	if err != nil {
		k.Log.Error("cannot give back the ballast", "error", err)
	}
	if given {
		k.Log.Warn("the disk is full to the last: the ballast is given back so that footage can be let go of")
	}
	return given
}

func (k *Keeper) pass(ctx context.Context, floor int64, freed *Freed) error {
	if err := k.Sweep(); err != nil {
		return err
	}
	k.refresh()
	k.stuck, k.failed = make(map[media.CameraID]bool), nil
	var err error
	if k.unread, err = k.Index.Unread(k.there); err != nil || k.unread {
		return err
	}
	if !k.mended {
		if err := k.mendAll(); err != nil {
			return err
		}
		k.mended = true
	}
	limits, err := k.Limits()
	if err != nil {
		return fmt.Errorf("read limits: %w", err)
	}
	for camera, limit := range limits {
		if err := k.camera(ctx, camera, limit, freed); err != nil {
			return errors.Join(append(k.failed, err)...)
		}
	}
	err = k.all(ctx, limits, floor, freed)
	if err == nil {
		err = k.tidy()
	}
	return errors.Join(append(k.failed, err, ctx.Err())...)
}

// there says whether a volume's files count.
func (k *Keeper) there(volume uint8) bool {
	return volume == k.Volume || k.There != nil && k.There(volume)
}

// refresh forgets, once a day and after files came to light, how far files were pared: a clock that was set back makes
// files that begin before others. It is found again from the rows.
func (k *Keeper) refresh() {
	if k.frontier == nil || k.unread || time.Since(k.reset) > 24*time.Hour {
		k.frontier, k.held, k.reset = make(map[segment.Line]int64), make(map[file][]span), time.Now()
	}
}

// camera keeps one camera's limits.
func (k *Keeper) camera(ctx context.Context, camera media.CameraID, limit Limit, freed *Freed) error {
	p := &party{cameras: []media.CameraID{camera}, weight: 1}
	now := time.Now()
	if k.Now != nil {
		now = k.Now()
	}
	if days := limit.eventDays(); days > 0 {
		if err := k.expire(ctx, p, phase{drop, now.AddDate(0, 0, -days).UnixMicro(), true}, freed); err != nil {
			return err
		}
		if limit.Days < days {
			if err := k.expire(ctx, p, phase{pare, now.AddDate(0, 0, -limit.Days).UnixMicro(), true}, freed); err != nil {
				return err
			}
		}
	}
	if limit.Bytes <= 0 {
		return nil
	}
	bytes, err := k.bytes(k.there, true)
	if err != nil {
		return err
	}
	return k.relieve(ctx, []*party{p}, k.there, bytes[camera]-limit.Bytes, freed)
}

// all keeps the limit of all cameras together, and the floor of free space.
func (k *Keeper) all(ctx context.Context, limits map[media.CameraID]Limit, floor int64, freed *Freed) error {
	if k.Total > 0 {
		bytes, err := k.bytes(k.there, true)
		if err != nil {
			return err
		}
		over := -k.Total
		for _, n := range bytes {
			over += n
		}
		if err := k.relieve(ctx, parties(limits, bytes), k.there, over, freed); err != nil {
			return err
		}
	}
	space, err := k.Space()
	if err != nil {
		return err
	}
	if space.Free >= floor {
		return nil
	}
	bytes, err := k.bytes(k.own, false)
	if err != nil {
		return err
	}
	return k.relieve(ctx, parties(limits, bytes), k.own, floor-space.Free, freed)
}

func (k *Keeper) own(volume uint8) bool { return volume == k.Volume }

// bytes adds up what the cameras have on some volumes, and, if asked for, in unfinished files.
func (k *Keeper) bytes(on func(uint8) bool, open bool) (map[media.CameraID]int64, error) {
	totals, err := k.Index.VolumeTotals()
	if err != nil {
		return nil, err
	}
	sums := make(map[media.CameraID]int64)
	for volume, cameras := range totals {
		for camera, n := range cameras {
			if on(volume) {
				sums[camera] += n
			}
		}
	}
	if open {
		for camera, n := range k.Open() {
			sums[camera] += n
		}
	}
	return sums, nil
}
