package index

import (
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"hearth/nvr/media"
)

func drawnMarks(t *rapid.T) (h hourMarks) {
	most := rapid.SampledFrom([]int{0, 5, 40, 360}).Draw(t, "marks")
	for range most {
		i := rapid.IntRange(0, marksPerHour-1).Draw(t, "stretch")
		x, y := rapid.Float64Range(0, 0.8).Draw(t, "x"), rapid.Float64Range(0, 0.8).Draw(t, "y")
		h[i].take(mark{uint8(rapid.IntRange(1, media.Levels).Draw(t, "reach")), frameOf(media.Region{X: x, Y: y, W: 0.2, H: 0.1})})
	}
	return h
}

// However much stirs, an hour of marks is no larger than promised; how much it stirred is kept exactly, and where it did
// within a frame around it.
func TestMarksAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawnMarks(t)
		b := h.marshal()
		if len(b) > MarksSize {
			t.Fatalf("%d bytes", len(b))
		}
		back := parseMarks(b)
		for i := range h {
			if back[i].reach != h[i].reach {
				t.Fatalf("stretch %d reached %d, is kept as %d", i, h[i].reach, back[i].reach)
			}
			if h[i].reach > 0 && around(back[i].frame, h[i].frame) != back[i].frame {
				t.Fatalf("stretch %d was at %v, is kept at %v", i, h[i].frame, back[i].frame)
			}
		}
		if again := back.marshal(); len(again) > MarksSize || parseMarks(again) != back {
			t.Fatal("what is read and written again is another hour")
		}
	})
}

func FuzzParseMarks(f *testing.F) {
	var h hourMarks
	h[3] = mark{5, [4]uint8{1, 2, 3, 4}}
	f.Add(h.marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		h := parseMarks(b)
		if len(h.marshal()) > MarksSize {
			t.Error("too large")
		}
	})
}

func TestMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	yard, other := media.NewCameraID(), media.NewCameraID()
	const hour, second = microsPerHour, 1_000_000
	at := int64(400_000 * hour)
	here, there := media.Region{X: 0.2, Y: 0.2, W: 0.2, H: 0.2}, media.Region{X: 0.6, Y: 0.2, W: 0.2, H: 0.2}
	x.AddMark(yard, at, 0, media.Region{}) // an hour in which nothing stirs
	x.AddMark(yard, at+hour+second, 3, there)
	x.AddMark(yard, at+hour+2*second, 7, here)
	x.AddMark(yard, at+hour+3*second, 5, there)
	x.AddMark(other, at+hour, 11, here)
	x.AddMotion(yard, at+hour, 0.5)
	check := func(when string) {
		t.Helper()
		marks, since, err := x.Marks(yard, at, at+3*hour)
		if err != nil || since != at || len(marks) != 1 || marks[0].At != at+hour || marks[0].Reach != 7 || marks[0].Where.X > 0.2 || marks[0].Where.X < 0.19 {
			t.Errorf("%s: %+v since %d, %v", when, marks, since, err)
		}
		minutes := 0
		if err := x.Motion(yard, at, at+3*hour, func(int64, float64) { minutes++ }); err != nil || minutes != 1 {
			t.Errorf("%s: %d minutes of motion, %v", when, minutes, err)
		}
		if _, since, err := x.Marks(media.NewCameraID(), at, at+3*hour); err != nil || since != 0 {
			t.Errorf("%s: of a camera that never looked: since %d, %v", when, since, err)
		}
	}
	check("in memory")
	if err := x.Checkpoint(at, nil); err != nil {
		t.Fatal(err)
	}
	check("kept")
	x.AddMark(yard, at+hour+4*second, 2, there) // less than is kept
	check("kept, and more in memory")
	if err := x.Checkpoint(at+hour, nil); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if x, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	check("opened again")
	if _, err := x.Trim(yard, at+hour, 100); err != nil {
		t.Fatal(err)
	}
	if marks, since, err := x.Marks(yard, at, at+3*hour); err != nil || since != at+hour || len(marks) != 1 {
		t.Errorf("after the first hour went: %+v since %d, %v", marks, since, err)
	}
	if err := x.RemoveCamera(yard); err != nil {
		t.Fatal(err)
	}
	if marks, since, err := x.Marks(yard, at, at+3*hour); err != nil || since != 0 || len(marks) != 0 {
		t.Errorf("after the camera went: %+v since %d, %v", marks, since, err)
	}
	if marks, _, err := x.Marks(other, at, at+3*hour); err != nil || len(marks) != 1 {
		t.Errorf("of the other camera: %+v, %v", marks, err)
	}
}
