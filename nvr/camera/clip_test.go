package camera

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/pion/rtp"
)

// clip is a piece of video made by ffmpeg: pictures in decoding order, with the times that ffprobe gives them.
type clip struct {
	hevc     bool
	pictures []picture
}

type picture struct {
	nals     [][]byte
	pts, dts int64 // 90 kHz
	key      bool
}

// recipe says how to make a clip.
type recipe struct {
	hevc          bool
	seconds, fps  int
	gop, bframes  int
	width, height int
	noise         bool   // sensor noise, at 4 Mbit/s
	extra         string // more encoder parameters, x264-params or x265-params
}

var clips sync.Map // recipe → *clip

// makeClip makes a clip once per test process.
func makeClip(t testing.TB, r recipe) *clip {
	t.Helper()
	if r.width == 0 {
		r.width, r.height = 320, 240
	}
	if c, ok := clips.Load(r); ok {
		return c.(*clip)
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("no ffmpeg here")
	}
	dir, err := os.MkdirTemp("", "hearth-camera")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "clip.mp4")
	size := strconv.Itoa(r.width) + "x" + strconv.Itoa(r.height)
	args := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=" + strconv.Itoa(r.fps), "-t", strconv.Itoa(r.seconds), "-pix_fmt", "yuv420p"}
	if r.noise {
		args = append(args, "-vf", "noise=alls=12:allf=t", "-b:v", "4M", "-maxrate", "4M", "-bufsize", "4M")
	}
	bsf, container := "h264_mp4toannexb", "h264"
	if r.hevc {
		bsf, container = "hevc_mp4toannexb", "hevc"
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
			joinParams("aud=1:log-level=none:scenecut=0:keyint="+strconv.Itoa(r.gop)+":min-keyint="+strconv.Itoa(r.gop)+":bframes="+strconv.Itoa(r.bframes), r.extra))
	} else {
		args = append(args, "-c:v", "libx264", "-preset", "veryfast", "-g", strconv.Itoa(r.gop), "-bf", strconv.Itoa(r.bframes),
			"-x264-params", joinParams("aud=1:scenecut=0:b-adapt=0", r.extra))
	}
	args = append(args, "-video_track_timescale", "90000", file)
	run(t, "ffmpeg", args...)
	annexb := filepath.Join(dir, "clip.raw")
	run(t, "ffmpeg", "-v", "error", "-i", file, "-c", "copy", "-bsf:v", bsf, "-f", container, annexb)
	raw, err := os.ReadFile(annexb)
	if err != nil {
		t.Fatal(err)
	}
	c := &clip{hevc: r.hevc}
	kind := c.kind()
	// A picture is all up to its last slice; what comes before the first slice of the next one belongs to that.
	var before [][]byte
	for _, n := range splitStartCodes(raw) {
		switch {
		case !kind.isSlice(n):
			before = append(before, n)
		case n[kind.header]&0x80 != 0:
			c.pictures = append(c.pictures, picture{nals: append(before, n)})
			before = nil
		default:
			p := &c.pictures[len(c.pictures)-1]
			p.nals = append(append(p.nals, before...), n)
			before = nil
		}
	}
	out := run(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts,dts,flags", "-of", "csv=p=0", file)
	lines := strings.Fields(out)
	if len(lines) != len(c.pictures) {
		t.Fatalf("ffprobe counts %d pictures, the raw stream holds %d", len(lines), len(c.pictures))
	}
	for i, l := range lines {
		f := strings.Split(l, ",")
		c.pictures[i].pts, _ = strconv.ParseInt(f[0], 10, 64)
		c.pictures[i].dts, _ = strconv.ParseInt(f[1], 10, 64)
		c.pictures[i].key = strings.HasPrefix(f[2], "K")
	}
	clips.Store(r, c)
	return c
}

func joinParams(a, b string) string {
	if b == "" {
		return a
	}
	return a + ":" + b
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out, stderr bytes.Buffer
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = &out, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, stderr.String())
	}
	return out.String()
}

