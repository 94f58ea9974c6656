package salvage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hearth/nvr/media"
	"hearth/storage/export"
)

// Clip is what lies beside an MP4, as JSON.
type Clip struct {
	File         string         `json:"file"`
	Camera       string         `json:"camera"`
	CameraID     media.CameraID `json:"camera_id"`
	Stream       string         `json:"stream"`
	From         time.Time      `json:"from"`
	To           time.Time      `json:"to"`
	Pictures     int            `json:"pictures"`
	Sound        bool           `json:"sound"`
	Bytes        int64          `json:"bytes"`
	ClockTrusted bool           `json:"clock_trusted"` // the box knew the time when this was recorded
	Gaps         []Gap          `json:"gaps"`
	Problems     []string       `json:"problems"`
	Fragments    int            `json:"fragments"` // of the disk, that are done with
	Last         int64          `json:"last"`      // when the last of them begins, in microseconds since 1970
}

// Gap is a stretch without pictures.
type Gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Why  string    `json:"why"`
}

// unfinished marks what is not whole yet.
const unfinished = ".unfinished-"

// clip makes one file of the pieces at hand, or finds it made, and says how many of them are done with.
func (l *line) clip(ctx context.Context) (n int, err error) {
	l.s.tell(l.cam.name, l.pieces[0].Time)
	name := l.name()
	for {
		if c, ok := l.kept(name); ok {
			return l.done(c, true), nil
		}
		if _, err := os.Lstat(filepath.Join(l.s.Out, name+".mp4")); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return 0, err
		}
		name = l.name() // that one is of another disk, or somebody's own
	}
	pieces, bad := l.pieces, make(map[spot]error)
	for {
		before := len(bad)
		c, err := l.make(ctx, name, pieces, bad)
		var split *export.SplitError
		switch {
		case errors.As(err, &split):
			n := slices.IndexFunc(pieces, func(p piece) bool { return !time.UnixMicro(p.Time).Before(split.At) })
			if n < 0 || n >= len(pieces) {
				n = len(pieces) - 1
			}
			if n < 1 {
				l.s.found(pieces[0].src.path, "a fragment at %s is left out: %w", l.time(pieces[0].Time), err)
				return 1, nil
			}
			pieces = pieces[:n]
		case errors.Is(err, export.ErrChanged) && len(bad) > before:
			// The disk gave something the first time and not the second.
		case errors.Is(err, export.ErrChanged):
			l.s.found(pieces[0].src.path, "what is from %s on is left out: the disk gives other bytes each time", l.time(pieces[0].Time))
			return len(pieces), nil
		case err == nil:
			return l.done(c, false), nil
		case errors.Is(err, errNothing):
			l.bytes(pieces)
			return len(pieces), nil
		default:
			return 0, err
		}
	}
}

// errNothing says that nothing of the pieces can be shown; why is told.
var errNothing = errors.New("nothing to show")

// make writes a file that is whole and durable when it has its name, and what is to be known of it first.
func (l *line) make(ctx context.Context, name string, pieces []piece, bad map[spot]error) (Clip, error) {
	open := func() (export.Pieces, error) { return &reel{l: l, ctx: ctx, pieces: pieces, bad: bad}, nil }
	first, last := pieces[0], pieces[len(pieces)-1]
	from, to := time.UnixMicro(first.Time), time.UnixMicro(last.End()).Add(24*time.Hour)
	plan, err := export.Prepare(ctx, open, from, to)
	var split *export.SplitError
	switch {
	case errors.As(err, &split), err != nil && ctx.Err() != nil:
		return Clip{}, err
	case err != nil:
		for _, p := range l.problems(pieces, bad) {
			l.s.found(p.path, "%s", p.text)
		}
		if !errors.Is(err, export.ErrNoFootage) {
			l.s.found(first.src.path, "what is from %s to %s is left out: %w", l.time(first.Time), l.time(last.End()), err)
		}
		return Clip{}, errNothing
	}
	path := filepath.Join(l.s.Out, name+".mp4")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return Clip{}, err
	}
	var c Clip
	err = whole(path, func(f *os.File) error { return plan.Write(ctx, f) }, func() error {
		c = l.describe(name, plan.Report(), pieces, bad)
		return l.s.writeJSON(name+".json", c)
	})
	return c, err
}

// whole writes a file under another name, makes it durable, and gives it its name once beside has run.
func whole(path string, write func(*os.File) error, beside func() error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+unfinished+"*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of that name
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if beside != nil {
		if err := beside(); err != nil {
			return err
		}
	}
	return os.Rename(f.Name(), path)
}

func (s *Salvage) writeJSON(name string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return s.writeFile(name, append(raw, '\n'))
}

