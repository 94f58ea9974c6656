package storage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/box"
	"hearth/storage/check"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// append appends fragments of a second without insisting that they are taken.
func (r *rig) append(w *StreamWriter, run *media.Run, from, n int64) {
	for i := from; i < from+n; i++ {
		body := strings.Repeat(text(run.Camera, run.Stream, i), 20)
		_ = w.Append(Fragment{
			DTS: i * media.VideoClockRate, Duration: media.VideoClockRate, Start: run.Start.Add(time.Duration(i) * time.Second),
			Key: i%5 == 0, Data: [][]byte{[]byte(body)},
		})
		time.Sleep(time.Second)
	}
}

// rename moves a folder out of the way, or back.
func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func noFindings(t *testing.T, dir string) {
	t.Helper()
	if findings, err := check.Check(t.Context(), dir, true); err != nil || len(findings) > 0 {
		t.Fatalf("check: %v, %v", err, findings)
	}
}

// The media folder is a disk that is not mounted, or another one: the box starts and says so, nothing is recorded into
// the empty mount point, and when the disk is back all goes on by itself.
func TestMediaMissing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		r.record(w, run, 0, 5, 5)
		r.close()
		media0, aside := filepath.Join(r.dir, "media"), filepath.Join(r.dir, "aside")
		rename(t, media0, aside)
		if err := os.Mkdir(media0, 0o700); err != nil {
			t.Fatal(err)
		}
		state := func(want string) {
			t.Helper()
			if v := r.s.Usage().Volumes[0]; v.State != want || (v.Problem == "") != (want == "well") {
				t.Fatalf("%+v, want %s", v, want)
			}
		}
		r.open(Options{})
		state("missing")
		if !strings.Contains(r.logs.String(), "ALARM") {
			t.Fatal("no alarm")
		}
		g := r.grant(cam, access.Footage)
		w = r.writer(cam, media.Main)
		run = r.begin(w, cam, media.Main)
		r.append(w, run, 0, 20)
		if entries, err := os.ReadDir(media0); err != nil || len(entries) > 0 {
			t.Fatalf("something was written into the mount point: %v, %v", entries, err)
		}
		if line, err := r.s.Timeline(g, run.Start.Add(-time.Hour), time.Now()); err != nil || len(line.Spans) != 0 {
			t.Fatalf("%+v, %v", line, err)
		}
		if err := volume.WriteMarker(media0, volume.Marker{Volume: media.NewUUID(), Made: time.Now()}); err != nil {
			t.Fatal(err)
		}
		r.append(w, run, 20, 5)
		state("foreign")
		if err := os.RemoveAll(media0); err != nil {
			t.Fatal(err)
		}
		rename(t, aside, media0)
		r.append(w, run, 25, 10)
		r.settle()
		state("well")
		got := r.seconds(r.pieces(g, media.Main, run.Start, time.Now()), run)
		if len(got) == 0 || got[0] > 30 || got[len(got)-1] != 34 { // by which tick it is seen, and from which key frame on
			t.Fatalf("%v\n%s", got, r.logs)
		}
		line, err := r.s.Timeline(g, run.Start.Add(-time.Hour), time.Now())
		if err != nil || len(line.Spans) != 2 || len(line.Gaps) != 1 || line.Gaps[0].Reason == "nothing was recorded" {
			t.Fatalf("%+v, %v", line, err)
		}
		r.close()
		noFindings(t, r.dir)
	})
}

// twoDisks gives a rig with a second volume on a file system of its own, and a camera that is recorded to it.
func twoDisks(t *testing.T, test func(t *testing.T, r *rig, second string, cam media.CameraID)) {
	t.Helper()
	dir, second := quickDir(t), smallDisk(t, "size=64m")
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, dir: dir, logs: &logs{}, runs: make(map[media.CameraID]int)}
		defer r.close()
		r.open(Options{})
		v, err := r.s.AddVolume(second)
		if err != nil {
			t.Fatal(err)
		}
		cam := r.camera()
		r.limit(cam, func(c *box.Camera) { c.Volume = v.ID })
		test(t, r, second, cam)
		r.close()
		noFindings(t, dir)
	})
}