// sets gives the parameter sets of the first picture: for H.264 SPS and PPS, for H.265 VPS, SPS and PPS.
func (c *clip) sets() (vps, sps, pps []byte) {
	kind := c.kind()
	for _, n := range c.pictures[0].nals {
		if kind.role(n) != parameters {
			continue
		}
		switch t := kind.typ(n); {
		case t == 32:
			vps = n
		case t == 33, t == 7:
			sps = n
		default:
			pps = n
		}
	}
	return vps, sps, pps
}

func (c *clip) kind() naming {
	if c.hevc {
		return h265Naming()
	}
	return h264Naming()
}

func (c *clip) format(withSets bool) format.Format {
	vps, sps, pps := c.sets()
	if !withSets {
		vps, sps, pps = nil, nil, nil
	}
	if c.hevc {
		return &format.H265{PayloadTyp: 96, VPS: vps, SPS: sps, PPS: pps}
	}
	return &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: sps, PPS: pps}
}

// packetizer makes RTP packets of pictures, with rising sequence numbers.
type packetizer struct {
	encode func([][]byte) ([]*rtp.Packet, error)
}

// packetizer makes small packets, so that pictures have many.
func (c *clip) packetizer(t testing.TB) *packetizer { return c.packetizerOf(t, 300) }

func (c *clip) packetizerOf(t testing.TB, size int) *packetizer {
	t.Helper()
	if c.hevc {
		e := &rtph265.Encoder{PayloadType: 96, PayloadMaxSize: size}
		if err := e.Init(); err != nil {
			t.Fatal(err)
		}
		return &packetizer{e.Encode}
	}
	e := &rtph264.Encoder{PayloadType: 96, PayloadMaxSize: size}
	if err := e.Init(); err != nil {
		t.Fatal(err)
	}
	return &packetizer{e.Encode}
}

func (p *packetizer) packets(t testing.TB, nals [][]byte, ts uint32) []*rtp.Packet {
	t.Helper()
	packets, err := p.encode(nals)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range packets {
		q.Timestamp = ts
	}
	return packets
}

// annexB puts MP4 samples back into a raw stream, parameter sets first.
func annexB(kind naming, sets [][]byte, samples [][]byte) []byte {
	var out []byte
	for _, n := range sets {
		out = append(append(out, 0, 0, 0, 1), n...)
	}
	for _, s := range samples {
		for _, n := range nalsOf(s) {
			out = append(append(out, 0, 0, 0, 1), n...)
		}
	}
	return out
}

// nalsOf takes an MP4 sample apart; it panics if it is none.
func nalsOf(s []byte) [][]byte {
	var out [][]byte
	for len(s) > 0 {
		n := binary.BigEndian.Uint32(s)
		out = append(out, s[4:4+n])
		s = s[4+n:]
	}
	return out
}

// decodes lets ffmpeg decode a raw stream; it fails the test if ffmpeg complains. It gives the number of pictures.
func decodes(t *testing.T, kind naming, raw []byte) int {
	t.Helper()
	f := filepath.Join(t.TempDir(), "out.raw")
	if err := os.WriteFile(f, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	container := "h264"
	if kind.hevc {
		container = "hevc"
	}
	var stderr bytes.Buffer
	cmd := exec.Command("ffmpeg", "-v", "warning", "-xerror", "-f", container, "-i", f, "-vsync", "passthrough", "-f", "framecrc", "-")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg cannot decode what came in: %v\n%s", err, stderr.String())
	}
	for _, l := range strings.Split(stderr.String(), "\n") {
		if strings.TrimSpace(l) != "" && !strings.Contains(l, "-vsync is deprecated") {
			t.Errorf("ffmpeg complains: %s", l)
		}
	}
	lines := slices.DeleteFunc(strings.Split(string(out), "\n"), func(l string) bool { return l == "" || l[0] == '#' })
	return len(lines)
}
