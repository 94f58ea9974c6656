package salvage

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/keyring"
	"hearth/storage/segment"
	"hearth/storage/snapshot"
)

// stored is a disk with two cameras on it: of the first a run of several files, of the second a short one.
type stored struct {
	dir        string
	boxKey     []byte
	key        snapshot.Key
	one, two   media.CameraID
	seconds    int // of the first camera
	oneSeconds int // of the second
}

func store(t *testing.T) stored {
	t.Helper()
	f := film(t, "128x72", 4)
	var s stored
	live(t, func(t *testing.T, h *house) {
		s.one, s.two = h.camera("One"), h.camera("Two")
		a, b := h.record(s.one, media.Main, f), h.record(s.two, media.Main, f)
		s.seconds, s.oneSeconds = 780, 20
		roll(s.oneSeconds, a, b)
		e := storage.Event{ID: media.NewUUID(), Camera: s.one, Kind: "motion", Start: time.Now(), End: time.Now().Add(time.Second)}
		must(t, h.s.PutEvent(e))
		must(t, h.s.PutThumbnail(s.one, e.ID, e.Start, []byte("a picture")))
		s.key, s.boxKey = h.recoveryKey(), h.s.Keys().ForRecovery()
		b.w.End("enough")
		roll(s.seconds-s.oneSeconds, a)
		h.stop()
		s.dir = h.disk()
	})
	return s
}

// again copies the disk, to be damaged.
func (s stored) again(t testing.TB) stored {
	t.Helper()
	dir := memoryDir(t)
	must(t, os.CopyFS(dir, os.DirFS(s.dir)))
	s.dir = dir
	return s
}

func (s stored) cameraKey(t testing.TB, id media.CameraID) keyring.CameraKey {
	t.Helper()
	r, err := keyring.WithKey(s.boxKey, filepath.Join(s.dir, "media"))
	must(t, err)
	k, err := r.Key(id)
	must(t, err)
	return k
}

// file gives the n-th file of a camera's main stream, with its table.
func (s stored) file(t testing.TB, id media.CameraID, n int) (path string, raw []byte, table []segment.Entry) {
	t.Helper()
	path = files(t, filepath.Join(s.dir, "media", id.String()), ".seg")[n]
	raw, err := os.ReadFile(path)
	must(t, err)
	r, err := segment.Open(bytes.NewReader(raw), int64(len(raw)), s.cameraKey(t, id))
	must(t, err)
	return path, raw, r.Table()
}

// fragments gives the numbers of the records that are footage.
func fragments(table []segment.Entry) (list []int) {
	for i, e := range table {
		if e.Type == segment.FragRecord {
			list = append(list, i)
		}
	}
	return list
}

