package check_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
	"hearth/storage/check"
)

// The broken stores lie in testdata/broken, a tar file each; -update makes them again out of what the store writes now.
var update = flag.Bool("update", false, "make the broken stores in testdata again")

const brokenDir = "testdata/broken"

// seed is the store that all of them were before they broke: two cameras, the first with a sub stream, three runs of
// five fragments each, and an event with a thumbnail.
type seed struct {
	t    *testing.T
	dir  string
	cams [2]media.CameraID
}

func (s *seed) make() {
	store, err := storage.Open(storage.Options{Dir: s.dir, Tick: 5 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	s.must(err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- store.Run(ctx) }()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range s.cams {
		s.cams[i] = media.NewCameraID()
		s.must(store.Box().PutCamera(box.Camera{ID: s.cams[i], Name: fmt.Sprint("Camera ", i+1), Record: "continuous"}))
		s.must(store.Keys().AddCamera(s.cams[i]))
	}
	for i, cam := range s.cams {
		for _, stream := range []media.Stream{media.Main, media.Sub} {
			if i == 1 && stream == media.Sub {
				continue
			}
			w, err := store.Writer(cam, stream)
			s.must(err)
			for r := range 3 {
				s.run(w, cam, stream, begin.Add(time.Duration(r)*time.Minute))
			}
			s.must(w.Close())
		}
		e := storage.Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: begin, End: begin.Add(3 * time.Second)}
		s.must(store.PutEvent(e))
		s.must(store.PutThumbnail(cam, e.ID, begin, []byte("a picture of "+cam.String())))
	}
	stop()
	s.must(<-done)
	s.must(store.Close())
	s.tidy()
}

// tidy removes what a stopped store leaves and does not need: its lock, and room that it holds for a full disk.
func (s *seed) tidy() {
	for _, name := range []string{"lock", "ballast"} {
		if err := os.Remove(s.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.t.Fatal(err)
		}
	}
}

func (s *seed) run(w *storage.StreamWriter, cam media.CameraID, stream media.Stream, begin time.Time) {
	run := &media.Run{
		ID: media.NewUUID(), Camera: cam, Stream: stream, Start: begin, Trusted: true,
		Tracks: []media.Track{{Codec: media.H264, ClockRate: media.VideoClockRate, Width: 64, Height: 36}},
	}
	w.Begin(run, []byte("init"))
	for i := range int64(5) {
		at := begin.Add(time.Duration(i) * time.Second)
		s.must(w.Append(storage.Fragment{
			DTS: i * 90000, Duration: 90000, Start: at, Key: true, Data: [][]byte{fmt.Appendf(nil, "%s %s %s", cam, stream, at.Format(time.TimeOnly))},
		}))
	}
	w.End("the test ended it")
}

func (s *seed) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *seed) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// file finds the n-th finished file of a camera's stream, by its ending.
func (s *seed) file(cam, n int, ending string) string {
	s.t.Helper()
	found, err := filepath.Glob(s.path("media", s.cams[cam].String(), "*", "*"+ending))
	s.must(err)
	if ending == ".seg" {
		found = slices.DeleteFunc(found, func(p string) bool { return strings.HasSuffix(p, ".sub.seg") })
	}
	if n >= len(found) {
		s.t.Fatalf("no file %d of %s", n, ending)
	}
	return found[n]
}

// flip changes a byte; from the end when at is negative.
func (s *seed) flip(path string, at int) {
	raw, err := os.ReadFile(path)
	s.must(err)
	if at < 0 {
		at += len(raw)
	}
	raw[at] ^= 0x40
	s.must(os.WriteFile(path, raw, 0o600))
}

func (s *seed) rename(from, to string) {
	s.must(os.MkdirAll(filepath.Dir(to), 0o700))
	s.must(os.Rename(from, to))
}

func (s *seed) truncate(path string, by int64) {
	info, err := os.Stat(path)
	s.must(err)
	s.must(os.Truncate(path, info.Size()-by))
}

