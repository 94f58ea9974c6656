package signet_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
	"hearth/storage/signet"
)

var noon = time.Date(2026, 9, 21, 12, 0, 0, 0, time.UTC)

// volume makes a volume's folder with n statements, an hour apart, of two lines.
func volume(t testing.TB, s *signet.Signet, n int) (dir string, all []signet.Statement) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "media"), 0o700))
	camera, id := media.NewCameraID(), media.NewUUID()
	for i := range n {
		st := signet.Statement{Time: noon.Add(time.Duration(i) * time.Hour), Volume: id, Heads: []signet.Head{
			{Line: segment.Line{Camera: camera}, Start: int64(i), Segment: media.NewUUID(), Records: 7, Hash: sha256.Sum256([]byte{byte(i)})},
			{Line: segment.Line{Camera: camera, Stream: segment.Pack}, Segment: media.NewUUID()},
		}}
		must(t, s.Append(dir, st))
		all = append(all, st)
	}
	return dir, all
}

// examined gives what Examine gave, and the errors.
func examined(t testing.TB, dir string, s *signet.Signet) (good []signet.Statement, bad []error) {
	t.Helper()
	must(t, signet.Examine(dir, s.Public(), func(_ string, _ int, st signet.Statement, err error) error {
		if err != nil {
			bad = append(bad, err)
		} else {
			good = append(good, st)
		}
		return nil
	}))
	return good, bad
}

func TestStatements(t *testing.T) {
	s := made(t)
	dir, all := volume(t, s, 15) // to 2 o'clock of the next day
	good, bad := examined(t, dir, s)
	if len(bad) > 0 || !reflect.DeepEqual(good, all) {
		t.Errorf("%v\n%+v\n%+v", bad, good, all)
	}
	files, _ := filepath.Glob(filepath.Join(dir, signet.Folder, "*"))
	if len(files) != 2 || filepath.Base(files[1]) != "2026-09-22.jsonl" {
		t.Errorf("%v", files)
	}
	if _, bad := examined(t, dir, made(t)); len(bad) != 15 || !errors.Is(bad[0], signet.ErrStranger) {
		t.Errorf("with another box's key: %v", bad)
	}
	if good, bad := examined(t, t.TempDir(), s); len(good)+len(bad) > 0 {
		t.Error("statements in an empty folder")
	}
}

// Every byte matters but the last line's end: without that the line is one that a power cut left.
func TestEveryByteOfAStatement(t *testing.T) {
	s := made(t)
	dir, _ := volume(t, s, 3)
	path := filepath.Join(dir, signet.Folder, "2026-09-21.jsonl")
	raw, err := os.ReadFile(path)
	must(t, err)
	for i := range len(raw) - 1 {
		spoilt := bytes.Clone(raw)
		spoilt[i] ^= 1 << (i % 8)
		must(t, os.WriteFile(path, spoilt, 0o600))
		if _, bad := examined(t, dir, s); len(bad) == 0 {
			t.Fatalf("byte %d: 0x%02x for 0x%02x is not found", i, spoilt[i], raw[i])
		}
	}
	for i := range raw {
		must(t, os.WriteFile(path, raw[:i], 0o600))
		if good, _ := examined(t, dir, s); len(good) > 2 {
			t.Fatalf("cut off at %d: %d statements", i, len(good))
		}
	}
}

