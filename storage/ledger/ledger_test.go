package ledger

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"hearth/nvr/media"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// testKey is a camera's key as keyring makes them.
type testKey struct {
	camera media.CameraID
	secret [32]byte
}

func (k testKey) Camera() media.CameraID { return k.camera }

func (k testKey) AEAD(salt []byte, id media.UUID) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.secret[:], salt, string(k.camera[:])+string(id[:]), 32)
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.New(key)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// camera makes a camera's folder with those of some days.
func camera(t testing.TB, dir string, days ...string) (testKey, segment.Line) {
	t.Helper()
	key := testKey{camera: media.NewCameraID(), secret: [32]byte{7}}
	for _, day := range append(days, "") {
		must(t, os.MkdirAll(filepath.Join(dir, "media", key.camera.String(), day), 0o700))
	}
	return key, segment.Line{Camera: key.camera, Stream: media.Main}
}

func open(t testing.TB, dir string, key testKey) *Ledger {
	t.Helper()
	l, err := Read(dir, key.camera, key)
	must(t, err)
	return l
}

func at(s string) int64 {
	v, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return v.UnixMicro()
}

func hash(b byte) Hash { return Hash{b} }

// tomb is of a file of ten minutes.
func tomb(start string, prev, head byte) Tomb {
	return Tomb{Start: at(start), End: at(start) + 600e6, Segment: media.NewUUID(), Prev: hash(prev), Head: hash(head)}
}

