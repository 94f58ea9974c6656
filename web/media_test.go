package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/sim/h264"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/box"
)

// dial opens a live WebSocket.
func (c *client) dial(ctx context.Context, id media.CameraID, stream string, header http.Header) (*websocket.Conn, *http.Response, error) {
	conn, resp, err := websocket.Dial(ctx, strings.Replace(c.base, "https", "wss", 1)+prefix+"/cameras/"+id.String()+"/live?stream="+stream,
		&websocket.DialOptions{
			HTTPClient: &http.Client{Jar: c.http.Jar, Transport: &http.Transport{TLSClientConfig: c.tls}}, HTTPHeader: header,
		})
	if conn != nil {
		conn.SetReadLimit(16 << 20)
	}
	return conn, resp, err
}

// liveMessage is a binary message as docs/ref/live.md describes it.
type liveMessage struct {
	init, key bool
	run       uint32
	wall      time.Time
	data      []byte
}

func parseLive(t *testing.T, raw []byte) liveMessage {
	t.Helper()
	if len(raw) < 16 || raw[0] != 1 || raw[1]&^3 != 0 || raw[2] != 0 || raw[3] != 0 {
		t.Fatalf("header % x", raw[:min(16, len(raw))])
	}
	return liveMessage{
		init: raw[1]&2 != 0, key: raw[1]&1 != 0, run: binary.BigEndian.Uint32(raw[4:]),
		wall: time.UnixMicro(int64(binary.BigEndian.Uint64(raw[8:]))), data: raw[16:],
	}
}

func TestLive(t *testing.T) {
	h := build(t, nil)
	h.withCameras()
	guest, guestID := h.as("Cy", access.Guest)
	h.permit(guestID, h.yard, access.Live)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()

	began := time.Now()
	conn, _, err := guest.dial(ctx, h.yard, "sub", nil)
	must(t, err)
	defer cut(conn)
	kind, raw, err := conn.Read(ctx)
	must(t, err)
	var text liveText
	if err := json.Unmarshal(raw, &text); kind != websocket.MessageText || err != nil || text.Type != "init" ||
		!strings.HasPrefix(text.MIME, "video/mp4; codecs=\"avc1.") || text.Stream != "sub" || text.Run != 1 {
		t.Fatalf("first %v %s", kind, raw)
	}
	_, raw, err = conn.Read(ctx)
	must(t, err)
	init := parseLive(t, raw)
	tracks, err := fmp4.ParseInit(init.data)
	if err != nil || !init.init || init.run != 1 || len(tracks) != 1 || tracks[0].Width != 160 {
		t.Fatalf("second %+v, %v", tracks, err)
	}
	var last uint64
	for i := range 15 {
		_, raw, err = conn.Read(ctx)
		must(t, err)
		m := parseLive(t, raw)
		runs, err := fmp4.Parse(m.data)
		must(t, err)
		if i == 0 && (!m.key || m.init || time.Since(began) > 3*time.Second) {
			t.Errorf("first media: %+v after %v", m.key, time.Since(began))
		}
		if age := time.Since(m.wall); m.run != 1 || age < -time.Second || age > 10*time.Second {
			t.Errorf("run %d, taken %v ago", m.run, age)
		}
		if runs[0].BaseDTS < last {
			t.Errorf("time runs back: %d after %d", runs[0].BaseDTS, last)
		}
		last = runs[0].DTS(len(runs[0].Samples) - 1)
	}

	// Another camera is not there for this guest, and another site may not look.
	for name, try := range map[string]func() (*websocket.Conn, *http.Response, error){
		"another camera": func() (*websocket.Conn, *http.Response, error) { return guest.dial(ctx, h.other, "main", nil) },
		"no such camera": func() (*websocket.Conn, *http.Response, error) {
			return guest.dial(ctx, media.NewCameraID(), "main", nil)
		},
	} {
		if conn, resp, err := try(); err == nil || resp.StatusCode != 404 {
			t.Errorf("%s: %v, %v", name, conn, err)
		}
	}
	if _, resp, err := guest.dial(ctx, h.yard, "main", http.Header{"Origin": {"https://evil.example"}}); err == nil || resp.StatusCode != 403 {
		t.Errorf("from another site: %v", err)
	}

	// The right is taken: the picture ends within a second, and says so.
	h.permit(guestID, h.yard)
	taken := time.Now()
	for err == nil {
		_, _, err = conn.Read(ctx)
	}
	if took := time.Since(taken); took > time.Second || websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("ended after %v with %v", took, err)
	}
	if _, resp, err := guest.dial(ctx, h.yard, "sub", nil); err == nil || resp.StatusCode != 404 {
		t.Errorf("and again: %v", err)
	}
}

