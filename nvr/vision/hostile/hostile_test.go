package hostile

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the corpus anew")

// What lies in git is what Make makes, and is small.
func TestCorpus(t *testing.T) {
	made := Make()
	if *update {
		old, err := filepath.Glob("corpus/*.gz")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range old {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range made {
			b, err := s.pack()
			if err != nil {
				t.Fatalf("%s: %v", s.Name, err)
			}
			if err := os.WriteFile("corpus/"+s.Name+".gz", b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	stored := Corpus(t)
	if len(stored) != len(made) {
		t.Errorf("%d streams lie in git, %d are made", len(stored), len(made))
	}
	for _, want := range made {
		i := slices.IndexFunc(stored, func(s Stream) bool { return s.Name == want.Name })
		if i < 0 {
			t.Errorf("%s is missing: go test ./nvr/vision/hostile -run TestCorpus -update", want.Name)
			continue
		}
		a, err := want.said()
		if err != nil {
			t.Fatal(err)
		}
		b, err := stored[i].said()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s is another one than is made", want.Name)
		}
		if len(want.Units) == 0 {
			t.Errorf("%s has no units", want.Name)
		}
	}
}
