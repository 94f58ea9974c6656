package storage

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/check"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// copyTree copies a data folder as a power cut would leave it: unfinished files are cut at a random byte behind keep,
// or padded with rubbish.
func copyTree(t *testing.T, from, to string, rnd *rand.Rand, keep map[string]int64) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".open") {
			n := keep[rel] + rnd.Int64N(int64(len(raw))-keep[rel]+1)
			raw = append(raw[:n], make([]byte, rnd.IntN(3)*rnd.IntN(5000))...)
		}
		return os.WriteFile(filepath.Join(to, rel), raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readTree gives all that lies under media.
func readTree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(filepath.Join(dir, "media"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The power goes at random moments: all that had been durable for a tick is there after the next start, once and whole;
// check is silent, and recovery done twice gives the same bytes.
func TestPowerCutWhileRecording(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		rnd := rand.New(rand.NewPCG(1, 2))
		cams := []media.CameraID{r.camera(), r.camera()}
		var writers []*StreamWriter
		var runs []*media.Run
		for _, cam := range cams {
			w := r.writer(cam, media.Main)
			writers, runs = append(writers, w), append(runs, r.begin(w, cam, media.Main))
		}
		event := media.NewUUID()
		if err := r.s.PutEvent(Event{ID: event, Camera: cams[0], Kind: "motion", Start: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if err := r.s.PutThumbnail(cams[0], event, time.Now(), []byte("picture")); err != nil {
			t.Fatal(err)
		}
		at := int64(0)
		for range 8 {
			for n := rnd.Int64N(300) + 5; n > 0; n-- {
				r.record(writers[0], runs[0], at, 1, 4)
				r.record(writers[1], runs[1], at, 1, 4)
				at++
			}
			synctest.Wait()
			keep := make(map[string]int64)
			durable := make(map[media.CameraID]int64) // seconds that can be read now
			for i, cam := range cams {
				durable[cam] = int64(len(r.seconds(r.pieces(r.grant(cam, access.Footage), media.Main, runs[i].Start, time.Now().Add(time.Hour)), runs[i])))
				if at-durable[cam] > 2 {
					t.Fatalf("%d of %d seconds are durable", durable[cam], at)
				}
			}
			for _, v := range r.s.allOpen() {
				keep[v.Path()] = v.Size
			}
			cut := &rig{t: t, dir: quickDir(t), logs: &logs{}, runs: r.runs}
			t.Cleanup(cut.close)
			copyTree(t, r.dir, cut.dir, rnd, keep)
			cut.open(Options{})
			for i, cam := range cams {
				got := cut.seconds(cut.pieces(cut.grant(cam, access.Footage), media.Main, runs[i].Start, time.Now()), runs[i])
				if int64(len(got)) < durable[cam] || !slices.Equal(got, span(0, int64(len(got)))) {
					t.Fatalf("camera %d: %d seconds of %d: %v", i, len(got), durable[cam], got)
				}
			}
			if jpeg, err := cut.s.Thumbnail(cut.grant(cams[0], access.Events), event); err != nil || string(jpeg) != "picture" {
				t.Fatal(err)
			}
			if e, err := cut.s.Event(cut.grant(cams[0], access.Events), event); err != nil || e.End.IsZero() {
				t.Fatalf("an event goes on that nobody follows: %v, %+v", err, e)
			}
			cut.close()
			before := readTree(t, cut.dir)
			if findings, err := check.Check(t.Context(), cut.dir, true); err != nil || len(findings) > 0 {
				t.Fatalf("check: %v, %v", err, findings)
			}
			cut.open(Options{})
			cut.close()
			after := readTree(t, cut.dir)
			for path, raw := range before {
				if filepath.Base(filepath.Dir(path)) != "heads" && !bytes.Equal(raw, after[path]) { // each start signs anew
					t.Fatalf("a second start changed %s", path)
				}
			}
			if strings.Contains(cut.logs.String(), "ALARM") {
				t.Fatal(cut.logs)
			}
		}
	})
}

// The index is damaged, in any of several ways: it is set aside, said once, and made again from the files.
func TestDamagedIndex(t *testing.T) {
	for name, damage := range map[string]func(raw []byte) []byte{
		"empty":        func([]byte) []byte { return nil },
		"cut":          func(raw []byte) []byte { return raw[:len(raw)/2] },
		"rubbish":      func(raw []byte) []byte { return bytes.Repeat([]byte("rubbish!"), len(raw)/8) },
		"pages zeroed": func(raw []byte) []byte { clear(raw[2*4096:]); return raw },
		"gone":         nil,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				cam := r.camera()
				w := r.writer(cam, media.Main)
				run := r.begin(w, cam, media.Main)
				event := Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: time.Now().UTC(), End: time.Now().UTC().Add(time.Second), Score: 0.5}
				if err := r.s.PutEvent(event); err != nil {
					t.Fatal(err)
				}
				if err := r.s.SetHeld(r.grant(cam, access.Events), event.ID, true); err != nil {
					t.Fatal(err)
				}
				if err := r.s.PutThumbnail(cam, event.ID, time.Now(), []byte("picture")); err != nil {
					t.Fatal(err)
				}
				r.record(w, run, 0, 1500, 4)
				w.End("connection lost")
				time.Sleep(time.Minute)
				before, err := r.s.Timeline(r.grant(cam, access.Footage), run.Start, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				r.close()
				path := filepath.Join(r.dir, indexFile)
				raw, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if damage == nil {
					err = os.Remove(path)
				} else {
					err = os.WriteFile(path, damage(raw), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
				if findings, err := check.Check(t.Context(), r.dir, false); err != nil || len(findings) == 0 {
					t.Fatalf("check: %v, %v", err, findings)
				}
				r.open(Options{})
				if n := strings.Count(r.logs.String(), "index.db was damaged"); n != 1 && damage != nil {
					t.Fatalf("said %d times: %s", n, r.logs)
				}
				g := r.grant(cam, access.Footage)
				if got := r.seconds(r.pieces(g, media.Main, run.Start, time.Now()), run); !slices.Equal(got, span(0, 1500)) {
					t.Fatalf("%d seconds", len(got))
				}
				after, err := r.s.Timeline(g, run.Start, time.Now())
				if err != nil || !slices.Equal(before.Spans, after.Spans) || len(after.Gaps) != 1 || len(before.Gaps) != 1 || after.Gaps[0].Reason != "connection lost" {
					t.Fatalf("%v: %+v, before %+v", err, after, before)
				}
				ge := r.grant(cam, access.Events)
				e, err := r.s.Event(ge, event.ID)
				if err != nil || !e.Held || !e.HasThumb || e.Score != 0.5 || !e.End.Equal(event.End) {
					t.Fatalf("%v: %+v", err, e)
				}
				if jpeg, err := r.s.Thumbnail(ge, event.ID); err != nil || string(jpeg) != "picture" {
					t.Fatal(err, jpeg)
				}
				// What is recorded now continues the chain.
				w = r.writer(cam, media.Main)
				r.record(w, r.begin(w, cam, media.Main), 0, 5, 5)
				r.close()
				if findings, err := check.Check(t.Context(), r.dir, true); err != nil || len(findings) > 0 {
					t.Fatalf("check: %v, %v", err, findings)
				}
			})
		})
	}
}

func TestRebuild(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cams, events, runs := twoCameras(r)
		r.close()
		files, err := check.Rebuild(t.Context(), r.dir, nil)
		if err != nil || files != 4 {
			t.Fatal(err, files)
		}
		if findings, err := check.Check(t.Context(), r.dir, true); err != nil || len(findings) > 0 {
			t.Fatalf("check: %v, %v", err, findings)
		}
		r.open(Options{})
		for i, cam := range cams {
			if got := r.pieces(r.grant(cam, access.Footage), media.Main, runs[i].Start, time.Now()); len(got) != 10 {
				t.Fatal(len(got))
			}
			if _, err := r.s.Thumbnail(r.grant(cam, access.Events), events[i]); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A file of unknown origin is reported, never touched; one that cannot be read is left for somebody to look at.
func TestStrangeFiles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		w := r.writer(cam, media.Main)
		r.record(w, r.begin(w, cam, media.Main), 0, 5, 5)
		r.close()
		day := filepath.Dir(only(t, r, cam, ".seg"))
		start := strings.Split(filepath.Base(only(t, r, cam, ".seg")), "-")[0]
		other := segment.NewHeader(media.NewCameraID(), media.Main)
		strange := map[string][]byte{
			"holiday.mp4":                    []byte("mp4"),
			start[:len(start)-1] + "1-5.seg": []byte("no header"),
			"1000.open":                      []byte("in the wrong day"),
			start[:len(start)-1] + "2.open":  append(other.Append(nil), make([]byte, 500)...),
			start[:len(start)-1] + "3.open":  bytes.Repeat([]byte("garbage "), 600),
		}
		for name, raw := range strange {
			if err := os.WriteFile(filepath.Join(day, name), raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r.open(Options{})
		r.close()
		findings, err := check.Check(t.Context(), r.dir, true)
		if err != nil {
			t.Fatal(err)
		}
		for name, raw := range strange {
			path := filepath.Join(day, name)
			got, err := os.ReadFile(path)
			rel, _ := filepath.Rel(r.dir, path)
			if strings.HasSuffix(name, "3.open") { // it lies where nobody stumbles over it
				got, err = os.ReadFile(filepath.Join(r.dir, volume.AsideFolder, rel))
			}
			if err != nil || !bytes.Equal(got, raw) {
				t.Errorf("%s: %v", name, err)
			}
			if !strings.HasSuffix(name, "3.open") && !slices.ContainsFunc(findings, func(f check.Finding) bool { return f.Path == rel }) {
				t.Errorf("%s is not reported: %v", rel, findings)
			}
		}
	})
}
