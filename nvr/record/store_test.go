package record_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/fmp4/fmp4test"
	"hearth/nvr/record"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
	"hearth/storage/export"
)

// TestWayThroughTheStore: two runs of a camera, with a lost connection between them, are recorded, sealed, read back
// by a grant and exported. ffmpeg reads the file without a word, and every picture and packet of sound of the source
// is in it, at its time.
func TestWayThroughTheStore(t *testing.T) {
	for name, spec := range map[string]fmp4test.Spec{
		"H.264 with B-frames, AAC": {Video: media.H264, BFrames: 2, Sound: media.AAC, GOP: 40, Seconds: 6},
		"H.265":                    {Video: media.H265, GOP: 40, Seconds: 4},
	} {
		t.Run(name, func(t *testing.T) {
			clip := fmp4test.Make(t, spec)
			s, err := storage.Open(storage.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			cam := clip.Run.Camera
			if err := s.Box().PutCamera(box.Camera{ID: cam, Name: "Yard"}); err != nil {
				t.Fatal(err)
			}
			if err := s.Keys().AddCamera(cam); err != nil {
				t.Fatal(err)
			}
			w, err := s.Writer(cam, media.Main)
			if err != nil {
				t.Fatal(err)
			}
			r := &record.Recorder{Writer: w, Camera: cam}
			play := func(c fmp4test.Clip) {
				r.StartRun(c.Run)
				for _, u := range c.Units {
					r.WriteUnit(c.Run, u)
				}
				r.EndRun(c.Run, "connection lost")
			}
			play(clip)
			const away = 10 * time.Second // from the first run's start to the second's
			play(later(clip, away))
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			stop()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if c := r.Counters(); c.Dropped != 0 || c.DroppedUnits != 0 {
				t.Fatalf("%+v", c)
			}

			g := accesstest.Grant(t, s.Access(), s.Box(), cam, access.Export)
			from, to := clip.Run.Start, clip.Run.Start.Add(time.Minute)
			file := filepath.Join(t.TempDir(), "export.mp4")
			f, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			report, err := export.MP4(t.Context(), f, func() (export.Pieces, error) { return s.Footage(g, media.Main, from, to) }, from, to)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if len(report.Gaps) != 1 || !report.Start.Equal(from.Add(fmp4.Duration(clip.Units[0].PTS, 90000)).Truncate(time.Microsecond)) {
				t.Errorf("%+v", report)
			}

			p := fmp4test.Probe(t, file)
			first := clip.Units[0].PTS // what is shown first
			var pictures []*media.AccessUnit
			sounds := 0
			for i, u := range slices.Concat(clip.Units, clip.Units) {
				if u.Track != 0 {
					sounds++
					continue
				}
				v := *u
				if i >= len(clip.Units) {
					v.PTS += int64(away / time.Second * 90000)
				}
				pictures = append(pictures, &v)
			}
			got := p.Of(0)
			if len(got) != len(pictures) {
				t.Fatalf("%d pictures, want %d", len(got), len(pictures))
			}
			for i, u := range pictures {
				if d := got[i].PTS - (u.PTS - first); d < -90 || d > 90 || got[i].Size != strconv.Itoa(len(u.Data)) {
					t.Fatalf("picture %d: %+v is %d ticks off", i, got[i], d)
				}
			}
			// Of the sound, what comes before the first picture of a run is left out; see package export for the rest.
			if n := len(p.Of(1)); n > sounds || n < sounds-10 {
				t.Errorf("%d packets of sound of %d", n, sounds)
			}
			if n := fmp4test.Decode(t, file); n < len(p.Of(0)) {
				t.Errorf("%d of %d pictures decoded", n, len(p.Of(0)))
			}
		})
	}
}

// later is a clip once more, as another run.
func later(c fmp4test.Clip, d time.Duration) fmp4test.Clip {
	run := *c.Run
	run.ID, run.Start = media.NewUUID(), run.Start.Add(d)
	l := fmp4test.Clip{Run: &run}
	for _, u := range c.Units {
		v := *u
		v.Wall = u.Wall.Add(d)
		l.Units = append(l.Units, &v)
	}
	return l
}
