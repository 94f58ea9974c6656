package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/fmp4/fmp4test"
	"hearth/storage"
	"hearth/storage/export"
)

// reel is footage in memory.
type reel struct {
	pieces []storage.Piece
	next   int
	closed *int
}

func (r *reel) Next() (storage.Piece, error) {
	if r.next == len(r.pieces) {
		return storage.Piece{}, io.EOF
	}
	p := r.pieces[r.next]
	if r.next > 0 && r.pieces[r.next-1].Run == p.Run {
		p.Init = nil // as storage does
	}
	r.next++
	return p, nil
}

func (r *reel) Close() error { *r.closed++; return nil }

// footage makes pieces of a clip that was recorded from start on: fragments that begin at key frames, as record makes
// them. keep says which seconds of it there are; nil: all.
func footage(t testing.TB, c fmp4test.Clip, start time.Time, keep func(second int) bool) []storage.Piece {
	t.Helper()
	init, err := fmp4.Init(c.Run.Tracks)
	if err != nil {
		t.Fatal(err)
	}
	run := media.NewUUID()
	var pieces []storage.Piece
	var group []*media.AccessUnit
	last := make([]int64, len(c.Run.Tracks)) // DTS of each track's last unit, for how long the end lasts
	for _, u := range c.Units {
		last[u.Track] = u.DTS
	}
	flush := func(next []*media.AccessUnit) {
		if len(group) == 0 {
			return
		}
		runs := make([]fmp4.TrackRun, 0, 2)
		p := storage.Piece{Init: init, Run: run}
		for track := range c.Run.Tracks {
			r := fmp4.TrackRun{Track: track}
			for i, u := range group {
				if u.Track != track {
					continue
				}
				if len(r.Samples) == 0 {
					r.BaseDTS = uint64(u.DTS)
				}
				ticks := int64(c.Run.Tracks[track].ClockRate) / 25
				for _, n := range slices.Concat(group[i+1:], next) {
					if n.Track == track {
						ticks = n.DTS - u.DTS
						break
					}
				}
				if track == 0 {
					p.Duration += ticks
				}
				r.Samples = append(r.Samples, fmp4.Sample{Duration: uint32(ticks), CTO: int32(u.PTS - u.DTS), Key: u.Key, Data: u.Data})
			}
			if len(r.Samples) > 0 {
				runs = append(runs, r)
			}
		}
		p.DTS, p.Key = int64(runs[0].BaseDTS), runs[0].Samples[0].Key
		p.Start = start.Add(fmp4.Duration(p.DTS, 90000))
		p.Data = fmp4.AppendFragment(nil, 1, runs)
		if keep == nil || keep(int(p.DTS/90000)) {
			pieces = append(pieces, p)
		}
		group = nil
	}
	for i, u := range c.Units {
		if len(pieces)+len(group) == 0 && u.Track != 0 {
			continue // sound before the first picture
		}
		if u.Track == 0 && (u.Key || len(group) > 60) {
			flush(c.Units[i:])
		}
		group = append(group, u)
	}
	flush(nil)
	return pieces
}

var start = time.Date(2026, 3, 14, 15, 9, 26, 500_000_000, time.UTC)