// What else ends watching, each within a second.
func TestLiveEnds(t *testing.T) {
	h := build(t, nil)
	h.withCameras()
	for _, c := range []struct {
		name string
		end  func(c *client, id media.UUID)
		want websocket.StatusCode
	}{
		{"log out", func(c *client, _ media.UUID) { c.ok("DELETE", "/session", nil, nil) }, websocket.StatusPolicyViolation},
		{"person removed", func(_ *client, id media.UUID) { h.owner.ok("DELETE", "/users/"+id.String(), nil, nil) }, websocket.StatusPolicyViolation},
		{"camera removed", func(*client, media.UUID) { h.owner.ok("DELETE", "/cameras/"+h.yard.String(), nil, nil) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			guest, id := h.as(c.name, access.Guest)
			h.permit(id, h.yard, access.Live)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			conn, _, err := guest.dial(ctx, h.yard, "main", nil)
			must(t, err)
			defer cut(conn)
			_, _, err = conn.Read(ctx)
			must(t, err)
			ended := make(chan error, 1)
			go func() {
				var err error
				for err == nil {
					_, _, err = conn.Read(ctx)
				}
				ended <- err
			}()
			c.end(guest, id)
			done := time.Now()
			err = <-ended
			if took := time.Since(done); took > time.Second {
				t.Errorf("ended after %v", took)
			}
			if code := websocket.CloseStatus(err); c.want != 0 && code != c.want || code == -1 {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// A viewer who stops reading holds up nobody, and the server stops while somebody watches.
func TestLiveStuckViewer(t *testing.T) {
	h := build(t, nil)
	h.withCameras()
	guest, id := h.as("Cy", access.Guest)
	h.permit(id, h.yard, access.Live)
	conn, _, err := guest.dial(t.Context(), h.yard, "main", nil)
	must(t, err)
	defer cut(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	other, _, err := h.owner.dial(ctx, h.yard, "main", nil)
	must(t, err)
	defer cut(other)
	for range 20 {
		_, _, err := other.Read(ctx)
		must(t, err)
	}
	h.permit(id, h.yard)
	h.until("nobody but the owner watches", 3*time.Second, func() bool {
		var view cameraView
		h.owner.ok("GET", "/cameras/"+h.yard.String(), nil, &view)
		return view.Viewers != nil && *view.Viewers == 1
	})
}

// news reads server-sent events.
type news struct {
	resp  *http.Response
	lines *bufio.Reader
}

func (n *news) next() (name, data string, err error) {
	for {
		line, err := n.lines.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "event: "):
			name = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		case line == "" && name != "":
			return name, data, nil
		}
	}
}

func (c *client) news() *news {
	c.t.Helper()
	resp := c.open("GET", "/stream", nil)
	c.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		c.t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	n := &news{resp: resp, lines: bufio.NewReader(resp.Body)}
	if line, err := n.lines.ReadString('\n'); err != nil || line != ":\n" {
		c.t.Fatalf("%q, %v", line, err)
	}
	return n
}

// The news are only of cameras that the reader may see, also when that changes while they read.
func TestNews(t *testing.T) {
	h := build(t, nil)
	yard, nursery := h.unreachable("Yard"), h.unreachable("Nursery")
	guest, id := h.as("Cy", access.Guest)
	h.permit(id, nursery, access.Live)
	owner, reader := h.owner.news(), guest.news()
	h.owner.ok("PATCH", "/cameras/"+yard.String(), map[string]any{"name": "Back yard"}, nil)
	h.owner.ok("PATCH", "/cameras/"+nursery.String(), map[string]any{"name": "Kids"}, nil)
	expect := func(n *news, what string) {
		t.Helper()
		for {
			name, data, err := n.next()
			if err != nil {
				t.Fatalf("waiting for %q: %v", what, err)
			}
			if n == reader && strings.Contains(data, yard.String()) {
				t.Fatalf("told of a camera that is not theirs: %s %s", name, data)
			}
			if strings.Contains(name+" "+data, what) && !strings.Contains(data, `"status"`) {
				return
			}
		}
	}
	expect(owner, yard.String())
	expect(owner, nursery.String())
	expect(reader, nursery.String())
	h.permit(id, yard)
	expect(reader, "cameras {}") // there is nothing to see any more
	h.owner.ok("PATCH", "/cameras/"+nursery.String(), map[string]any{"name": "Nursery"}, nil)
	h.permit(id, nursery, access.Events)
	expect(reader, "cameras {}")
	h.owner.ok("PATCH", "/cameras/"+nursery.String(), map[string]any{"name": "Small room"}, nil)
	expect(reader, nursery.String())
	guest.ok("DELETE", "/session", nil, nil)
	ended := time.Now()
	for {
		if _, _, err := reader.next(); err != nil {
			break
		}
	}
	if took := time.Since(ended); took > time.Second {
		t.Errorf("ended %v after the session", took)
	}
}

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

func TestFootageAcrossAGap(t *testing.T) {
	h := build(t, nil)
	start := time.Now().Add(-2 * time.Hour).Truncate(time.Millisecond).UTC()
	id := h.recorded(start)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	s := time.Second
	for _, c := range []struct {
		name        string
		from, to    time.Duration
		more        string
		first, ends time.Duration
		pictures    int
		next        time.Duration // 0: none
	}{
		{"within a GOP: from its key frame", 3 * s, 5 * s, "", 2 * s, 5 * s, 30, 0},
		{"across the gap: one stream with a hole", 1 * s, 15 * s, "", 0, 15 * s, 60 + 50, 0},
		{"from within the gap", 7 * s, 12 * s, "", 10 * s, 12 * s, 20, 0},
		{"from exactly the end of the run", 6 * s, 12 * s, "", 10 * s, 12 * s, 20, 0},
		{"from a hair before the end, as a page rounds", 6*s - time.Millisecond, 12 * s, "", 10 * s, 12 * s, 20, 0},
		{"after a moment", 3 * s, 5 * s, "&start=after", 4 * s, 5 * s, 10, 0},
		{"up to where the parameters change", 12 * s, 19 * s, "", 12 * s, 16 * s, 40, 16 * s},
		{"from where the parameters change", 16 * s, 20 * s, "", 16 * s, 20 * s, 40, 0},
		{"the sub stream", 0, 6 * s, "&stream=sub", 0, 6 * s, 60, 0},
	} {
		p := h.owner.play(id, start, fromTo(at(c.from), at(c.to))+c.more)
		if p.inits != 1 || len(p.moments) != c.pictures || p.moments[0] != c.first || !p.keys[0] || p.ends != c.ends {
			t.Errorf("%s: %d inits, %d pictures from %v to %v", c.name, p.inits, len(p.moments), p.moments[0], p.ends)
		}
		if !p.start.Equal(at(c.first)) {
			t.Errorf("%s: media time 0 is %v", c.name, p.start.Sub(start))
		}
		want := ""
		if c.next != 0 {
			want = stamp(at(c.next))
		}
		if p.next != want {
			t.Errorf("%s: Hearth-Next %q, want %q", c.name, p.next, want)
		}
	}
	for _, q := range []string{fromTo(at(-time.Minute), at(-30*s)), fromTo(at(7*s), at(8*s)), fromTo(at(time.Minute), at(2*time.Minute))} {
		if p := h.owner.refused(404, "GET", "/cameras/"+id.String()+"/footage?"+q, nil); p.Type != nothingRecorded {
			t.Errorf("%s: %+v", q, p)
		}
	}
	for q, field := range map[string]string{
		fromTo(at(s), at(0)):                   "query.to",
		fromTo(at(0), at(100*24*time.Hour)):    "query.to",
		fromTo(at(0), at(s)) + "&stream=third": "query.stream",
		"from=" + stamp(at(0)):                 "query.to",
		"from=now&to=then":                     "query.from",
	} {
		if p := h.owner.refused(422, "GET", "/cameras/"+id.String()+"/footage?"+q, nil); p.field() != field {
			t.Errorf("%s: %+v", q, p)
		}
	}

	t.Run("a page's windows", func(t *testing.T) {
		// As the page does it: each window from where the one before ended, to the millisecond.
		from, seen := at(0), 0
		for range 20 {
			if !from.Before(at(20 * s)) {
				break
			}
			resp, raw := h.owner.send("GET", "/cameras/"+id.String()+"/footage?"+
				fmt.Sprintf("from=%s&to=%s", from.Format("2006-01-02T15:04:05.000Z"), stamp(at(20*s))), nil)
			if resp.StatusCode == 404 {
				break
			}
			p := parsePlayed(t, resp, raw, start)
			if end := at(p.ends); !end.After(from) {
				t.Fatalf("a window from %v ends at %v", from.Sub(start), p.ends)
			}
			seen += len(p.moments)
			from = at(p.ends)
		}
		if !from.Equal(at(20*s)) || seen != 160 {
			t.Errorf("ended at %v after %d pictures", from.Sub(start), seen)
		}
	})

	t.Run("a frame", func(t *testing.T) {
		resp, raw := h.owner.send("GET", "/cameras/"+id.String()+"/frame?at="+stamp(at(3500*time.Millisecond)), nil)
		if resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, raw)
		}
		p := parsePlayed(t, resp, raw, start)
		if len(p.moments) != 1 || p.moments[0] != 2*s || !p.keys[0] || p.width != 160 {
			t.Errorf("%+v", p)
		}
	})

	t.Run("another person", func(t *testing.T) {
		guest, user := h.as("Cy", access.Guest)
		h.permit(user, id, access.Live, access.Events, access.Export, access.Manage)
		guest.refused(404, "GET", "/cameras/"+id.String()+"/footage?"+fromTo(at(0), at(5*s)), nil)
		guest.refused(404, "GET", "/cameras/"+id.String()+"/frame?at="+stamp(at(0)), nil)
		guest.refused(404, "GET", "/cameras/"+id.String()+"/timeline?"+fromTo(at(0), at(5*s)), nil)
		h.permit(user, id, access.Footage)
		guest.play(id, start, fromTo(at(0), at(5*s)))
		guest.refused(404, "GET", "/cameras/"+id.String()+"/export.mp4?"+fromTo(at(0), at(5*s)), nil)
	})

	t.Run("who looked", func(t *testing.T) {
		h.srv.looks.flush(true)
		var log struct{ Items []auditLine }
		h.owner.ok("GET", "/audit?limit=1000&camera="+id.String(), nil, &log)
		found := 0
		for _, l := range log.Items {
			if l.Action == "footage" && !l.Denied && l.Saw != nil && !l.Saw.From.After(at(2*s)) && !l.Saw.To.Before(at(19*s)) {
				found++
			}
		}
		if found == 0 || len(log.Items) > 20 {
			t.Errorf("%d lines, %d with the whole span: %+v", len(log.Items), found, log.Items)
		}
	})

	t.Run("ffmpeg reads it", func(t *testing.T) {
		ffmpeg, err := exec.LookPath("ffmpeg")
		if err != nil {
			t.Skip("ffmpeg is not installed")
		}
		_, raw := h.owner.send("GET", "/cameras/"+id.String()+"/footage?"+fromTo(at(s), at(15*s)), nil)
		file := filepath.Join(t.TempDir(), "footage.mp4")
		must(t, os.WriteFile(file, raw, 0o600))
		out, err := exec.CommandContext(t.Context(), ffmpeg, "-v", "warning", "-xerror", "-i", file, "-f", "null", "-").CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func TestExport(t *testing.T) {
	h := build(t, nil)
	start := time.Now().Add(-2 * time.Hour).Truncate(time.Millisecond).UTC()
	id := h.recorded(start)
	path := "/cameras/" + id.String() + "/export.mp4?"
	resp, raw := h.owner.send("GET", path+fromTo(start.Add(time.Second), start.Add(15*time.Second)), nil)
	want := `attachment; filename="Hall _ stairs ` + start.Add(time.Second).Format("2006-01-02 15.04.05") + `.mp4"`
	if resp.StatusCode != 200 || resp.Header.Get("Content-Disposition") != want || resp.ContentLength != int64(len(raw)) {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	if i, j := bytes.Index(raw, []byte("moov")), bytes.Index(raw, []byte("mdat")); i < 0 || j < i || bytes.Contains(raw, []byte("moof")) {
		t.Error("not a plain MP4 with its index first")
	}
	if p := h.owner.refused(404, "GET", path+fromTo(start.Add(-time.Hour), start.Add(-time.Minute)), nil); p.Type != nothingRecorded {
		t.Errorf("%+v", p)
	}
	if p := h.owner.refused(422, "GET", path+fromTo(start.Add(12*time.Second), start.Add(20*time.Second)), nil); p.field() != "query.to" {
		t.Errorf("across a change of parameters: %+v", p)
	}
	var log struct{ Items []auditLine }
	h.owner.ok("GET", "/audit?camera="+id.String(), nil, &log)
	if len(log.Items) == 0 || log.Items[0].Action != "export" || log.Items[0].Saw == nil {
		t.Errorf("%+v", log.Items)
	}
}

// A download under way ends within a second of losing the grant, and is seen to be cut off.
func TestFootageEndsWithTheGrant(t *testing.T) {
	h := build(t, nil)
	id := media.NewCameraID()
	must(t, h.store.Keys().AddCamera(id))
	must(t, h.store.Box().PutCamera(box.Camera{ID: id, Name: "Hall", Record: "off"}))
	f := h.film(id, media.Main, 640)
	start := time.Now().Add(-10 * time.Hour).Truncate(time.Second).UTC()
	// Noise, so that it does not fit into the buffers between the two.
	noise := make([]byte, 300<<10)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	run := &media.Run{ID: media.NewUUID(), Camera: id, Start: start, Trusted: true, Tracks: []media.Track{f.track}}
	init, err := fmp4.Init(run.Tracks)
	must(t, err)
	f.w.Begin(run, init)
	for i := range 120 {
		dts := int64(i) * media.VideoClockRate
		raw := fmp4.AppendFragment(nil, uint32(i), []fmp4.TrackRun{{
			BaseDTS: uint64(dts), Samples: []fmp4.Sample{{Duration: media.VideoClockRate, Key: true, Data: noise}},
		}})
		for {
			err := f.w.Append(storage.Fragment{
				DTS: dts, Duration: media.VideoClockRate, Start: start.Add(time.Duration(i) * time.Second), Key: true, Data: [][]byte{raw},
			})
			if err == nil {
				break
			}
			if !errors.Is(err, storage.ErrDropped) {
				t.Fatal(err)
			}
			tick := time.NewTicker(20 * time.Millisecond) // the disk is behind
			<-tick.C
			tick.Stop()
		}
	}
	must(t, f.w.Close())
	guest, user := h.as("Cy", access.Guest)
	h.permit(user, id, access.Footage, access.Export)
	query := fromTo(start, start.Add(2*time.Minute))
	h.until("the footage is on the disk", 20*time.Second, func() bool {
		var line timelineOutput
		h.owner.ok("GET", "/cameras/"+id.String()+"/timeline?"+query, nil, &line.Body)
		n := len(line.Body.Spans)
		return n > 0 && !line.Body.Spans[n-1].To.Before(start.Add(2*time.Minute))
	})
	for _, what := range []string{"footage", "export.mp4"} {
		t.Run(what, func(t *testing.T) {
			h.permit(user, id, access.Footage, access.Export)
			resp := guest.open("GET", "/cameras/"+id.String()+"/"+what+"?"+query, nil)
			defer resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Fatal(resp.StatusCode)
			}
			_, err := io.CopyN(io.Discard, resp.Body, 1<<20)
			must(t, err)
			h.permit(user, id)
			taken := time.Now()
			// Nothing is read for longer than the grant takes to be asked for again: the server must not need that.
			h.until("the server let go", 2*time.Second, func() bool { return time.Since(taken) > 1100*time.Millisecond })
			n, err := io.Copy(io.Discard, resp.Body)
			if err == nil {
				t.Errorf("%d more bytes, and a regular end", n)
			}
			if whole := int64(120 * len(noise)); n > whole/2 {
				t.Errorf("%d of %d bytes came after the grant was taken", n, whole)
			}
		})
	}
}