func TestNeighboursBecomeOneTomb(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01")
	l := open(t, dir, key)
	first, second, third := tomb("2026-05-01 10:00", 1, 2), tomb("2026-05-01 10:10", 2, 3), tomb("2026-05-01 10:20", 3, 4)
	far := tomb("2026-05-01 12:00", 9, 10)
	for _, x := range []Tomb{first, third, far, second, second, first} { // again: a letting go that was cut short
		must(t, l.Bury(line, x))
	}
	must(t, l.Write())
	if got, err := open(t, dir, key).Tombs(line); err != nil || len(got) != 4 || !got[0].Fresh {
		t.Errorf("what was buried last stays by itself: %v, %+v", err, got)
	}
	l = open(t, dir, key)
	must(t, l.Bury(line, second))
	must(t, l.Bury(segment.Line{Camera: key.camera, Stream: media.Sub}, tomb("2026-05-01 10:30", 4, 5)))
	must(t, l.Write())
	got, err := open(t, dir, key).Tombs(line)
	must(t, err)
	want := []Tomb{
		{Start: first.Start, End: third.End, Segment: third.Segment, Prev: hash(1), Head: hash(4), Files: 3},
		{Start: far.Start, End: far.End, Segment: far.Segment, Prev: hash(9), Head: hash(10), Files: 1},
	}
	if len(got) != 2 || !same(got[0], want[0]) || !same(got[1], want[1]) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func same(a, b Tomb) bool {
	a.Starts, b.Starts = nil, nil
	return a.Stream == b.Stream && a.Start == b.Start && a.End == b.End && a.Segment == b.Segment && a.Prev == b.Prev &&
		a.Head == b.Head && a.Files == b.Files && a.Recovered == b.Recovered && a.Broken == b.Broken
}

// What was not removed after all is taken back, as long as nothing else was noted since.
func TestUnbury(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01")
	first, second := tomb("2026-05-01 10:00", 1, 2), tomb("2026-05-01 10:10", 2, 3)
	l := open(t, dir, key)
	must(t, l.Bury(line, first))
	must(t, l.Write())
	l = open(t, dir, key)
	must(t, l.Bury(line, second))
	must(t, l.Write())
	l = open(t, dir, key)
	recent, err := l.Recent()
	must(t, err)
	if len(recent) != 1 || recent[0].Start != second.Start || !recent[0].Buried {
		t.Errorf("%+v", recent)
	}
	must(t, l.Unbury(line, first.Start))
	must(t, l.Unbury(line, second.Start))
	must(t, l.Write())
	got, err := open(t, dir, key).Tombs(line)
	must(t, err)
	if len(got) != 1 || got[0].Start != first.Start || got[0].Head != hash(2) {
		t.Errorf("%+v", got)
	}
}

// A file that could not be read is no neighbour of anything.
func TestBrokenChainStaysTold(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01")
	l := open(t, dir, key)
	must(t, l.Bury(line, tomb("2026-05-01 10:00", 1, 2)))
	must(t, l.Bury(line, Tomb{Start: at("2026-05-01 10:10"), End: at("2026-05-01 10:20"), Broken: true}))
	must(t, l.Bury(line, Tomb{Start: at("2026-05-01 10:20"), End: at("2026-05-01 10:30"), Broken: true}))
	must(t, l.Write())
	got, err := open(t, dir, key).Tombs(line)
	must(t, err)
	if len(got) != 3 || got[0].Broken || !got[1].Broken || !got[2].Broken {
		t.Errorf("%+v", got)
	}
}

func TestHoles(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01")
	start, id := at("2026-05-01 10:00"), media.NewUUID()
	l := open(t, dir, key)
	must(t, l.Punched(line, start, id, 2, 10))
	must(t, l.Punched(line, start, id, 40, 60))
	must(t, l.Damaged(line, start, id, 10, 12, "a bad block"))
	must(t, l.Punched(line, start, id, 12, 40))
	must(t, l.Punched(line, start, id, 2, 10))
	must(t, l.Write())
	l = open(t, dir, key)
	got, err := l.Holes(line, start, id)
	must(t, err)
	want := []Hole{{2, 10, LetGo, false}, {10, 12, "a bad block", true}, {12, 60, LetGo, false}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	for i, in := range map[int]bool{1: false, 2: true, 11: true, 59: true, 60: false} {
		if Holds(got, i) != in {
			t.Errorf("record %d", i)
		}
	}
	if other, err := l.Holes(line, start, media.NewUUID()); err != nil || len(other) > 0 {
		t.Errorf("another file with the same start: %v, %v", other, err)
	}
	must(t, l.Punched(line, start, media.NewUUID(), 1, 2))
	if old, err := l.Holes(line, start, id); err != nil || len(old) > 0 {
		t.Errorf("the file that was in its place: %v, %v", old, err)
	}
	must(t, l.Damaged(line, start, id, 3, 4, "a bad block"))
	must(t, l.Punched(line, start, id, 5, 9))
	must(t, l.Kept(line, start))
	if got, err := l.Holes(line, start, id); err != nil || !slices.Equal(got, []Hole{{3, 4, "a bad block", true}}) {
		t.Errorf("kept after all: %v, %v", got, err)
	}
	must(t, l.Drop(line, start))
	must(t, l.Write())
	if p, err := open(t, dir, key).page("2026-05-01"); err != nil || len(p.Files) > 0 {
		t.Errorf("after Drop: %v, %v", p, err)
	}
}

// A file that is buried keeps its holes until its day is folded: its removal may be cut short and never be tried again.
func TestBuriedHoles(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01")
	l := open(t, dir, key)
	x := tomb("2026-05-01 10:00", 1, 2)
	must(t, l.Punched(line, x.Start, x.Segment, 2, 10))
	must(t, l.Bury(line, x))
	if got, err := l.Holes(line, x.Start, x.Segment); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	must(t, l.Fold("2026-05-01"))
	if got, err := open(t, dir, key).Holes(line, x.Start, x.Segment); err != nil || len(got) > 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// What was written last can be found again without reading all days.
func TestRecent(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01", "2026-05-02", "2026-05-03")
	l := open(t, dir, key)
	id := media.NewUUID()
	for _, s := range []string{"2026-05-01 10:00", "2026-05-02 10:00", "2026-05-03 10:00"} {
		must(t, l.Punched(line, at(s), id, 2, 10))
	}
	must(t, l.Write())
	old := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(filepath.Join(dir, "media", key.camera.String(), "2026-05-02", Name), old, old))
	got, err := open(t, dir, key).Recent()
	must(t, err)
	if len(got) != 2 || got[0].Start != at("2026-05-01 10:00") || got[1].Start != at("2026-05-03 10:00") ||
		got[0].Line != line || got[0].Segment != id || len(got[0].Holes) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestFold(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01", "2026-05-02")
	l := open(t, dir, key)
	must(t, l.Bury(line, tomb("2026-05-01 23:40", 1, 2)))
	must(t, l.Bury(line, tomb("2026-05-01 23:50", 2, 3)))
	must(t, l.Bury(line, tomb("2026-05-02 00:00", 3, 4)))
	must(t, l.Write())
	must(t, l.Fold("2026-05-01"))
	if _, err := os.Stat(filepath.Join(dir, "media", key.camera.String(), "2026-05-01")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the day's folder: %v", err)
	}
	got, err := open(t, dir, key).Tombs(line)
	must(t, err)
	if got = settle(got); len(got) != 1 || got[0].Files != 3 || got[0].Prev != hash(1) || got[0].Head != hash(4) {
		t.Errorf("%+v", got)
	}
	// Files of that day again, because the clock was set back.
	again := filepath.Join(dir, "media", key.camera.String(), "2026-05-01")
	must(t, os.Mkdir(again, 0o700))
	must(t, os.WriteFile(filepath.Join(again, "file"), nil, 0o600))
	l = open(t, dir, key)
	must(t, l.Bury(line, tomb("2026-05-01 23:45", 4, 5)))
	must(t, l.Write())
	got, err = open(t, dir, key).Tombs(line)
	must(t, err)
	if got = settle(got); len(got) != 1 || got[0].Files != 4 || got[0].Head != hash(5) {
		t.Errorf("after the clock was set back: %+v", got)
	}
}

// stuck is a Files whose Remove fails, as when the power goes before it.
type stuck struct{ Files }

func (stuck) Remove(string) error { return errors.New("no power") }

func TestFoldCutShort(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01")
	l, err := New(stuck{Folder(dir, key.camera)}, key)
	must(t, err)
	must(t, l.Bury(line, tomb("2026-05-01 10:00", 1, 2)))
	must(t, l.Write())
	if l.Fold("2026-05-01") == nil {
		t.Fatal("folded")
	}
	for range 2 {
		l = open(t, dir, key)
		if got, err := l.Tombs(line); err != nil || len(got) != 1 || got[0].Files != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		must(t, l.Fold("2026-05-01"))
	}
}

func TestTrim(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01")
	l := open(t, dir, key)
	const n = 100
	start := at("2026-05-01 10:00")
	for i := range int64(n) { // a power cut behind each
		must(t, l.Bury(line, Tomb{Start: start + i*6e7, End: start + i*6e7 + 5e7, Prev: hash(byte(2*i + 1)), Head: hash(byte(2*i + 2))}))
	}
	must(t, l.Fold("2026-05-01"))
	trim := func(before int64, want int) {
		t.Helper()
		must(t, l.Trim(before))
		must(t, l.Write())
		got, err := open(t, dir, key).Tombs(line)
		if err != nil || len(got) != want || got[want-1].Start != start+(n-1)*6e7 {
			t.Fatalf("%d tombs, %v", len(got), err)
		}
	}
	trim(start+10*6e7, n-10)
	trim(at("2027-01-01 00:00"), kept)
	trim(at("2027-01-01 00:00"), kept)
}

// Whatever byte of a page is wrong, and wherever it is cut, that is one line of an error, and the page can be set aside.
func TestDamagedPages(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01")
	l := open(t, dir, key)
	must(t, l.Bury(line, tomb("2026-05-01 10:00", 1, 2)))
	must(t, l.Write())
	path := filepath.Join(dir, "media", key.camera.String(), "2026-05-01", Name)
	whole, err := os.ReadFile(path)
	must(t, err)
	bad := func(what string, b []byte, is error) {
		t.Helper()
		must(t, os.WriteFile(path, b, 0o600))
		_, err := open(t, dir, key).Tombs(line)
		var page *PageError
		if !errors.As(err, &page) || !errors.Is(err, is) || page.Day != "2026-05-01" || strings.Contains(err.Error(), "\n") ||
			!strings.Contains(err.Error(), page.Path()) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x20
		is := ErrForged
		if i < len(magic) {
			is = ErrDamaged
		}
		bad("a flipped bit", b, is)
	}
	for n := range whole {
		is := ErrForged
		if n < len(magic)+saltSize {
			is = ErrDamaged
		}
		bad("cut", whole[:n], is)
	}

	l = open(t, dir, key)
	_, err = l.Tombs(line)
	var page *PageError
	if !errors.As(err, &page) {
		t.Fatal(err)
	}
	must(t, l.SetAside(page))
	if got, err := l.Tombs(line); err != nil || len(got) != 0 {
		t.Fatalf("%v, %v", got, err)
	}
	aside, err := filepath.Glob(filepath.Join(dir, volume.AsideFolder, "*", "*", "*", "*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("%v, %v", aside, err)
	}
}

// A page of another camera, of another day, or of the camera's own in a day's place is refused.
func TestForeignPages(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir, "2026-05-01", "2026-05-02")
	other := testKey{camera: media.NewCameraID(), secret: key.secret}
	must(t, os.MkdirAll(filepath.Join(dir, "media", other.camera.String(), "2026-05-01"), 0o700))
	l := open(t, dir, key)
	must(t, l.Bury(line, tomb("2026-05-01 10:00", 1, 2)))
	must(t, l.Write())
	page := func(k testKey, day string) string {
		return filepath.Join(dir, "media", k.camera.String(), day, Name)
	}
	b, err := os.ReadFile(page(key, "2026-05-01"))
	must(t, err)
	must(t, os.WriteFile(page(key, "2026-05-02"), b, 0o600))
	must(t, os.WriteFile(page(other, "2026-05-01"), b, 0o600))
	if _, err := open(t, dir, key).Tombs(line); !errors.Is(err, ErrForged) {
		t.Errorf("another day's: %v", err)
	}
	if _, err := open(t, dir, other).Tombs(segment.Line{Camera: other.camera}); !errors.Is(err, ErrForged) {
		t.Errorf("another camera's: %v", err)
	}
	must(t, os.WriteFile(page(key, ""), b, 0o600))
	if _, err := Read(dir, key.camera, key); !errors.Is(err, ErrForged) {
		t.Errorf("a day's as the camera's own: %v", err)
	}
	if _, err := Read(dir, other.camera, key); !errors.Is(err, ErrForged) {
		t.Errorf("with another camera's key: %v", err)
	}
}

// A write that fails leaves the last version, and nothing beside it.
func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	key, line := camera(t, dir)
	l := open(t, dir, key)
	must(t, l.Bury(line, tomb("2026-05-01 10:00", 1, 2))) // its day has no folder
	err := l.Write()
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Fatal(err)
	}
	if got, err := open(t, dir, key).Tombs(line); err != nil || len(got) > 0 {
		t.Fatalf("%v, %v", got, err)
	}
}
