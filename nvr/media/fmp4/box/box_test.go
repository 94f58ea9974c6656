package box

import (
	"bytes"
	"errors"
	"testing"
)

func nested() []byte {
	b, moov := Begin(nil, "moov")
	b, trak := Begin(b, "trak")
	b, tkhd := BeginFull(b, "tkhd", 1, 3)
	b = U64(U32(U16(Zeros(b, 11), 2), 3), 4)
	return End(End(End(b, tkhd), trak), moov)
}

func TestFind(t *testing.T) {
	b := append(End(Begin(nil, "ftyp")), nested()...)
	want := append(append([]byte{1, 0, 0, 3}, make([]byte, 11)...), 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4)
	if got := Find(b, "moov", "trak", "tkhd"); !bytes.Equal(got, want) {
		t.Errorf("% x", got)
	}
	for _, path := range [][]string{{"mdat"}, {"moov", "tkhd"}, {"moov", "trak", "tkhd", "none"}} {
		if got := Find(b, path...); got != nil {
			t.Errorf("%v: % x", path, got)
		}
	}
}

// FuzzNext walks over foreign bytes: each box lies within them, all are read, and nothing is read twice.
func FuzzNext(f *testing.F) {
	f.Add(nested())
	f.Add([]byte("\x00\x00\x00\x00moof\x00"))
	f.Add([]byte("\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x11x"))
	f.Add([]byte("\x00\x00\x00\x01mdat\xff\xff\xff\xff\xff\xff\xff\xffx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		Find(b, "moov", "trak", "mdia", "minf", "stbl", "stsd")
		for rest := b; len(rest) > 0; {
			x, after, err := Next(rest)
			if err != nil {
				if !errors.Is(err, ErrMalformed) {
					t.Fatal(err)
				}
				return
			}
			if x.Size()+len(after) != len(rest) || x.Size() < 8 || len(x.Kind) != 4 || !bytes.Equal(x.Body, rest[x.Head:x.Size()]) {
				t.Fatalf("%q of %d bytes, %d behind it, of %d", x.Kind, x.Size(), len(after), len(rest))
			}
			if large := bytes.HasPrefix(rest, []byte{0, 0, 0, 1}); large != (x.Head == 16) || !large && x.Head != 8 {
				t.Fatalf("%q has a head of %d bytes", x.Kind, x.Head)
			}
			if found := Find(rest, x.Kind); !bytes.Equal(found, x.Body) {
				t.Fatalf("the first %q is not found", x.Kind)
			}
			rest = after
		}
	})
}
