// Package fmp4test makes media for tests with ffmpeg and asks ffprobe and ffmpeg what they see in a file that Hearth
// made. What a clip holds is read by ffprobe alone, so it is a truth that none of Hearth's own readers had a hand in.
package fmp4test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
)

// Spec says what kind of clip to make.
type Spec struct {
	Video   media.Codec
	Sound   media.Codec // "": none
	Size    string      // "320x180" if empty
	FPS     int         // 25 if 0
	GOP     int         // frames from key frame to key frame; 25 if 0
	BFrames int
	Seconds int      // 2 if 0
	Options []string // further ones for the video encoder
}

// Clip is a run and its access units, video and sound in the order of their decoding times.
type Clip struct {
	Run   *media.Run
	Units []*media.AccessUnit
}

var encoders = map[media.Codec][]string{
	media.H264:  {"-c:v", "libx264", "-preset", "ultrafast"},
	media.H265:  {"-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1"},
	media.AV1:   {"-c:v", "libsvtav1", "-preset", "12"},
	media.MJPEG: {"-c:v", "mjpeg", "-q:v", "5"},
	media.AAC:   {"-c:a", "aac"},
	media.Opus:  {"-c:a", "libopus"},
	media.FLAC:  {"-c:a", "flac"},
}

// Make makes a clip. It needs Debian's ffmpeg and fails the test where that is missing.
func Make(t testing.TB, s Spec) Clip {
	t.Helper()
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&s.FPS, 25)
	def(&s.GOP, 25)
	def(&s.Seconds, 2)
	if s.Size == "" {
		s.Size = "320x180"
	}
	file := filepath.Join(t.TempDir(), "clip.mp4")
	args := []string{"-v", "error", "-y", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=%s:r=%d", s.Size, s.FPS)}
	if s.Sound != "" {
		args = append(args, "-f", "lavfi", "-i", "sine=440:r=48000")
	}
	args = append(args, "-t", strconv.Itoa(s.Seconds), "-pix_fmt", "yuv420p", "-threads", "1")
	args = append(args, encoders[s.Video]...)
	switch s.Video {
	case media.H264:
		args = append(args, "-g", strconv.Itoa(s.GOP), "-bf", strconv.Itoa(s.BFrames), "-sc_threshold", "0")
	case media.H265:
		args = append(args, "-x265-params", fmt.Sprintf("log-level=error:keyint=%d:min-keyint=%d:bframes=%d:scenecut=0:open-gop=0:pools=1", s.GOP, s.GOP, s.BFrames))
	case media.AV1:
		args = append(args, "-g", strconv.Itoa(s.GOP))
	}
	args = append(args, s.Options...)
	args = append(args, encoders[s.Sound]...)
	args = append(args, "-strict", "-2", "-video_track_timescale", "90000", file)
	cmd := exec.Command("ffmpeg", args...)
	cmd.Env = append(os.Environ(), "SVT_LOG=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg makes a clip: %v\n%s", err, out)
	}
	return read(t, file, s)
}

// read takes a plain MP4 apart with ffprobe.
func read(t testing.TB, file string, s Spec) Clip {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := Probe(t, file, "-ignore_editlist", "1")
	run := &media.Run{
		ID: media.NewUUID(), Camera: media.NewCameraID(), Trusted: true,
		Start: time.Date(2026, 3, 14, 15, 9, 26, 535_897_000, time.UTC),
	}
	for i, st := range p.Streams {
		codec, rate := s.Video, media.VideoClockRate
		if i > 0 {
			codec = s.Sound
			rate, _ = strconv.Atoi(st.SampleRate)
		}
		tr := media.Track{Codec: codec, ClockRate: rate, Width: st.Width, Height: st.Height, Channels: st.Channels}
		setConfig(t, &tr, undump(t, st.Extradata))
		run.Tracks = append(run.Tracks, tr)
	}
	c := Clip{Run: run}
	for _, k := range p.Packets {
		c.Units = append(c.Units, &media.AccessUnit{
			Camera: run.Camera, Track: k.Stream, DTS: k.DTS, PTS: k.PTS, Key: strings.HasPrefix(k.Flags, "K"),
			Wall: run.Start.Add(time.Duration(k.DTS) * time.Second / time.Duration(run.Tracks[k.Stream].ClockRate)),
			Data: raw[k.pos() : k.pos()+k.size()],
		})
	}
	return c
}

