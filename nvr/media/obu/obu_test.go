package obu

import (
	"bytes"
	"testing"
)

func TestKey(t *testing.T) {
	sequence := OBU{Kind: Sequence, Body: []byte{0, 0, 0, 3}}.Append(nil, true)
	still := OBU{Kind: Sequence, Body: []byte{0x18, 0, 0, 3}}.Append(nil, true)
	frame := func(first byte) []byte { return OBU{Kind: Frame, Body: []byte{first, 1, 2}}.Append(nil, true) }
	layered := func(kind, first byte) []byte {
		return OBU{Kind: kind, Extended: true, Layers: 0x20, Body: []byte{first}}.Append(nil, true)
	}
	delimiter := OBU{Kind: Delimiter}.Append(nil, true)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for _, c := range []struct {
		name string
		unit []byte
		want bool
	}{
		{"a key frame", join(sequence, frame(0x10)), true},
		{"behind a delimiter", join(delimiter, sequence, frame(0x10)), true},
		{"its header alone", join(sequence, OBU{Kind: Header, Body: []byte{0x10}}.Append(nil, true)), true},
		{"of a layer", join(layered(Sequence, 0), layered(Frame, 0x10)), true},
		{"a still picture", join(still, frame(0xf0)), true},
		{"without its sequence header", frame(0x10), false},
		{"a later frame", join(sequence, frame(0x30)), false},
		{"one of intra blocks, which keeps what was before", join(sequence, frame(0x50)), false},
		{"one that was there before is shown", join(sequence, frame(0x80)), false},
		{"a later frame before a key frame", join(sequence, frame(0x30), frame(0x10)), false},
		{"a sequence header", sequence, false},
		{"nothing", nil, false},
		{"noise", []byte{0xff, 0xff}, false},
	} {
		if Key(c.unit) != c.want {
			t.Errorf("%s: %v", c.name, !c.want)
		}
	}
}

// FuzzNext: what is taken apart can be put together again, and nothing reads beyond the end.
func FuzzNext(f *testing.F) {
	f.Add([]byte{0x0a, 2, 1, 2, 0x32, 1, 0x10})
	f.Add([]byte{0x36, 0x20, 1, 0x10})
	f.Add([]byte{0x30, 0x10})
	f.Add([]byte{0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		Key(b)
		for len(b) > 0 {
			o, rest, ok := Next(b)
			if !ok {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("it does not go on")
			}
			for _, sized := range []bool{true, false} {
				again, end, ok := Next(o.Append(nil, sized))
				if !ok || len(end) > 0 || again.Kind != o.Kind || again.Extended != o.Extended || again.Layers != o.Layers || !bytes.Equal(again.Body, o.Body) {
					t.Fatalf("%+v became %+v", o, again)
				}
			}
			b = rest
		}
	})
}
