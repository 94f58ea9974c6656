package main

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/fmp4/fmp4test"
	"hearth/nvr/sim/h264"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

// recorded makes a data folder with a camera "Yard" and four seconds of it, of two sizes.
func recorded(t *testing.T, start time.Time) (data string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data = t.TempDir()
	s, err := storage.Open(storage.Options{Dir: data, Log: slog.New(slog.DiscardHandler)})
	must(err)
	id := media.NewCameraID()
	must(s.Box().PutCamera(box.Camera{ID: id, Name: "Yard", Record: "continuous"}))
	must(s.Keys().AddCamera(id))
	accesstest.Person(t, s.Access(), "Ada", access.Owner)
	w, err := s.Writer(id, media.Main)
	must(err)
	for n, width := range []int{64, 32} {
		enc, err := h264.New(h264.Config{Width: width, Height: width / 2, FPS: 1, GOP: 2})
		must(err)
		run := &media.Run{ID: media.NewUUID(), Camera: id, Start: start.Add(time.Duration(2*n) * time.Second), Trusted: true, Tracks: []media.Track{{
			Codec: media.H264, ClockRate: media.VideoClockRate, SPS: enc.SPS(), PPS: enc.PPS(), Width: width, Height: width / 2,
		}}}
		init, err := fmp4.Init(run.Tracks)
		must(err)
		w.Begin(run, init)
		for i := range int64(2) {
			frames, err := enc.Encode(h264.NewPicture(width, width/2), i == 0)
			must(err)
			var data []byte
			for _, nal := range frames[0].NALs {
				data = append(binary.BigEndian.AppendUint32(data, uint32(len(nal))), nal...)
			}
			raw := fmp4.AppendFragment(nil, 1, []fmp4.TrackRun{{BaseDTS: uint64(i * 90000), Samples: []fmp4.Sample{{Duration: 90000, Key: i == 0, Data: data}}}})
			must(w.Append(storage.Fragment{
				DTS: i * 90000, Duration: 90000, Start: run.Start.Add(time.Duration(i) * time.Second), Key: i == 0, Data: [][]byte{raw},
			}))
		}
	}
	must(s.Close())
	return data
}

// TestExportAndVerify: footage over a change of settings comes out as two files, or as one archive that verify takes.
func TestExportAndVerify(t *testing.T) {
	start := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	data, dir := recorded(t, start), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	hearth := func(want int, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(args, &out, &errs); code != want {
			t.Fatalf("hearth %s: exit code %d, want %d\n%s%s", args, code, want, &out, &errs)
		}
		return out.String()
	}
	span := []string{"--data", data, "--camera", "yard", "--from", start.Format(time.RFC3339), "--to", start.Add(4 * time.Second).Format(time.RFC3339)}
	export := func(args ...string) []string { return append(append([]string{"export"}, span...), args...) }

	if said := hearth(exitDone, export(at("out.mp4"))...); !strings.Contains(said, "2 files because") {
		t.Errorf("said %q", said)
	}
	for _, name := range []string{"out.mp4", "out-2.mp4"} {
		if n := fmp4test.Decode(t, at(name)); n != 2 {
			t.Errorf("%s: %d pictures", name, n)
		}
	}
	// What is there is not written over, and what was begun is not left.
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Remove(at("out.mp4")))
	hearth(exitFailed, export(at("out.mp4"))...)
	if _, err := os.Stat(at("out.mp4")); err == nil {
		t.Error("half of an export was left")
	}

	archive := at("out.zip")
	said := hearth(exitDone, export("--signed", archive)...)
	key := strings.TrimSpace(said[strings.LastIndexByte(strings.TrimSpace(said), ' '):])
	said = hearth(exitDone, "verify", archive)
	for _, word := range []string{key, `"Yard"`, "footage-2.mp4", "known at the beginning", "Compare the key", "2026-03-14 15:09:26.000 to 2026-03-14 15:09:30.000 UTC"} {
		if !strings.Contains(said, word) {
			t.Errorf("verify does not say %q:\n%s", word, said)
		}
	}
	hearth(exitDone, "verify", "--key", key, archive)
	if said := hearth(exitFindings, "verify", "--key", strings.Repeat("0123-", 8), archive); !strings.Contains(said, "another box") {
		t.Errorf("said %q", said)
	}
	raw, err := os.ReadFile(archive)
	must(err)
	raw[len(raw)/2] ^= 1
	must(os.WriteFile(at("changed.zip"), raw, 0o600))
	if said := hearth(exitFindings, "verify", at("changed.zip")); !strings.Contains(said, "FINDING: ") {
		t.Errorf("said %q", said)
	}
	must(os.WriteFile(at("cut.zip"), raw[:len(raw)-9], 0o600))
	hearth(exitFindings, "verify", at("cut.zip"))
	hearth(exitUsage, "verify", at("none.zip"))
}