// What is damaged costs what is there and the rest up to the next key frame; what is not the camera's is refused; both
// are told, and all else comes out.
func TestDamaged(t *testing.T) {
	whole := store(t)
	if n := len(files(t, filepath.Join(whole.dir, "media", whole.one.String()), ".seg")); n < 2 {
		t.Fatalf("%d files: the test proves little", n)
	}
	flip := func(e segment.Entry) func([]byte) []byte {
		return func(b []byte) []byte { b[e.Offset+segment.RecordHeaderSize+5] ^= 1; return b }
	}
	key := func(table []segment.Entry, is bool, from int) int { // the first record of footage from the from-th on that is a key frame, or not
		for _, i := range fragments(table)[from:] {
			if table[i].Key == is {
				return i
			}
		}
		t.Fatal("no such record")
		return 0
	}
	change := func(t *testing.T, s stored, n int, how func(raw []byte, table []segment.Entry) []byte) {
		path, raw, table := s.file(t, s.one, n)
		must(t, os.WriteFile(path, how(raw, table), 0o600))
	}
	for name, c := range map[string]struct {
		spoil    func(t *testing.T, s stored)
		lost     int // seconds
		findings int
		says     string
	}{
		"nothing": {func(*testing.T, stored) {}, 0, 0, ""},
		"a key frame": {func(t *testing.T, s stored) {
			change(t, s, 0, func(raw []byte, table []segment.Entry) []byte { return flip(table[key(table, true, 10)])(raw) })
		}, 2, 1, "1 records from"},
		"another frame": {func(t *testing.T, s stored) {
			change(t, s, 0, func(raw []byte, table []segment.Entry) []byte { return flip(table[key(table, false, 10)])(raw) })
		}, 1, 1, "damaged"},
		"the header of a record": {func(t *testing.T, s stored) {
			change(t, s, 0, func(raw []byte, table []segment.Entry) []byte {
				raw[table[key(table, true, 10)].Offset] ^= 0x40
				return raw
			})
		}, 2, 1, "damaged"},
		"the footer": {func(t *testing.T, s stored) {
			change(t, s, 0, func(raw []byte, _ []segment.Entry) []byte { return raw[:len(raw)-9] })
		}, 0, 1, "record by record"},
		"the footer and a record": {func(t *testing.T, s stored) {
			change(t, s, 0, func(raw []byte, table []segment.Entry) []byte {
				return flip(table[key(table, true, 10)])(raw)[:len(raw)-9]
			})
		}, 2, 2, "are damaged"},
		"the footer and the header of a record": {func(t *testing.T, s stored) {
			change(t, s, 0, func(raw []byte, table []segment.Entry) []byte {
				raw[table[key(table, true, 10)].Offset+3] ^= 1
				return raw[:len(raw)-9]
			})
		}, 2, 2, "are damaged"},
		"cut in the middle of a record": {func(t *testing.T, s stored) {
			change(t, s, 0, func(raw []byte, table []segment.Entry) []byte {
				all := fragments(table)
				return raw[:table[all[len(all)-3]].Offset+100]
			})
		}, 3, 1, "record by record"},
		"holes that were punched": {func(t *testing.T, s stored) {
			change(t, s, 0, func(raw []byte, table []segment.Entry) []byte {
				i := key(table, true, 10)
				from, end := segment.Span(table, i, i+4)
				clear(raw[from:end])
				return raw
			})
		}, 4, 0, ""},
		"what the tracks are": {func(t *testing.T, s stored) {
			change(t, s, 0, func(raw []byte, table []segment.Entry) []byte { return flip(table[0])(raw) })
		}, 0, 1, "what its tracks are"},
		"what the tracks are, in the last file": {func(t *testing.T, s stored) {
			n := len(files(t, filepath.Join(s.dir, "media", s.one.String()), ".seg")) - 1
			change(t, s, n, func(raw []byte, table []segment.Entry) []byte { return flip(table[0])(raw) })
		}, 0, 1, "what its tracks are"},
		"the header of a file": {func(t *testing.T, s stored) {
			path, raw, _ := s.file(t, s.one, 0)
			raw[40] ^= 1
			must(t, os.WriteFile(path, raw, 0o600))
		}, firstFile, 2, "left out"},
		"another camera's file": {func(t *testing.T, s stored) {
			path, raw, _ := s.file(t, s.two, 0)
			must(t, os.WriteFile(strings.Replace(path, s.two.String(), s.one.String(), 1), raw, 0o600))
		}, 0, 1, "refused"},
		"a copy under another name": {func(t *testing.T, s stored) {
			path, raw, _ := s.file(t, s.one, 0)
			must(t, os.WriteFile(filepath.Join(filepath.Dir(path), segment.FinishedName(media.Main, time.Date(2000, 1, 1, 23, 59, 0, 0, time.UTC).UnixMicro(), 0).String()), raw, 0o600))
		}, 0, 1, "copy"},
		"strange files": {func(t *testing.T, s stored) {
			path, _, _ := s.file(t, s.one, 0)
			must(t, os.WriteFile(filepath.Join(filepath.Dir(path), "notes.txt"), nil, 0o600))
			must(t, os.Mkdir(filepath.Join(s.dir, "media", s.one.String(), "old"), 0o700))
		}, 0, 2, "unknown origin"},
		"a pack": {func(t *testing.T, s stored) {
			pack := files(t, filepath.Join(s.dir, "media", s.one.String()), ".pack")[0]
			raw, err := os.ReadFile(pack)
			must(t, err)
			raw[segment.HeaderSize+segment.RecordHeaderSize+5] ^= 1
			must(t, os.WriteFile(pack, raw, 0o600))
		}, 0, 1, "is damaged"},
		"the other camera's key": {func(t *testing.T, s stored) {
			must(t, os.Remove(filepath.Join(s.dir, "media", s.two.String(), "key")))
		}, 20, 1, "no key"},
		"keys exchanged": {func(t *testing.T, s stored) {
			raw, err := os.ReadFile(filepath.Join(s.dir, "media", s.one.String(), "key"))
			must(t, err)
			must(t, os.WriteFile(filepath.Join(s.dir, "media", s.two.String(), "key"), raw, 0o600))
		}, 20, 1, "cannot be unsealed"},
	} {
		t.Run(name, func(t *testing.T) {
			s := whole.again(t)
			if c.lost == firstFile {
				_, _, table := s.file(t, s.one, 0)
				c.lost = len(fragments(table))
			}
			c.spoil(t, s)
			before := content(t, s.dir)
			out, r := salvage(t, s.dir, s.key, nil)
			if n, by := pictures(t, out); n != (s.seconds+s.oneSeconds-c.lost)*fps {
				t.Errorf("%d pictures, %d seconds are lost, want %d: %v", n, s.seconds+s.oneSeconds-n/fps, c.lost, by)
			}
			for _, f := range files(t, filepath.Join(out, "One"), ".mp4")[:1] {
				if o, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", f, "-f", "null", "-").CombinedOutput(); err != nil || len(o) > 0 {
					t.Errorf("%s: %v: %s", f, err, o)
				}
			}
			if len(r.Findings) != c.findings {
				t.Errorf("findings: %v", r.Findings)
			}
			if c.findings > 0 && !strings.Contains(r.Findings[len(r.Findings)-1].String(), c.says) && !strings.Contains(r.Findings[0].String(), c.says) {
				t.Errorf("findings: %v", r.Findings)
			}
			if raw, err := os.ReadFile(filepath.Join(out, "report.txt")); err != nil || strings.Contains(string(raw), "could not be read:") != (c.findings > 0) {
				t.Errorf("%v: %s", err, raw)
			}
			if after := content(t, s.dir); len(after) != len(before) || !same(before, after) {
				t.Error("the disk was changed")
			}
			// The second time the same is said, and nothing is made again but what was left out.
			again := into(t, out, s.dir, s.key, nil)
			if again.Kept != r.Files || len(again.Findings) != len(r.Findings) {
				t.Errorf("again: %+v", again)
			}
		})
	}
}

