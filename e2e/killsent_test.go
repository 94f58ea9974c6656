package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hearth/nvr/sim/mark"
)

// sentPicture is a picture that a simulated camera put on the network, by the number in its mark.
type sentPicture struct {
	number uint32
	first  bool // nobody watched the one before it
	at     time.Time
}

// sentLog reads along in the file that `hearth sim --sent` writes.
type sentLog struct {
	file *os.File
	rest string
	of   map[uint16][]sentPicture // by camera, in the order of sending
}

func readSent(t testing.TB, path string) *sentLog {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &sentLog{file: f, of: make(map[uint16][]sentPicture)}
}

// more reads what has been written since.
func (s *sentLog) more(t testing.TB) {
	t.Helper()
	var b strings.Builder
	if _, err := bufio.NewReader(s.file).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(s.rest+b.String(), "\n")
	s.rest = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		f := strings.Fields(line)
		if len(f) != 5 {
			t.Fatalf("sent: a line with %d fields: %q", len(f), line)
		}
		if f[1] != "main" {
			continue
		}
		at := time.UnixMicro(whole(t, f[3]))
		c := uint16(whole(t, f[0]))
		s.of[c] = append(s.of[c], sentPicture{number: uint32(whole(t, f[2])), first: f[4] == "first", at: at})
	}
}

// since says how many cameras have sent a picture to a new watcher since a moment, and when the last of them did so
// first.
func (s *sentLog) since(from time.Time) (cameras int, last time.Time) {
	for _, all := range s.of {
		var first time.Time
		for i := len(all) - 1; i >= 0 && all[i].at.After(from); i-- {
			if all[i].first {
				first = all[i].at
			}
		}
		if !first.IsZero() {
			cameras++
			if first.After(last) {
				last = first
			}
		}
	}
	return cameras, last
}

// between gives what a camera sent from one moment to another.
func (s *sentLog) between(camera uint16, from, to time.Time) []sentPicture {
	var some []sentPicture
	for _, p := range s.of[camera] {
		if !p.at.Before(from) && !p.at.After(to) {
			some = append(some, p)
		}
	}
	return some
}

func whole(t testing.TB, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// numbers reads the number in the mark of every picture of a file whose pictures are all of one size and of one camera.
// It holds one picture at a time, so that the file may be long.
func numbers(t testing.TB, file string, width, height int, camera uint16) []uint32 {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", file, "-map", "0:v:0", "-fps_mode", "passthrough",
		"-enc_time_base", "1:90000", "-pix_fmt", "gray", "-f", "rawvideo", "-")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []uint32
	wrong := ""
	picture := make([]byte, width*height)
	pictures := bufio.NewReaderSize(out, 1<<20)
	for {
		if _, err = io.ReadFull(pictures, picture); err != nil {
			break
		}
		c, n, ok := mark.Read(picture, width, width, height)
		switch {
		case wrong != "":
		case !ok:
			wrong = fmt.Sprintf("picture %d has no readable mark", len(all))
		case c != camera:
			wrong = fmt.Sprintf("picture %d is number %d of camera %d", len(all), n, c)
		}
		all = append(all, n)
	}
	if e := cmd.Wait(); e != nil || !errors.Is(err, io.EOF) || complaints.Len() > 0 {
		t.Fatalf("decode %s: %v, %v\n%s", filepath.Base(file), e, err, tail(complaints.String(), 20))
	}
	if wrong != "" {
		t.Fatalf("footage of camera %d: %s", camera, wrong)
	}
	return all
}
