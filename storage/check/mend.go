package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/format"
	"hearth/storage/keyring"
	"hearth/storage/ledger"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// mend repairs one finding and says what it did, in a sentence's second half. Nothing that was recorded is ever deleted:
// what has no place is set aside, below the folder "set-aside" of its volume.
type mend func(context.Context, *repair) (string, error)

func setAside(p place, path string) mend {
	return func(context.Context, *repair) (string, error) {
		to, err := volume.SetAside(p.Path, path)
		return "set aside as " + to, err
	}
}

// remakeIndex asks for the index to be made again, once everything else is mended.
func remakeIndex(_ context.Context, r *repair) (string, error) {
	r.remake = true
	return "", nil
}

func finish(p place, f volume.Found) mend {
	return func(_ context.Context, r *repair) (string, error) {
		r.remake = true
		key, err := r.keys.ForRecording(f.Camera)
		if err != nil {
			return "", err
		}
		_, err = commit.Finish(p.disk, f.Camera, f.Name, 0, key, segment.Place{})
		switch {
		case err == nil:
			return "finished", nil
		case errors.As(err, new(*format.NewerError)):
			return "", err
		case errors.Is(err, segment.ErrEmpty), errors.Is(err, segment.ErrDamaged), errors.Is(err, segment.ErrForged):
			to, failed := volume.SetAside(p.Path, f.Path())
			return fmt.Sprintf("there is nothing in it to finish (%v); set aside as %s", err, to), failed
		}
		return "", err
	}
}

func renameTo(p place, f volume.Found, to segment.Name) mend {
	return func(_ context.Context, r *repair) (string, error) {
		r.remake = true
		err := p.disk.Rename(f.Path(), to.Path(f.Camera))
		if errors.Is(err, fs.ErrExist) {
			to, err := volume.SetAside(p.Path, f.Path())
			return "there is one of that name; set aside as " + to, err
		}
		return "renamed to " + to.String(), errors.Join(err, p.disk.SyncDir(segment.Folder(f.Camera, f.Name.Start)))
	}
}

// unreadable mends a finished file that does not open: one of another place goes back there, a damaged footer is made
// again, and what is left is set aside.
func (v *onVolume) unreadable(f volume.Found, why error) mend {
	if errors.As(why, new(*format.NewerError)) {
		return nil // that version reads it
	}
	p := v.place
	return func(_ context.Context, r *repair) (string, error) {
		r.remake = true
		place := ""
		if errors.Is(why, segment.ErrForged) {
			place = home(r, p, f)
			if place != "" && p.disk.Rename(f.Path(), place) == nil {
				return "it belongs to " + place + " and lies there now", errors.Join(
					p.disk.SyncDir(filepath.Dir(f.Path())), p.disk.SyncDir(filepath.Dir(place)))
			}
		} else if done, err := refoot(r, p, f); err == nil {
			return done, nil
		}
		to, err := volume.SetAside(p.Path, f.Path())
		if err == nil && place != "" { // what lies in its place may go yet
			r.homeless[to] = filepath.Join(p.Path, place)
		}
		return "set aside as " + to, err
	}
}

// home finds where a file belongs by its own header, if its camera's key opens it; "" otherwise.
func home(r *repair, p place, f volume.Found) string {
	on, err := os.Open(filepath.Join(p.Path, f.Path()))
	if err != nil {
		return ""
	}
	defer on.Close()
	h, err := segment.ReadHeader(on)
	if err != nil {
		return ""
	}
	key, err := r.keys.ForRecording(h.Camera)
	if err != nil {
		return ""
	}
	file, err := segment.Open(on, f.Size, key)
	if err != nil || file.Verify() != nil {
		return ""
	}
	path := segment.FinishedName(h.Stream, h.Start, file.Summary().End).Path(h.Camera)
	if path == f.Path() {
		return ""
	}
	// Its day's folder may be gone with the rest of it, but the camera's must be there.
	if _, err := p.disk.MakeDir(filepath.Dir(path)); err != nil {
		return ""
	}
	return path
}

