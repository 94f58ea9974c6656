package index

import (
	"path/filepath"
	"testing"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// TestHeadIsOfWhatCameLast: a line goes on from the file that was added last, whatever its time, but not from one that has
// a successor already.
func TestHeadIsOfWhatCameLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	l := segment.Line{Camera: media.NewCameraID()}
	is := func(what string, want byte) {
		t.Helper()
		if got, err := x.Head(l); err != nil || got != ([32]byte{want}) {
			t.Fatalf("%s: the head is %d, want %d (%v)", what, got[0], want, err)
		}
	}
	add := func(start int64, prev, head byte) {
		x.Add(Addition{Row: Row{Line: l, Start: start, End: start + 10, Size: 1, Prev: [32]byte{prev}, Head: [32]byte{head}}})
	}
	add(1000, 0, 1)
	add(2000, 1, 2)
	add(500, 2, 3) // the clock was set back
	is("added", 3)
	if err := x.Checkpoint(0, nil); err != nil {
		t.Fatal(err)
	}
	is("written", 3)
	add(520, 4, 5) // goes on from a file that failed
	is("added", 5)
	add(510, 3, 4) // which is finished only now
	is("finished late", 5)
	if err := x.Checkpoint(1, nil); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if x, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	is("opened again", 5)
	rows, err := x.Rows(l, -1<<62, 1<<62)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows { // rows may leave out what the one before them has
		if want := map[byte]byte{1: 0, 2: 1, 3: 2, 4: 3, 5: 4}[r.Head[0]]; r.Prev[0] != want {
			t.Errorf("file %d goes on from %d, want %d", r.Head[0], r.Prev[0], want)
		}
	}
}
