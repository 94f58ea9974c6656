package storage

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
	"hearth/storage/check"
	"hearth/storage/segment"
)

// zoneFolder tells TestZoneOfTheBox that it is the child that records, and where.
const zoneFolder = "HEARTH_TEST_ZONE_FOLDER"

// zoneStart is 21 November in UTC, the 22nd in Kiritimati and still the 20th in Midway.
var zoneStart = time.Date(2026, 11, 21, 10, 30, 0, 0, time.UTC)

// TestZoneOfTheBox records in a process whose zone is 14 hours ahead of UTC, and in one that is 11 behind: names and times
// on the disk are those of UTC, and another zone reads them.
func TestZoneOfTheBox(t *testing.T) {
	if dir := os.Getenv(zoneFolder); dir != "" {
		recordInZone(t, dir)
		return
	}
	for zone, offset := range map[string]int{"Pacific/Kiritimati": 14, "Pacific/Midway": -11} {
		t.Run(zone, func(t *testing.T) {
			if at, err := time.LoadLocation(zone); err != nil {
				t.Skip("no time zones here: ", err)
			} else if _, s := zoneStart.In(at).Zone(); s != offset*3600 {
				t.Fatalf("%s is %d s ahead of UTC", zone, s)
			}
			dir := t.TempDir()
			before := time.Now().UTC()
			child := exec.Command(os.Args[0], "-test.run=^TestZoneOfTheBox$", "-test.v")
			child.Env = append(os.Environ(), "TZ="+zone, zoneFolder+"="+dir)
			if out, err := child.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			days, err := filepath.Glob(filepath.Join(dir, "media", "*-*-*-*-*", "*"))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, d := range days {
				if name := filepath.Base(d); name != "key" && name != "gone" {
					names = append(names, name)
				}
			}
			// The event is of now: its pack lies under today.
			today := []string{segment.Day(before.UnixMicro()), segment.Day(time.Now().UnixMicro())}
			slices.Sort(names)
			if len(names) != 2 || names[0] != "2026-11-21" || !slices.Contains(today, names[1]) {
				t.Errorf("footage lies in the folders %q, want 2026-11-21 and the pack in %q", names, today)
			}
			heads, err := filepath.Glob(filepath.Join(dir, "media", "heads", "*.jsonl"))
			if err != nil || len(heads) == 0 {
				t.Fatal("no signed heads", err)
			}
			for _, h := range heads {
				if day := filepath.Base(h); !slices.Contains(today, day[:10]) {
					t.Errorf("signed heads lie in %s, today is %s", day, today[1])
				}
			}
			readFromZone(t, dir)
		})
	}
}

// recordInZone is the child's part.
func recordInZone(t *testing.T, dir string) {
	if zone, _ := time.Now().Zone(); time.Now().UTC().Hour() == time.Now().Hour() {
		t.Fatalf("the child's zone %s is UTC", zone)
	}
	s, err := Open(Options{Dir: dir, Tick: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	cam := media.NewCameraID()
	if err := s.Box().PutCamera(box.Camera{ID: cam, Name: "Yard", Record: "continuous"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Keys().AddCamera(cam); err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(cam, media.Main)
	if err != nil {
		t.Fatal(err)
	}
	run := &media.Run{
		ID: media.NewUUID(), Camera: cam, Start: zoneStart.Local(), Trusted: true,
		Tracks: []media.Track{{Codec: media.H264, ClockRate: media.VideoClockRate, Width: 64, Height: 36}},
	}
	w.Begin(run, []byte("init"))
	for i := range int64(5) {
		at := run.Start.Add(time.Duration(i) * time.Second)
		err := w.Append(Fragment{DTS: i * 90000, Duration: 90000, Start: at, Key: true, Data: [][]byte{[]byte("second")}})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.End("end")
	if err := s.PutEvent(Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: time.Now(), End: time.Now()}); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// readFromZone opens the folder in the zone of this process.
func readFromZone(t *testing.T, dir string) {
	if findings, err := check.Check(t.Context(), dir, true); err != nil || len(findings) > 0 {
		t.Fatalf("check: %v, %v", err, findings)
	}
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cameras, err := s.Box().Cameras()
	if err != nil || len(cameras) != 1 {
		t.Fatal(cameras, err)
	}
	g := accesstest.Grant(t, s.Access(), s.Box(), cameras[0].ID, access.Footage)
	line, err := s.Timeline(g, zoneStart.Add(-time.Hour), zoneStart.Add(time.Hour))
	if err != nil || len(line.Spans) != 1 || !line.Spans[0].From.Equal(zoneStart) || line.Spans[0].From.Location() != time.UTC {
		t.Fatalf("%+v, %v", line, err)
	}
}
