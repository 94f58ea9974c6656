package camera

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpav1"

	"hearth/nvr/media"
	"hearth/nvr/media/obu"
	"hearth/nvr/sim"
)

// What an AV1 camera sends comes out picture for picture, and after a loss with the next key frame.
func TestAV1(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clip.mp4")
	cmd := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=15:d=4", "-vf", "noise=alls=10:allf=t",
		"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-lag-in-frames", "0", "-g", "15", "-pix_fmt", "yuv420p", file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	clip, err := sim.ReadClip(file, 0)
	if err != nil {
		t.Fatal(err)
	}
	yard := &sim.Camera{Name: "yard", Clip: clip, User: "u", Password: "p"}
	server := simulate(t, yard)
	w := newWatcher(t)
	c := &Camera{Config: simulated(server, yard, TransportTCP), Main: w, tune: quickTuning()}
	stop := start(t, c)
	w.until("pictures", pictures(0, 45))
	yard.Trouble.Lose(90)
	w.until("pictures though packets are lost", pictures(0, 100))
	stop()

	r := w.runs[0]
	track := r.run.Tracks[0]
	if track.Codec != media.AV1 || track.Width != 320 || track.Height != 180 || len(track.Config) == 0 {
		t.Fatalf("%+v", track)
	}
	if n := c.Counters(media.Main); n.Lost == 0 || n.Dropped == 0 {
		t.Errorf("no loss was counted: %+v", n)
	}
	source := hashes(t, "mp4", file)
	var stream []byte
	for i, u := range r.units {
		if u.Key != obu.Key(u.Data) {
			t.Errorf("unit %d is a key frame: %v", i, u.Key)
		}
		stream = append(obu.OBU{Kind: obu.Delimiter}.Append(stream, true), u.Data...)
	}
	raw := filepath.Join(t.TempDir(), "came.obu")
	if err := os.WriteFile(raw, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	came := hashes(t, "obu", raw)
	if len(came) != len(r.units) {
		t.Errorf("%d pictures in %d units", len(came), len(r.units))
	}
	for i, h := range came {
		if !slices.Contains(source, h) {
			t.Fatalf("picture %d is none of the camera's", i)
		}
	}
}

// hashes are those of all of a file's pictures. What ffmpeg has to complain about is an error.
func hashes(t *testing.T, container, file string) []string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-f", container, "-i", file, "-fps_mode", "passthrough", "-f", "framemd5", "-")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffmpeg: %v: %s", err, stderr.String())
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(line, ","); line[0] != '#' && len(f) == 6 {
			all = append(all, strings.TrimSpace(f[5]))
		}
	}
	return all
}

// Cameras may send layers, lengths that are not needed, and the sequence header with every picture.
func TestAV1AsItMayCome(t *testing.T) {
	sequence := obu.OBU{Kind: obu.Sequence, Body: []byte{0x00, 0x00, 0x00, 0x03, 0xb4, 0xfd, 0xf3, 0x6b, 0xe4, 0x01}}
	layered := sequence
	layered.Extended, layered.Layers = true, 0x20
	picture := func(first byte) obu.OBU {
		return obu.OBU{Kind: obu.Frame, Extended: true, Layers: 0x20, Body: []byte{first, 1, 2, 3}}
	}
	for _, c := range []struct {
		name string
		obus [][]byte
		key  bool
		want []byte
	}{
		{"plain", [][]byte{sequence.Append(nil, false), picture(0x10).Append(nil, false)}, true, picture(0x10).Append(sequence.Append(nil, true), true)},
		{"with lengths", [][]byte{sequence.Append(nil, true), picture(0x10).Append(nil, true)}, true, picture(0x10).Append(sequence.Append(nil, true), true)},
		{"layered", [][]byte{layered.Append(nil, false), picture(0x10).Append(nil, false)}, true, picture(0x10).Append(layered.Append(nil, true), true)},
		{"a later one with the sequence header", [][]byte{sequence.Append(nil, false), picture(0x30).Append(nil, false)}, false, picture(0x30).Append(sequence.Append(nil, true), true)},
		{"with a delimiter and padding", [][]byte{
			obu.OBU{Kind: obu.Delimiter}.Append(nil, false), sequence.Append(nil, false), obu.OBU{Kind: obu.Padding, Body: []byte{0}}.Append(nil, false), picture(0x10).Append(nil, false),
		}, true, picture(0x10).Append(sequence.Append(nil, true), true)},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := newVideo(&format.AV1{PayloadTyp: 96})
			if err != nil {
				t.Fatal(err)
			}
			e := &rtpav1.Encoder{PayloadType: 96, PayloadMaxSize: 64}
			if err := e.Init(); err != nil {
				t.Fatal(err)
			}
			packets, err := e.Encode(c.obus)
			if err != nil {
				t.Fatal(err)
			}
			var got []*unit
			for _, p := range packets {
				if err := v.push(p, func(u *unit) { got = append(got, u) }); err != nil {
					t.Fatal(err)
				}
			}
			if len(got) != 1 || got[0].damaged || got[0].key != c.key || !bytes.Equal(got[0].data, c.want) {
				t.Fatalf("%d units of %d packets, %+v, want %x", len(got), len(packets), *got[0], c.want)
			}
			if info, ok := v.track(); !ok || info.Width != 160 || info.Height != 96 || !bytes.Equal(info.Config, sequence.Append(nil, false)) {
				t.Errorf("%v, %+v", ok, info)
			}
		})
	}
}
