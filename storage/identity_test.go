package storage

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/check"
	"hearth/storage/segment"
)

// twoCameras records the same seconds of two cameras, with a thumbnail each, and stops.
func twoCameras(r *rig) (cams [2]media.CameraID, events [2]media.UUID, runs [2]*media.Run) {
	var w [2]*StreamWriter
	for i := range cams {
		cams[i], events[i] = r.camera(), media.NewUUID()
		w[i] = r.writer(cams[i], media.Main)
		runs[i] = r.begin(w[i], cams[i], media.Main)
	}
	for n := range int64(10) {
		for i := range cams {
			if err := w[i].Append(Fragment{
				DTS: n * 90000, Duration: 90000, Start: runs[i].Start.Add(time.Duration(n) * time.Second), Key: true,
				Data: [][]byte{[]byte(strings.Repeat(text(cams[i], media.Main, n), 10))},
			}); err != nil {
				r.t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
	}
	for i := range cams {
		if err := r.s.PutEvent(Event{ID: events[i], Camera: cams[i], Kind: "motion", Start: runs[i].Start}); err != nil {
			r.t.Fatal(err)
		}
		if err := r.s.PutThumbnail(cams[i], events[i], time.Now(), []byte("picture of "+cams[i].String())); err != nil {
			r.t.Fatal(err)
		}
	}
	return cams, events, runs
}

// only finds the one file of a camera with an ending.
func only(t *testing.T, r *rig, cam media.CameraID, ending string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(r.dir, "media", cam.String(), "*", "*"+ending))
	if err != nil || len(found) != 1 {
		t.Fatal(err, found)
	}
	return found[0]
}

func swap(t *testing.T, a, b string) {
	t.Helper()
	for _, step := range [][2]string{{a, a + "~"}, {b, a}, {a + "~", b}} {
		if err := os.Rename(step[0], step[1]); err != nil {
			t.Fatal(err)
		}
	}
}

// nothing makes sure that neither camera shows anything, that it is an error, and that there is an alarm.
func nothing(t *testing.T, r *rig, cams [2]media.CameraID, events [2]media.UUID, run *media.Run) {
	t.Helper()
	for i, cam := range cams {
		list, err := r.try(r.grant(cam, access.Footage), media.Main, run.Start, run.Start.Add(time.Hour))
		if !errors.Is(err, ErrForged) || len(list) != 0 {
			t.Errorf("camera %d: %v, %d pieces", i, err, len(list))
		}
		if jpeg, err := r.s.Thumbnail(r.grant(cam, access.Events), events[i]); !errors.Is(err, ErrForged) || jpeg != nil {
			t.Errorf("thumbnail of camera %d: %v, %q", i, err, jpeg)
		}
	}
	if n := strings.Count(r.logs.String(), "ALARM"); n < 4 {
		t.Errorf("%d alarms: %s", n, r.logs)
	}
}

func TestSwappedFiles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cams, events, runs := twoCameras(r)
		r.close()
		swap(t, only(t, r, cams[0], ".seg"), only(t, r, cams[1], ".seg"))
		swap(t, only(t, r, cams[0], ".pack"), only(t, r, cams[1], ".pack"))
		if findings, err := check.Check(t.Context(), r.dir, false); err != nil || len(findings) < 4 {
			t.Errorf("check: %v, %v", err, findings)
		}
		r.open(Options{})
		nothing(t, r, cams, events, runs[0])
	})
}

// Someone writes the other camera's name into the headers too, checksums and all.
func TestSwappedFilesWithForgedHeaders(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cams, events, runs := twoCameras(r)
		r.close()
		for _, ending := range []string{".seg", ".pack"} {
			a, b := only(t, r, cams[0], ending), only(t, r, cams[1], ending)
			swap(t, a, b)
			for i, path := range []string{a, b} {
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				h, err := segment.ParseHeader(raw)
				if err != nil || h.Camera == cams[i] {
					t.Fatal(err, h.Camera)
				}
				h.Camera = cams[i]
				if err := os.WriteFile(path, append(h.Append(nil), raw[segment.HeaderSize:]...), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		r.open(Options{})
		nothing(t, r, cams, events, runs[0])
	})
}

// The rows of two cameras in the index change places: in every bucket, one camera's identity becomes the other's.
func TestSwappedIndexRows(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cams, events, runs := twoCameras(r)
		r.close()
		swapInIndex(t, filepath.Join(r.dir, indexFile), cams)
		if findings, err := check.Check(t.Context(), r.dir, false); err != nil || len(findings) == 0 {
			t.Errorf("check: %v, %v", err, findings)
		}
		r.open(Options{})
		for i, cam := range cams {
			// The row leads to the other's time and name; whatever lies there opens as this camera's or not at all.
			list, err := r.try(r.grant(cam, access.Footage), media.Main, runs[0].Start, runs[0].Start.Add(time.Hour))
			if err == nil {
				r.seconds(list, runs[i])
			} else if !errors.Is(err, ErrForged) {
				t.Errorf("camera %d: %v", i, err)
			}
			other := events[1-i]
			jpeg, err := r.s.Thumbnail(r.grant(cam, access.Events), other)
			if err == nil || jpeg != nil {
				t.Errorf("camera %d shows the other's thumbnail: %q", i, jpeg)
			}
			if e, err := r.s.Event(r.grant(cam, access.Events), other); !errors.Is(err, ErrForged) {
				t.Errorf("camera %d shows the other's event: %v, %+v", i, err, e)
			}
			items, _, err := r.s.Events([]access.Grant{r.grant(cam, access.Events)}, EventFilter{})
			if err != nil || len(items) != 0 {
				t.Errorf("camera %d lists the other's events: %v, %+v", i, err, items)
			}
		}
		if !strings.Contains(r.logs.String(), "ALARM") {
			t.Error(r.logs)
		}
	})
}

