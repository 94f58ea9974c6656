package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hearth/nvr/media"
	"hearth/storage/bolt"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/ledger"
	"hearth/storage/retention"
	"hearth/storage/segment"
	"hearth/storage/signet"
	"hearth/storage/volume"
)

// Finding is something that Check found wrong.
type Finding struct {
	Path    string // below the folder of its volume
	Problem string // one line

	mend mend // nil: it cannot be repaired
	last bool // only when nothing else can be mended: it is noted as lost
}

func (f Finding) String() string { return f.Path + ": " + f.Problem }

// Options say how to check.
type Options struct {
	Deep bool // also every sealed record, and not only headers, footers and chains
	// Progress, when set, is told how many of how many bytes of footage were looked at.
	Progress func(done, all int64)
	// BoxKey is the box's key, where the caller has it from systemd; nil: it is looked for.
	BoxKey []byte
}

// Check verifies the files of a data folder that no hearth is running on (volume.ErrInUse) against themselves, each
// other, the ledger, the signed heads and the index, and changes nothing. No findings: it is as it should be.
func Check(ctx context.Context, dir string, deep bool) ([]Finding, error) {
	return Run(ctx, dir, Options{Deep: deep})
}

// Run is Check with options.
func Run(ctx context.Context, dir string, o Options) (findings []Finding, err error) {
	t, err := openTools(dir, o.BoxKey, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.release()) }()
	c := &check{tools: t, o: o, lines: make(map[segment.Line][]link)}
	err = c.run(ctx)
	return c.findings, err
}

// check is one pass over a data folder.
type check struct {
	*tools
	o         Options
	indexed   bool // there is an index to compare with
	findings  []Finding
	lines     map[segment.Line][]link
	done, all int64 // bytes looked at
}

// link is a file, or files that are gone, in the chain of a line.
type link struct {
	path       string
	place      place
	start      int64
	end        int64
	prev, head [32]byte
	recovered  bool
	tomb       bool // let go of
}

func (c *check) found(path string, m mend, problem string, args ...any) {
	c.findings = append(c.findings, Finding{Path: path, Problem: fmt.Sprintf(problem, args...), mend: m})
}

// missing is found for what is not there, and may come to light when other things are mended.
func (c *check) missing(path string, m mend, problem string, args ...any) {
	c.found(path, m, problem, args...)
	c.findings[len(c.findings)-1].last = true
}

func (c *check) run(ctx context.Context) error {
	if err := c.openIndex(); err != nil {
		return err
	}
	if err := c.log(); err != nil {
		return err
	}
	for _, a := range c.away {
		c.found(filepath.Join("media", volume.MarkerFile), remark(a), "%v", a.err)
	}
	there := make(map[segment.Line]map[int64]bool)
	for _, p := range c.places {
		v := onVolume{check: c, place: p, there: there, keys: make(map[media.CameraID]*keyed)}
		if err := v.run(ctx); err != nil {
			return err
		}
	}
	if c.indexed {
		if err := c.rows(there); err != nil {
			return err
		}
	}
	c.chains()
	return nil
}

// openIndex opens index.db if it is there and whole.
func (c *check) openIndex() error {
	path := c.folder.Path(indexFile)
	if _, err := os.Stat(path); err != nil {
		c.found(indexFile, remakeIndex, "it is missing; hearth rebuild makes it again")
		return nil
	}
	x, err := index.Open(path)
	if errors.Is(err, bolt.ErrDamaged) {
		c.found(indexFile, remakeIndex, "%v; hearth rebuild makes it again", err)
		return nil
	} else if err != nil {
		return err
	}
	c.index, c.indexed = x, true
	return nil
}

// onVolume checks the files of one volume.
type onVolume struct {
	*check
	place place
	there map[segment.Line]map[int64]bool
	keys  map[media.CameraID]*keyed
	heads map[segment.Line]map[int64][]signet.Head
}

// keyed is what opens a camera's files, and what is known to be gone of them.
type keyed struct {
	key    keyring.CameraKey
	ledger *ledger.Ledger
	err    error // why its files cannot be opened
}

func (v *onVolume) run(ctx context.Context) error {
	if err := v.statements(); err != nil {
		return err
	}
	files, strange, err := volume.Walk(v.place.Path, "")
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f volume.Found) bool { return v.isRemoved(f.Camera) })
	strange = slices.DeleteFunc(strange, func(path string) bool {
		return slices.ContainsFunc(v.removed, func(id media.CameraID) bool {
			return strings.HasPrefix(path, filepath.Join("media", id.String())+"/")
		})
	})
	for _, path := range strange {
		v.found(path, setAside(v.place, path), "a file of unknown origin")
	}
	for _, f := range files {
		v.all += f.Size
	}
	if err := v.cameras(); err != nil {
		return err
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if v.there[f.Line()] == nil {
			v.there[f.Line()] = make(map[int64]bool)
		}
		v.there[f.Line()][f.Name.Start] = true
		switch k := v.keys[f.Camera]; {
		case k == nil || k.err != nil: // told once, of the camera
		case f.Name.Open:
			v.found(f.Path(), finish(v.place, f), "it was left open; the next start finishes it")
		default:
			if err := v.file(f, k); err != nil {
				return err
			}
		}
		if v.done += f.Size; v.o.Progress != nil {
			v.o.Progress(v.done, v.all)
		}
	}
	v.missingHeads()
	return nil
}