func TestMissingStatement(t *testing.T) {
	s := made(t)
	dir, _ := volume(t, s, 5)
	path := filepath.Join(dir, signet.Folder, "2026-09-21.jsonl")
	raw, err := os.ReadFile(path)
	must(t, err)
	lines := bytes.SplitAfter(raw, []byte("\n"))
	for name, left := range map[string][][]byte{
		"the third":     {lines[0], lines[1], lines[3], lines[4]},
		"another order": {lines[0], lines[2], lines[1], lines[3], lines[4]},
		"one twice":     {lines[0], lines[1], lines[1], lines[2], lines[3], lines[4]},
	} {
		must(t, os.WriteFile(path, bytes.Join(left, nil), 0o600))
		if _, bad := examined(t, dir, s); len(bad) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
	// The oldest may be let go of.
	must(t, os.WriteFile(path, bytes.Join(lines[1:], nil), 0o600))
	if _, bad := examined(t, dir, s); len(bad) > 0 {
		t.Errorf("without the oldest: %v", bad)
	}
}

// What a power cut left of a line is passed over, and cut off with the next.
func TestTornStatement(t *testing.T) {
	s := made(t)
	for _, torn := range []string{"{", strings.Repeat("x", 5000)} {
		dir, all := volume(t, s, 2)
		path := filepath.Join(dir, signet.Folder, "2026-09-21.jsonl")
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		must(t, err)
		_, err = f.WriteString(torn)
		must(t, errors.Join(err, f.Close()))
		if good, bad := examined(t, dir, s); len(good) != 2 || len(bad) > 0 {
			t.Errorf("torn: %d, %v", len(good), bad)
		}
		must(t, s.Append(dir, all[1]))
		if good, bad := examined(t, dir, s); len(good) != 3 || len(bad) > 0 {
			t.Errorf("afterwards: %d, %v", len(good), bad)
		}
	}
	// A new day's file of which nothing but its name was left.
	dir, all := volume(t, s, 2)
	must(t, os.WriteFile(filepath.Join(dir, signet.Folder, "2026-09-22.jsonl"), []byte(`{"ti`), 0o600))
	must(t, s.Append(dir, all[1]))
	if good, bad := examined(t, dir, s); len(good) != 3 || len(bad) > 0 {
		t.Errorf("in a new file: %d, %v", len(good), bad)
	}
}

// A clock that goes back does not break the order.
func TestStatementsWhileTheClockGoesBack(t *testing.T) {
	s := made(t)
	dir, all := volume(t, s, 2)
	for _, at := range []time.Time{noon.AddDate(0, 0, 3), noon.AddDate(-56, 0, 0), noon.AddDate(0, 0, 1)} {
		st := all[0]
		st.Time = at
		must(t, s.Append(dir, st))
	}
	if good, bad := examined(t, dir, s); len(good) != 5 || len(bad) > 0 {
		t.Errorf("%d, %v", len(good), bad)
	}
}

func TestTrim(t *testing.T) {
	s := made(t)
	dir, _ := volume(t, s, 60)
	must(t, os.WriteFile(filepath.Join(dir, signet.Folder, "1999-notes.jsonl"), []byte("mine"), 0o600))
	must(t, signet.Trim(dir, noon.AddDate(0, 0, 2)))
	good, bad := examined(t, dir, s)
	if len(bad) > 0 || len(good) != 24 || good[0].Time.Day() != 23 {
		t.Errorf("%d, %v", len(good), bad)
	}
	if _, err := os.Stat(filepath.Join(dir, signet.Folder, "1999-notes.jsonl")); err != nil {
		t.Error(err)
	}
	must(t, signet.Trim(t.TempDir(), noon))
}

// Without the volume nothing is made in its place.
func TestNoVolume(t *testing.T) {
	dir := t.TempDir()
	if err := made(t).Append(dir, signet.Statement{Time: noon}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v", left)
	}
}

func TestHolds(t *testing.T) {
	h := segment.NewHeader(media.NewCameraID(), media.Main)
	table := make([]segment.Entry, 5)
	for i := range table {
		rand.Read(table[i].Hash[:])
	}
	head := signet.Head{Line: segment.Line{Camera: h.Camera}, Segment: h.Segment, Records: 3, Hash: segment.Chain(h, table[:3])}
	must(t, head.Holds(h, table))
	must(t, head.Holds(h, table[:3]))
	later := table[4]
	table[4].Hash[0] ^= 1
	must(t, head.Holds(h, table)) // that was recorded afterwards
	table[4] = later
	changed := append([]segment.Entry{}, table...)
	changed[2].Hash[31] ^= 1
	other := segment.NewHeader(h.Camera, media.Main)
	salted := h
	salted.Salt[0] ^= 1
	for name, err := range map[string]error{
		"shorter":        head.Holds(h, table[:2]),
		"changed":        head.Holds(h, changed),
		"another file":   head.Holds(other, table),
		"another header": head.Holds(salted, table),
	} {
		if !errors.Is(err, signet.ErrHead) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkStatement says what a statement costs in bytes on the disk for a camera-day: three lines, 24 times.
func BenchmarkStatement(b *testing.B) {
	s := made(b)
	dir := b.TempDir()
	must(b, os.Mkdir(filepath.Join(dir, "media"), 0o700))
	const cameras = 16
	st := signet.Statement{Time: noon, Volume: media.NewUUID()}
	for range cameras {
		id := media.NewCameraID()
		for _, stream := range []media.Stream{media.Main, media.Sub, segment.Pack} {
			st.Heads = append(st.Heads, signet.Head{
				Line: segment.Line{Camera: id, Stream: stream}, Start: noon.UnixMicro(), Segment: media.NewUUID(), Records: 612,
			})
		}
	}
	n := 0
	for b.Loop() {
		must(b, s.Append(dir, st))
		n++
	}
	info, err := os.Stat(filepath.Join(dir, signet.Folder, "2026-09-21.jsonl"))
	must(b, err)
	b.ReportMetric(float64(info.Size())/float64(n)/cameras*24, "B/camera-day")
}
