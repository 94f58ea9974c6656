package storage

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/ledger"
	"hearth/storage/retention"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// keep works out what may be kept on each volume that is there, and lets go of the rest.
func (s *Store) keep(ctx context.Context) {
	for _, d := range s.all() {
		if d.trouble.Load() == nil {
			d.keep(ctx)
		}
	}
}

func (d *disk) keep(ctx context.Context) {
	s := d.store
	if err := d.measure(); err != nil {
		s.log.Error("cannot work out the limits", "error", err)
		return
	}
	freed, err := d.keeper.Pass(ctx, d.floor.Load())
	if err != nil && ctx.Err() == nil {
		s.log.Error("cannot let go of footage", "error", err)
	}
	if freed.Files > 0 || freed.Pared > 0 {
		s.log.Info("let go of the oldest footage", "files", freed.Files, "parts_of_files", freed.Pared, "bytes", freed.Bytes)
	}
}

// Files are kept small enough that the smallest limit holds about this many of each stream.
const (
	filesPerLimit = 8
	smallestRoll  = 1 << 20
)

// measure works out the floor of free space, and at which size files roll so that limits can be kept by letting go of
// whole files.
func (d *disk) measure() error {
	s := d.store
	space, err := d.space()
	if err != nil {
		return err
	}
	lines, err := s.index.Lines()
	if err != nil {
		return err
	}
	var files int64
	now := time.Now().UnixMicro()
	streams := make(map[segment.Line]bool)
	for _, v := range d.commit.AllOpen() {
		streams[v.Line] = true
	}
	for _, l := range lines {
		r, ok, err := s.index.Last(l, now)
		if err != nil {
			return err
		}
		if ok && r.Volume == d.Number && l.Stream != segment.Pack && now-r.End < (24*time.Hour).Microseconds() {
			files += r.Size
			streams[l] = true
		}
	}
	d.floor.Store(retention.Floor(space.Size, files))

	limits, err := s.limits()
	if err != nil {
		return err
	}
	all := space.Size
	if s.o.LimitBytes > 0 {
		all = min(all, s.o.LimitBytes)
	}
	roll := make(map[segment.Line]int64, len(streams))
	for l := range streams {
		n := all / int64(filesPerLimit*len(streams))
		if limit := limits[l.Camera].Bytes; limit > 0 {
			n = min(n, limit/(2*filesPerLimit))
		}
		roll[l] = max(n, smallestRoll)
	}
	d.roll.Store(&roll)
	return nil
}

func (s *Store) limits() (map[media.CameraID]retention.Limit, error) {
	cameras, err := s.box.Cameras()
	if err != nil {
		return nil, err
	}
	limits := make(map[media.CameraID]retention.Limit, len(cameras))
	for _, c := range cameras {
		limits[c.ID] = retention.Limit{Bytes: c.LimitBytes, Days: c.LimitDays, EventDays: c.LimitEventDays}
	}
	return limits, nil
}

func (s *Store) openBytes() map[media.CameraID]int64 {
	open := make(map[media.CameraID]int64)
	for _, v := range s.allOpen() {
		open[v.Line.Camera] += v.Size
	}
	return open
}

// newKeeper makes what keeps the volume's limits.
func (d *disk) newKeeper(log *slog.Logger) *retention.Keeper {
	s := d.store
	return &retention.Keeper{
		Index: s.index, Disk: d.folder, Log: log, Volume: d.Number, Total: s.o.LimitBytes,
		There: func(volume uint8) bool {
			other := s.diskNumbered(volume)
			return other != nil && other.trouble.Load() == nil
		},
		Table: d.table, Pages: d.pages, Now: s.now, Limits: s.limits, Open: s.openBytes,
		Space:   func() (retention.Space, error) { return d.space() },
		Ballast: &retention.Ballast{Path: d.file(ballastFile), Space: func() (retention.Space, error) { return d.space() }},
	}
}

// now is how late it is for limits of days.
func (s *Store) now() time.Time {
	if clock := s.clock.Load(); clock != nil {
		return (*clock)()
	}
	return time.Now()
}

// SetClock says how to ask how late it is at least, for limits of days: a clock that is ahead because the box does not
// know the time must not make all footage old. Without it, or with nil, what the clock shows is believed.
func (s *Store) SetClock(atLeast func() time.Time) {
	if atLeast == nil {
		s.clock.Store(nil)
		return
	}
	s.clock.Store(&atLeast)
}

// ballastFile is the space that is set aside on each volume, so that footage can be let go of also on a full disk.
const ballastFile = "ballast"

// foretold is a forecast, and when it was made.
type foretold struct {
	retention.Forecast
	at time.Time
}

// forecast says how long footage will be kept at the present rate, by what is known of the last minute. A camera that was
// moved to another volume has the term of the one on which it makes more.
func (s *Store) forecast() retention.Forecast {
	if f := s.foretold.Load(); f != nil && time.Since(f.at) < time.Minute {
		return f.Forecast
	}
	var all []retention.Forecast
	for _, d := range s.all() {
		if d.trouble.Load() != nil {
			continue
		}
		f, err := d.keeper.Forecast(d.floor.Load())
		if err != nil {
			s.log.Warn("cannot foretell how long footage will be kept", "folder", d.Path, "error", err)
			continue
		}
		all = append(all, f)
	}
	f := retention.Together(all)
	s.foretold.Store(&foretold{f, time.Now()})
	return f
}

// table reads the table of one of the volume's finished files.
func (d *disk) table(r index.Row) ([]segment.Entry, error) {
	key, err := d.store.recordingKey(r.Line.Camera)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(d.file(r.Path()))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reader, err := volume.Finished(f, r.Line, r.Start, key)
	if err != nil {
		return nil, err
	}
	return reader.Table(), nil
}

// pages gives where a camera's ledger lies on the volume, and its key; nil when there is none that would open it.
func (d *disk) pages(camera media.CameraID) (ledger.Files, segment.Key, error) {
	key, err := d.store.recordingKey(camera)
	if errors.Is(err, keyring.ErrNoKey) || errors.Is(err, keyring.ErrSealed) {
		key, err = nil, nil
	}
	return ledger.Folder(d.Path, camera), key, err
}

// room says whether there is room on the volume, and asks for some to be made when there is little.
func (d *disk) room() error {
	space, err := d.space()
	if err != nil {
		return nil //nolint:nilerr // a disk that does not answer will say so when it is written to
	}
	floor := d.floor.Load()
	if floor == 0 {
		floor = retention.Floor(space.Size, 0)
	}
	reserve := min(max(space.Size/100, 8<<20), 1<<30, floor/2)
	if now := time.Now().Unix(); space.Free < floor && d.begged.Swap(now) != now {
		select {
		case d.store.short <- struct{}{}:
		default:
		}
	}
	switch was := d.full.Load(); {
	case !was && space.Free < reserve:
		d.full.Store(true)
		d.store.log.Error("ALARM: the disk is full and nothing more can be let go of: recording stands still; free some space on it",
			"folder", d.Path, "free_bytes", space.Free, "reserve_bytes", reserve)
	case was && space.Free >= (reserve+floor)/2:
		d.full.Store(false)
		d.store.log.Info("there is room on the disk again: recording goes on", "folder", d.Path, "free_bytes", space.Free)
	}
	if d.full.Load() {
		return commit.ErrFull
	}
	return nil
}
