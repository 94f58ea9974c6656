package bundle

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/sim/h264"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
	"hearth/storage/signet"
)

var start = time.Date(2026, 3, 14, 15, 9, 26, 500_000_000, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is a real store with footage in it.
type rig struct {
	t  testing.TB
	s  *storage.Store
	id media.CameraID
}

func newRig(t testing.TB) *rig {
	t.Helper()
	s, err := storage.Open(storage.Options{Dir: t.TempDir(), Tick: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	r := &rig{t: t, s: s}
	r.id = r.camera("Front door")
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
		must(t, s.Close())
	})
	return r
}

func (r *rig) camera(name string) media.CameraID {
	r.t.Helper()
	id := media.NewCameraID()
	must(r.t, r.s.Box().PutCamera(box.Camera{ID: id, Name: name, Record: "continuous"}))
	must(r.t, r.s.Keys().AddCamera(id))
	return id
}

// run is a run to record: seconds of pictures of a width, from a time on, fps a second, a key frame every two.
type run struct {
	at        time.Duration
	seconds   int
	width     int
	fps       int
	untrusted bool
	why       string // it ends
}

// record records runs of a camera and waits until they are on the disk.
func (r *rig) record(id media.CameraID, runs ...run) {
	r.t.Helper()
	w, err := r.s.Writer(id, media.Main)
	must(r.t, err)
	var end time.Time
	for _, c := range runs {
		enc, err := h264.New(h264.Config{Width: c.width, Height: c.width / 2, FPS: c.fps, GOP: 2 * c.fps})
		must(r.t, err)
		begin := start.Add(c.at)
		one := &media.Run{ID: media.NewUUID(), Camera: id, Start: begin, Trusted: !c.untrusted, Tracks: []media.Track{{
			Codec: media.H264, ClockRate: media.VideoClockRate, SPS: enc.SPS(), PPS: enc.PPS(), Width: c.width, Height: c.width / 2,
		}}}
		init, err := fmp4.Init(one.Tracks)
		must(r.t, err)
		w.Begin(one, init)
		p := h264.NewPicture(c.width, c.width/2)
		for s := range c.seconds {
			var samples []fmp4.Sample
			for i := range c.fps {
				for k := range p.Y {
					p.Y[k] = byte(16 + (s*c.fps+i*7)%200)
				}
				frames, err := enc.Encode(p, i == 0 && s%2 == 0)
				must(r.t, err)
				var data []byte
				for _, nal := range frames[0].NALs {
					if kind := nal[0] & 31; kind != 7 && kind != 8 {
						data = append(binary.BigEndian.AppendUint32(data, uint32(len(nal))), nal...)
					}
				}
				samples = append(samples, fmp4.Sample{Duration: uint32(media.VideoClockRate / c.fps), Key: frames[0].Key, Data: data})
			}
			dts := int64(s) * media.VideoClockRate
			raw := fmp4.AppendFragment(nil, 1, []fmp4.TrackRun{{BaseDTS: uint64(dts), Samples: samples}})
			must(r.t, w.Append(storage.Fragment{
				DTS: dts, Duration: media.VideoClockRate, Start: begin.Add(time.Duration(s) * time.Second), Key: s%2 == 0, Data: [][]byte{raw},
			}))
		}
		if c.why != "" {
			w.End(c.why)
		}
		end = begin.Add(time.Duration(c.seconds) * time.Second)
	}
	must(r.t, w.Close())
	g := r.grant(id)
	for began := time.Now(); ; {
		line, err := r.s.Timeline(g, start.Add(-time.Hour), end.Add(time.Hour))
		must(r.t, err)
		if n := len(line.Spans); n > 0 && !line.Spans[n-1].To.Before(end) {
			return
		}
		if time.Since(began) > 20*time.Second {
			r.t.Fatalf("not on the disk: %+v", line)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (r *rig) grant(id media.CameraID) access.Grant {
	return accesstest.Grant(r.t, r.s.Access(), r.s.Box(), id, access.Export)
}

func (r *rig) request(id media.CameraID, from, to time.Duration) Request {
	r.t.Helper()
	q, err := Of(r.s, r.grant(id), media.Main, 0, start.Add(from), start.Add(to), "Ada")
	must(r.t, err)
	return q
}

// bundle makes a bundle of a span.
func (r *rig) bundle(id media.CameraID, from, to time.Duration) []byte {
	r.t.Helper()
	var b bytes.Buffer
	report, err := Write(r.t.Context(), &b, r.request(id, from, to))
	must(r.t, err)
	if report.Bytes != int64(b.Len()) {
		r.t.Errorf("%d bytes, said %d", b.Len(), report.Bytes)
	}
	return b.Bytes()
}

// verified verifies a bundle that can be read.
func verified(t testing.TB, raw []byte) Result {
	t.Helper()
	res, err := Verify(bytes.NewReader(raw), int64(len(raw)))
	must(t, err)
	return res
}

// contents takes an archive apart.
func contents(t testing.TB, raw []byte) (names []string, files map[string][]byte) {
	t.Helper()
	entries, err := readDirectory(bytes.NewReader(raw), int64(len(raw)))
	must(t, err)
	starts, _ := offsets(entries)
	files = make(map[string][]byte)
	for i, e := range entries {
		at := starts[i] + int64(len(e.local(time.Time{})))
		names = append(names, e.name)
		files[e.name] = bytes.Clone(raw[at : at+e.size])
	}
	return names, files
}

// packed makes an archive of files, with right checksums.
func packed(t testing.TB, names []string, files map[string][]byte) []byte {
	t.Helper()
	made := time.Unix(0, 0)
	if m, _, err := parseManifest(files[manifestName]); err == nil {
		made = m.Made.At
	}
	var entries []entry
	var out []byte
	for _, n := range names {
		e := entry{n, int64(len(files[n])), checksumOf(files[n])}
		entries = append(entries, e)
		out = append(append(out, e.local(made)...), files[n]...)
	}
	return append(out, directory(entries, made)...)
}

// resigned changes a manifest and has it signed again, by a box that lies, or by another.
func resigned(t testing.TB, s *signet.Signet, raw []byte, change func(m *Manifest, files map[string][]byte)) []byte {
	t.Helper()
	names, files := contents(t, raw)
	m, _, err := parseManifest(files[manifestName])
	must(t, err)
	change(m, files)
	files[manifestName], err = m.marshal()
	must(t, err)
	files[signatureName] = s.Sign(Format, files[manifestName])
	return packed(t, names, files)
}
