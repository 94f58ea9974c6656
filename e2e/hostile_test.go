package e2e

import (
	"encoding/binary"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtp"

	"hearth/nvr/media"
	"hearth/nvr/vision/hostile"
)

// TestHostileCameras has two cameras send streams that mean harm as their small pictures, and one as its only ones.
// What they and their neighbour film is recorded without a hole, the neighbour's worker is never started anew, and
// hearth itself stumbles over nothing.
func TestHostileCameras(t *testing.T) {
	evil := serveHostile(t)
	urls := sim(t, "--cameras", "3")
	a := serve(t, "")
	var ids []string
	for i, detect := range []string{"/h264", "/h265", ""} {
		settings := map[string]any{"name": string(rune('A' + i)), "url": urls[i], "record": "continuous"}
		if detect != "" {
			settings["detect_url"] = evil.url + detect
		}
		settings["motion"] = map[string]any{"sensitivity": 0.5, "attentive": true}
		ids = append(ids, a.add(t, settings))
	}
	foreign := a.add(t, map[string]any{"name": "D", "url": evil.url + "/h264main", "record": "continuous"})
	for _, id := range ids {
		a.online(t, id, 30*time.Second)
	}
	began := time.Now()
	eventually(t, 4*time.Minute, "each stream was sent", func() bool {
		return evil.rounds("/h264") >= 1 && evil.rounds("/h265") >= 1 && evil.rounds("/h264main") >= 1
	})
	ended := time.Now().Add(-3 * time.Second)
	for i, id := range ids {
		c := a.camera(t, id)
		t.Logf("camera %s: %+v", c.Name, c)
		if i == 2 && c.Vision.Restarts != 0 {
			t.Errorf("the neighbour's worker was started anew %d times", c.Vision.Restarts)
		}
		consecutive(t, marks(t, a.export(t, id, began, ended)), int(ended.Sub(began).Seconds())*14)
	}
	// What a camera sends as its only stream is recorded as far as it can be, and nobody else is the worse for it.
	d := a.camera(t, foreign)
	t.Logf("camera D: %+v", d)
	if len(a.timeline(t, foreign, began, ended).Spans) == 0 || d.Vision.Looks == 0 {
		t.Errorf("nothing of camera D was recorded, or looked at: the good stream comes after each that means harm")
	}
	for line := range strings.Lines(a.output()) {
		// A worker that ends for want of memory has Go print its stacks: those are its last words, not hearth's.
		if !strings.Contains(line, `msg="hearth-vision wrote"`) && strings.Contains(line, "panic") || strings.Contains(line, "ALARM") {
			t.Errorf("hearth stumbled: %s", line)
		}
	}
	// From now on all is well: each worker lives on and looks.
	evil.good.Store(true)
	good := time.Now()
	for _, id := range append(ids[:2:2], foreign) {
		began := a.camera(t, id)
		eventually(t, 2*time.Minute, "the worker looks at good pictures", func() bool {
			now := a.camera(t, id)
			if now.Vision.Restarts != began.Vision.Restarts { // because of what came before
				began = now
			}
			return now.State == "online" && now.Vision.Decoder != "" && now.Vision.Problem == "" && now.Vision.Looks >= began.Vision.Looks+50
		})
	}
	eventually(t, time.Minute, "camera D is recorded", func() bool {
		spans := a.timeline(t, foreign, good, time.Now()).Spans
		return len(spans) > 0 && spans[len(spans)-1].To.Sub(good) > 5*time.Second
	})
}

// villain is an RTSP server whose streams mean harm: those of the corpus one after the other, and again.
type villain struct {
	url     string
	good    atomic.Bool // only the good stream from now on
	mu      sync.Mutex
	played  map[string]int
	streams map[string]*gortsplib.ServerStream
	stop    chan struct{}
}