// make1 exports pieces and says what ffprobe sees.
func make1(t *testing.T, pieces []storage.Piece, from, to time.Time, options ...string) (export.Report, fmp4test.Probed, string) {
	t.Helper()
	opened, closed := 0, 0
	open := func() (export.Pieces, error) { opened++; return &reel{pieces: pieces, closed: &closed}, nil }
	name := filepath.Join(t.TempDir(), "export.mp4")
	var b bytes.Buffer
	r, err := export.MP4(t.Context(), &b, open, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if closed != opened {
		t.Errorf("footage was opened %d times and closed %d times", opened, closed)
	}
	if int64(b.Len()) != r.Bytes {
		t.Errorf("%d bytes, said %d", b.Len(), r.Bytes)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return r, fmp4test.Probe(t, name, options...), name
}

// TestWhole: a whole run comes out with every unit at its time, and ffmpeg decodes it without a word.
func TestWhole(t *testing.T) {
	for name, spec := range map[string]fmp4test.Spec{
		"H.264 with B-frames, AAC": {Video: media.H264, BFrames: 2, Sound: media.AAC, Seconds: 4},
		"H.265 with B-frames":      {Video: media.H265, BFrames: 2, Seconds: 4},
		"H.264, FLAC":              {Video: media.H264, Sound: media.FLAC, Seconds: 4},
	} {
		t.Run(name, func(t *testing.T) {
			clip := fmp4test.Make(t, spec)
			pieces := footage(t, clip, start, nil)
			end := start.Add(time.Hour)
			r, p, file := make1(t, pieces, start.Add(-time.Hour), end)
			first := clip.Units[0].PTS // what is shown first; the file's time begins with it
			for i, tr := range clip.Run.Tracks {
				var want []*media.AccessUnit
				for _, u := range clip.Units {
					if u.Track == i && (i == 0 || u.DTS+1024 > first*int64(tr.ClockRate)/90000) {
						want = append(want, u)
					}
				}
				got := p.Of(i)
				if len(got) != len(want) {
					t.Fatalf("track %d: %d packets, want %d", i, len(got), len(want))
				}
				off := first * int64(tr.ClockRate) / 90000
				for j, u := range want {
					w := fmt.Sprintf("%d %d %d", u.PTS-off, u.DTS-off, len(u.Data))
					if g := fmt.Sprintf("%d %d %s", got[j].PTS, got[j].DTS, got[j].Size); g != w {
						t.Fatalf("track %d packet %d: %s, want %s", i, j, g, w)
					}
				}
			}
			if n := fmp4test.Decode(t, file); n != r.Pictures || n != len(p.Of(0)) {
				t.Errorf("%d of %d pictures decoded", n, r.Pictures)
			}
			if !r.Start.Equal(start.Add(fmp4.Duration(first, 90000))) || len(r.Gaps) != 0 || r.Sound != (spec.Sound != "") {
				t.Errorf("report %+v", r)
			}
			if want := 4 * time.Second; (r.End.Sub(r.Start) - want).Abs() > time.Millisecond {
				t.Errorf("shown for %v, want %v", r.End.Sub(r.Start), want)
			}
			if c := p.Format.Tags["creation_time"]; c[:19] != r.Start.Format("2006-01-02T15:04:05") {
				t.Errorf("made at %s, want %v", c, r.Start)
			}
		})
	}
}

// shown gives the times of the pictures that a player shows, in seconds.
func shown(t *testing.T, p fmp4test.Probed) []float64 {
	t.Helper()
	var at []float64
	for _, k := range p.Of(0) {
		if len(k.Flags) > 1 && k.Flags[1] == 'D' {
			continue // only for decoding
		}
		at = append(at, float64(k.PTS)/90000)
	}
	slices.Sort(at)
	return at
}

// TestCut: the file begins and ends at the wanted moments, in the middle of a GOP, with sound and pictures together.
func TestCut(t *testing.T) {
	clip := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, BFrames: 2, Sound: media.AAC, GOP: 50, Seconds: 6})
	pieces := footage(t, clip, start, nil)
	lead := fmp4.Duration(clip.Units[0].PTS, 90000)
	from, to := start.Add(lead+2600*time.Millisecond), start.Add(lead+4400*time.Millisecond)
	// As storage gives it: from the key frame at 2 s.
	r, p, file := make1(t, pieces[slices.IndexFunc(pieces, func(p storage.Piece) bool { return p.DTS == 180000 }):], from, to)
	if !r.Start.Equal(from) || !r.End.Equal(to) {
		t.Errorf("shown %v to %v, want %v to %v", r.Start, r.End, from, to)
	}
	at := shown(t, p)
	if len(at) != 45 || at[0] != 0 || at[44] < 1.7599 || at[44] > 1.7601 {
		t.Errorf("%d pictures are shown, %v", len(at), at)
	}
	sound := p.Of(1)
	if d := float64(sound[0].PTS) / 48000; d > 0 || d < -0.022 {
		t.Errorf("sound begins at %v s", d)
	}
	if d := float64(sound[len(sound)-1].PTS) / 48000; d > 1.8 || d < 1.75 {
		t.Errorf("sound ends at %v s", d)
	}
	if d, _ := strconv.ParseFloat(p.Format.Duration, 64); d < 1.79 || d > 1.82 {
		t.Errorf("the file lasts %v s", d)
	}
	if n := fmp4test.Decode(t, file); n != 45 {
		t.Errorf("%d pictures decoded, want 45", n)
	}
}

