package recovery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/format"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// detailsAtOnce is how many rows get their details before Open returns; more get them while the box already serves.
const detailsAtOnce = 256

// Recovery works on one volume. Its fields are set before use.
type Recovery struct {
	Dir    string // the volume's folder
	Volume uint8  // its number
	Disk   commit.Disk
	Keys   *keyring.Keyring
	Index  *index.Index
	Log    *slog.Logger
	// Whole looks through all days, and not only those since the index was last written.
	Whole bool
	// Live says of an unfinished file that it is being written now; nil: none is.
	Live func(media.CameraID, segment.Name) bool
}

// CatchUp finishes what a power cut left open, and indexes by name what is not indexed. When that is much, the details
// are left to Details.
func (rec *Recovery) CatchUp(ctx context.Context) error {
	fromDay, known := "", rec.Index.Scanned()
	if !rec.Whole && known > 0 && known < time.Now().Add(24*time.Hour).UnixMicro() { // a clock that was ahead for a while says nothing
		fromDay = segment.Day(known - (24 * time.Hour).Microseconds())
	}
	files, strange, err := volume.Walk(rec.Dir, fromDay)
	if err != nil {
		return fmt.Errorf("look through the footage: %w", err)
	}
	for _, path := range strange {
		rec.Log.Warn("a file of unknown origin lies among the footage; it is left alone", "file", path)
	}
	rows, err := rec.indexNames(files)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		rec.Log.Info("indexed files that the index did not know", "files", len(rows))
	}
	// What is recorded by a clock that is behind must be looked for at the next start, also when that has the right time.
	if now := time.Now().UnixMicro(); now < known {
		if err := rec.Index.Checkpoint(now, nil); err != nil {
			return err
		}
	}
	if _, all, err := rec.Index.Todo(rec.Volume, 0); err != nil {
		return err
	} else if all <= detailsAtOnce {
		return rec.Details(ctx)
	}
	return nil
}

// indexNames recovers the unfinished files and writes rows of those that the index does not know, and what the next files
// begin with.
func (rec *Recovery) indexNames(files []volume.Found) ([]index.Row, error) {
	var rows []index.Row
	var open []volume.Found
	for _, f := range files {
		if f.Name.Open {
			if rec.Live == nil || !rec.Live(f.Camera, f.Name) {
				open = append(open, f)
			}
			continue
		}
		has, err := rec.Index.Has(f.Line(), f.Name.Start)
		if err != nil {
			return nil, err
		}
		if !has {
			rows = append(rows, rec.nameRow(f))
		}
	}
	rows, err := rec.kept(rows)
	if err != nil {
		return nil, err
	}
	rows = append(rows, rec.recover(open)...)
	// The heads come first: a start passes over what the index knows already, also after one that was cut short here.
	if err := rec.putHeads(rows); err != nil {
		return nil, err
	}
	for at := 0; at < len(rows); at += 4096 {
		if err := rec.Index.PutNames(rows[at:min(at+4096, len(rows))]); err != nil {
			return nil, fmt.Errorf("index the footage: %w", err)
		}
	}
	return rows, nil
}

// kept leaves out files that were let go of since the folders were listed: a row goes first, then its file, and garbage
// is forgotten last.
func (rec *Recovery) kept(rows []index.Row) ([]index.Row, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	garbage, err := rec.Index.Garbage()
	if err != nil {
		return nil, err
	}
	type file struct {
		line  segment.Line
		start int64
	}
	condemned := make(map[file]bool, len(garbage))
	for _, r := range garbage {
		condemned[file{r.Line, r.Start}] = r.Volume == rec.Volume
	}
	return slices.DeleteFunc(rows, func(r index.Row) bool {
		_, err := os.Lstat(filepath.Join(rec.Dir, r.Path()))
		return condemned[file{r.Line, r.Start}] || errors.Is(err, fs.ErrNotExist)
	}), nil
}

func (rec *Recovery) nameRow(f volume.Found) index.Row {
	return index.Row{
		Volume: rec.Volume, Line: f.Line(), Start: f.Name.Start, End: f.Name.Start + f.Name.Duration*1000, Size: f.Size, NameOnly: true,
	}
}

// recover finishes unfinished files, several at once, and gives the rows of those that could be.
func (rec *Recovery) recover(open []volume.Found) []index.Row {
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		rows  []index.Row
		slots = make(chan struct{}, min(runtime.GOMAXPROCS(0), 4))
	)
	for _, f := range open {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if sum, ok := rec.recoverOne(f); ok {
				mu.Lock()
				defer mu.Unlock()
				row := index.RowOf(sum)
				row.Volume = rec.Volume
				rows = append(rows, row)
			}
		})
	}
	wait.Wait()
	return rows
}