// firstFile stands for all seconds of the first camera's first file: it ends at the camera's own minute of ten.
const firstFile = -1

func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, f := range files(t, dir, "") {
		raw, err := os.ReadFile(f)
		must(t, err)
		all[f] = string(raw)
	}
	return all
}

func same(a, b map[string]string) bool {
	for name, text := range a {
		if b[name] != text {
			return false
		}
	}
	return true
}

// impatient is a context that ends when it was asked so many times.
type impatient struct {
	context.Context
	left int
}

func (c *impatient) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// Wherever it is interrupted, what has its name is whole; going on makes the same as if nothing had been.
func TestInterrupted(t *testing.T) {
	s := store(t)
	want, _ := salvage(t, s.dir, s.key, nil)
	out := filepath.Join(t.TempDir(), "out")
	interrupted := 0
	for n := 0; ; n += 97 {
		v, _, err := Open(s.dir, s.key, nil)
		must(t, err)
		v.Out, v.Zone = out, time.UTC
		_, err = v.Run(&impatient{t.Context(), n})
		for _, f := range files(t, out, ".mp4") {
			if strings.Contains(f, unfinished) {
				continue
			}
			rel, _ := filepath.Rel(out, f)
			a, aerr := os.ReadFile(f)
			b, berr := os.ReadFile(filepath.Join(want, rel))
			if aerr != nil || berr != nil || !bytes.Equal(a, b) {
				t.Fatalf("after %d: %s is not whole", n, rel)
			}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		interrupted++
		// As if it had been killed: what it was writing stays.
		must(t, os.WriteFile(filepath.Join(out, "."+"x.mp4"+unfinished+"1"), []byte("half"), 0o600))
	}
	if interrupted < 5 {
		t.Errorf("interrupted %d times: the test proves little", interrupted)
	}
	got, is := content(t, out), content(t, want)
	if len(got) != len(is) {
		t.Errorf("%d files, want %d", len(got), len(is))
	}
	for name, text := range is {
		rel, _ := filepath.Rel(want, name)
		if got[filepath.Join(out, rel)] != text {
			t.Errorf("%s differs", rel)
		}
	}
}

// A file that is there and not of this disk is never written over.
func TestOthersFiles(t *testing.T) {
	s := store(t)
	out, r := salvage(t, s.dir, s.key, nil)
	mine := files(t, out, ".mp4")[0]
	must(t, os.WriteFile(mine, []byte("somebody's own"), 0o600))
	again := into(t, out, s.dir, s.key, nil)
	if raw, err := os.ReadFile(mine); err != nil || string(raw) != "somebody's own" {
		t.Errorf("it was written over: %v", err)
	}
	if again.Files != r.Files || again.Kept != r.Files-1 || len(files(t, out, "_2.mp4")) != 1 {
		t.Errorf("%+v", again)
	}
	if third := into(t, out, s.dir, s.key, nil); third.Kept != r.Files {
		t.Errorf("%+v", third)
	}
}

// A disk that is mounted read-only, as a dead box's should be, gives everything.
func TestReadOnly(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting takes root")
	}
	s := store(t)
	image, mount := filepath.Join(memoryDir(t), "disk.img"), t.TempDir()
	sh := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	sh("mkfs.ext4", "-q", "-d", s.dir, image, "64M")
	sh("mount", "-o", "loop,ro", image, mount)
	defer sh("umount", mount)
	if err := os.WriteFile(filepath.Join(mount, "media", "x"), nil, 0o600); !errors.Is(err, fs.ErrPermission) && err == nil {
		t.Fatal("it can be written: the test proves nothing")
	}
	out, r := salvage(t, mount, s.key, nil)
	if n, by := pictures(t, out); n != (s.seconds+s.oneSeconds)*fps || len(r.Findings) > 0 {
		t.Errorf("%d pictures, %v, %v", n, by, r.Findings)
	}
}