// TestGaps: time goes on over gaps, inside a run and between runs, in pictures and sound alike.
func TestGaps(t *testing.T) {
	clip := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Sound: media.AAC, Seconds: 6})
	// Seconds 0, 1, 4, 5 of one run; 10 s after it began another: 0 to 5.
	pieces := footage(t, clip, start, func(s int) bool { return s < 2 || s > 3 })
	pieces = append(pieces, footage(t, clip, start.Add(10*time.Second), nil)...)
	r, p, file := make1(t, pieces, start, start.Add(time.Hour))
	var want []float64
	for i := range 150 {
		if s := i / 25; s < 2 || s > 3 {
			want = append(want, float64(i)/25)
		}
	}
	for i := range 150 {
		want = append(want, 10+float64(i)/25)
	}
	at := shown(t, p)
	if len(at) != len(want) {
		t.Fatalf("%d pictures, want %d", len(at), len(want))
	}
	for i := range at {
		if d := at[i] - want[i]; d > 0.001 || d < -0.001 {
			t.Fatalf("picture %d at %v, want %v", i, at[i], want[i])
		}
	}
	// Sound keeps step with the pictures: no packet is in a gap, and the first after it is where it was.
	for _, k := range p.Of(1) {
		s := float64(k.PTS) / 48000
		if s > 2.05 && s < 3.95 || s > 6.05 && s < 9.95 {
			t.Errorf("sound at %v s", s)
		}
	}
	wantGaps := []storage.Span{{From: start.Add(2 * time.Second), To: start.Add(4 * time.Second)}, {From: start.Add(6 * time.Second), To: start.Add(10 * time.Second)}}
	if len(r.Gaps) != 2 {
		t.Fatalf("gaps %v, want %v", r.Gaps, wantGaps)
	}
	for i, g := range r.Gaps {
		if g.From.Sub(wantGaps[i].From).Abs() > time.Millisecond || g.To.Sub(wantGaps[i].To).Abs() > time.Millisecond {
			t.Errorf("gap %v, want %v", g, wantGaps[i])
		}
	}
	if n := fmp4test.Decode(t, file); n < 250 {
		t.Errorf("%d pictures decoded, want at least 250", n)
	}
}

// TestBeginsInAGap: what is wholly before the span is not in the file, also where storage gives it.
func TestBeginsInAGap(t *testing.T) {
	clip := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Seconds: 6})
	pieces := footage(t, clip, start, func(s int) bool { return s < 2 || s > 3 })
	r, p, _ := make1(t, pieces, start.Add(3*time.Second), start.Add(time.Hour))
	if !r.Start.Equal(start.Add(4*time.Second)) || len(shown(t, p)) != 50 || r.Pictures != 50 {
		t.Errorf("from %v, %d pictures", r.Start, r.Pictures)
	}
}

// TestOverlap: a run that by the wall clock begins before the one before it has ended comes right after it.
func TestOverlap(t *testing.T) {
	clip := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Sound: media.AAC, Seconds: 2})
	pieces := append(footage(t, clip, start, nil), footage(t, clip, start.Add(1900*time.Millisecond), nil)...)
	_, p, file := make1(t, pieces, start, start.Add(time.Hour))
	for i := range 2 {
		prev := int64(-1 << 62)
		for _, k := range p.Of(i) {
			if k.DTS <= prev {
				t.Fatalf("stream %d: %d after %d", i, k.DTS, prev)
			}
			prev = k.DTS
		}
	}
	if n := fmp4test.Decode(t, file); n != 100 {
		t.Errorf("%d pictures decoded, want 100", n)
	}
}

