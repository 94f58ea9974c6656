package hostile

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"math/rand/v2"
)

// claim changes the size that a JPEG says it has.
func claim(picture []byte, width, height uint16) []byte {
	b := bytes.Clone(picture)
	if at := bytes.Index(b, []byte{0xff, 0xc0}); at >= 0 {
		binary.BigEndian.PutUint16(b[at+5:], height)
		binary.BigEndian.PutUint16(b[at+7:], width)
	}
	return b
}

// before puts segments in front of a JPEG's frame.
func before(picture []byte, segments ...byte) []byte {
	at := bytes.Index(picture, []byte{0xff, 0xc0})
	return append(append(bytes.Clone(picture[:at]), segments...), picture[at:]...)
}

// segment is a JPEG's marker with what belongs to it.
func segment(marker byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2)), body...)
}

func mjpegStreams() []Stream {
	r := rand.New(rand.NewPCG(4, 4))
	base := mjpeg()
	of := func(name string, pictures ...[]byte) Stream {
		s := base
		s.Name, s.Units = "mjpeg-"+name, nil
		for _, p := range pictures {
			s.Units = append(s.Units, Unit{true, p}, base.Units[0])
		}
		return s
	}
	p := base.Units[0].Data

	var sizes [][]byte
	for _, n := range [][2]uint16{{65500, 65500}, {16384, 16384}, {8192, 8192}, {65500, 1}, {1, 65500}, {0, 0}, {0, 96}, {8192, 4096}} {
		sizes = append(sizes, claim(p, n[0], n[1]))
	}
	var changing [][]byte
	for range 60 {
		changing = append(changing, claim(p, uint16(1+r.UintN(3000)), uint16(1+r.UintN(2000))))
	}

	// Huffman tables with too many codes, codes too long, no codes, and codes of noise.
	var huffman [][]byte
	for i := range 30 {
		table := make([]byte, 17+256)
		table[0] = byte(i % 4 / 2 * 16)
		for j := 1; j < 17; j++ {
			switch i % 5 {
			case 0:
				table[j] = 255
			case 1:
				table[j] = byte(r.UintN(256))
			case 2:
				table[16] = 200
			case 3:
				table[1] = 3
			}
		}
		for j := 17; j < len(table); j++ {
			table[j] = byte(r.UintN(256))
		}
		huffman = append(huffman, before(p, segment(0xc4, table)...))
	}

	// A gray picture of 64 megapixels is 800 KB that say nothing.
	gray := image.NewGray(image.Rect(0, 0, 8192, 8192))
	var bomb bytes.Buffer
	if err := jpeg.Encode(&bomb, gray, nil); err != nil {
		panic(err) // it writes to memory
	}

	return []Stream{
		of("sizes", sizes...), of("changing", changing...), of("huffman", huffman...),
		of("bomb-8192", bomb.Bytes(), bomb.Bytes(), bomb.Bytes()),
		of("markers", before(p, bytes.Repeat([]byte{0xff, 0xd8}, 1_000_000)...), before(p, bytes.Repeat([]byte{0xff}, 2_000_000)...),
			before(p, bytes.Repeat(segment(0xdb, make([]byte, 65)), 20_000)...), before(p, bytes.Repeat(segment(0xe1, make([]byte, 60_000)), 60)...),
			append(bytes.Clone(p), bytes.Repeat(p[2:], 400)...), before(p, segment(0xdd, []byte{0, 1})...), before(p, segment(0xdd, []byte{0xff, 0xff})...)),
	}
}
