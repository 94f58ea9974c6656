package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"hearth/nvr/media"
)

func part() *rapid.Generator[float64] { return rapid.Float64Range(0, 1) }

func region() *rapid.Generator[media.Region] {
	return rapid.Custom(func(t *rapid.T) media.Region {
		return media.Region{X: part().Draw(t, "x"), Y: part().Draw(t, "y"), W: part().Draw(t, "w"), H: part().Draw(t, "h"), Score: part().Draw(t, "s")}
	})
}

func data(least, most int) *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.Byte(), least, most)
}

func image(t *rapid.T) []byte {
	return append([]byte{0xff, 0xd8, 0xff, 0xe0}, data(1, 300).Draw(t, "jpeg")...)
}

func ways(t *rapid.T) []Way {
	way := rapid.Custom(func(t *rapid.T) Way {
		return Way{Name: rapid.SampledFrom([]string{VAAPI, CUDA, V4L2}).Draw(t, "way"), Device: rapid.StringN(0, 40, 200).Draw(t, "device")}
	})
	if list := rapid.SliceOfN(way, 0, MaxWays).Draw(t, "ways"); len(list) > 0 {
		return list
	}
	return nil
}

// message draws any message that may be sent.
func message(t *rapid.T) Message {
	number := rapid.Uint64Max(1 << 53)
	text := rapid.StringN(0, 40, 200)
	at := rapid.Int64()
	switch rapid.IntRange(0, 12).Draw(t, "kind") {
	case 0:
		return Config{
			Codec: media.H265, VPS: data(1, 90).Draw(t, "vps"), SPS: data(1, 90).Draw(t, "sps"), PPS: data(1, 90).Draw(t, "pps"),
			Config: data(1, 9).Draw(t, "config"), Width: 1920, Height: 1080, Ways: ways(t), Final: rapid.Bool().Draw(t, "final"), Look: rapid.Bool().Draw(t, "look"),
		}
	case 1:
		return Motion{media.MotionSettings{
			Sensitivity: part().Draw(t, "s"),
			Zones:       []media.Zone{{Name: text.Draw(t, "zone"), Polygon: media.Polygon{{0, 0}, {1, 0}, {1, part().Draw(t, "y")}}}},
		}}
	case 2:
		return Unit{Start: media.NewUUID(), At: at.Draw(t, "at"), Key: rapid.Bool().Draw(t, "key"), Data: data(1, 5000).Draw(t, "data")}
	case 3:
		return Picture{ID: number.Draw(t, "id"), Width: rapid.IntRange(0, MaxWidth).Draw(t, "w")}
	case 4:
		return Hello{Version: 1, FFmpeg: text.Draw(t, "v"), Sandbox: text.Draw(t, "s")}
	case 5:
		return Decoder{Name: "software", Codec: "h264", Width: 640, Height: 360, Why: text.Draw(t, "why")}
	case 6:
		return Look{
			Of: Task{media.NewCameraID(), media.NewUUID()},
			At: at.Draw(t, "at"), Moving: true, Score: part().Draw(t, "s"),
			Regions: rapid.SliceOfN(region(), 1, MaxRegions).Draw(t, "r"), Zones: rapid.SliceOfN(text, 1, MaxZones).Draw(t, "z"),
			Spell:  number.Draw(t, "spell"),
			Tamper: rapid.SampledFrom([]string{"", "covered", "turned", "defocused"}).Draw(t, "tamper"), TamperSince: math.MinInt64,
			Frozen: rapid.Bool().Draw(t, "frozen"), FrozenSince: math.MinInt64,
		}
	case 7:
		return Thumb{Of: Task{media.NewCameraID(), media.NewUUID()}, At: at.Draw(t, "at"), Score: part().Draw(t, "s"), Region: region().Draw(t, "r"), Spell: number.Draw(t, "spell"), JPEG: image(t)}
	case 8:
		return JPEG{Of: Task{media.NewCameraID(), media.NewUUID()}, ID: number.Draw(t, "id"), At: at.Draw(t, "at"), JPEG: image(t)}
	case 10:
		return Task{media.NewCameraID(), media.NewUUID()}
	case 11:
		return Ways{Ways: ways(t), Final: rapid.Bool().Draw(t, "final")}
	case 9:
		return Stats{Mode: "calm", CPU: part().Draw(t, "cpu"), RSS: 1 << 27, Units: number.Draw(t, "u"), Kept: 30}
	}
	return Error{ID: number.Draw(t, "id"), Text: text.Draw(t, "text")}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent []Message
		var b bytes.Buffer
		for range rapid.IntRange(1, 5).Draw(t, "messages") {
			m := message(t)
			if err := Write(&b, m); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, m)
		}
		r := iotest.OneByteReader(&b)
		for _, want := range sent {
			got, err := Read(r)
			if err != nil {
				t.Fatalf("%+v: %v", want, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v came back as %+v", want, got)
			}
			if u, ok := got.(Unit); ok {
				if behind := u.Data[len(u.Data) : len(u.Data)+Padding]; !bytes.Equal(behind, make([]byte, Padding)) {
					t.Fatalf("behind a unit lies %v", behind)
				}
			}
		}
		if _, err := Read(r); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
	})
}

