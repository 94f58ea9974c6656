package fmp4_test

import (
	"encoding/binary"
	"testing"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
)

// bareInit is the initialization part of a run with MJPEG and Opus, which need no parameter sets.
func bareInit(t testing.TB) []byte {
	t.Helper()
	b, err := fmp4.Init([]media.Track{
		{Codec: media.MJPEG, ClockRate: 90000, Width: 640, Height: 360},
		{Codec: media.Opus, ClockRate: 48000, Channels: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseInit(t *testing.T) {
	b := bareInit(t)
	tracks, err := fmp4.ParseInit(b)
	if err != nil {
		t.Fatal(err)
	}
	v, s := tracks[0], tracks[1]
	if !v.Video || v.Rate != 90000 || v.Width != 640 || v.Height != 360 || string(v.Entry[4:8]) != "mp4v" {
		t.Errorf("video: %+v", v)
	}
	if s.Video || s.Rate != 48000 || string(s.Entry[4:8]) != "Opus" || int(binary.BigEndian.Uint32(s.Entry)) != len(s.Entry) {
		t.Errorf("sound: %+v", s)
	}
	for cut := range b {
		if _, err := fmp4.ParseInit(b[:cut]); err == nil {
			t.Errorf("cut at %d of %d: no error", cut, len(b))
		}
	}
}

// TestMIME checks strings against ones known from elsewhere: RFC 6381's and those of Apple's sample streams.
func TestMIME(t *testing.T) {
	// An SPS of Main 10, level 3.1, high tier with 00 00 03 in its constraints, as encoders write them.
	main10 := []byte{0x42, 0x01, 0x01, 0x22, 0x20, 0x00, 0x00, 0x03, 0x00, 0xb0, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x5d, 0xa0}
	for _, c := range []struct {
		tracks []media.Track
		want   string
	}{
		{[]media.Track{{Codec: media.H264, SPS: []byte{0x67, 0x64, 0x00, 0x28}}}, `video/mp4; codecs="avc1.640028"`},
		{[]media.Track{{Codec: media.H264, SPS: []byte{0x67, 0x42, 0xc0, 0x1e}}, {Codec: media.AAC, Config: []byte{0x12, 0x10}}}, `video/mp4; codecs="avc1.42C01E,mp4a.40.2"`},
		{[]media.Track{{Codec: media.H265, SPS: main10}, {Codec: media.FLAC}}, `video/mp4; codecs="hvc1.2.4.H93.B0,flac"`},
		{[]media.Track{{Codec: media.AAC, Config: []byte{0x2b, 0x92}}}, `audio/mp4; codecs="mp4a.40.5"`},
		{[]media.Track{{Codec: media.Opus}}, `audio/mp4; codecs="opus"`},
	} {
		if got := fmp4.MIME(c.tracks); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
