package bundle

import (
	"archive/zip"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hearth/storage"
	"hearth/storage/export"
)

func sum(b []byte) Hash { return sha256.Sum256(b) }

// without is footage from which the pieces of a span are missing.
type without struct {
	export.Pieces
	from, to time.Time
}

func (w *without) Next() (storage.Piece, error) {
	p, err := w.Pieces.Next()
	for err == nil && !p.Start.Before(w.from) && p.Start.Before(w.to) {
		p, err = w.Pieces.Next()
	}
	return p, err
}

// spoilt is footage of which the last byte of each piece is another.
type spoilt struct{ export.Pieces }

func (s *spoilt) Next() (storage.Piece, error) {
	p, err := s.Pieces.Next()
	if err == nil {
		p.Data[len(p.Data)-1] ^= 1
	}
	return p, err
}

// tool gives a program of the system's, or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// bigByOthers has Go's and Info-ZIP's readers list an archive.
func bigByOthers(t *testing.T, path string, sizes []int64) {
	t.Helper()
	z, err := zip.OpenReader(path)
	must(t, err)
	defer z.Close()
	for i, f := range z.File {
		if int64(f.UncompressedSize64) != sizes[i] || f.Method != zip.Store || f.Modified.UTC() != start.Truncate(2*time.Second) {
			t.Errorf("%s: %d bytes, %v", f.Name, f.UncompressedSize64, f.Modified)
		}
	}
	out, err := exec.Command(tool(t, "unzip"), "-lv", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprint(sizes[2])) {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnzipped: other people's tools take the archive apart, play the film and verify the signature as the letter says.
func TestUnzipped(t *testing.T) {
	r := newRig(t)
	r.record(r.id, run{0, 6, 160, 10, false, "for the test"}, run{9 * time.Second, 4, 160, 10, false, ""}, run{13 * time.Second, 2, 320, 10, false, ""})
	dir := t.TempDir()
	archive := filepath.Join(dir, "export.zip")
	raw := r.bundle(r.id, time.Second, time.Hour)
	must(t, os.WriteFile(archive, raw, 0o600))
	m := verified(t, raw).Manifest
	quiet := func(name string, args ...string) string {
		t.Helper()
		c := exec.Command(tool(t, name), args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("%s %s: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	quiet("unzip", "-tq", archive)
	quiet("unzip", "-q", archive)
	if out := quiet("python3", "-c", "import sys,zipfile; print(zipfile.ZipFile(sys.argv[1]).testzip())", archive); strings.TrimSpace(out) != "None" {
		t.Errorf("python: %s", out)
	}
	for i, f := range m.Films {
		if out := quiet("ffmpeg", "-v", "warning", "-xerror", "-i", f.Name, "-f", "null", "-"); out != "" {
			t.Errorf("%s: ffmpeg says %s", f.Name, out)
		}
		out := quiet("ffprobe", "-v", "error", "-select_streams", "v", "-count_packets", "-show_entries", "stream=nb_read_packets,width", "-of", "csv=p=0", f.Name)
		if want := []string{"160,100", "320,20"}[i]; strings.TrimSpace(out) != want {
			t.Errorf("%s: %s, want %s", f.Name, out, want)
		}
	}
	// The lines of the letter, as they stand there.
	letter, err := os.ReadFile(filepath.Join(dir, readmeName))
	must(t, err)
	var lines []string
	for _, l := range strings.Split(string(letter), "\n") {
		if strings.HasPrefix(l, "    ") && strings.Contains(l, "openssl") {
			lines = append(lines, strings.TrimSpace(l))
		}
	}
	if len(lines) != 5 {
		t.Fatalf("%q", lines)
	}
	tool(t, "openssl")
	out := quiet("bash", "-c", "set -e\n"+strings.Join(lines, "\n"))
	hex := regexp.MustCompile(`[0-9a-f]{64}`).FindAllString(out, -1)
	if !strings.Contains(out, "Verified Successfully") || len(hex) != 3 ||
		!strings.HasPrefix(hex[0], strings.ReplaceAll(m.Box.Fingerprint, "-", "")) || hex[1] != m.Films[0].SHA256.String() || hex[2] != m.Films[1].SHA256.String() {
		t.Errorf("openssl says\n%s", out)
	}
	// And not when something was changed.
	path := filepath.Join(dir, manifestName)
	manifest, err := os.ReadFile(path)
	must(t, err)
	manifest[len(manifest)/2] ^= 1
	must(t, os.WriteFile(path, manifest, 0o600))
	c := exec.Command("bash", "-c", "set -e\n"+strings.Join(lines[:2], "\n"))
	c.Dir = dir
	if out, err := c.CombinedOutput(); err == nil {
		t.Errorf("openssl takes a changed manifest: %s", out)
	}
}
