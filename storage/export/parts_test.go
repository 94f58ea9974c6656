package export_test

import (
	"bytes"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/fmp4/fmp4test"
	"hearth/storage"
	"hearth/storage/export"
	"hearth/storage/segment"
)

// reopen gives pieces from the key frame at or before from on, as storage does; those of other runs count as other files.
func reopen(pieces []storage.Piece) func(from, to time.Time) (export.Pieces, error) {
	return func(from, _ time.Time) (export.Pieces, error) {
		first := 0
		for i, p := range pieces {
			if p.Key && !p.Start.After(from) {
				first = i
			}
		}
		rest := slices.Clone(pieces[first:])
		return &reel{pieces: rest, closed: new(int)}, nil
	}
}

// TestParts: where the camera's settings change or the pause is too long, another file begins, and nothing is lost.
func TestParts(t *testing.T) {
	one := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Sound: media.AAC, Seconds: 3})
	two := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Seconds: 3, Size: "640x360"})
	hevc := fmp4test.Make(t, fmp4test.Spec{Video: media.H265, Seconds: 3})
	for name, c := range map[string]struct {
		pieces   []storage.Piece
		from, to time.Duration
		pictures []int
	}{
		"no change": {footage(t, one, start, nil), 0, time.Hour, []int{75}},
		"a gap of the same settings": {
			append(footage(t, one, start, nil), footage(t, one, start.Add(time.Minute), nil)...), 0, time.Hour, []int{150},
		},
		"other size, other codec, and back": {slices.Concat(footage(t, one, start, nil), footage(t, two, start.Add(3*time.Second), nil),
			footage(t, hevc, start.Add(8*time.Second), nil), footage(t, one, start.Add(11*time.Second), nil)), 0, time.Hour, []int{75, 75, 75, 75}},
		// By the wall clock the second begins before the first has ended; both are whole.
		"overlap": {append(footage(t, one, start, nil), footage(t, two, start.Add(2500*time.Millisecond), nil)...), 0, time.Hour, []int{75, 75}},
		"pause of a day": {
			append(footage(t, one, start, nil), footage(t, one, start.Add(24*time.Hour), nil)...), 0, 48 * time.Hour, []int{75, 75},
		},
		"pause of a day and another size": {
			append(footage(t, one, start, nil), footage(t, two, start.Add(24*time.Hour), nil)...), 0, 48 * time.Hour, []int{75, 75},
		},
		"begins in the pause": {
			append(footage(t, one, start, nil), footage(t, two, start.Add(time.Minute), nil)...), 10 * time.Second, time.Hour, []int{75},
		},
		"ends in the second": {
			append(footage(t, one, start, nil), footage(t, two, start.Add(3*time.Second), nil)...), time.Second, 4 * time.Second, []int{50, 25},
		},
	} {
		t.Run(name, func(t *testing.T) {
			parts, err := export.Parts(t.Context(), reopen(c.pieces), start.Add(c.from), start.Add(c.to), true)
			if err != nil || len(parts) != len(c.pictures) {
				t.Fatalf("%d files, %v", len(parts), err)
			}
			var last time.Time
			for i, p := range parts {
				var b bytes.Buffer
				if err := p.Write(t.Context(), &b); err != nil {
					t.Fatal(err)
				}
				if int64(b.Len()) != p.Size() || p.CRC() != crc32.ChecksumIEEE(b.Bytes()) {
					t.Errorf("file %d: %d bytes, said %d; CRC %08x", i, b.Len(), p.Size(), p.CRC())
				}
				name := filepath.Join(t.TempDir(), "part.mp4")
				if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				if n := fmp4test.Decode(t, name); n != c.pictures[i] || p.Report().Pictures != n {
					t.Errorf("file %d: %d pictures decoded, %d said, want %d", i, n, p.Report().Pictures, c.pictures[i])
				}
				if p.Report().Start.Before(last) {
					t.Errorf("file %d begins before the one before it", i)
				}
				last = p.Report().Start
			}
		})
	}
	for name, c := range map[string]struct {
		pieces []storage.Piece
		from   time.Duration
		want   error
	}{
		"nothing":            {nil, 0, export.ErrNoFootage},
		"all of it is later": {footage(t, one, start, nil), -time.Hour, export.ErrNoFootage},
	} {
		if _, err := export.Parts(t.Context(), reopen(c.pieces), start.Add(c.from-time.Hour), start.Add(c.from), false); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSources: a plan says where the samples of every record lie in the file, and of which records there are none.
func TestSources(t *testing.T) {
	clip := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, BFrames: 2, Sound: media.AAC, Seconds: 6})
	pieces := footage(t, clip, start, func(s int) bool { return s != 2 })
	camera := media.NewCameraID()
	files := [2]segment.Header{segment.NewHeader(camera, media.Main), segment.NewHeader(camera, media.Main)}
	lead := fmp4.Duration(clip.Units[0].PTS, 90000)
	var want []int
	for i := range pieces {
		second := pieces[i].DTS / media.VideoClockRate
		pieces[i].Origin = storage.Origin{Header: files[second/3], Record: i, Table: make([]segment.Entry, len(pieces))}
		if len(want) > 0 && second >= 3 && pieces[want[len(want)-1]].DTS < 3*media.VideoClockRate {
			pieces[i].Origin.Notes = []segment.Note{{Kind: segment.NoteGap, Reason: "for the test"}}
		}
		if second >= 1 && pieces[i].Start.Before(start.Add(lead+4500*time.Millisecond)) {
			want = append(want, i)
		}
	}
	parts, err := export.Parts(t.Context(), reopen(pieces), start.Add(lead+1500*time.Millisecond), start.Add(lead+4500*time.Millisecond), true)
	if err != nil || len(parts) != 1 {
		t.Fatalf("%d, %v", len(parts), err)
	}
	var b bytes.Buffer
	if err := parts[0].Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	sources := parts[0].Sources()
	if len(sources) != 2 || sources[0].Header != files[0] || sources[1].Header != files[1] || len(sources[1].Notes) != 1 {
		t.Fatalf("%d sources", len(sources))
	}
	at := int64(-1)
	var numbers []int
	for _, s := range sources {
		for _, r := range s.Records {
			numbers = append(numbers, r.Number)
			if at >= 0 && r.Offset != at || r.Bytes <= 0 {
				t.Errorf("record %d at %d, %d bytes; the one before it ended at %d", r.Number, r.Offset, r.Bytes, at)
			}
			at = r.Offset + r.Bytes
		}
	}
	if at != parts[0].Size() || !slices.Equal(numbers, want) {
		t.Errorf("records %v, want %v, to %d of %d", numbers, want, at, parts[0].Size())
	}
	// The first picture of the second file is where it is said to be.
	var key []byte
	for _, u := range clip.Units {
		if u.Track == 0 && u.Key && u.DTS >= 3*90000 {
			key = u.Data
			break
		}
	}
	if r := sources[1].Records[0]; !bytes.HasPrefix(b.Bytes()[r.Offset:], key) {
		t.Error("the record's samples are not where it says")
	}
}