func (rec *Recovery) recoverOne(f volume.Found) (segment.Summary, bool) {
	log := rec.Log.With("file", f.Path())
	key, err := rec.Keys.ForRecording(f.Camera)
	if errors.Is(err, keyring.ErrNoKey) {
		log.Warn("an unfinished file of a camera without a key is left alone")
		return segment.Summary{}, false
	} else if err != nil {
		log.Error("cannot finish a file", "error", err)
		return segment.Summary{}, false
	}
	from, _, err := rec.Index.Tail(f.Line(), f.Name.Start)
	if err != nil {
		log.Warn("the index does not say how far a file was; it is read from its beginning", "error", err)
	}
	sum, err := commit.Finish(rec.Disk, f.Camera, f.Name, 0, key, from)
	switch {
	case err == nil:
		log.Info("finished a file that was left open", "records", sum.Records, "until", time.UnixMicro(sum.End).UTC())
		return sum, true
	case errors.As(err, new(*format.NewerError)):
		log.Error("an unfinished file is left alone", "error", err)
	case errors.Is(err, fs.ErrNotExist): // it was being written when the folders were listed, and is finished by now
	case errors.Is(err, segment.ErrEmpty), errors.Is(err, segment.ErrDamaged) && f.Size < segment.HeaderSize:
		// Its header, or its first record, never was durable: there is nothing in it that anybody could read.
		if err := rec.Disk.Remove(f.Path()); err != nil {
			log.Warn("cannot remove an empty file", "error", err)
		}
	case errors.Is(err, segment.ErrForged):
		log.Error("ALARM: an unfinished file is not what this camera sealed; it is left alone", "error", err)
	case errors.Is(err, segment.ErrDamaged):
		to, failed := volume.SetAside(rec.Dir, f.Path())
		log.Error("an unfinished file has no readable beginning, or is damaged in its midst; it is set aside", "as", to, "error", errors.Join(err, failed))
	default:
		log.Error("cannot finish a file", "error", err)
	}
	return segment.Summary{}, false
}

// Details reads what the files say whose rows were made from names, until all are read or ctx is done.
func (rec *Recovery) Details(ctx context.Context) error {
	away := rec.newGone()
	for ctx.Err() == nil {
		rows, _, err := rec.Index.Todo(rec.Volume, 64)
		if err != nil || len(rows) == 0 {
			return err
		}
		adds := make([]index.Addition, 0, len(rows))
		for _, r := range rows {
			a, err := rec.detail(r, away)
			if errors.Is(err, errNotKept) {
				return err
			}
			if err != nil {
				rec.Log.Error("a file cannot be read", "file", r.Path(), "error", err)
				r.NameOnly = false // its name is all that there is
				a = index.Addition{Row: r, Covered: [][2]int64{{r.Start, r.End}}}
			}
			adds = append(adds, a)
		}
		// What a disk that was taken out does not say, it says when it is back: there may be held events in it.
		if _, err := os.Stat(filepath.Join(rec.Dir, "media", volume.MarkerFile)); err != nil {
			return fmt.Errorf("index the footage: %w: %w", commit.ErrMissing, err)
		}
		if err := rec.Index.PutDetails(adds); err != nil {
			return fmt.Errorf("index the footage: %w", err)
		}
	}
	return ctx.Err()
}

// errNotKept says that what a file says was read, but that the index cannot be written: it is read again another time.
var errNotKept = errors.New("index the footage")

// detail reads a finished file's table and notes, and what of it is gone; of a pack it gives the index the events and
// thumbnails.
func (rec *Recovery) detail(row index.Row, away *gone) (index.Addition, error) {
	key, err := rec.Keys.ForRecording(row.Line.Camera)
	if err != nil {
		return index.Addition{}, err
	}
	f, err := os.Open(filepath.Join(rec.Dir, row.Path()))
	if err != nil {
		return index.Addition{}, err
	}
	defer f.Close()
	r, err := volume.Finished(f, row.Line, row.Start, key)
	if err != nil {
		return index.Addition{}, err
	}
	var notes []segment.Note
	var found []index.Restored
	for i, e := range r.Table() {
		if e.Type != segment.NoteRecord && row.Line.Stream != segment.Pack {
			continue
		}
		payload, err := r.Payload(i, nil)
		if err != nil {
			rec.Log.Error("a record cannot be read", "file", row.Path(), "record", i, "error", err)
			continue
		}
		if e.Type == segment.NoteRecord {
			if n, err := segment.ParseNote(payload); err == nil {
				notes = append(notes, n)
			}
			continue
		}
		if f, ok := restored(row.Start, i, e, payload); ok {
			found = append(found, f)
		}
	}
	if len(found) > 0 {
		bad, err := rec.Index.Restore(row.Line.Camera, found)
		if err != nil {
			return index.Addition{}, fmt.Errorf("%w: %w", errNotKept, err)
		}
		for _, err := range bad {
			rec.Log.Error("an event cannot be restored", "file", row.Path(), "error", err)
		}
	}
	a := Addition(r.Summary(), r.Table(), notes)
	a.Row.Volume = rec.Volume
	away.apply(&a, r.Table(), key)
	return a, nil
}
