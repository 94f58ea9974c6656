package salvage

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4/fmp4test"
	"hearth/storage"
	"hearth/storage/snapshot"
)

// TestSalvage takes the disk out of a box that is recording, and gets everything out of it: whole hours, what changed,
// what is missing and why, and the events.
func TestSalvage(t *testing.T) {
	wide, narrow := film(t, "320x180", 4), film(t, "256x144", 4)
	var (
		disk             string
		k                snapshot.Key
		boxKey, database []byte
		door, late       media.CameraID
		began            time.Time
		e                storage.Event
	)
	live(t, func(t *testing.T, h *house) {
		var yard media.CameraID
		door, yard = h.camera("Front door"), h.camera("Yard/../back")
		a, b, sub := h.record(door, media.Main, wide), h.record(yard, media.Main, wide), h.record(door, media.Sub, narrow)
		k, boxKey = h.recoveryKey(), h.s.Keys().ForRecovery()
		began = time.Now().UTC()
		roll(300, a, b, sub) // 21:58 to 22:03: over the hour, and over a file of ten minutes' end
		e = storage.Event{ID: media.NewUUID(), Camera: door, Kind: "person", Start: began.Add(30 * time.Second), End: began.Add(40 * time.Second)}
		must(t, h.s.PutEvent(e))
		must(t, h.s.PutThumbnail(door, e.ID, e.Start, []byte("an older picture")))
		must(t, h.s.PutThumbnail(door, e.ID, e.Start, []byte("a picture")))
		e.Kind = "cat"
		must(t, h.s.PutEvent(e))
		a.w.End("the cable was pulled")
		time.Sleep(20 * time.Second)
		a.begin(wide)
		roll(60, a)
		late = h.camera("too late for the snapshot")
		a.begin(narrow) // the owner changed the camera's settings
		roll(40, a, sub, h.record(late, media.Main, wide))
		disk = h.disk()
		if len(files(t, disk, ".open")) < 3 {
			t.Fatal("nothing is open: the test proves little")
		}
		var err error
		database, err = os.ReadFile(filepath.Join(h.dir, "hearth.db"))
		must(t, err)
	})
	out, r := salvage(t, disk, k, nil)
	if len(r.Findings) > 0 || r.Cameras != 3 || r.Pictures != 1 || r.Kept != 0 {
		t.Errorf("%+v", r)
	}
	_, by := pictures(t, out)
	for name, want := range map[string]int{
		"Front door/2000-01-01/21-58-00_UTC.mp4":       120,
		"Front door/2000-01-01/22-00-00_UTC.mp4":       180 + 60,
		"Yard_.._back/2000-01-01/21-58-00_UTC.mp4":     120,
		"Yard_.._back/2000-01-01/22-00-00_UTC.mp4":     180,
		late.String() + "/2000-01-01/22-04-20_UTC.mp4": 40,
		"Front door/2000-01-01/22-04-20_UTC.mp4":       40,
	} {
		if by[name] != want*fps {
			t.Errorf("%s has %d pictures, want %d", name, by[name], want*fps)
		}
		delete(by, name)
	}
	if len(by) != 0 || r.Files != 6 {
		t.Errorf("and there are %v", by)
	}
	file := filepath.Join(out, "Front door", "2000-01-01", "22-00-00_UTC.mp4")
	if n := fmp4test.Decode(t, file); n != 240*fps {
		t.Errorf("%d pictures decoded", n)
	}
	var c Clip
	raw, err := os.ReadFile(strings.TrimSuffix(file, ".mp4") + ".json")
	must(t, err)
	must(t, json.Unmarshal(raw, &c))
	if len(c.Gaps) != 1 || c.Gaps[0].Why != "the cable was pulled" || c.Gaps[0].To.Sub(c.Gaps[0].From).Round(time.Second) != 20*time.Second ||
		!c.From.Equal(began.Add(2*time.Minute)) || c.Pictures != 240*fps || c.Camera != "Front door" || !c.ClockTrusted {
		t.Errorf("%+v", c)
	}
	if raw, err := os.ReadFile(filepath.Join(out, "Front door", "gaps.txt")); err != nil ||
		strings.Count(string(raw), " to ") != 1 || !strings.Contains(string(raw), "22:03:00 UTC to 2000-01-01 22:03:20 UTC  the cable was pulled") {
		t.Errorf("%v: %s", err, raw)
	}
	if raw, err := os.ReadFile(filepath.Join(out, "Front door", "2000-01-01", "events", "21-58-30_UTC_cat_"+e.ID.String()[:8]+".jpg")); err != nil || string(raw) != "a picture" {
		t.Errorf("%v: %q", err, raw)
	}
	if raw, err := os.ReadFile(filepath.Join(out, "Front door", "events.json")); err != nil || strings.Count(string(raw), e.ID.String()) != 1 {
		t.Errorf("%v: %s", err, raw)
	}

	t.Run("again", func(t *testing.T) {
		before := stamps(t, out)
		again := into(t, out, disk, k, nil)
		if again.Kept != 6 || again.Files != 6 || again.Pictures != 1 || again.Footage != r.Footage {
			t.Errorf("%+v", again)
		}
		for name, at := range stamps(t, out) {
			if strings.HasSuffix(name, ".mp4") && !before[name].Equal(at) {
				t.Errorf("%s was made again", name)
			}
		}
	})
	t.Run("small streams too", func(t *testing.T) {
		s, _, err := Open(filepath.Join(disk, "media"), k, nil)
		must(t, err)
		s.Out, s.Zone, s.Sub = filepath.Join(t.TempDir(), "out"), time.UTC, true
		if _, err := s.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		_, by := pictures(t, s.Out)
		if len(by) != 8 || by["Front door/2000-01-01/22-00-00_UTC_sub.mp4"] != (180+40)*fps {
			t.Errorf("%v", by)
		}
	})
	t.Run("with the box's key, and no snapshot", func(t *testing.T) {
		must(t, os.Rename(snapshot.Folder(disk), filepath.Join(disk, "away")))
		if _, _, err := Open(disk, k, nil); err == nil || !strings.Contains(err.Error(), "no snapshot") {
			t.Errorf("got %v", err)
		}
		out, r := salvage(t, disk, snapshot.Key{}, boxKey)
		if len(r.Findings) > 0 || r.Files != 6 {
			t.Errorf("%+v", r)
		}
		if _, err := os.Stat(filepath.Join(out, door.String(), "2000-01-01", "21-58-00_UTC.mp4")); err != nil {
			t.Error(err)
		}
		must(t, os.WriteFile(filepath.Join(disk, "hearth.db"), database, 0o600))
		if out, _ = salvage(t, disk, snapshot.Key{}, boxKey); len(files(t, filepath.Join(out, "too late for the snapshot"), ".mp4")) != 1 {
			t.Error("the names in hearth.db are not used")
		}
	})
	t.Run("with another box's key", func(t *testing.T) {
		out, r := salvage(t, disk, snapshot.Key{}, make([]byte, 32))
		if len(r.Findings) != 3 || r.Files != 0 || len(files(t, out, ".mp4")) > 0 {
			t.Errorf("%+v", r)
		}
	})
}

// stamps says when each file below a folder was written.
func stamps(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	at := make(map[string]time.Time)
	for _, f := range files(t, dir, "") {
		info, err := os.Stat(f)
		must(t, err)
		at[f] = info.ModTime()
	}
	return at
}

// An output on the disk that is read is refused, however it is called.
func TestOutside(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "media"), 0o700))
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(filepath.Join(dir, "media"), link))
	for _, out := range []string{
		filepath.Join(dir, "media"), filepath.Join(dir, "media", "out"), filepath.Join(dir, "media", "a", "b"),
		filepath.Join(link, "out"), filepath.Join(dir, "media", "..", "media", "x"),
	} {
		s := &Salvage{Media: filepath.Join(dir, "media"), Out: out}
		if _, err := s.Run(t.Context()); !errors.Is(err, ErrInside) {
			t.Errorf("%s: %v", out, err)
		}
	}
	if left := files(t, dir, ""); len(left) > 0 {
		t.Errorf("written: %v", left)
	}
	s := &Salvage{Media: filepath.Join(dir, "media"), Out: filepath.Join(dir, "media of before")}
	if _, err := s.Run(t.Context()); err != nil {
		t.Error(err)
	}
}
