package web

import (
	"encoding/binary"
	"net/http"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/sim/h264"
	"hearth/storage"
	"hearth/storage/box"
)

// film writes footage of a camera that never was: every picture is a known one.
type film struct {
	t     testing.TB
	w     *storage.StreamWriter
	cam   media.CameraID
	enc   *h264.Encoder
	track media.Track
	seq   uint32
}

func (h *house) film(cam media.CameraID, stream media.Stream, width int) *film {
	h.t.Helper()
	enc, err := h264.New(h264.Config{Width: width, Height: width / 2, FPS: 10, GOP: 20})
	must(h.t, err)
	w, err := h.store.Writer(cam, stream)
	must(h.t, err)
	return &film{t: h.t, w: w, cam: cam, enc: enc, track: media.Track{
		Codec: media.H264, ClockRate: media.VideoClockRate, SPS: enc.SPS(), PPS: enc.PPS(), Width: width, Height: width / 2,
	}}
}

// run records a run of that many seconds from start on, a key frame every two, fragments of a second.
func (f *film) run(stream media.Stream, start time.Time, seconds int) {
	f.t.Helper()
	run := &media.Run{ID: media.NewUUID(), Camera: f.cam, Stream: stream, Start: start, Trusted: true, Tracks: []media.Track{f.track}}
	init, err := fmp4.Init(run.Tracks)
	must(f.t, err)
	f.w.Begin(run, init)
	const step = media.VideoClockRate / 10
	p := h264.NewPicture(f.track.Width, f.track.Height)
	for s := range seconds {
		var samples []fmp4.Sample
		for i := range 10 {
			for k := range p.Y {
				p.Y[k] = byte(16 + (s*10+i)%200)
			}
			frames, err := f.enc.Encode(p, i == 0 && s%2 == 0)
			must(f.t, err)
			var data []byte
			for _, nal := range frames[0].NALs {
				if kind := nal[0] & 31; kind == 7 || kind == 8 {
					continue
				}
				data = append(binary.BigEndian.AppendUint32(data, uint32(len(nal))), nal...)
			}
			samples = append(samples, fmp4.Sample{Duration: step, Key: frames[0].Key, Data: data})
		}
		f.seq++
		dts := int64(s) * media.VideoClockRate
		raw := fmp4.AppendFragment(nil, f.seq, []fmp4.TrackRun{{BaseDTS: uint64(dts), Samples: samples}})
		must(f.t, f.w.Append(storage.Fragment{
			DTS: dts, Duration: media.VideoClockRate, Start: start.Add(time.Duration(s) * time.Second), Key: s%2 == 0, Data: [][]byte{raw},
		}))
	}
	f.w.End("connection lost")
}

// recorded makes a camera of which there are 6 s from start, after 4 s of nothing another 6 s, then 4 s of another
// size; and waits until all is there.
func (h *house) recorded(start time.Time) media.CameraID {
	h.t.Helper()
	id := media.NewCameraID()
	must(h.t, h.store.Keys().AddCamera(id))
	must(h.t, h.store.Box().PutCamera(box.Camera{ID: id, Name: "Hall / stairs", Record: "off"}))
	f := h.film(id, media.Main, 320)
	f.run(media.Main, start, 6)
	f.run(media.Main, start.Add(10*time.Second), 6)
	g := &film{t: h.t, w: f.w, cam: id, seq: f.seq}
	enc, err := h264.New(h264.Config{Width: 160, Height: 80, FPS: 10, GOP: 20})
	must(h.t, err)
	g.enc, g.track = enc, media.Track{
		Codec: media.H264, ClockRate: media.VideoClockRate, SPS: enc.SPS(), PPS: enc.PPS(), Width: 160, Height: 80,
	}
	g.run(media.Main, start.Add(16*time.Second), 4)
	must(h.t, f.w.Close())
	sub := h.film(id, media.Sub, 160)
	sub.run(media.Sub, start, 6)
	must(h.t, sub.w.Close())
	h.until("the footage is on the disk", 10*time.Second, func() bool {
		var line timelineOutput
		h.owner.ok("GET", "/cameras/"+id.String()+"/timeline?"+fromTo(start.Add(-time.Minute), start.Add(time.Minute)), nil, &line.Body)
		n := len(line.Body.Spans)
		if n == 0 || line.Body.Spans[n-1].To.Before(start.Add(20*time.Second)) {
			return false
		}
		resp, raw := h.owner.send("GET", "/cameras/"+id.String()+"/footage?stream=sub&"+fromTo(start, start.Add(6*time.Second)), nil)
		return resp.StatusCode == 200 && len(parsePlayed(h.t, resp, raw, start).moments) == 60
	})
	return id
}

// played is what an answer with footage holds.
type played struct {
	start   time.Time
	next    string
	width   int
	inits   int
	moments []time.Duration // decoding times since the asked start
	keys    []bool
	ends    time.Duration
}

func (c *client) play(id media.CameraID, base time.Time, query string) played {
	c.t.Helper()
	resp, raw := c.send("GET", "/cameras/"+id.String()+"/footage?"+query, nil)
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), `video/mp4; codecs="avc1.`) {
		c.t.Fatalf("%s: %d %s", query, resp.StatusCode, raw)
	}
	return parsePlayed(c.t, resp, raw, base)
}

func parsePlayed(t testing.TB, resp *http.Response, raw []byte, base time.Time) played {
	t.Helper()
	start, err := time.Parse(time.RFC3339Nano, resp.Header.Get("Hearth-Start"))
	must(t, err)
	p := played{start: start, next: resp.Trailer.Get("Hearth-Next")}
	var init, rest []byte
	for len(raw) > 0 {
		n := binary.BigEndian.Uint32(raw)
		if kind := string(raw[4:8]); kind == "ftyp" || kind == "moov" {
			init = append(init, raw[:n]...)
			if kind == "moov" {
				p.inits++
			}
		} else {
			rest = append(rest, raw[:n]...)
		}
		raw = raw[n:]
	}
	tracks, err := fmp4.ParseInit(init)
	must(t, err)
	p.width = tracks[0].Width
	runs, err := fmp4.Parse(rest)
	must(t, err)
	for _, r := range runs {
		for i, s := range r.Samples {
			at := start.Add(fmp4.Duration(int64(r.DTS(i)), media.VideoClockRate)).Sub(base)
			p.moments = append(p.moments, at.Round(time.Millisecond))
			p.keys = append(p.keys, s.Key)
			p.ends = at + fmp4.Duration(int64(s.Duration), media.VideoClockRate)
		}
	}
	p.ends = p.ends.Round(time.Millisecond)
	return p
}
