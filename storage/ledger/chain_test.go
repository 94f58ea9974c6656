package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

var errPower = errors.New("no power")

// frail is a Files in memory that loses its power before or behind some write.
type frail struct {
	pages map[string][]byte
	days  map[string]bool
	left  int // how many calls still do something
}

func (f *frail) spend() error {
	if f.left--; f.left < 0 {
		return errPower
	}
	return nil
}

func (f *frail) Read(day string) ([]byte, error) {
	if b, ok := f.pages[day]; ok {
		return b, nil
	}
	return nil, os.ErrNotExist
}

func (f *frail) Written(string) (time.Time, error) { return time.Time{}, os.ErrNotExist }

func (f *frail) Write(day string, b []byte) error {
	if err := f.spend(); err != nil {
		return err
	}
	f.pages[day] = b
	return f.spend() // written, but nobody heard of it
}

func (f *frail) Remove(day string) error {
	if err := f.spend(); err != nil {
		return err
	}
	delete(f.pages, day)
	return f.spend()
}

func (f *frail) SetAside(string) error { return errors.ErrUnsupported }

func (f *frail) Days() (days []string, err error) {
	for d := range f.days {
		days = append(days, d)
	}
	slices.Sort(days)
	return days, nil
}

// link is a file in the model.
type link struct {
	tomb Tomb
	gone bool
}

func empty(links []*link, day string) bool {
	return !slices.ContainsFunc(links, func(x *link) bool { return !x.gone && segment.Day(x.tomb.Start) == day })
}

// Whatever is recorded and let go of, and wherever the power goes: the files that are there and the tombs are one chain,
// and no file is in it twice.
func TestChainHolds(t *testing.T) {
	key := testKey{camera: media.NewCameraID()}
	line := segment.Line{Camera: key.camera, Stream: media.Main}
	rapid.Check(t, func(t *rapid.T) {
		files := &frail{pages: make(map[string][]byte), days: make(map[string]bool)}
		var links []*link
		var head Hash
		now := time.Date(2026, 5, 1, 20, 0, 0, 0, time.UTC)
		taken := make(map[int64]bool)
		starts := 1 // how many chains there may be

		record := func() {
			now = now.Add(time.Duration(rapid.IntRange(1, 600).Draw(t, "minutes")) * time.Minute)
			if rapid.IntRange(0, 9).Draw(t, "clock") == 0 {
				now = now.Add(-20 * time.Hour) // it was ahead
			}
			for taken[now.UnixMicro()] {
				now = now.Add(time.Microsecond)
			}
			if len(links) > 0 && rapid.IntRange(0, 19).Draw(t, "anew") == 0 {
				head, starts = Hash{}, starts+1
			}
			next := Hash(sha256.Sum256(fmt.Append(nil, len(links))))
			x := Tomb{Start: now.UnixMicro(), End: now.UnixMicro() + 6e8, Segment: media.NewUUID(), Prev: head, Head: next}
			taken[x.Start] = true
			files.days[segment.Day(x.Start)] = true
			links = append(links, &link{tomb: x})
			head = next
		}
		letGo := func(l *Ledger) error {
			var batch []*link
			for range rapid.IntRange(1, 4).Draw(t, "batch") {
				x := links[rapid.IntRange(0, len(links)-1).Draw(t, "which")]
				if x.gone {
					continue
				}
				if err := l.Bury(line, x.tomb); err != nil {
					return err
				}
				batch = append(batch, x)
			}
			if err := l.Write(); err != nil {
				return err
			}
			for _, x := range batch {
				x.gone = true
			}
			return nil
		}
		fold := func(l *Ledger) error {
			for day := range files.days {
				if empty(links, day) {
					return l.Fold(day)
				}
			}
			return nil
		}
		trim := func(l *Ledger) error {
			oldest := int64(1 << 62)
			for _, x := range links {
				if !x.gone {
					oldest = min(oldest, x.tomb.Start)
				}
			}
			if err := l.Trim(oldest); err != nil {
				return err
			}
			return l.Write()
		}

		record()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			files.left = 1 << 30
			if rapid.IntRange(0, 3).Draw(t, "cut short") == 0 {
				files.left = rapid.IntRange(0, 5).Draw(t, "calls")
			}
			l, err := New(files, key)
			if err != nil {
				t.Fatal(err)
			}
			switch rapid.SampledFrom([]string{"record", "record", "let go", "let go", "fold", "trim"}).Draw(t, "step") {
			case "record":
				record()
			case "let go":
				err = letGo(l)
			case "fold":
				err = fold(l)
			case "trim":
				err = trim(l)
			}
			if err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			verify(t, files, key, line, links, starts)
		}
	})
}

// verify follows the chain over what is there. A file that is there may lie in a tomb as well: its removal was cut short.
func verify(t *rapid.T, files *frail, key testKey, line segment.Line, links []*link, starts int) {
	files.left = 1 << 30
	l, err := New(files, key)
	if err != nil {
		t.Fatal(err)
	}
	tombs, err := l.Tombs(line)
	if err != nil {
		t.Fatal(err)
	}
	covered := func(x *link) bool { // by the model: within the tomb that it should be in
		for _, b := range tombs {
			at := slices.IndexFunc(links, func(y *link) bool { return y.tomb.Head == b.Head })
			for ; at >= 0; at-- {
				if links[at] == x {
					return true
				}
				if links[at].tomb.Prev == b.Prev {
					break
				}
			}
		}
		return false
	}
	buried, gone := 0, 0
	for _, b := range tombs {
		buried += b.Files
	}
	items := slices.Clone(tombs)
	for _, x := range links {
		switch in := covered(x); {
		case in:
			gone++
		case x.gone:
			t.Fatalf("a file that is gone is in no tomb: %+v\n%+v", x.tomb, tombs)
		case !x.gone:
			items = append(items, x.tomb)
		}
	}
	if buried != gone {
		t.Fatalf("%d files in tombs, %d by the model: %+v", buried, gone, tombs)
	}
	heads := make(map[Hash]bool)
	for _, x := range items {
		heads[x.Head] = true
	}
	roots := 0
	for _, x := range items {
		if !heads[x.Prev] {
			roots++
		}
	}
	if roots > starts {
		t.Fatalf("%d beginnings of %d chains: %+v", roots, starts, items)
	}
}

// The pages on a real folder do what those in memory do.
func TestFilesOfAFolder(t *testing.T) {
	dir := t.TempDir()
	key, _ := camera(t, dir, "2026-05-01", "2026-05-02")
	must(t, os.Mkdir(filepath.Join(dir, "media", key.camera.String(), "else"), 0o700))
	f := Folder(dir, key.camera)
	if _, err := f.Read("2026-05-01"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, day := range []string{"", "2026-05-01"} {
		must(t, f.Write(day, []byte("a")))
		must(t, f.Write(day, []byte("b"+day)))
		if b, err := f.Read(day); err != nil || string(b) != "b"+day {
			t.Errorf("%q, %v", b, err)
		}
	}
	if days, err := f.Days(); err != nil || !slices.Equal(days, []string{"2026-05-01", "2026-05-02"}) {
		t.Errorf("%v, %v", days, err)
	}
	must(t, f.Remove("2026-05-01"))
	must(t, os.WriteFile(filepath.Join(dir, "media", key.camera.String(), "2026-05-02", "x"), nil, 0o600))
	must(t, f.Remove("2026-05-02"))
	if days, err := f.Days(); err != nil || !slices.Equal(days, []string{"2026-05-02"}) {
		t.Errorf("a folder with something in it must stay: %v, %v", days, err)
	}
}
