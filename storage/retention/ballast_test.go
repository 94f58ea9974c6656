package retention

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/commit"
)

// smallExt4 mounts an ext4 of 1.2 GiB that takes little space itself. That is for root only.
func smallExt4(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small ext4 is for root only")
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s", tool)
		}
	}
	image := filepath.Join(t.TempDir(), "disk")
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 1200<<20))
	if out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", "-F", "-m", "0", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		t.Skipf("mount a small ext4: %v: %s", err, strings.TrimSpace(string(out)))
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all free blocks of a disk, as another program would.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for at, step := int64(0), int64(64<<20); step >= 1024; {
		err := unix.Fallocate(int(f.Fd()), 0, at, step)
		switch {
		case errors.Is(err, unix.ENOSPC):
			step /= 2
		case err != nil:
			t.Fatal(err)
		default:
			at += step
		}
	}
	for i := range 1000 { // what is left may be in places too small
		g, err := os.Create(path + string(rune('a'+i%26)) + string(rune('a'+i/26)))
		if err != nil {
			return
		}
		_, err = g.Write(make([]byte, 1))
		if err := errors.Join(err, g.Close()); err != nil {
			return
		}
	}
}

func TestBallastSize(t *testing.T) {
	for disk, want := range map[int64]int64{
		0: 0, 6 << 20: 0, 48 << 20: 503316 / 4096 * 4096, 2 << 30: 21474836 / 4096 * 4096, 4 << 30: 32 << 20, 1 << 43: 32 << 20,
	} {
		if got := BallastSize(disk); got != want {
			t.Errorf("of a disk of %d bytes %d, want %d", disk, got, want)
		}
	}
}

// A disk that something else filled to the last block: footage can be let go of all the same, with the ballast, and the
// ballast is there again when there is room.
func TestFullToTheLastBlock(t *testing.T) {
	disk := smallExt4(t)
	space := func() (Space, error) {
		free, size, err := commit.Free(disk)
		return Space{Free: free, Size: size}, err
	}
	for _, with := range []bool{false, true} {
		dir := filepath.Join(disk, "data")
		r := newRig(t, dir)
		r.k.Space = space
		cam := media.NewCameraID()
		start := time.Now().Add(-72 * time.Hour)
		for i := range 100 { // a hundred days' folders or so, each with its page
			r.record(cam, media.Main, start.Add(time.Duration(i)*40*time.Minute), 40)
		}
		ballast := &Ballast{Path: filepath.Join(disk, "ballast"), Space: space}
		if with {
			must(t, ballast.Hold(60<<20))
			before, err := space()
			must(t, err)
			must(t, ballast.Hold(60<<20)) // again: nothing
			if after, _ := space(); after.Free < before.Free-1<<20 {
				t.Errorf("it was made twice: %d, %d", before.Free, after.Free)
			}
			if n := blocks(t, ballast.Path); n < BallastSize(before.Size) {
				t.Errorf("it takes %d bytes", n)
			}
			r.k.Ballast = ballast
		}
		fill(t, filepath.Join(disk, "filler"))
		if s, _ := space(); s.Free > 64<<10 {
			t.Fatalf("%d bytes are free", s.Free)
		}
		files := len(r.rows())
		const floor = 60 << 20
		f, err := r.k.Pass(t.Context(), floor)
		left, _ := space()
		if !with {
			if !errors.Is(err, syscall.ENOSPC) || f.Files > 0 || len(r.rows()) != files {
				t.Errorf("without ballast: %v, %+v", err, f)
			}
		} else {
			if err != nil || f.Files < 60 || len(r.rows()) != files-f.Files {
				t.Errorf("with ballast: %v, %+v of %d files", err, f, files)
			}
			if _, err := os.Stat(ballast.Path); err != nil || left.Free < floor/4*3 {
				t.Errorf("the ballast is to be there again as soon as there is room: %v, %d bytes are free", err, left.Free)
			}
			r.pass(floor)
			if left, _ := space(); left.Free < floor {
				t.Errorf("%d bytes are free", left.Free)
			}
			if !strings.Contains(r.logs.String(), "ballast") {
				t.Errorf("nothing was said: %s", &r.logs)
			}
			r.agree()
		}
		fillers, err := filepath.Glob(filepath.Join(disk, "filler*"))
		must(t, err)
		for _, path := range fillers {
			must(t, os.Remove(path))
		}
		must(t, r.x.Close())
		must(t, os.RemoveAll(dir))
	}
}

// The ballast is not made where it would leave too little, and not on a small disk.
func TestBallastWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ballast")
	for _, s := range []Space{{Free: 6 << 20, Size: 6 << 20}, {Free: 70 << 20, Size: 4 << 30}} {
		b := &Ballast{Path: path, Space: func() (Space, error) { return s, nil }}
		must(t, b.Hold(s.Free*6/7))
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%+v: %v", s, err)
		}
		if given, err := b.Give(); given || err != nil {
			t.Errorf("%v, %v", given, err)
		}
	}
	b := &Ballast{Path: path, Space: func() (Space, error) { return Space{Free: 80 << 20, Size: 4 << 30}, nil }}
	must(t, b.Hold(60<<20))
	if given, err := b.Give(); !given || err != nil {
		t.Errorf("%v, %v", given, err)
	}
	var none *Ballast
	if given, err := none.Give(); given || err != nil || none.Hold(math.MaxInt64) != nil {
		t.Errorf("no ballast: %v, %v", given, err)
	}
}
