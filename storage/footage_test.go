package storage

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
)

// Half an hour of two streams is read back whole: across files, out of the one being written, from the key frame at
// or before any time.
func TestFootageAcrossFiles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		g := r.grant(cam, access.Footage)
		main, sub := r.writer(cam, media.Main), r.writer(cam, media.Sub)
		run := r.begin(main, cam, media.Main)
		small := r.begin(sub, cam, media.Sub)
		const n = 1800
		for i := range int64(n) {
			r.record(main, run, i, 1, 4)
			if err := sub.Append(Fragment{DTS: i * 90000, Duration: 90000, Start: small.Start.Add(time.Duration(i) * time.Second), Key: true, Data: [][]byte{[]byte(text(cam, media.Sub, i))}}); err != nil {
				t.Fatal(err)
			}
		}
		r.settle()

		files, err := filepath.Glob(filepath.Join(r.dir, "media", cam.String(), "*", "*.seg"))
		if err != nil || len(files) < 4 {
			t.Fatalf("%v: files did not roll: %v", err, files)
		}
		all := r.pieces(g, media.Main, run.Start, run.Start.Add(time.Hour))
		if got := r.seconds(all, run); !slices.Equal(got, span(0, n)) {
			t.Fatalf("main: %d of %d seconds: %v", len(got), n, got)
		}
		for i, p := range all {
			if (p.Init != nil) != (i == 0) || p.Key != (i%4 == 0) || len(p.Tracks) != 1 || p.Tracks[0].Width != 640 {
				t.Fatalf("piece %d: init %q, key %v, tracks %v", i, p.Init, p.Key, p.Tracks)
			}
		}
		if got := r.seconds(r.pieces(g, media.Sub, small.Start, small.Start.Add(time.Hour)), small); !slices.Equal(got, span(0, n)) {
			t.Fatalf("sub: %d of %d seconds", len(got), n)
		}
		for _, at := range []int64{0, 1, 3, 4, 599, 600, 601, 1201, 1799} {
			from := run.Start.Add(time.Duration(at)*time.Second + 500*time.Millisecond)
			got := r.seconds(r.pieces(g, media.Main, from, from.Add(3*time.Second)), run)
			first := at / 4 * 4
			want := span(first, min(at+4, n)-first)
			if !slices.Equal(got, want) {
				t.Fatalf("from second %d: %v, want %v", at, got, want)
			}
		}
	})
}

// A reader follows a file that is being written, through its end into the next.
func TestFootageFollowsWhatIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		g := r.grant(cam, access.Export)
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		r.record(w, run, 0, 10, 2)
		r.settle()
		f, err := r.s.Footage(g, media.Main, run.Start, run.Start.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var list []Piece
		for range 8 {
			p, err := f.Next()
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, p)
		}
		r.record(w, run, 10, 1000, 2) // it is finished, and the next begun
		r.settle()
		for {
			p, err := f.Next()
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			list = append(list, p)
		}
		if got := r.seconds(list, run); !slices.Equal(got, span(0, 1010)) {
			t.Fatalf("%d seconds: %v", len(got), got)
		}
	})
}

func TestFootageAcrossRunsAndRestarts(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		begin := time.Now()
		var runs []*media.Run
		for i := range 3 {
			w := r.writer(cam, media.Main)
			run := r.begin(w, cam, media.Main)
			runs = append(runs, run)
			r.record(w, run, 0, 20, 5)
			if i == 0 {
				w.End("connection lost")
			}
			r.reopen()
			time.Sleep(time.Minute)
		}
		g := r.grant(cam, access.Footage)
		list := r.pieces(g, media.Main, begin, time.Now())
		if len(list) != 60 {
			t.Fatalf("%d pieces", len(list))
		}
		for i, run := range runs {
			part := list[i*20 : i*20+20]
			if got := r.seconds(part, run); !slices.Equal(got, span(0, 20)) {
				t.Fatalf("run %d: %v", i, got)
			}
			if part[0].Init == nil || part[1].Init != nil {
				t.Fatalf("run %d: init %q, then %q", i, part[0].Init, part[1].Init)
			}
		}
		// From within the gap, it goes on with what comes next.
		if got := r.pieces(g, media.Main, runs[0].Start.Add(30*time.Second), time.Now()); len(got) != 40 || got[0].Init == nil {
			t.Fatalf("from the gap: %d", len(got))
		}
		line, err := r.s.Timeline(g, begin, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(line.Spans) != 3 || len(line.Gaps) != 3 {
			t.Fatalf("%+v", line)
		}
		for i, want := range []string{"connection lost", "Hearth was stopped", "Hearth was stopped"} {
			if g := line.Gaps[i]; g.Reason != want || !g.From.Equal(line.Spans[i].To) {
				t.Fatalf("gap %d: %+v, want %q", i, g, want)
			}
		}
	})
}

func TestNoGrantNoFootage(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		r.record(w, run, 0, 10, 5)
		r.settle()
		from, to := run.Start, run.Start.Add(time.Hour)
		for name, g := range map[string]access.Grant{
			"zero": {}, "live": r.grant(cam, access.Live), "events": r.grant(cam, access.Events), "manage": r.grant(cam, access.Manage),
		} {
			if _, err := r.s.Footage(g, media.Main, from, to); !errors.Is(err, ErrDenied) {
				t.Errorf("footage with %s: %v", name, err)
			}
			if _, err := r.s.Timeline(g, from, to); !errors.Is(err, ErrDenied) {
				t.Errorf("timeline with %s: %v", name, err)
			}
		}
		// A grant that is taken back ends a reading under way.
		a := r.s.Access()
		r.grant(cam, access.Footage) // there is an owner now
		guest := accesstest.Person(t, a, "Guest", access.Guest)
		if err := a.SetPermissions(guest.ID, []access.Permission{{Camera: cam, Verbs: []access.Verb{access.Footage}}}); err != nil {
			t.Fatal(err)
		}
		g, err := a.Authorize(guest.ID, cam, access.Footage)
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.s.Footage(g, media.Main, from, to)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.Next(); err != nil {
			t.Fatal(err)
		}
		if err := a.SetPermissions(guest.ID, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if p, err := f.Next(); !errors.Is(err, ErrDenied) || p.Data != nil {
			t.Fatalf("after it was taken back: %v", err)
		}
	})
}

func TestFootageOfNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		g := r.grant(r.camera(), access.Footage)
		if list := r.pieces(g, media.Main, time.Now().Add(-time.Hour), time.Now()); len(list) != 0 {
			t.Fatal(list)
		}
		line, err := r.s.Timeline(g, time.Now().Add(-time.Hour), time.Now())
		if err != nil || len(line.Spans)+len(line.Gaps)+len(line.Motion) != 0 || line.Spans == nil || line.Gaps == nil {
			t.Fatal(err, line)
		}
		if strings.Contains(r.logs.String(), "ERROR") || bytes.Contains([]byte(r.logs.String()), []byte("ALARM")) {
			t.Fatal(r.logs.String())
		}
	})
}