// unfinish makes of a finished file the unfinished one that it was, without its footer.
func (s *seed) unfinish(path string, by int64) string {
	start, _, _ := strings.Cut(filepath.Base(path), "-")
	open := filepath.Join(filepath.Dir(path), start+".open")
	s.rename(path, open)
	s.truncate(open, by)
	return open
}

// aBreak is a way for a store to break.
type aBreak struct {
	name string
	do   func(s *seed)
	find string // is in one of the findings
	lost int    // fragments of the 45 that cannot be there any more
}

// The table and trailer of a file of 8 records (init, tracks, five fragments, end): 8 × 68 + 16 + 80 bytes.
const footer = 640

func breaks() []aBreak {
	return []aBreak{
		{"whole", func(*seed) {}, "", 0},
		{"left-open", func(s *seed) { s.unfinish(s.file(0, 2, ".seg"), footer) }, "it was left open", 0},
		{"left-open-and-torn", func(s *seed) { s.unfinish(s.file(0, 2, ".seg"), footer+200) }, "it was left open", 1},
		{"left-open-and-empty", func(s *seed) {
			s.must(os.WriteFile(s.path("media", s.cams[1].String(), "2026-03-01", "1772366700000000.open"), nil, 0o600))
		}, "it was left open", 0},
		{"left-open-and-garbage", func(s *seed) {
			s.must(os.WriteFile(s.path("media", s.cams[1].String(), "2026-03-01", "1772366700000000.open"), bytes.Repeat([]byte("garbage "), 99), 0o600))
		}, "it was left open", 0},
		{"trailer-flipped", func(s *seed) { s.flip(s.file(0, 1, ".seg"), -70) }, "damaged", 0},
		{"table-flipped", func(s *seed) { s.flip(s.file(0, 1, ".seg"), -300) }, "damaged", 0},
		{"footer-cut-off", func(s *seed) { s.truncate(s.file(1, 1, ".seg"), 50) }, "no footer", 0},
		{"header-flipped", func(s *seed) { s.flip(s.file(0, 1, ".seg"), 70) }, "damaged", 5},
		{"record-flipped", func(s *seed) { s.flip(s.file(0, 1, ".seg"), -footer-250) }, "checksum of record", 1},
		{"record-zeroed", func(s *seed) {
			raw, err := os.ReadFile(s.file(0, 0, ".seg"))
			s.must(err)
			size := (len(raw) - footer) / 8 // somewhere within: what is not a whole record is damaged, what is is missing
			clear(raw[len(raw)-footer-3*size : len(raw)-footer-size])
			s.must(os.WriteFile(s.file(0, 0, ".seg"), raw, 0o600))
		}, "record", 3},
		{"misfiled", func(s *seed) {
			from := s.file(0, 1, ".seg")
			s.rename(from, s.path("media", s.cams[1].String(), "2026-03-01", strings.Replace(filepath.Base(from), "1772366460", "1772366461", 1)))
		}, "sealed for another camera", 0},
		{"files-exchanged", func(s *seed) {
			a, b := s.file(0, 1, ".seg"), s.file(1, 1, ".seg")
			s.rename(a, s.path("x"))
			s.rename(b, a)
			s.rename(s.path("x"), b)
		}, "sealed for another camera", 0},
		{"copied", func(s *seed) {
			raw, err := os.ReadFile(s.file(0, 0, ".seg"))
			s.must(err)
			s.must(os.WriteFile(strings.Replace(s.file(0, 0, ".seg"), "1772366400", "1772366430", 1), raw, 0o600))
		}, "its header is of", 0},
		{"wrong-length-in-name", func(s *seed) {
			s.rename(s.file(0, 0, ".seg"), strings.Replace(s.file(0, 0, ".seg"), "-5000", "-7000", 1))
		}, "its name would be", 0},
		{"wrong-day", func(s *seed) {
			f := s.file(0, 0, ".seg")
			s.rename(f, s.path("media", s.cams[0].String(), "2026-03-02", filepath.Base(f)))
		}, "unknown origin", 5},
		{"strangers-files", func(s *seed) {
			for _, p := range []string{"media/.DS_Store", "media/lost+found/#123", "media/" + s.cams[0].String() + "/notes.txt", "media/" + s.cams[0].String() + "/2026-03-01/movie.mp4"} {
				s.must(os.MkdirAll(filepath.Dir(s.path(p)), 0o700))
				s.must(os.WriteFile(s.path(p), []byte("somebody's"), 0o600))
			}
		}, "unknown origin", 0},
		{"index-missing", func(s *seed) { s.must(os.Remove(s.path("index.db"))) }, "it is missing", 0},
		{"index-damaged", func(s *seed) {
			raw, err := os.ReadFile(s.path("index.db"))
			s.must(err)
			for at := 100; at < len(raw); at += 512 {
				raw[at] ^= 0x55
			}
			s.must(os.WriteFile(s.path("index.db"), raw, 0o600))
		}, "damaged", 0},
		{"index-empty", func(s *seed) { s.must(os.WriteFile(s.path("index.db"), nil, 0o600)) }, "damaged", 0},
		{"first-file-gone", func(s *seed) { s.must(os.Remove(s.file(0, 0, ".seg"))) }, "the file before it is missing", 5},
		{"file-gone", func(s *seed) { s.must(os.Remove(s.file(0, 1, ".seg"))) }, "the file before it is missing", 5},
		{"last-file-gone", func(s *seed) { s.must(os.Remove(s.file(0, 2, ".seg"))) }, "it was signed", 5},
		{"pack-gone", func(s *seed) { s.must(os.Remove(s.file(0, 0, ".pack"))) }, "it was signed", 0},
		{"day-gone", func(s *seed) { s.must(os.RemoveAll(filepath.Dir(s.file(1, 0, ".seg")))) }, "it was signed", 15},
		{"last-file-cut-and-recovered", func(s *seed) {
			// Somebody cuts the end off and lets the box finish it, as if the power had gone.
			s.unfinish(s.file(1, 2, ".seg"), footer+200)
			s.must(os.Remove(s.path("index.db"))) // so that it looks at all days
			store, err := storage.Open(storage.Options{Dir: s.dir, Log: slog.New(slog.DiscardHandler)})
			s.must(err)
			s.must(store.Close())
			s.tidy()
		}, "had 8 records", 1},
		{"signature-changed", func(s *seed) {
			found, err := filepath.Glob(s.path("media", "heads", "*"))
			s.must(err)
			s.flip(found[0], 60)
		}, "line", 0},
		{"key-file-gone", func(s *seed) { s.must(os.Remove(s.path("media", s.cams[0].String(), "key"))) }, "could not be read by itself", 0},
		{"unknown-camera", func(s *seed) {
			from := s.file(0, 0, ".seg")
			s.must(os.CopyFS(s.path("media", "11111111-2222-4333-8444-555555555555"), os.DirFS(s.path("media", s.cams[0].String()))))
			_ = from
			s.must(os.Remove(s.path("media", "11111111-2222-4333-8444-555555555555", "key")))
		}, "there is no key", 0},
		{"marker-gone", func(s *seed) { s.must(os.Remove(s.path("media", "volume.json"))) }, "volume.json is missing", 0},
		{"left-by-a-power-cut", func(s *seed) {
			s.must(os.WriteFile(s.path("media", ".volume.json.new-123"), []byte("{"), 0o600))
		}, "unknown origin", 0},
		{"ledger-damaged", func(s *seed) {
			s.must(os.WriteFile(s.path("media", s.cams[0].String(), "gone"), []byte("HEARTHG1 and so on"), 0o600))
		}, "gone", 0},
	}
}