// setConfig puts what ffprobe calls extradata where a Track has it.
func setConfig(t testing.TB, tr *media.Track, b []byte) {
	t.Helper()
	switch tr.Codec {
	case media.H264: // avcC with one SPS and one PPS
		n := int(binary.BigEndian.Uint16(b[6:]))
		tr.SPS, b = b[8:8+n], b[8+n:]
		n = int(binary.BigEndian.Uint16(b[1:]))
		tr.PPS = b[3 : 3+n]
	case media.H265: // hvcC
		arrays, b := int(b[22]), b[23:]
		for range arrays {
			kind, count := b[0]&0x3f, int(binary.BigEndian.Uint16(b[1:]))
			b = b[3:]
			for range count {
				n := int(binary.BigEndian.Uint16(b))
				switch kind {
				case 32:
					tr.VPS = b[2 : 2+n]
				case 33:
					tr.SPS = b[2 : 2+n]
				case 34:
					tr.PPS = b[2 : 2+n]
				}
				b = b[2+n:]
			}
		}
	case media.AV1: // av1C and the sequence header, whose size field a Track does not have
		obu := b[4:]
		if obu[0]&2 == 0 || obu[1]&0x80 != 0 {
			t.Fatalf("unexpected av1C % x", b)
		}
		tr.Config = append([]byte{obu[0] &^ 2}, obu[2:2+obu[1]]...)
	case media.AAC, media.FLAC:
		tr.Config = b
	}
}

// undump reads the hexadecimal picture that ffprobe draws of bytes.
func undump(t testing.TB, s string) []byte {
	t.Helper()
	var b []byte
	for line := range strings.Lines(s) {
		_, line, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		line, _, _ = strings.Cut(line, "  ")
		x, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, x...)
	}
	return b
}

// Probed is what ffprobe says of a file.
type Probed struct {
	Streams []struct {
		Codec      string `json:"codec_name"`
		Tag        string `json:"codec_tag_string"`
		SampleRate string `json:"sample_rate"`
		TimeBase   string `json:"time_base"`
		Width      int    `json:"width"`
		Height     int    `json:"height"`
		Channels   int    `json:"channels"`
		Extradata  string `json:"extradata"`
	} `json:"streams"`
	Packets []Packet `json:"packets"`
	Format  struct {
		Duration string            `json:"duration"`
		Tags     map[string]string `json:"tags"`
	} `json:"format"`
}

// Packet is one packet that ffprobe saw; times are in ticks of its stream.
type Packet struct {
	Stream   int    `json:"stream_index"`
	PTS      int64  `json:"pts"`
	DTS      int64  `json:"dts"`
	Duration int64  `json:"duration"`
	Size     string `json:"size"`
	Pos      string `json:"pos"`
	Flags    string `json:"flags"`
	Hash     string `json:"data_hash"`
}

func (k Packet) pos() int  { n, _ := strconv.Atoi(k.Pos); return n }
func (k Packet) size() int { n, _ := strconv.Atoi(k.Size); return n }

// Of gives the packets of one stream, in the order of the file.
func (p Probed) Of(stream int) []Packet {
	var of []Packet
	for _, k := range p.Packets {
		if k.Stream == stream {
			of = append(of, k)
		}
	}
	return of
}

// Probe asks ffprobe for a file's streams and packets; any warning fails the test.
func Probe(t testing.TB, file string, options ...string) Probed {
	t.Helper()
	args := append([]string{"-v", "warning"}, options...)
	args = append(args, "-show_format", "-show_streams", "-show_packets", "-show_data", "-show_data_hash", "crc32", "-of", "json")
	args = append(args, "-show_entries", "packet=stream_index,pts,dts,duration,size,pos,flags,data_hash:"+
		"stream=codec_name,codec_tag_string,sample_rate,time_base,width,height,channels,extradata:format=duration:format_tags", file)
	cmd := exec.Command("ffprobe", args...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil || complaint.Len() > 0 {
		t.Fatalf("ffprobe %s: %v\n%s", file, err, complaint.String())
	}
	var p Probed
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// Decode lets ffmpeg decode a whole file; any warning fails the test. It gives the number of pictures.
func Decode(t testing.TB, file string) int {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-v", "warning", "-xerror", "-threads", "1", "-i", file, "-progress", "-", "-nostats", "-f", "null", "-")
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil || complaint.Len() > 0 {
		t.Fatalf("ffmpeg decodes %s: %v\n%s", file, err, complaint.String())
	}
	frames := -1
	for line := range strings.Lines(string(out)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "frame="); ok {
			frames, _ = strconv.Atoi(n)
		}
	}
	return frames
}