// cameras finds the keys and the ledgers of all cameras that have a folder here.
func (v *onVolume) cameras() error {
	entries, err := os.ReadDir(filepath.Join(v.place.Path, "media"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, err := media.ParseCameraID(e.Name())
		if err != nil || !e.IsDir() || id.String() != e.Name() || v.isRemoved(id) {
			continue
		}
		if err := v.camera(id); err != nil {
			return err
		}
	}
	return nil
}

func (v *onVolume) camera(id media.CameraID) error {
	folder := filepath.Join("media", id.String())
	k := &keyed{}
	v.keys[id] = k
	k.key, k.err = v.tools.keys.ForRecording(id)
	if errors.Is(k.err, keyring.ErrNoKey) || errors.Is(k.err, keyring.ErrSealed) {
		v.found(folder, setAside(v.place, folder), "there is no key that opens what lies in it: %v", k.err)
		return nil
	} else if k.err != nil {
		return k.err
	}
	if _, err := os.Lstat(filepath.Join(v.place.Path, folder, "key")); errors.Is(err, fs.ErrNotExist) {
		v.found(filepath.Join(folder, "key"), spreadKeys, "it is missing: this disk could not be read by itself")
	}
	var err error
	if k.ledger, err = ledger.Read(v.place.Path, id, k.key); err != nil {
		return v.page(id, k, err)
	}
	for _, s := range []media.Stream{media.Main, media.Sub, segment.Pack} {
		l := segment.Line{Camera: id, Stream: s}
		tombs, err := k.ledger.Tombs(l)
		if err != nil {
			return v.page(id, k, err)
		}
		for _, t := range tombs {
			v.lines[l] = append(v.lines[l], link{place: v.place, start: t.Start, end: t.End, prev: t.Prev, head: t.Head, recovered: t.Recovered, tomb: true})
		}
	}
	return nil
}

// page tells of a damaged page of a camera's ledger; without it the rest of the camera cannot be judged.
func (v *onVolume) page(id media.CameraID, k *keyed, err error) error {
	var e *ledger.PageError
	if !errors.As(err, &e) {
		return err
	}
	k.err = err
	v.found(e.Path(), asidePage(v.place, id, e), "%v: what was let go of cannot be told from what was lost", e)
	return nil
}

// file checks one finished file.
func (v *onVolume) file(f volume.Found, k *keyed) error {
	on, err := os.Open(filepath.Join(v.place.Path, f.Path()))
	if err != nil {
		return err
	}
	defer on.Close()
	r, err := volume.Finished(on, f.Line(), f.Name.Start, k.key)
	if err != nil {
		v.found(f.Path(), v.unreadable(f, err), "%v", err)
		return nil
	}
	sum := r.Summary()
	if named := segment.FinishedName(f.Name.Stream, f.Name.Start, sum.End); named != f.Name {
		v.found(f.Path(), renameTo(v.place, f, named), "by its footer its name would be %s", named)
	}
	if segment.Chain(sum.Header, r.Table()) != sum.Chain {
		v.found(f.Path(), setAside(v.place, f.Path()), "its chain does not end as its footer says")
	}
	holes, err := k.ledger.Holes(f.Line(), f.Name.Start, sum.Header.Segment)
	if err != nil {
		return err
	}
	if v.o.Deep {
		v.records(f, r, holes)
	}
	v.signed(f, r, holes)
	v.lines[f.Line()] = append(v.lines[f.Line()], link{
		path: f.Path(), place: v.place, start: f.Name.Start, end: sum.End, prev: sum.Header.Prev, head: sum.Chain, recovered: sum.Recovered,
	})
	if v.indexed {
		want := index.Addition{Row: index.RowOf(sum)}
		want.Volume = v.place.Number
		retention.Apply(&want, r.Table(), holes)
		return v.row(f, want.Row)
	}
	return nil
}

// records opens every record. What the ledger knows to be gone or damaged is not told again.
func (v *onVolume) records(f volume.Found, r *segment.Reader, holes []ledger.Hole) {
	id := r.Header().Segment
	err := r.Examine(func(i int, err error) {
		if ledger.Holds(holes, i) && (errors.Is(err, segment.ErrGone) || known(holes, i)) {
			return
		}
		if errors.Is(err, segment.ErrGone) {
			err = fmt.Errorf("record %d is missing, and nobody let go of it", i)
		}
		v.found(f.Path(), acknowledge(v.place, f, id, uint32(i), uint32(i)+1, err.Error()), "%v", err)
	})
	if err != nil {
		v.found(f.Path(), nil, "%v", err)
	}
}

// known says whether a record is known to be damaged.
func known(holes []ledger.Hole, record int) bool {
	return slices.ContainsFunc(holes, func(h ledger.Hole) bool {
		return h.Damaged && record >= int(h.From) && record < int(h.To)
	})
}

// freedUnit is in what the index counts the bytes that were punched out of a file.
const freedUnit = 4096

// row compares a file with its row.
func (c *check) row(f volume.Found, want index.Row) error {
	got, ok, err := c.index.Last(f.Line(), f.Name.Start)
	if err != nil {
		return err
	}
	want.Pared = got.Pared // what the keeper remembers; the files do not say it
	if diff := want.Freed - got.Freed; -freedUnit < diff && diff < freedUnit {
		want.Freed = got.Freed // it is kept in blocks
	}
	switch {
	case !ok || got.Start != f.Name.Start:
		c.found(f.Path(), remakeIndex, "the index does not know it")
	case got.NameOnly:
		if got.End != f.Name.Start+f.Name.Duration*1000 || got.Size != f.Size {
			c.found(f.Path(), remakeIndex, "the index has another end or size for it")
		}
	case got != want:
		c.found(f.Path(), remakeIndex, "the index says something else about it")
	}
	return nil
}

// rows finds rows without files.
func (c *check) rows(there map[segment.Line]map[int64]bool) error {
	lines, err := c.index.Lines()
	if err != nil {
		return err
	}
	for _, l := range lines {
		rows, err := c.index.Rows(l, -1<<62, 1<<62)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if !there[l][r.Start] && c.reachable(r.Volume) && !c.isRemoved(l.Camera) {
				c.found(r.Path(), remakeIndex, "the index knows it, but it is not there")
			}
		}
	}
	return nil
}