// However a file without a footer is damaged, what is found in it are true records, and all of those that were not hit.
func TestScan(t *testing.T) {
	whole := store(t)
	_, raw, table := whole.file(t, whole.two, 0)
	end := table[len(table)-1].Offset + table[len(table)-1].Size()
	raw = raw[:end]
	key := whole.cameraKey(t, whole.two)
	path := filepath.Join(memoryDir(t), "x.open")
	rapid.Check(t, func(t *rapid.T) {
		hurt := bytes.Clone(raw)
		hit := make([]bool, len(table))
		for range rapid.IntRange(0, 3).Draw(t, "places") {
			at := rapid.IntRange(segment.HeaderSize, len(hurt)-1).Draw(t, "at")
			n := min(rapid.SampledFrom([]int{1, 100, 5000}).Draw(t, "n"), len(hurt)-at)
			copy(hurt[at:at+n], rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0, 1, 0x80, 0xff}), n, n).Draw(t, "bytes"))
		}
		cut := len(hurt) - rapid.SampledFrom([]int{0, 0, 1, 40, 3000}).Draw(t, "cut")
		hurt = hurt[:cut]
		for i, e := range table {
			hit[i] = e.Offset+e.Size() > int64(cut) || !bytes.Equal(hurt[e.Offset:e.Offset+e.Size()], raw[e.Offset:e.Offset+e.Size()])
		}
		if err := os.WriteFile(path, hurt, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		s := &Salvage{}
		_, got, err := s.scan(f, onDisk{path: "x", size: int64(len(hurt))}, key)
		if err != nil {
			t.Fatal(err)
		}
		for i := range table {
			there := i < len(got) && got[i].Type != 0
			if there == hit[i] {
				t.Fatalf("record %d: hit %v, found %v", i, hit[i], there)
			}
			if there && (got[i].Record != table[i].Record || got[i].Offset != table[i].Offset || got[i].Length != table[i].Length) {
				t.Fatalf("record %d: %+v, want %+v", i, got[i], table[i])
			}
		}
	})
}