// refoot makes the footer of a file again that has lost it. What the file was stays beside it, set aside, because a
// recovery cuts at the first record that is not whole.
func refoot(r *repair, p place, f volume.Found) (string, error) {
	key, err := r.keys.ForRecording(f.Camera)
	if err != nil {
		return "", err
	}
	kept, err := volume.AsideName(p.Path, f.Path())
	if err != nil {
		return "", err
	}
	from := filepath.Join(p.Path, f.Path())
	if err := copyFile(from, kept); err != nil {
		return "", err
	}
	open := segment.Name{Stream: f.Name.Stream, Start: f.Name.Start, Open: true}
	if err := p.disk.Rename(f.Path(), open.Path(f.Camera)); err != nil {
		return "", err
	}
	s, err := commit.Finish(p.disk, f.Camera, open, 0, key, segment.Place{})
	if err != nil {
		// The copy is what it was; what is left here is in nobody's way any more.
		return "", errors.Join(err, os.Rename(filepath.Join(p.Path, open.Path(f.Camera)), from), os.Remove(kept))
	}
	return fmt.Sprintf("its footer is made again over %d whole records; what it was is kept as %s", s.Records, kept), nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return syncDir(filepath.Dir(to))
}

// ledgerOf opens a camera's ledger to write in.
func ledgerOf(r *repair, p place, id media.CameraID, change func(*ledger.Ledger) error) error {
	key, err := r.keys.ForRecording(id)
	if err != nil {
		return err
	}
	l, err := ledger.Read(p.Path, id, key)
	if err != nil {
		return err
	}
	if err := change(l); err != nil {
		return err
	}
	return l.Write()
}

// acknowledge notes that records are damaged or lost, so that it is known and need not be told again. What is whole
// before and behind them plays as ever.
func acknowledge(p place, f volume.Found, id media.UUID, from, to uint32, why string) mend {
	return func(_ context.Context, r *repair) (string, error) {
		err := ledgerOf(r, p, f.Camera, func(l *ledger.Ledger) error {
			return l.Damaged(f.Line(), f.Name.Start, id, from, to, why)
		})
		return "noted as lost; what lies before and behind it plays", err
	}
}

// lost notes that what came before a file in its chain is lost.
func lost(l segment.Line, x link) mend {
	return func(_ context.Context, r *repair) (string, error) {
		err := ledgerOf(r, x.place, l.Camera, func(led *ledger.Ledger) error {
			at := x.start - 1
			if segment.Day(at) != segment.Day(x.start) {
				at = x.start
			}
			return led.Bury(l, ledger.Tomb{Start: at, End: at, Head: x.prev})
		})
		return "noted that what came before it is lost", err
	}
}

// lostHead notes that a file that was signed is lost.
func lostHead(p place, l segment.Line, start int64, id media.UUID, head [32]byte) mend {
	return func(_ context.Context, r *repair) (string, error) {
		if _, err := p.disk.MakeDir(segment.Folder(l.Camera, start)); err != nil {
			return "", err
		}
		err := ledgerOf(r, p, l.Camera, func(led *ledger.Ledger) error {
			return led.Bury(l, ledger.Tomb{Start: start, End: start, Segment: id, Head: head, Recovered: true})
		})
		return "noted as lost", err
	}
}

func asidePage(p place, id media.CameraID, e *ledger.PageError) mend {
	return func(_ context.Context, r *repair) (string, error) {
		return "set aside; what is gone without it is noted as lost", ledger.SetAside(ledger.Folder(p.Path, id), e)
	}
}

// spreadKeys puts the cameras' wrapped keys back onto the disks that lack them.
func spreadKeys(_ context.Context, r *repair) (string, error) {
	var others []string
	for _, p := range r.places {
		if p.Number > 0 {
			others = append(others, p.Path)
		}
	}
	return "put back from hearth.db", r.keys.Spread(others)
}

// remark writes the marker of a volume again that has lost it, where what lies there is ours beyond doubt: a camera's
// key that this box can open. Without that it may be any disk.
func remark(a absent) mend {
	if !errors.Is(a.err, commit.ErrMissing) {
		return nil
	}
	return func(_ context.Context, r *repair) (string, error) {
		entries, err := os.ReadDir(filepath.Join(a.Path, "media"))
		if err != nil {
			return "", err
		}
		mine, err := keyring.WithKey(r.keys.ForRecovery(), filepath.Join(a.Path, "media"))
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			id, err := media.ParseCameraID(e.Name())
			if err != nil {
				continue
			}
			if _, err := mine.Key(id); err != nil {
				continue
			}
			return "written again: the footage there is this box's", volume.WriteMarker(
				filepath.Join(a.Path, "media"), volume.Marker{Volume: a.ID, Made: time.Now().UTC().Truncate(time.Second)})
		}
		return "", errors.New("nothing there is known to be this box's; mount the disk that belongs there")
	}
}