// TestTwoCamerasInOneFile: pieces of two cameras never go into one file, also when only the second reading brings them.
func TestTwoCamerasInOneFile(t *testing.T) {
	clip := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Seconds: 4})
	files := [2]segment.Header{segment.NewHeader(media.NewCameraID(), media.Main), segment.NewHeader(media.NewCameraID(), media.Main)}
	of := func(other int) []storage.Piece {
		pieces := footage(t, clip, start, func(s int) bool { return s != 2 })
		for i := range pieces {
			pieces[i].Origin.Header = files[0]
			if i == other || other == -2 {
				pieces[i].Origin.Header = files[1]
			}
		}
		return pieces
	}
	for name, c := range map[string][2]int{"first reading": {1, 1}, "second reading": {-1, 1}, "all of the second reading": {-1, -2}} {
		reading := 0
		var b bytes.Buffer
		_, err := export.MP4(t.Context(), &b, func() (export.Pieces, error) {
			reading++
			return reopen(of(c[min(reading, 2)-1]))(start, start.Add(time.Hour))
		}, start, start.Add(time.Hour))
		if !errors.Is(err, export.ErrMixed) || !errors.Is(err, storage.ErrForged) {
			t.Errorf("%s: %v, %d bytes", name, err, b.Len())
		}
	}
}
