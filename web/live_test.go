package web

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage/access"
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