// swapInIndex exchanges two cameras' identities in all keys of an index that was closed, and in values that begin with
// one: what is kept of one camera lies under the other, as it is.
func swapInIndex(t *testing.T, path string, cams [2]media.CameraID) {
	t.Helper()
	if _, err := os.Stat(path + ".journal"); !os.IsNotExist(err) {
		t.Fatalf("the index has a journal: %v", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error { return swapInBucket(b, cams) })
	}); err != nil {
		t.Fatal(err)
	}
}

func swapInBucket(b *bbolt.Bucket, cams [2]media.CameraID) error {
	exchange := func(b []byte) []byte {
		for i, cam := range cams {
			if bytes.HasPrefix(b, cam[:]) {
				return append(bytes.Clone(cams[1-i][:]), b[16:]...)
			}
		}
		return bytes.Clone(b)
	}
	pairs := make(map[string][]byte)
	below := make(map[string]map[string][]byte) // in the buckets within
	if err := b.ForEach(func(k, v []byte) error {
		if v != nil {
			pairs[string(k)] = bytes.Clone(v)
			return nil
		}
		below[string(k)] = make(map[string][]byte)
		return b.Bucket(k).ForEach(func(inner, v []byte) error {
			below[string(k)][string(inner)] = bytes.Clone(v)
			return nil
		})
	}); err != nil {
		return err
	}
	for k := range pairs {
		if err := b.Delete([]byte(k)); err != nil {
			return err
		}
	}
	for k := range below {
		if err := b.DeleteBucket([]byte(k)); err != nil {
			return err
		}
	}
	for k, v := range pairs {
		if err := b.Put(exchange([]byte(k)), exchange(v)); err != nil {
			return err
		}
	}
	for k, rows := range below {
		n, err := b.CreateBucket(exchange([]byte(k)))
		if err != nil {
			return err
		}
		for inner, v := range rows {
			if err := n.Put([]byte(inner), v); err != nil {
				return err
			}
		}
	}
	return nil
}

// An older file of the same camera, put in a newer one's place, is not shown as the newer one.
func TestSwappedFilesOfOneCamera(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		w := r.writer(cam, media.Main)
		var runs [2]*media.Run
		for i := range runs {
			runs[i] = r.begin(w, cam, media.Main)
			r.record(w, runs[i], 0, 10, 5)
			w.End("connection lost")
			time.Sleep(time.Minute)
		}
		r.close()
		files, err := filepath.Glob(filepath.Join(r.dir, "media", cam.String(), "*", "*.seg"))
		if err != nil || len(files) != 2 {
			t.Fatal(err, files)
		}
		swap(t, files[0], files[1])
		r.open(Options{})
		if list, err := r.try(r.grant(cam, access.Footage), media.Main, runs[0].Start, time.Now()); !errors.Is(err, ErrForged) || len(list) != 0 {
			t.Fatal(err, len(list))
		}
	})
}

// The keys of two cameras change places.
func TestSwappedKeys(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cams, _, runs := twoCameras(r)
		a, err := r.s.Box().WrappedKey(cams[0])
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.s.Box().WrappedKey(cams[1])
		if err != nil {
			t.Fatal(err)
		}
		r.settle()
		if err := errors.Join(r.s.Box().PutWrappedKey(cams[0], b), r.s.Box().PutWrappedKey(cams[1], a)); err != nil {
			t.Fatal(err)
		}
		for _, cam := range cams {
			if list, err := r.try(r.grant(cam, access.Footage), media.Main, runs[0].Start, time.Now()); err == nil || len(list) != 0 {
				t.Fatal(err, len(list))
			}
		}
	})
}
