//go:build cgo

package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"hearth/hwaccel"
	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
)

// traced is what FFmpeg's own parser says of a clip's first slices.
func traced(t *testing.T, path string) (types, qps []int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "verbose", "-i", path, "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	line := regexp.MustCompile(`(?m) (init_qp_minus26|pic_init_qp_minus26|first_mb_in_slice|first_slice_segment_in_pic_flag|slice_type|slice_qp_delta) +[01]+ = (-?[0-9]+)$`)
	initial, first := 0, false
	for _, m := range line.FindAllSubmatch(out, -1) {
		v, err := strconv.Atoi(string(m[2]))
		if err != nil {
			t.Fatal(err)
		}
		switch string(m[1]) {
		case "init_qp_minus26", "pic_init_qp_minus26":
			initial = 26 + v
		case "first_mb_in_slice":
			first = v == 0
		case "first_slice_segment_in_pic_flag":
			first = v == 1
		case "slice_type":
			if first {
				types = append(types, v)
			}
		case "slice_qp_delta":
			if first {
				qps = append(qps, initial+v)
			}
		}
	}
	return types, qps
}

// Headers are read as FFmpeg reads them, of many kinds of streams; what cannot be read cheaply is unknown.
func TestSliceHeadersAreReadAsFFmpegReadsThem(t *testing.T) {
	x264 := func(params string) []string {
		return []string{"-c:v", "libx264", "-preset", "fast", "-x264-params", "keyint=12:" + params}
	}
	x265 := func(params string) []string {
		return []string{"-c:v", "libx265", "-preset", "fast", "-tag:v", "hvc1", "-x265-params", "log-level=error:keyint=12:" + params}
	}
	for _, c := range []struct {
		name   string
		args   []string
		unread int // QPs, at most
	}{
		{"h264 baseline", []string{"-c:v", "libx264", "-profile:v", "baseline", "-g", "12"}, 0},
		{"h264 with B and weights", x264("bframes=3:b-adapt=0:b-pyramid=normal:weightp=2:weightb=1:ref=4"), 0},
		{"h264 open GOPs", x264("bframes=2:b-adapt=0:open-gop=1"), 0},
		{"h264 cbr in slices", x264("bframes=0:slices=4:nal-hrd=cbr:bitrate=200:vbv-maxrate=200:vbv-bufsize=100"), 0},
		{"h264 interlaced", x264("bframes=1:interlaced=1:weightp=0"), 0},
		{"h264 4:4:4", append(x264("bframes=0:weightp=2"), "-pix_fmt", "yuv444p"), 0},
		{"h265", x265("bframes=0:weightp=0"), 0},
		{"h265 with B and weights", x265("bframes=3:b-adapt=0:weightp=1:weightb=1:ref=4:fades=1"), 0},
		{"h265 without SAO", x265("bframes=0:no-sao=1:no-temporal-mvp=1"), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			scene := []string{"-f", "lavfi", "-i", "testsrc2=s=320x192:r=15:d=3,fade=in:0:30"}
			film := clip.Make(t, append(scene, c.args...)...)
			types, qps := traced(t, film.Path)
			if len(types) != len(film.Units) || len(qps) != len(film.Units) {
				t.Fatalf("FFmpeg tells of %d slice types and %d QPs, %d units", len(types), len(qps), len(film.Units))
			}
			r := newSliceReader(configOf(film.Track(), true))
			unread, kinds := 0, map[sliceKind]int{}
			for i, u := range film.Units {
				data := bytes.Clone(u.Data)
				if err := hwaccel.AnnexB(film.Track().Codec, data); err != nil {
					t.Fatal(err)
				}
				s := r.read(data)
				want := [...]sliceKind{sliceP, sliceB, sliceI}[types[i]%5%3]
				if film.Track().Codec == media.H265 {
					want = [...]sliceKind{sliceB, sliceP, sliceI}[types[i]]
				}
				if s.kind != want {
					t.Errorf("unit %d: kind %d, FFmpeg says %d", i, s.kind, want)
				}
				kinds[s.kind]++
				if s.qp < 0 {
					unread++
				} else if s.qp != qps[i] {
					t.Errorf("unit %d, kind %d: QP %d, FFmpeg says %d", i, s.kind, s.qp, qps[i])
				}
				if (s.kind == sliceI || u.Key) && !s.referred {
					t.Errorf("unit %d: a key frame that nothing refers to", i)
				}
			}
			if unread > c.unread {
				t.Errorf("%d of %d QPs were not read", unread, len(film.Units))
			}
			t.Logf("%d units, kinds %v, QPs from %v", len(film.Units), kinds, qps[:min(len(qps), 16)])
		})
	}
}

// A stream may hold anything.
func FuzzSliceHeaders(f *testing.F) {
	for _, codec := range []media.Codec{media.H264, media.H265} {
		c := clip.Make(f, "-f", "lavfi", "-i", "testsrc2=s=64x64:r=15:d=0.3", "-c:v", map[media.Codec]string{media.H264: "libx264", media.H265: "libx265"}[codec],
			"-tag:v", map[media.Codec]string{media.H264: "avc1", media.H265: "hvc1"}[codec])
		for _, u := range c.Units {
			f.Add(codec == media.H265, c.Track().SPS, c.Track().PPS, u.Data[4:min(len(u.Data), 200)])
		}
	}
	f.Fuzz(func(t *testing.T, second bool, sps, pps, nal []byte) {
		config := configOf(media.Track{Codec: media.H264, SPS: sps, PPS: pps}, true)
		if second {
			config.Codec = media.H265
		}
		r := newSliceReader(config)
		if s := r.read(append(bytes.Clone(startCode), nal...)); s.qp < -1 || s.qp > 51 || s.kind > sliceB {
			t.Errorf("read %+v", s)
		}
	})
}