func (s *Salvage) writeFile(name string, data []byte) error {
	path := filepath.Join(s.Out, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return whole(path, func(f *os.File) error {
		w := bufio.NewWriter(f)
		_, err := w.Write(data)
		return errors.Join(err, w.Flush())
	}, nil)
}

// describe says what is in a file.
func (l *line) describe(name string, r export.Report, pieces []piece, bad map[spot]error) Clip {
	c := Clip{
		File: filepath.Base(name) + ".mp4", Camera: l.cam.name, CameraID: l.cam.id, Stream: l.stream.String(),
		From: r.Start.In(l.s.Zone), To: r.End.In(l.s.Zone), Pictures: r.Pictures, Sound: r.Sound, Bytes: r.Bytes,
		ClockTrusted: true, Gaps: []Gap{}, Problems: []string{}, Fragments: len(pieces), Last: pieces[len(pieces)-1].Time,
	}
	for _, p := range pieces {
		c.ClockTrusted = c.ClockTrusted && p.src.header.Trusted
		if err := bad[spot{p.src, p.i}]; err != nil {
			why, _ := unreadable(err)
			l.gaps = append(l.gaps, Gap{From: l.time(p.Time), To: l.time(p.End()), Why: why})
		}
	}
	for _, g := range r.Gaps {
		c.Gaps = append(c.Gaps, Gap{From: g.From.In(l.s.Zone), To: g.To.In(l.s.Zone), Why: l.why(g.From, g.To)})
	}
	for _, p := range l.problems(pieces, bad) {
		c.Problems = append(c.Problems, p.path+": "+p.text)
	}
	return c
}

// problem is what is wrong in one file.
type problem struct{ path, text string }

// problems tells what could not be read, a line for each stretch.
func (l *line) problems(pieces []piece, bad map[spot]error) (list []problem) {
	for i := 0; i < len(pieces); i++ {
		err := bad[spot{pieces[i].src, pieces[i].i}]
		if err == nil {
			continue
		}
		why, finding := unreadable(err)
		if !finding {
			continue
		}
		end := i
		for end+1 < len(pieces) && pieces[end+1].src == pieces[i].src {
			next := bad[spot{pieces[end+1].src, pieces[end+1].i}]
			if next == nil {
				break
			}
			if w, _ := unreadable(next); w != why {
				break
			}
			end++
		}
		list = append(list, problem{pieces[i].src.path, fmt.Sprintf("%d records from %s on are %s: %s", end-i+1,
			l.time(pieces[i].Time).Format("2006-01-02 15:04:05 MST"), why, oneLine(err))})
		i = end
	}
	return list
}

// kept finds a file that is there already, whole, with what is to be known of it.
func (l *line) kept(name string) (c Clip, ok bool) {
	info, err := os.Stat(filepath.Join(l.s.Out, name+".mp4"))
	if err != nil || !info.Mode().IsRegular() {
		return c, false
	}
	raw, err := os.ReadFile(filepath.Join(l.s.Out, name+".json"))
	if err != nil || json.Unmarshal(raw, &c) != nil {
		return c, false
	}
	return c, c.Bytes == info.Size() && c.CameraID == l.cam.id &&
		c.Fragments > 0 && c.Fragments <= len(l.pieces) && l.pieces[c.Fragments-1].Time == c.Last
}

// done counts a file, and gives how many pieces are in it.
func (l *line) done(c Clip, kept bool) int {
	l.bytes(l.pieces[:c.Fragments])
	l.clips = append(l.clips, c)
	r := &l.s.result
	r.Files++
	r.Bytes += c.Bytes
	if kept {
		r.Kept++
	}
	for _, p := range c.Problems {
		path, text, _ := strings.Cut(p, ": ")
		l.s.found(path, "%s", text)
	}
	return c.Fragments
}

func (l *line) bytes(pieces []piece) {
	for _, p := range pieces {
		l.s.bytes += p.Size()
	}
}

// writeGaps writes beside a camera's days when there is nothing of it, and why.
func (l *line) writeGaps() error {
	var b strings.Builder
	fmt.Fprintf(&b, "When there is nothing of %s between its first and its last picture, and why\n\n", l.cam.name)
	slices.SortStableFunc(l.clips, func(a, b Clip) int { return a.From.Compare(b.From) })
	row := func(from, to time.Time, why string) {
		if to.Sub(from) > time.Second {
			fmt.Fprintf(&b, "%s to %s  %s\n", from.Format("2006-01-02 15:04:05 MST"), to.Format("2006-01-02 15:04:05 MST"), why)
		}
	}
	for i, c := range l.clips {
		if i > 0 {
			from := l.clips[i-1].To
			row(from, c.From, l.why(from, c.From))
		}
		for _, g := range c.Gaps {
			row(g.From, g.To, g.Why)
		}
	}
	if len(l.clips) == 0 {
		return nil
	}
	return l.s.writeFile(filepath.Join(l.cam.name, "gaps.txt"), []byte(b.String()))
}

// report writes what came of it all into the output folder.
func (s *Salvage) report() error {
	var b strings.Builder
	r := s.result
	fmt.Fprintf(&b, "%d cameras, %d MP4 files, %.1f GB, %s of footage, %d pictures of events\n\n",
		r.Cameras, r.Files, float64(r.Bytes)/1e9, r.Footage.Round(time.Second), r.Pictures)
	if len(r.Findings) == 0 {
		b.WriteString("Everything that is on the disk could be read.\n")
	} else {
		b.WriteString("What could not be read:\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintln(&b, f)
	}
	return s.writeFile("report.txt", []byte(b.String()))
}