// TestSplits: what does not go in one file is refused before a byte is written, with the moment at which to split;
// both halves then go.
func TestSplits(t *testing.T) {
	one := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Seconds: 2})
	two := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Seconds: 2, Size: "640x360"})
	at := start.Add(5 * time.Second)
	for name, c := range map[string]struct {
		pieces []storage.Piece
		at     time.Time
	}{
		"other size":     {append(footage(t, one, start, nil), footage(t, two, at, nil)...), at},
		"away for a day": {append(footage(t, one, start, nil), footage(t, one, start.Add(24*time.Hour), nil)...), start.Add(2 * time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			open := func() (export.Pieces, error) { return &reel{pieces: c.pieces, closed: new(int)}, nil }
			var b bytes.Buffer
			_, err := export.MP4(t.Context(), &b, open, start, start.Add(48*time.Hour))
			var split *export.SplitError
			if !errors.As(err, &split) || split.At.Sub(c.at).Abs() > time.Millisecond || b.Len() > 0 {
				t.Fatalf("%v, %d bytes", err, b.Len())
			}
			for _, half := range [][2]time.Time{{start, split.At}, {split.At, start.Add(48 * time.Hour)}} {
				_, p, file := make1(t, c.pieces, half[0], half[1])
				if n := len(p.Of(0)); n != 50 {
					t.Errorf("%d pictures, want 50", n)
				}
				if n := fmp4test.Decode(t, file); n != 50 {
					t.Errorf("%d pictures decoded, want 50", n)
				}
			}
		})
	}
}

func TestErrors(t *testing.T) {
	clip := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Seconds: 3})
	pieces := footage(t, clip, start, nil)
	other := footage(t, fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Seconds: 3, Options: []string{"-crf", "40"}}), start, nil)
	cut := slices.Clone(pieces)
	cut[1].Data = cut[1].Data[:100]
	broken := errors.New("disk on fire")
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name          string
		ctx           context.Context
		first, second []storage.Piece
		err           error // of opening
		from, to      time.Duration
		want          error
	}{
		{name: "nothing there", want: export.ErrNoFootage, to: time.Hour},
		{name: "all of it before", first: pieces, from: time.Minute, to: time.Hour, want: export.ErrNoFootage},
		{name: "all of it after", first: pieces, from: -time.Hour, to: -time.Minute, want: export.ErrNoFootage},
		{name: "no time at all", first: pieces, from: time.Second, to: time.Second, want: export.ErrNoFootage},
		{name: "let go of meanwhile", first: pieces, second: pieces[1:], to: time.Hour, want: export.ErrChanged},
		{name: "less at the end", first: pieces, second: pieces[:2], to: time.Hour, want: export.ErrChanged},
		{name: "others", first: pieces, second: other, to: time.Hour, want: export.ErrChanged},
		{name: "does not open", err: broken, to: time.Hour, want: broken},
		{name: "given up", ctx: done, first: pieces, to: time.Hour, want: context.Canceled},
	} {
		opened := 0
		open := func() (export.Pieces, error) {
			opened++
			if opened == 2 && c.second != nil {
				return &reel{pieces: c.second, closed: new(int)}, nil
			}
			return &reel{pieces: c.first, closed: new(int)}, c.err
		}
		ctx := c.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		if _, err := export.MP4(ctx, io.Discard, open, start.Add(c.from), start.Add(c.to)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	open := func() (export.Pieces, error) { return &reel{pieces: cut, closed: new(int)}, nil }
	if _, err := export.MP4(t.Context(), io.Discard, open, start, start.Add(time.Hour)); err == nil {
		t.Error("a damaged piece: no error")
	}
	// More at the end, because recording went on: the plan holds.
	opened := 0
	open = func() (export.Pieces, error) {
		opened++
		return &reel{pieces: pieces[:1+opened], closed: new(int)}, nil
	}
	if r, err := export.MP4(t.Context(), io.Discard, open, start, start.Add(time.Hour)); err != nil || r.Pictures != 50 {
		t.Errorf("footage that grows: %v, %d pictures", err, r.Pictures)
	}
}