func serveHostile(t *testing.T) *villain {
	t.Helper()
	v := &villain{played: make(map[string]int), streams: make(map[string]*gortsplib.ServerStream), stop: make(chan struct{})}
	server := &gortsplib.Server{
		Handler: v, RTSPAddress: "127.0.0.1:0", WriteQueueSize: 16384,
		Listen: func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			if err == nil {
				v.url = "rtsp://any:word@" + l.Addr().String()
			}
			return l, err
		},
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	var sending sync.WaitGroup
	t.Cleanup(func() {
		close(v.stop)
		server.Close()
		sending.Wait()
	})
	good := hostile.Good()
	corpus := hostile.Corpus(t)
	for _, path := range []string{"/h264", "/h265", "/h264main"} {
		var f format.Format = &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: good.Track.SPS, PPS: good.Track.PPS}
		codec := media.H264
		last := good
		if path == "/h265" {
			codec = media.H265
			last = hostile.GoodH265()
			f = &format.H265{PayloadTyp: 96, VPS: last.Track.VPS, SPS: last.Track.SPS, PPS: last.Track.PPS}
		}
		m := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}}
		s := &gortsplib.ServerStream{Server: server, Desc: &description.Session{Medias: []*description.Media{m}}}
		if err := s.Initialize(); err != nil {
			t.Fatal(err)
		}
		v.streams[path] = s
		var list []hostile.Stream
		for _, c := range corpus {
			if c.Track.Codec == codec {
				list = append(list, c)
			}
		}
		encode := encoder(t, f)
		sending.Go(func() { v.send(path, s, m, list, last, encode) })
	}
	return v
}

// encoder gives what makes packets out of NAL units.
func encoder(t *testing.T, f format.Format) func([][]byte) ([]*rtp.Packet, error) {
	t.Helper()
	switch f := f.(type) {
	case *format.H264:
		e, err := f.CreateEncoder()
		if err != nil {
			t.Fatal(err)
		}
		return e.Encode
	case *format.H265:
		e, err := f.CreateEncoder()
		if err != nil {
			t.Fatal(err)
		}
		return e.Encode
	}
	t.Fatalf("a %T", f)
	return nil
}

// send plays all streams over and over, 30 pictures a second, the good one after each.
func (v *villain) send(
	path string, s *gortsplib.ServerStream, m *description.Media, list []hostile.Stream, good hostile.Stream,
	encode func([][]byte) ([]*rtp.Packet, error),
) {
	pace := time.NewTicker(time.Second / 30)
	defer pace.Stop()
	stamp := uint32(1000)
	for {
		for _, evil := range list {
			for _, stream := range []hostile.Stream{evil, good} {
				if v.good.Load() && stream.Name != good.Name {
					continue
				}
				for i, u := range stream.Units {
					select {
					case <-v.stop:
						return
					case <-pace.C:
					}
					var nals [][]byte
					if t := stream.Track; i == 0 {
						for _, set := range [][]byte{t.VPS, t.SPS, t.PPS} {
							if len(set) > 0 {
								nals = append(nals, set)
							}
						}
					}
					packets, err := encode(append(nals, split(u.Data)...))
					if err != nil {
						continue // what cannot be sent does no harm
					}
					stamp += 3000
					for _, p := range packets {
						p.Timestamp = stamp
						_ = s.WritePacketRTP(m, p) // nobody may be listening
					}
				}
			}
		}
		v.mu.Lock()
		v.played[path]++
		v.mu.Unlock()
	}
}

func (v *villain) rounds(path string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.played[path]
}

// split takes a sample apart, as far as its lengths make sense.
func split(b []byte) [][]byte {
	var list [][]byte
	for len(b) > 4 {
		n := binary.BigEndian.Uint32(b)
		if n == 0 || uint64(n) > uint64(len(b)-4) {
			break
		}
		list = append(list, b[4:4+n])
		b = b[4+n:]
	}
	return list
}

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (v *villain) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if len(ctx.Request.Header["Authorization"]) == 0 { // any password will do: it is to look like the simulated cameras
		return &base.Response{
			StatusCode: base.StatusUnauthorized,
			Header:     base.Header{"WWW-Authenticate": base.HeaderValue{`Basic realm="Hearth simulated camera"`}},
		}, nil, nil
	}
	return v.answer(ctx.Path)
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (v *villain) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return v.answer(ctx.Path)
}

// OnPlay implements gortsplib.ServerHandlerOnPlay.
func (v *villain) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (v *villain) answer(path string) (*base.Response, *gortsplib.ServerStream, error) {
	s := v.streams[path]
	if s == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, s, nil
}