// pack writes a folder as a tar file that depends on nothing but its contents.
func pack(t *testing.T, dir, to string) {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(z)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, from, dir string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(to, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		raw, err := io.ReadAll(r)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o700)
		}
		if err == nil {
			err = os.WriteFile(to, raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// readable opens the store and counts the fragments and thumbnails that can be seen; every one must be its camera's own.
func readable(t *testing.T, dir string) (fragments, thumbnails int) {
	t.Helper()
	s, err := storage.Open(storage.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cams, err := s.Box().Cameras()
	if err != nil || len(cams) != 2 {
		t.Fatalf("%d cameras, %v", len(cams), err)
	}
	for _, c := range cams {
		g := accesstest.Grant(t, s.Access(), s.Box(), c.ID, access.Footage)
		for _, stream := range []media.Stream{media.Main, media.Sub} {
			f, err := s.Footage(g, stream, time.Unix(0, 0), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for {
				p, err := f.Next()
				if err != nil {
					if !errors.Is(err, io.EOF) {
						t.Fatal(err)
					}
					break
				}
				if want := fmt.Sprintf("%s %s %s", c.ID, stream, p.Start.Format(time.TimeOnly)); string(p.Data) != want {
					t.Fatalf("%q instead of %q", p.Data, want)
				}
				fragments++
			}
		}
		ge := accesstest.Grant(t, s.Access(), s.Box(), c.ID, access.Events)
		events, _, err := s.Events([]access.Grant{ge}, storage.EventFilter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			jpeg, err := s.Thumbnail(ge, e.ID)
			if err == nil && string(jpeg) != "a picture of "+c.ID.String() {
				t.Fatalf("%q", jpeg)
			}
			if err == nil {
				thumbnails++
			}
		}
	}
	return fragments, thumbnails
}

// everything gives the hash of nothing: the sizes of all files, to see that a check changes none.
func everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".db") || strings.HasSuffix(path, ".journal") || d.Name() == "lock" {
			return err
		}
		raw, err := os.ReadFile(path)
		all[path] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every broken store: a check says what is wrong and changes nothing, a repair mends it, the next check is silent, and
// all that was not destroyed can be seen, by whom it belongs to.
func TestBrokenStores(t *testing.T) {
	for _, b := range breaks() {
		t.Run(b.name, func(t *testing.T) {
			from := filepath.Join(brokenDir, b.name+".tar.gz")
			if *update {
				s := &seed{t: t, dir: t.TempDir()}
				s.make()
				b.do(s)
				if err := os.MkdirAll(brokenDir, 0o750); err != nil {
					t.Fatal(err)
				}
				pack(t, s.dir, from)
			}
			dir := t.TempDir()
			unpack(t, from, dir)
			before := everything(t, dir)
			findings, err := check.Check(t.Context(), dir, true)
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(before, everything(t, dir)) {
				t.Fatal("the check changed something")
			}
			if (b.find == "") != (len(findings) == 0) || !slices.ContainsFunc(findings, func(f check.Finding) bool { return strings.Contains(f.String(), b.find) }) && b.find != "" {
				t.Fatalf("found %v, want %q", findings, b.find)
			}
			report, err := check.Repair(t.Context(), dir, check.Options{Deep: true}, slog.New(slog.DiscardHandler))
			if err != nil || len(report.Left) > 0 {
				t.Fatalf("left %v, %v; done %q", report.Left, err, report.Done)
			}
			if b.find != "" && len(report.Done) == 0 {
				t.Fatal("nothing was done")
			}
			if findings, err := check.Check(t.Context(), dir, true); err != nil || len(findings) > 0 {
				t.Fatalf("after the repair: %v, %v; done %q", findings, err, report.Done)
			}
			fragments, thumbnails := readable(t, dir)
			wantThumbs := 2
			if b.name == "pack-gone" {
				wantThumbs = 1
			}
			if fragments != 45-b.lost || thumbnails != wantThumbs {
				t.Fatalf("%d fragments and %d thumbnails can be seen; done %q", fragments, thumbnails, report.Done)
			}
			if findings, err := check.Check(t.Context(), dir, true); err != nil || len(findings) > 0 {
				t.Fatalf("after a start: %v, %v", findings, err)
			}
		})
	}
}