// chains checks that every file names the hash of one before it: of a file that is there, or of a tombstone. A file that
// was recovered may have been cut after its successor had begun; that explains one broken link each. Or it was given up
// where it was known to be durable, and more of it was.
func (c *check) chains() {
	for l, list := range c.lines {
		heads := make(map[[32]byte]bool, len(list))
		for _, x := range list {
			heads[x.head] = true
		}
		used := make(map[[32]byte]link, len(list))
		var broken []link
		for _, x := range list {
			if x.tomb || x.prev == ([32]byte{}) {
				continue
			}
			if !heads[x.prev] {
				broken = append(broken, x)
				continue
			}
			// A file that was given up before it was known to be durable may have been so after all; its successor does not
			// continue it then.
			if other, twice := used[x.prev]; twice && !other.recovered && !x.recovered {
				c.found(x.path, nil, "it continues the same file as %s", other.path)
			}
			used[x.prev] = x
		}
		excuses := 0
		for _, x := range list {
			if _, continued := used[x.head]; x.recovered && !continued {
				excuses++
			}
		}
		for _, x := range broken {
			if c.outran(l, list, x) {
				continue
			}
			if excuses--; excuses < 0 && len(c.away) == 0 { // it may lie on a disk that is not there
				c.missing(x.path, lost(l, x), "the file before it is missing from the chain")
			}
		}
	}
}

// outranAmong is among how many files before a broken link the one is looked for that it continues.
const outranAmong = 16

// outran says whether a file continues one of those before it from amid its records: after a sync failed that one was given
// up where it was last durable, and then all that was written came to the disk after all.
func (c *check) outran(l segment.Line, list []link, x link) bool {
	key, err := c.tools.keys.ForRecording(l.Camera)
	if err != nil {
		return false
	}
	before := slices.DeleteFunc(slices.Clone(list), func(y link) bool { return y.tomb || y.path == x.path || y.start > x.start })
	slices.SortFunc(before, func(a, b link) int { return cmp.Compare(b.start, a.start) })
	return slices.ContainsFunc(before[:min(len(before), outranAmong)], func(y link) bool {
		on, err := os.Open(filepath.Join(y.place.Path, y.path))
		if err != nil {
			return false
		}
		defer on.Close()
		r, err := volume.Finished(on, l, y.start, key)
		return err == nil && segment.OnChain(r.Summary().Header, r.Table(), x.prev)
	})
}

// isGone says whether a file that began at a time lies in a tomb.
func (c *check) isGone(l segment.Line, start int64) bool {
	return slices.ContainsFunc(c.lines[l], func(x link) bool { return x.tomb && x.start <= start && start <= x.end })
}
