package check_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/box"
	"hearth/storage/check"
	"hearth/storage/format"
)

// format1 unpacks a data folder that a version made whose formats are all the first. It is never made again: what was out
// once has to be readable for ever.
func format1(t *testing.T) (dir string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	dir = t.TempDir()
	f, err := os.Open("testdata/format1.tar.gz")
	must(err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(err)
	for in := tar.NewReader(z); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		must(err)
		to := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			must(os.MkdirAll(to, 0o700))
			continue
		}
		raw, err := io.ReadAll(in)
		must(err)
		must(os.WriteFile(to, raw, 0o600))
	}
}

// footage finds the finished files of a data folder.
func footage(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "media", "*", "2026-11-22", "*.seg"))
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	return list
}

func open(t *testing.T, dir string) (*storage.Store, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	s, err := storage.Open(storage.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s, &log
}

// pieces counts what can be read of the only camera's main stream.
func pieces(t *testing.T, s *storage.Store) (n int, camera media.CameraID) {
	t.Helper()
	cameras, err := s.Box().Cameras()
	if err != nil || len(cameras) != 1 {
		t.Fatalf("%d cameras, %v", len(cameras), err)
	}
	people, err := s.Access().People()
	if err != nil || len(people) == 0 {
		t.Fatalf("nobody, %v", err)
	}
	g, err := s.Access().Authorize(people[0].ID, cameras[0].ID, access.Export)
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Footage(g, media.Main, time.Unix(0, 0), time.Now().Add(1000*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		if _, err := f.Next(); errors.Is(err, io.EOF) {
			return n, cameras[0].ID
		} else if err != nil {
			t.Fatal(err)
		}
		n++
	}
}

func TestFormat1(t *testing.T) {
	dir := format1(t)
	findings, err := check.Run(context.Background(), dir, check.Options{Deep: true})
	if err != nil || len(findings) > 0 {
		t.Fatalf("%v, %v", findings, err)
	}
	s, log := open(t, dir)
	if n, _ := pieces(t, s); n < 2 {
		t.Errorf("%d pieces can be read", n)
	}
	if err := s.Close(); err != nil || strings.Contains(log.String(), "level=ERROR") || strings.Contains(log.String(), "level=WARN") {
		t.Errorf("%v\n%s", err, log)
	}
}

// Footage of a later version is left where it is, by all that mend or recover, and is there again when that version is.
func TestFootageOfLaterVersion(t *testing.T) {
	later := map[string]func(b []byte){
		"a later format": func(b []byte) { b[6] = '2' },
		"something unknown in the header": func(b []byte) {
			b[11] |= 0x80
			binary.BigEndian.PutUint32(b[156:], crc32.Checksum(b[:156], crc32.MakeTable(crc32.Castagnoli)))
		},
	}
	for name, change := range later {
		for _, open1 := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", unfinished"}[open1], func(t *testing.T) {
				dir := format1(t)
				path := footage(t, dir)[0]
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				change(raw)
				if open1 {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
					name, _, _ := strings.Cut(filepath.Base(path), "-")
					path = filepath.Join(filepath.Dir(path), name+".sub.open")
					raw = raw[:len(raw)-1000]
				}
				if err := os.WriteFile(path, raw, 0o600); err != nil {
					t.Fatal(err)
				}
				same := func(when string) {
					t.Helper()
					if is, err := os.ReadFile(path); err != nil || !bytes.Equal(is, raw) {
						t.Fatalf("after %s it is not where, or what, it was: %v", when, err)
					}
				}
				report, err := check.Repair(context.Background(), dir, check.Options{Deep: true}, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				same("a repair")
				told := false
				for _, f := range report.Left {
					told = told || strings.Contains(f.Problem, "written by a later version of Hearth in format 2") || open1 && strings.HasSuffix(f.Path, ".open")
				}
				if !told {
					t.Errorf("left: %v", report.Left)
				}
				s, log := open(t, dir)
				same("a start")
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				same("a stop")
				if open1 && !strings.Contains(log.String(), "written by a later version of Hearth in format 2") {
					t.Errorf("the log:\n%s", log)
				}
				if _, err := check.Rebuild(context.Background(), dir, slog.New(slog.DiscardHandler)); err != nil {
					t.Fatal(err)
				}
				same("a rebuild")
			})
		}
	}
}

// A disk of a later version's is not written to.
func TestVolumeOfLaterVersion(t *testing.T) {
	dir := format1(t)
	marker := filepath.Join(dir, "volume.json")
	if err := os.WriteFile(marker, []byte(`{"format": 2, "volume": {"something": "else"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := storage.Open(storage.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	var e *format.NewerError
	if !errors.As(err, &e) || e.Path != marker || e.Format != 2 || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}

// An index of another version, earlier or later, is made again, and is no damage.
func TestIndexOfOtherVersion(t *testing.T) {
	dir := format1(t)
	path := filepath.Join(dir, "index.db")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	was := []byte("format\x04") // a key of the bucket "layer", and its value
	if !bytes.Contains(raw, was) {
		t.Fatal("no format in index.db")
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(raw, was, []byte("format\x05")), 0o600); err != nil {
		t.Fatal(err)
	}
	s, log := open(t, dir)
	defer s.Close()
	if n, _ := pieces(t, s); n < 2 {
		t.Errorf("%d pieces can be read", n)
	}
	if _, err := os.Stat(path + ".format-5"); err != nil {
		t.Error(err)
	}
	if l := log.String(); !strings.Contains(l, "format=5 reads=4") || strings.Contains(l, "damaged") {
		t.Errorf("the log:\n%s", l)
	}
}

// What was kept from before an upgrade knows the camera that is removed.
func TestRemovedCameraIsInNoCopy(t *testing.T) {
	dir := format1(t)
	s, _ := open(t, dir)
	defer s.Close()
	kept := filepath.Join(dir, "hearth.db.before-2")
	if err := os.WriteFile(kept, []byte("what was before"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, camera := pieces(t, s)
	if err := s.RemoveCamera(camera); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(kept); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", kept, err)
	}
	if _, err := s.Box().Camera(camera); !errors.Is(err, box.ErrNotFound) {
		t.Error(err)
	}
}
