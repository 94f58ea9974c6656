package segment

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"hearth/nvr/media"
)

// workedExample is the file that docs/ref/footage-format.md shows byte by byte.
func workedExample(t *testing.T) []byte {
	key := testKey{camera: media.CameraID{0: 0xca, 6: 0x40, 8: 0x80, 15: 0x01}}
	for i := range key.secret {
		key.secret[i] = byte(i)
	}
	h := Header{
		Camera: key.camera, Stream: media.Main, Trusted: true,
		Segment: media.UUID{0: 0x5e, 6: 0x40, 8: 0x80, 15: 0x02}, Run: media.UUID{0: 0x12, 6: 0x40, 8: 0x80, 15: 0x03},
		Start: 1_790_000_000_000_000, RunStart: 1_790_000_000_000_000,
	}
	for i := range h.Salt {
		h.Salt[i] = 0xa0 + byte(i)
	}
	file, _, _ := build(t, key, h, []sample{
		{Record{Type: InitRecord, Time: h.Start}, []byte("ftypmoov")},
		{Record{Type: FragRecord, Key: true, Duration: 90000, Time: h.Start}, []byte("moofmdat")},
	}, true)
	return file
}

func TestWorkedExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/ref/footage-format.md")
	if err != nil {
		t.Fatal(err)
	}
	dump := hex.Dump(workedExample(t))
	_, shown, _ := strings.Cut(string(page), "```hexdump\n")
	shown, _, _ = strings.Cut(shown, "```")
	if shown != dump {
		t.Errorf("docs/ref/footage-format.md shows another file; it should be:\n%s", dump)
	}
}
