//go:build sabotage

package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/sabotage"
	"hearth/storage/access"
	"hearth/storage/segment"
)

// seen is all that one camera's grant brings out of a store.
type seen struct {
	bytes strings.Builder
	errs  []error
}

// look asks for all that there is of a camera, with the identities of both cameras' events.
func look(r *rig, cam media.CameraID, events [2]media.UUID, from time.Time) *seen {
	s := &seen{}
	note := func(text string, err error) {
		s.bytes.WriteString(text)
		if err != nil && !errors.Is(err, ErrNotFound) {
			s.errs = append(s.errs, err)
		}
	}
	list, err := r.try(r.grant(cam, access.Footage), media.Main, from, from.Add(time.Hour))
	note("", err)
	for _, p := range list {
		note(string(p.Data)+string(p.Init)+p.Origin.Header.Camera.String(), nil)
	}
	g := r.grant(cam, access.Events)
	for _, id := range events {
		jpeg, err := r.s.Thumbnail(g, id)
		note(string(jpeg), err)
		e, err := r.s.Event(g, id)
		note(e.Camera.String(), err)
	}
	items, _, err := r.s.Events([]access.Grant{g}, EventFilter{})
	note(fmt.Sprintf("%+v", items), err)
	return s
}

// Each fault ends in an error and an alarm, and nothing of the other camera comes out. Without what catches it the
// other camera's picture does come out: the fault is one.
func TestSabotage(t *testing.T) {
	for name, c := range map[string]struct {
		fault   sabotage.Fault
		without []sabotage.Fault // further faults that take a protection away: the seal
		blind   []alarm.Place    // checks to be switched off
		files   bool             // the footage is in finished files
	}{
		"an index row of another camera":     {sabotage.IndexRow, []sabotage.Fault{sabotage.KeyFollows}, []alarm.Place{alarm.Footage}, true},
		"storage asks for another camera":    {sabotage.StoreCamera, []sabotage.Fault{sabotage.KeyFollows}, []alarm.Place{alarm.Footage}, false},
		"an event points at another's thumb": {sabotage.ThumbPointer, []sabotage.Fault{sabotage.KeyFollows}, []alarm.Place{alarm.Disk}, false},
		"an event row of another camera":     {sabotage.EventRow, nil, []alarm.Place{alarm.Events}, false},
		"a cache gives another camera's key": {sabotage.KeyCache, []sabotage.Fault{sabotage.StoreCamera}, []alarm.Place{alarm.Key, alarm.Footage}, false},
		"a cache of files keyed by time":     {sabotage.FileCache, []sabotage.Fault{sabotage.KeyFollows}, []alarm.Place{alarm.Footage, alarm.Disk}, true},
		"pieces of two cameras in turns":     {sabotage.PieceMixed, nil, []alarm.Place{alarm.Footage}, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				cams, events, runs := twoCameras(r)
				for i := range events {
					mixedThumbs.Store(events[i], events[1-i])
				}
				r.settle()
				if c.files {
					r.reopen()
				}
				try := func() (leak bool, errs []error, alarms uint64) {
					cachedFiles.Clear()
					lastPieces.Clear()
					for i, cam := range cams {
						s := look(r, cam, events, runs[0].Start)
						errs = append(errs, s.errs...)
						leak = leak || strings.Contains(s.bytes.String(), cams[1-i].String())
					}
					for _, n := range r.s.Bell().Counts() {
						alarms += n
					}
					return leak, errs, alarms
				}
				if leak, errs, alarms := try(); leak || errs != nil || alarms > 0 {
					t.Fatalf("without a fault: leak %v, %v, %d alarms", leak, errs, alarms)
				}

				sabotage.Plant(t, c.fault, cams[0], cams[1])
				leak, errs, alarms := try()
				if leak || alarms == 0 || len(errs) == 0 || !strings.Contains(r.logs.String(), "level=ERROR msg=\"ALARM: ") {
					t.Errorf("leak %v, %v, %d alarms\n%s", leak, errs, alarms, r.logs)
				}
				for _, err := range errs {
					if !errors.Is(err, ErrForged) {
						t.Errorf("the error is %v", err)
					}
				}

				if len(c.without) > 0 { // the seal alone is gone: the labels still hold
					for _, f := range c.without {
						sabotage.Plant(t, f, cams[0], cams[1])
					}
					before := alarms
					if leak, errs, alarms = try(); leak || alarms == before || len(errs) == 0 {
						t.Errorf("without the seal: leak %v, %v, %d alarms\n%s", leak, errs, alarms-before, r.logs)
					}
				}
				for _, p := range c.blind {
					sabotage.CloseEyes(t, string(p))
				}
				if leak, errs, _ = try(); !leak {
					t.Errorf("the fault is none: nothing of the other camera comes out without the checks; %v", errs)
				}
				sabotage.Heal()
			})
		})
	}
}

// The index's journal was written with two cameras exchanged; the box is started again with it.
func TestSabotagedJournal(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		// Between two checkpoints, so that what is said of these cameras lies in the journal alone when the box stops.
		var cams [2]media.CameraID
		for i := range cams {
			cams[i] = r.camera()
		}
		sabotage.Plant(t, sabotage.Journal, cams[0], cams[1])
		var events [2]media.UUID
		for i, cam := range cams {
			events[i] = media.NewUUID()
			w := r.writer(cam, media.Main)
			run := r.begin(w, cam, media.Main)
			r.record(w, run, 0, 3, 1)
			w.End("connection lost")
			if err := r.s.PutEvent(Event{ID: events[i], Camera: cam, Kind: "of " + cam.String(), Start: run.Start}); err != nil {
				t.Fatal(err)
			}
			if err := r.s.PutThumbnail(cam, events[i], time.Now(), []byte("picture of "+cam.String())); err != nil {
				t.Fatal(err)
			}
		}
		r.settle()
		// The power fails now: what is on the disk is what the next start finds.
		after := quickDir(t)
		if err := os.CopyFS(after, os.DirFS(r.dir)); err != nil {
			t.Fatal(err)
		}
		r.close()
		sabotage.Heal()
		r.dir = after
		if err := os.Chmod(filepath.Join(after, "box.key"), 0o600); err != nil {
			t.Fatal(err)
		}
		r.open(Options{})
		for i, cam := range cams {
			s := look(r, cam, events, time.Now().Add(-time.Hour))
			if strings.Contains(s.bytes.String(), "of "+cams[1-i].String()) || strings.Contains(s.bytes.String(), "second 0 of "+cams[1-i].String()) {
				t.Errorf("camera %d shows the other: %q", i, s.bytes.String())
			}
		}
		if !strings.Contains(r.logs.String(), "ALARM") {
			t.Errorf("no alarm: %s", r.logs)
		}
	})
}

// A recording is not begun with another camera's key.
func TestSabotagedRecordingKey(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		a, b := r.camera(), r.camera()
		key, err := r.s.recordingKey(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := segment.NewWriter(key, segment.NewHeader(a, media.Main)); !errors.Is(err, ErrForged) {
			t.Errorf("a file of one camera is sealed with the key of another: %v", err)
		}
	})
}
