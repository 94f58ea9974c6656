package fmp4_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/fmp4/fmp4test"
)

// runsOf puts units of a clip into track runs, with each sample's duration from the next unit's DTS.
func runsOf(tracks int, units []*media.AccessUnit, usual []uint32) []fmp4.TrackRun {
	runs := make([]fmp4.TrackRun, tracks)
	last := make([]int64, tracks)
	for _, u := range units {
		r := &runs[u.Track]
		if n := len(r.Samples); n == 0 {
			r.Track, r.BaseDTS = u.Track, uint64(u.DTS)
		} else {
			r.Samples[n-1].Duration = uint32(u.DTS - last[u.Track])
		}
		last[u.Track] = u.DTS
		r.Samples = append(r.Samples, fmp4.Sample{Duration: usual[u.Track], CTO: int32(u.PTS - u.DTS), Key: u.Key, Data: u.Data})
	}
	return runs
}

// TestPlays: what we write, ffprobe and ffmpeg read without a word, and see every packet of the source at its time.
func TestPlays(t *testing.T) {
	for _, c := range []struct {
		name string
		spec fmp4test.Spec
		tag  [2]string
		mime string
	}{
		{"h264", fmp4test.Spec{Video: media.H264, Options: []string{"-profile:v", "baseline"}}, [2]string{"avc1"}, `avc1.42C00C`},
		{"h264 with B-frames, aac", fmp4test.Spec{Video: media.H264, BFrames: 2, Sound: media.AAC, Options: []string{"-profile:v", "high", "-8x8dct", "1", "-level", "4.0"}}, [2]string{"avc1", "mp4a"}, `avc1.640028,mp4a.40.2`},
		{"h265 with B-frames", fmp4test.Spec{Video: media.H265, BFrames: 2}, [2]string{"hvc1"}, `hvc1.1.6.L60.90`},
		{"h264, flac", fmp4test.Spec{Video: media.H264, Sound: media.FLAC}, [2]string{"avc1", "fLaC"}, `flac"`},
		{"h264, opus", fmp4test.Spec{Video: media.H264, Sound: media.Opus}, [2]string{"avc1", "Opus"}, `opus"`},
		{"av1", fmp4test.Spec{Video: media.AV1, Seconds: 1}, [2]string{"av01"}, `av01.0.00M.08`},
		{"mjpeg", fmp4test.Spec{Video: media.MJPEG, Seconds: 1}, [2]string{"mp4v"}, `mp4v.6C`},
	} {
		t.Run(c.name, func(t *testing.T) {
			clip := fmp4test.Make(t, c.spec)
			tracks := clip.Run.Tracks
			if mime := fmp4.MIME(tracks); !strings.Contains(mime, c.mime) || !strings.HasPrefix(mime, `video/mp4; codecs="`) {
				t.Errorf("MIME %s, want one with %s", mime, c.mime)
			}
			file, err := fmp4.Init(tracks)
			if err != nil {
				t.Fatal(err)
			}
			for seq, from := uint32(1), 0; from < len(clip.Units); seq, from = seq+1, from+10 {
				to := min(from+10, len(clip.Units))
				file = fmp4.AppendFragment(file, seq, present(runsOf(len(tracks), clip.Units[from:to], usual(clip))))
			}
			name := filepath.Join(t.TempDir(), "out.mp4")
			if err := os.WriteFile(name, file, 0o600); err != nil {
				t.Fatal(err)
			}
			got := fmp4test.Probe(t, name)
			for i := range tracks {
				if got.Streams[i].Tag != c.tag[i] {
					t.Errorf("track %d is %s, want %s", i, got.Streams[i].Tag, c.tag[i])
				}
				fmp4test.SameUnits(t, i, clip.Units, got.Of(i))
			}
			video := len(got.Of(0))
			if n := fmp4test.Decode(t, name); n != video {
				t.Errorf("%d pictures decoded of %d", n, video)
			}
		})
	}
}

// present leaves out the tracks that have no sample.
func present(runs []fmp4.TrackRun) []fmp4.TrackRun {
	var p []fmp4.TrackRun
	for _, r := range runs {
		if len(r.Samples) > 0 {
			p = append(p, r)
		}
	}
	return p
}

// usual gives each track's duration of one unit.
func usual(c fmp4test.Clip) []uint32 {
	var u [2]uint32
	var last [2]int64
	for _, x := range c.Units {
		u[x.Track], last[x.Track] = uint32(x.DTS-last[x.Track]), x.DTS
	}
	return u[:]
}

func TestInitRefuses(t *testing.T) {
	for name, tr := range map[string]media.Track{
		"no parameter sets": {Codec: media.H264, ClockRate: 90000, Width: 640, Height: 360},
		"no size":           {Codec: media.MJPEG, ClockRate: 90000},
		"no clock":          {Codec: media.MJPEG, Width: 640, Height: 360},
		"G.711":             {Codec: media.PCMA, ClockRate: 8000, Channels: 1},
		"FLAC without info": {Codec: media.FLAC, ClockRate: 8000, Channels: 1},
		"no channels":       {Codec: media.AAC, ClockRate: 8000, Config: []byte{0x15, 0x88}},
		"broken H.265 SPS":  {Codec: media.H265, ClockRate: 90000, Width: 9, Height: 9, VPS: make([]byte, 8), SPS: []byte{0x42, 1, 1}, PPS: make([]byte, 8)},
	} {
		if _, err := fmp4.Init([]media.Track{tr}); err == nil {
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), "unusable track") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := fmp4.Init(nil); err == nil {
		t.Error("no tracks: no error")
	}
}

func TestShift(t *testing.T) {
	runs := []fmp4.TrackRun{
		{Track: 0, BaseDTS: 1000, Samples: []fmp4.Sample{{Duration: 10, Key: true, Data: []byte("one")}}},
		{Track: 1, BaseDTS: 500, Samples: []fmp4.Sample{{Duration: 20, Key: true, Data: []byte("two")}}},
	}
	two := fmp4.AppendFragment(fmp4.AppendFragment(nil, 1, runs), 2, runs)
	before := bytes.Clone(two)
	if err := fmp4.Shift(two, []int64{0, -501}); err == nil || !bytes.Equal(two, before) {
		t.Fatalf("before zero: %v, changed: %v", err, !bytes.Equal(two, before))
	}
	if err := fmp4.Shift(two, []int64{1 << 40, -500}); err != nil {
		t.Fatal(err)
	}
	got, err := fmp4.Parse(two)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{1<<40 + 1000, 0, 1<<40 + 1000, 0} {
		if got[i].BaseDTS != want || string(got[i].Samples[0].Data) != string(runs[i%2].Samples[0].Data) {
			t.Errorf("run %d: %+v, want time %d", i, got[i], want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		rate int
		want int64
	}{
		{0, 90000, 0},
		{time.Second, 90000, 90000},
		{time.Second / 3, 90000, 30000},
		{-time.Second / 3, 90000, -30000},
		{24 * 365 * time.Hour, 90000, 24 * 365 * 3600 * 90000},
		{time.Millisecond / 2, 1000, 1},
	} {
		if got := fmp4.Ticks(c.d, c.rate); got != c.want {
			t.Errorf("Ticks(%v, %d) = %d, want %d", c.d, c.rate, got, c.want)
		}
	}
	if got := fmp4.Rescale(90001, 90000, 48000); got != 48001 {
		t.Errorf("Rescale: %d", got)
	}
	if got := fmp4.Duration(45000, 90000); got != time.Second/2 {
		t.Errorf("Duration: %v", got)
	}
}