func files(t *testing.T, dir string, cam media.CameraID) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "media", cam.String(), "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// A camera that is moved to another disk and back: its footage is found over all of it, and its chain holds.
func TestSecondDisk(t *testing.T) {
	twoDisks(t, func(t *testing.T, r *rig, second string, cam media.CameraID) {
		id := r.s.Volumes()[1].ID
		run := &media.Run{}
		var w *StreamWriter
		for i := range int64(6) {
			r.limit(cam, func(c *box.Camera) {
				if c.Volume = id; i%2 == 1 {
					c.Volume = media.UUID{}
				}
			})
			w = r.writer(cam, media.Main)
			if i == 0 {
				run = r.begin(w, cam, media.Main)
			} else {
				w.Begin(run, []byte("init"))
			}
			r.record(w, run, i*10, 10, 5)
		}
		r.settle()
		if a, b := files(t, r.dir, cam), files(t, second, cam); a != 3 || b != 3 {
			t.Fatalf("%d files here, %d there", a, b)
		}
		got := r.seconds(r.pieces(r.grant(cam, access.Footage), media.Main, run.Start, time.Now()), run)
		if len(got) != 60 {
			t.Fatalf("%v", got)
		}
		r.reopen()
		got = r.seconds(r.pieces(r.grant(cam, access.Footage), media.Main, run.Start, time.Now()), run)
		if len(got) != 60 {
			t.Fatalf("%v after a start", got)
		}
		u := r.s.Usage()
		if len(u.Volumes) != 2 || u.Volumes[0].Bytes == 0 || u.Volumes[1].Bytes == 0 || u.Volumes[1].Path != second {
			t.Fatalf("%+v", u.Volumes)
		}
	})
}

// The second disk vanishes while it is recorded to, and comes back: nothing meant for it lies anywhere else, the gap
// says why, other cameras do not notice, and what was cut off is finished.
func TestDiskVanishes(t *testing.T) {
	twoDisks(t, func(t *testing.T, r *rig, second string, cam media.CameraID) {
		other := r.camera()
		w, wo := r.writer(cam, media.Main), r.writer(other, media.Main)
		run, runo := r.begin(w, cam, media.Main), r.begin(wo, other, media.Main)
		both := func(from, n int64) {
			for i := from; i < from+n; i++ {
				r.append(w, run, i, 1)
				time.Sleep(-time.Second)
				r.append(wo, runo, i, 1)
			}
		}
		both(0, 20)
		event := media.NewUUID()
		if err := r.s.PutEvent(Event{ID: event, Camera: cam, Kind: "motion", Start: run.Start, End: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if err := r.s.PutThumbnail(cam, event, run.Start, []byte("picture")); err != nil {
			t.Fatal(err)
		}
		away := filepath.Join(second, "away")
		rename(t, filepath.Join(second, "media"), away)
		both(20, 20)
		if _, err := r.s.Thumbnail(r.grant(cam, access.Events), event); !errors.Is(err, ErrDiskAway) {
			t.Fatalf("a thumbnail of a disk that is not there: %v", err)
		}
		if v := r.s.Usage().Volumes[1]; v.State != "missing" {
			t.Fatalf("%+v", v)
		}
		if n := files(t, r.dir, cam); n != 0 {
			t.Fatalf("%d files on the system's disk", n)
		}
		rename(t, away, filepath.Join(second, "media"))
		both(40, 20)
		time.Sleep(30 * time.Second)
		if got := r.seconds(r.pieces(r.grant(other, access.Footage), media.Main, runo.Start, time.Now()), runo); len(got) != 60 {
			t.Fatalf("the other camera: %v", got)
		}
		g := r.grant(cam, access.Footage)
		got := r.seconds(r.pieces(g, media.Main, run.Start, time.Now()), run)
		if len(got) < 36 || got[len(got)-1] != 59 {
			t.Fatalf("%v", got)
		}
		line, err := r.s.Timeline(g, run.Start, time.Now())
		if err != nil || len(line.Gaps) == 0 || line.Gaps[0].Reason != "the disk was not there" {
			t.Fatalf("%+v, %v", line, err)
		}
		if picture, err := r.s.Thumbnail(r.grant(cam, access.Events), event); err != nil || string(picture) != "picture" {
			t.Fatalf("the thumbnail, once the disk is back: %q, %v", picture, err)
		}
	})
}

// The box starts while the second disk is away, and the disk comes back later: with it comes its footage, also where
// the index was lost meanwhile. A camera that was removed meanwhile is gone from it too.
func TestDiskComesBack(t *testing.T) {
	twoDisks(t, func(t *testing.T, r *rig, second string, cam media.CameraID) {
		gone := r.camera()
		id := r.s.Volumes()[1].ID
		r.limit(gone, func(c *box.Camera) { c.Volume = id })
		var runs [2]*media.Run
		for i, id := range []media.CameraID{cam, gone} {
			w := r.writer(id, media.Main)
			runs[i] = r.begin(w, id, media.Main)
			r.record(w, runs[i], 0, 20, 5)
		}
		r.close()
		away := filepath.Join(second, "away")
		rename(t, filepath.Join(second, "media"), away)
		if err := os.Remove(filepath.Join(r.dir, "index.db")); err != nil {
			t.Fatal(err)
		}
		r.open(Options{})
		if err := r.s.RemoveCamera(gone); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		r.reopen()
		g := r.grant(cam, access.Footage)
		if got := r.pieces(g, media.Main, runs[0].Start, time.Now()); len(got) != 0 {
			t.Fatalf("%d pieces of a disk that is not there", len(got))
		}
		rename(t, away, filepath.Join(second, "media"))
		time.Sleep(30 * time.Second)
		r.settle()
		if got := r.seconds(r.pieces(g, media.Main, runs[0].Start, time.Now()), runs[0]); len(got) != 20 {
			t.Fatalf("%v", got)
		}
		if _, err := os.Stat(filepath.Join(second, "media", gone.String())); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("the removed camera's folder: %v", err)
		}
	})
}

// What cannot be a volume is refused in one line.
func TestAddVolumeRefuses(t *testing.T) {
	dir, foreign := quickDir(t), smallDisk(t, "size=8m")
	if err := os.Mkdir(filepath.Join(foreign, "media"), 0o700); err != nil {
		t.Fatal(err)
	}
	readOnly := smallDisk(t, "size=8m")
	if err := unix.Mount("", readOnly, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, dir: dir, logs: &logs{}, runs: make(map[media.CameraID]int)}
		defer r.close()
		r.open(Options{})
		for why, path := range map[string]string{
			"the system's disk": "/", "not there": "/nonexistent", "the data folder": dir, "inside of it": filepath.Join(dir, "media"),
			"a file": "/etc/hostname", "another box's": foreign, "read-only": readOnly,
		} {
			_, err := r.s.AddVolume(path)
			if !errors.Is(err, volume.ErrNoVolume) {
				t.Fatalf("%s: %v", why, err)
			}
			oneLine(t, err)
		}
		if n := len(r.s.Volumes()); n != 1 {
			t.Fatalf("%d volumes", n)
		}
	})
}

