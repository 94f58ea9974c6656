package check

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"hearth/storage/bolt"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// Finding is something that Check found wrong.
type Finding struct {
	Path    string // below the data folder
	Problem string // one line
}

func (f Finding) String() string { return f.Path + ": " + f.Problem }

// Check verifies the files of a data folder that no hearth is running on (volume.ErrInUse) against themselves, each other and
// the index, and changes nothing: headers, footers, the chain of hashes and, when deep, every record. No findings: it
// is as it should be.
func Check(ctx context.Context, dir string, deep bool) (findings []Finding, err error) {
	t, err := openTools(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.release()) }()
	c := check{tools: t, deep: deep, lines: make(map[segment.Line][]link)}
	err = c.run(ctx)
	return c.findings, err
}

// check is one run of Check.
type check struct {
	*tools
	deep     bool
	indexed  bool // there is an index to compare with
	findings []Finding
	lines    map[segment.Line][]link
}

// link is a file in the chain of its line, in the order of starts.
type link struct {
	path       string
	start      int64
	prev, head [32]byte
	recovered  bool
	tomb       bool // let go of
}

func (c *check) found(path, problem string, args ...any) {
	c.findings = append(c.findings, Finding{path, fmt.Sprintf(problem, args...)})
}

func (c *check) run(ctx context.Context) error {
	if err := c.openIndex(); err != nil {
		return err
	}
	files, strange, err := volume.Walk(c.dir, "")
	if err != nil {
		return err
	}
	for _, path := range strange {
		c.found(path, "a file of unknown origin")
	}
	there := make(map[segment.Line]map[int64]bool)
	for _, f := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if there[f.Line()] == nil {
			there[f.Line()] = make(map[int64]bool)
		}
		there[f.Line()][f.Name.Start] = true
		if f.Name.Open {
			c.found(f.Path(), "it was left open; the next start finishes it")
			continue
		}
		if err := c.file(f); err != nil {
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
		c.found(indexFile, "it is missing; hearth rebuild makes it again")
		return nil
	}
	x, err := index.Open(path)
	if errors.Is(err, bolt.ErrDamaged) {
		c.found(indexFile, "%v; hearth rebuild makes it again", err)
		return nil
	} else if err != nil {
		return err
	}
	c.index, c.indexed = x, true
	return nil
}

// file checks one finished file.
func (c *check) file(f volume.Found) error {
	key, err := c.keys.ForRecording(f.Camera)
	if errors.Is(err, keyring.ErrNoKey) || errors.Is(err, keyring.ErrSealed) {
		c.found(f.Path(), "there is no key that opens it: %v", err)
		return nil
	} else if err != nil {
		return err
	}
	on, err := os.Open(filepath.Join(c.dir, f.Path()))
	if err != nil {
		return err
	}
	defer on.Close()
	r, err := volume.Finished(on, f.Line(), f.Name.Start, key)
	if err != nil {
		c.found(f.Path(), "%v", err)
		return nil
	}
	sum := r.Summary()
	if named := segment.FinishedName(f.Name.Stream, f.Name.Start, sum.End); named != f.Name {
		c.found(f.Path(), "by its footer its name would be %s", named)
	}
	if segment.Chain(sum.Header, r.Table()) != sum.Chain {
		c.found(f.Path(), "its chain does not end as its footer says")
	}
	if c.deep {
		if err := r.Verify(); err != nil {
			c.found(f.Path(), "%v", err)
		}
	}
	c.lines[f.Line()] = append(c.lines[f.Line()], link{
		path: f.Path(), start: f.Name.Start, prev: sum.Header.Prev, head: sum.Chain, recovered: sum.Recovered,
	})
	if c.indexed {
		return c.row(f, index.RowOf(sum))
	}
	return nil
}

// row compares a file with its row.
func (c *check) row(f volume.Found, want index.Row) error {
	got, ok, err := c.index.Last(f.Line(), f.Name.Start)
	if err != nil {
		return err
	}
	switch {
	case !ok || got.Start != f.Name.Start:
		c.found(f.Path(), "the index does not know it")
	case got.NameOnly:
		if got.End != f.Name.Start+f.Name.Duration*1000 || got.Size != f.Size {
			c.found(f.Path(), "the index has another end or size for it")
		}
	case got != want:
		c.found(f.Path(), "the index says something else about it")
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
			if !there[l][r.Start] {
				c.found(r.Path(), "the index knows it, but it is not there")
			}
		}
		if err := c.index.Tombs(l, func(start int64, prev, head [32]byte) {
			c.lines[l] = append(c.lines[l], link{start: start, prev: prev, head: head, tomb: true})
		}); err != nil {
			return err
		}
	}
	return nil
}

// chains checks that every file names the hash of one before it: of a file that is there, or of a tombstone.
func (c *check) chains() {
	for _, list := range c.lines {
		heads := make(map[[32]byte]bool, len(list))
		oldest := list[0].start
		cut := false // a file was cut after its successor had begun
		for _, l := range list {
			heads[l.head] = true
			oldest = min(oldest, l.start)
			cut = cut || l.recovered
		}
		used := make(map[[32]byte]string, len(list))
		for _, l := range list {
			if l.tomb || l.prev == ([32]byte{}) && l.start == oldest {
				continue
			}
			switch {
			case heads[l.prev]:
				if other, twice := used[l.prev]; twice {
					c.found(l.path, "it continues the same file as %s", other)
				}
				used[l.prev] = l.path
			case l.start == oldest && c.indexed, cut:
				// What came before was let go of long ago, or was cut off.
			default:
				c.found(l.path, "the file before it is missing from the chain")
			}
		}
	}
}
