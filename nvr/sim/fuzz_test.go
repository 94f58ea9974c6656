package sim

import (
	"bytes"
	"testing"

	"hearth/nvr/media"
)

// checkClip says what every clip that was taken promises.
func checkClip(t *testing.T, c *Clip, err error) {
	if err != nil {
		return
	}
	if len(c.Units) == 0 || !c.Units[0].Key || c.Length <= 0 {
		t.Fatalf("%d pictures, %v", len(c.Units), c.Length)
	}
	for i, u := range c.Units {
		if i > 0 && u.DTS <= c.Units[i-1].DTS || len(u.packets) == 0 {
			t.Fatalf("picture %d: DTS %d, %d packets", i, u.DTS, len(u.packets))
		}
	}
	p := &playing{clip: c}
	n := int64(2*len(c.Units) + 1)
	if p.due(n) <= p.due(n-1) || p.at(p.due(n)) > n+1 {
		t.Fatalf("picture %d is due at %v, the one before at %v", n, p.due(n), p.due(n-1))
	}
}

func FuzzRawClip(f *testing.F) {
	c, err := Yard(0).Film(Video{Width: 128, Height: 72}, 5, 2, 3, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c.AnnexB(), false)
	f.Add([]byte{0, 0, 1, 0x67, 0, 0, 1, 0x68, 0, 0, 1, 0x65, 0x80}, false)
	f.Add([]byte{0, 0, 1, 0x40, 1, 0, 0, 1, 0x42, 1, 0, 0, 1, 0x44, 1, 0, 0, 1, 0x26, 1, 0x80}, true)
	f.Fuzz(func(t *testing.T, b []byte, h265 bool) {
		codec := media.H264
		if h265 {
			codec = media.H265
		}
		c, err := rawClip(b, codec, 15)
		checkClip(t, c, err)
	})
}

func FuzzMP4(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x08moov"))
	f.Add(smallMP4())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseMP4(bytes.NewReader(b), int64(len(b)))
		checkClip(t, c, err)
	})
}

// box is an ISO box with its contents.
func box(name string, contents ...[]byte) []byte {
	b := bytes.Join(contents, nil)
	n := len(b) + 8
	return append([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), name[0], name[1], name[2], name[3]}, b...)
}

// words are 32-bit numbers.
func words(v ...uint32) (b []byte) {
	for _, w := range v {
		b = append(b, byte(w>>24), byte(w>>16), byte(w>>8), byte(w))
	}
	return b
}

// smallMP4 is a file of two pictures of two bytes.
func smallMP4() []byte {
	ftyp := box("ftyp", []byte("isom\x00\x00\x00\x00isom"))
	mdat := box("mdat", []byte{0, 0, 0, 2, 0x65, 0x80, 0, 0, 0, 2, 0x41, 0x80})
	avcC := box("avcC", []byte{1, 66, 0xC0, 30, 0xFF, 0xE1, 0, 4, 0x67, 66, 0xC0, 30, 1, 0, 2, 0x68, 0xCE})
	entry := make([]byte, 78)
	entry[7] = 1
	stbl := box("stbl",
		box("stsd", words(0, 1), box("avc1", entry, avcC)),
		box("stts", words(0, 1, 2, 6000)),
		box("stss", words(0, 1, 1)),
		box("stsc", words(0, 1, 1, 2, 1)),
		box("stsz", words(0, 0, 2, 6, 6)),
		box("stco", words(0, 1, uint32(len(ftyp)+8))),
	)
	mdhd := box("mdhd", words(0, 0, 0, 90000, 12000, 0))
	moov := box("moov", box("trak", box("mdia", mdhd, box("minf", stbl))))
	return bytes.Join([][]byte{ftyp, mdat, moov}, nil)
}

func TestSmallMP4(t *testing.T) {
	b := smallMP4()
	c, err := parseMP4(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Units) != 2 || !c.Units[0].Key || c.Units[1].Key || c.Units[1].DTS != 6000 {
		t.Fatalf("%+v", c.Units)
	}
	checkClip(t, c, err)
}