// A disk comes back while footage is let go of: what is looked through there, and goes in the same moment, does not come
// back as rows without files.
func TestComesBackWhileLettingGo(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		w := r.writer(cam, media.Main)
		r.record(w, r.begin(w, cam, media.Main), 0, 10, 5)
		w.End("for the test")
		r.settle()
		if err := r.s.checkpoint(); err != nil {
			t.Fatal(err)
		}
		l := segment.Line{Camera: cam, Stream: media.Main}
		rows, err := r.s.index.Written(l, 0, 1)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%v, %v", rows, err)
		}
		if err := r.s.index.Condemn(rows); err != nil {
			t.Fatal(err)
		}
		if err := r.s.all()[0].welcome(t.Context()); err != nil {
			t.Fatal(err)
		}
		if has, err := r.s.index.Has(l, rows[0].Start); has || err != nil {
			t.Fatalf("it is in the index again (%v)", err)
		}
		if err := r.s.all()[0].keeper.Sweep(); err != nil {
			t.Fatal(err)
		}
		if left := files(t, r.dir, cam); left != 0 {
			t.Fatalf("%d files are left", left)
		}
	})
}

// The box runs for days without the second disk, with an index that was made again or that does not know yet what the
// power cut left open there, and is switched off to put the disk back: the start finds all of it.
func TestDiskIsBackAtTheStart(t *testing.T) {
	for _, how := range []string{"lost index", "rebuilt index", "cut"} {
		t.Run(how, func(t *testing.T) {
			twoDisks(t, func(t *testing.T, r *rig, second string, cam media.CameraID) {
				w := r.writer(cam, media.Main)
				run := r.begin(w, cam, media.Main)
				r.record(w, run, 0, 20, 5)
				away := filepath.Join(second, "away")
				switch how {
				case "cut":
					rename(t, filepath.Join(second, "media"), away)
					r.close()
				case "lost index":
					r.close()
					rename(t, filepath.Join(second, "media"), away)
					if err := os.Remove(filepath.Join(r.dir, "index.db")); err != nil {
						t.Fatal(err)
					}
				default:
					r.close()
					rename(t, filepath.Join(second, "media"), away)
					if _, err := check.Rebuild(t.Context(), r.dir, nil); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					r.open(Options{})
					here := r.camera()
					wh := r.writer(here, media.Main)
					r.append(wh, r.begin(wh, here, media.Main), 0, 10)
					r.close()
					time.Sleep(60 * time.Hour) // a start looks back a day behind the one before
				}
				rename(t, away, filepath.Join(second, "media"))
				r.open(Options{})
				r.settle()
				got := r.seconds(r.pieces(r.grant(cam, access.Footage), media.Main, run.Start, run.Start.Add(time.Hour)), run)
				if len(got) < 19 {
					t.Fatalf("%v", got)
				}
			})
		})
	}
}
