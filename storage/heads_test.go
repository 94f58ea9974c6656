package storage

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
	"hearth/storage/signet"
)

// statements reads what was signed.
func (r *rig) statements() (all []signet.Statement) {
	r.t.Helper()
	err := signet.Examine(r.dir, r.s.Signet().Public(), func(path string, n int, st signet.Statement, err error) error {
		if err != nil {
			r.t.Errorf("%s:%d: %v", path, n, err)
		}
		all = append(all, st)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// holds checks every head of a statement against the files.
func (r *rig) holds(st signet.Statement) {
	r.t.Helper()
	for _, h := range st.Heads {
		key, err := r.s.recordingKey(h.Line.Camera)
		if err != nil {
			r.t.Fatal(err)
		}
		c, err := r.s.open(h.Line, h.Start, key)
		if err != nil {
			r.t.Errorf("%s at %d: %v", h.Line, h.Start, err)
			continue
		}
		if err := h.Holds(c.reader.Header(), c.reader.Table()); err != nil {
			r.t.Error(err)
		}
		c.close()
	}
}

// TestSignedHeads: every hour and at the end the box signs what is durable, also of files that go on growing.
func TestSignedHeads(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		id := r.camera()
		main, sub := r.writer(id, media.Main), r.writer(id, media.Sub)
		one, two := r.begin(main, id, media.Main), r.begin(sub, id, media.Sub)
		r.record(main, one, 0, 30, 5)
		r.record(sub, two, 0, 30, 5)
		time.Sleep(signEvery)
		r.record(main, one, 60, 30, 5)

		all := r.statements()
		if len(all) != 2 || len(all[1].Heads) != 2 {
			t.Fatalf("%+v", all)
		}
		growing := all[1].Heads[0]
		if growing.Line != (segment.Line{Camera: id}) || growing.Records != 32 {
			t.Errorf("%+v", growing)
		}
		r.holds(all[1]) // while it has grown
		r.reopen()      // signed at the end, and again at the start
		all = r.statements()
		if len(all) < 3 || len(all) > 4 {
			t.Fatalf("%d statements", len(all))
		}
		for _, st := range all[1:] {
			if len(st.Heads) != 2 {
				t.Errorf("%+v", st)
			}
			r.holds(st)
		}
		if last := all[2].Heads[0]; last.Records < 62 {
			t.Errorf("not to the end: %+v", last)
		}
	})
}

// TestSignedHeadsAreTrimmed: statements older than the oldest footage go.
func TestSignedHeadsAreTrimmed(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		time.Sleep(3 * 24 * time.Hour)
		id := r.camera()
		w := r.writer(id, media.Main)
		run := r.begin(w, id, media.Main)
		r.record(w, run, 0, 10, 5)
		time.Sleep(3 * 24 * time.Hour)
		files, err := filepath.Glob(filepath.Join(r.dir, signet.Folder, "*"))
		if err != nil || len(files) != 4 {
			t.Errorf("%v", files)
		}
		if want := segment.Day(micros(run.Start)) + ".jsonl"; len(files) == 0 || filepath.Base(files[0]) != want {
			t.Errorf("%v, want the first to be %s", files, want)
		}
		r.statements()
	})
}

// TestSignedHeadsWithoutADisk: what cannot be signed is said, and tried again an hour later, not every ten seconds.
func TestSignedHeadsWithoutADisk(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		time.Sleep(time.Minute)
		path := filepath.Join(r.dir, signet.Folder)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		r.s.signing.mu.Lock()
		r.s.signing.last = time.Time{}
		r.s.signing.mu.Unlock()
		if err := r.s.signHeads(); err == nil {
			t.Error("no error")
		}
		if err := r.s.signHeads(); err != nil {
			t.Error("tried again at once")
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	})
}