func TestEveryCutIsUnexpected(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, Unit{At: 5, Key: true, Data: []byte("some data")}); err != nil {
		t.Fatal(err)
	}
	for n := 4; n < b.Len(); n++ {
		if _, err := Read(bytes.NewReader(b.Bytes()[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

func raw(kind Kind, head string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(3+len(head)+len(body)))
	b = append(b, byte(kind))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(head)))
	return append(append(b, head...), body...)
}

func TestWhatIsRefused(t *testing.T) {
	many := strings.Repeat(`{},`, MaxRegions+1)
	jpeg := []byte{0xff, 0xd8, 0xff, 0xe0, 1}
	for name, b := range map[string][]byte{
		"unknown kind":        raw(99, "{}", nil),
		"head beyond the end": {3, 0, 0, 0, 66, 9, 0},
		"length too small":    {1, 0, 0, 0, 66, 0, 0},
		"gigabytes":           {0xff, 0xff, 0xff, 0xff, 3, 9, 0},
		"a body on a look":    raw(KindLook, "{}", []byte{1}),
		"no JSON":             raw(KindStats, "stats", nil),
		"many regions":        raw(KindLook, `{"regions":[`+many[:len(many)-1]+`]}`, nil),
		"region outside":      raw(KindLook, `{"regions":[{"x":-0.1}]}`, nil),
		"score of a million":  raw(KindLook, `{"score":1e6}`, nil),
		"an unknown tamper":   raw(KindLook, `{"tamper":"stolen"}`, nil),
		"tamper of tomorrow":  raw(KindLook, `{"at":5,"tamper":"covered","tamper_since":6}`, nil),
		"frozen tomorrow":     raw(KindLook, `{"at":5,"frozen":true,"frozen_since":6}`, nil),
		"thumb without JPEG":  raw(KindThumb, `{}`, []byte("<html>")),
		"empty picture":       raw(KindJPEG, `{}`, nil),
		"long text":           raw(KindError, `{"text":"`+strings.Repeat("a", MaxText+1)+`"}`, nil),
		"short unit head":     raw(KindUnit, "12345678", []byte{1}),
		"unit with a flag":    raw(KindUnit, "12345678\x02", []byte{1}),
		"picture too wide":    raw(KindPicture, `{"width":100000}`, nil),
		"negative time":       raw(KindStats, `{"cpu":-1}`, nil),
		"a reason of its own": raw(KindStats, `{"why":"<b>buy</b>"}`, nil),
		"a hint of its own":   raw(KindStats, `{"hint":"trust me"}`, nil),
		"too much trust":      raw(KindStats, `{"trust":2}`, nil),
		"wakes for less":      raw(KindStats, `{"wake":-1}`, nil),
		"wakes for too much":  raw(KindStats, `{"wake":100000000}`, nil),
	} {
		if _, err := Read(bytes.NewReader(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(bytes.NewReader(raw(KindThumb, "{}", jpeg))); err != nil {
		t.Errorf("a good thumb: %v", err)
	}
}

// What is announced is not allocated before it comes.
func TestAnnouncedMemoryIsNotBelieved(t *testing.T) {
	b := raw(KindUnit, "12345678\x00", nil)
	binary.LittleEndian.PutUint32(b, 3+unitHead+MaxBody)
	result := testing.Benchmark(func(bench *testing.B) {
		bench.ReportAllocs()
		for bench.Loop() {
			if _, err := Read(bytes.NewReader(b)); !errors.Is(err, io.ErrUnexpectedEOF) {
				bench.Fatal(err)
			}
		}
	})
	if n := result.AllocedBytesPerOp(); n > 2<<20 {
		t.Errorf("%d bytes were allocated for a message that never came", n)
	}
}

func FuzzRead(f *testing.F) {
	for _, m := range []Message{
		Config{Codec: media.H264, SPS: []byte{1}},
		Motion{},
		Unit{Data: []byte{1, 2}},
		Picture{ID: 1},
		Hello{Version: 1},
		Look{Regions: []media.Region{{X: 0.5}}, Zones: []string{"door"}},
		Thumb{JPEG: []byte{0xff, 0xd8, 0xff, 0, 0}},
		Stats{},
		Stats{Why: WhySize, Hint: HintGood, Trust: 0.7, Hints: 3, Right: 2, Wake: 4000},
		Error{Text: "x"},
	} {
		var b bytes.Buffer
		if err := Write(&b, m); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			m, err := Read(r)
			if err != nil {
				return
			}
			// What is understood can be said again, and means the same.
			var again bytes.Buffer
			if err := Write(&again, m); err != nil {
				t.Fatal(err)
			}
			if n, err := Read(&again); err != nil || !reflect.DeepEqual(n, m) {
				t.Fatalf("%+v became %+v: %v", m, n, err)
			}
		}
	})
}
