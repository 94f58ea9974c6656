package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/box"
)

// noisySize is about how much noisy records, in bytes.
const noisySize int64 = 120 * 300 << 10

// noisy adds a camera with two minutes of footage that does not fit into the buffers between a server and a client, and
// gives its span as a query.
func (h *house) noisy() (id media.CameraID, query string) {
	t := h.t
	t.Helper()
	id = media.NewCameraID()
	must(t, h.store.Keys().AddCamera(id))
	must(t, h.store.Box().PutCamera(box.Camera{ID: id, Name: "Hall", Record: "off"}))
	f := h.film(id, media.Main, 640)
	start := time.Now().Add(-10 * time.Hour).Truncate(time.Second).UTC()
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
	query = fromTo(start, start.Add(2*time.Minute))
	h.until("the footage is on the disk", 20*time.Second, func() bool {
		var line timelineOutput
		h.owner.ok("GET", "/cameras/"+id.String()+"/timeline?"+query, nil, &line.Body)
		n := len(line.Body.Spans)
		return n > 0 && !line.Body.Spans[n-1].To.Before(start.Add(2*time.Minute))
	})
	return id, query
}

// watcher has everything open that streams: a live picture, news, a download, two exports.
type watcher struct {
	t      *testing.T
	c      *client
	yard   media.CameraID
	live   chan error // its end
	news   chan error
	looks  chan error  // of what is seen; nil for who may not draw zones
	told   chan string // news of the yard, and that what one may see has changed
	bodies map[string]*http.Response
}

func (h *house) watch(t *testing.T, c *client, header http.Header, noisy media.CameraID, query string) *watcher {
	t.Helper()
	w := &watcher{
		t: t, c: c, yard: h.yard, live: make(chan error, 1), news: make(chan error, 1), told: make(chan string, 1000), bodies: make(map[string]*http.Response),
	}
	for _, what := range []string{"footage", "export.mp4", "export.zip"} {
		resp := c.open("GET", "/cameras/"+noisy.String()+"/"+what+"?"+query, nil)
		t.Cleanup(func() { resp.Body.Close() })
		if resp.StatusCode != 200 {
			t.Fatalf("%s: %d", what, resp.StatusCode)
		}
		_, err := io.CopyN(io.Discard, resp.Body, 1<<20)
		must(t, err)
		w.bodies[what] = resp
	}
	conn, _, err := c.dial(t.Context(), h.yard, "main", header)
	must(t, err)
	t.Cleanup(func() { cut(conn) })
	_, _, err = conn.Read(t.Context())
	must(t, err)
	go func() {
		var err error
		for err == nil {
			_, _, err = conn.Read(t.Context())
		}
		w.live <- err
	}()
	looks := c.open("GET", "/cameras/"+h.yard.String()+"/motion", nil)
	t.Cleanup(func() { looks.Body.Close() })
	if looks.StatusCode == http.StatusOK {
		w.looks = make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, looks.Body)
			w.looks <- err
		}()
	}
	resp := c.open("GET", "/stream", nil)
	t.Cleanup(func() { resp.Body.Close() })
	n := newsOf(resp)
	go func() {
		for {
			name, data, err := n.next()
			if err != nil {
				w.news <- err
				return
			}
			if name == "cameras" || strings.Contains(data, h.yard.String()) {
				select {
				case w.told <- name:
				default:
				}
			}
		}
	}()
	return w
}

// Whatever streams ends within a second of the right to it, whichever way that is lost.
func TestRevoked(t *testing.T) {
	h := build(t, nil)
	h.withCameras()
	noisy, query := h.noisy()
	both := func(until time.Time) []map[string]any {
		var list []map[string]any
		for _, id := range []media.CameraID{h.yard, noisy} {
			m := map[string]any{"camera": id, "verbs": access.Verbs()}
			if !until.IsZero() {
				m["until"] = until
			}
			list = append(list, m)
		}
		return list
	}
	// The end by the clock is a second ahead, so that it lies within what streams.
	for _, way := range []struct {
		name   string
		role   access.Role
		token  bool
		status int  // of who asks again
		feed   bool // the news go on, without the camera
		lose   func(t *testing.T, c *client, id media.UUID, token madeToken) (lost time.Time)
	}{
		{"permission taken", access.Guest, false, 404, true, func(t *testing.T, _ *client, id media.UUID, _ madeToken) time.Time {
			h.owner.ok("PUT", "/users/"+id.String()+"/grants", []any{}, nil)
			return time.Now()
		}},
		{"permission over", access.Guest, false, 404, true, func(t *testing.T, _ *client, id media.UUID, _ madeToken) time.Time {
			end := time.Now().Add(time.Second)
			h.owner.ok("PUT", "/users/"+id.String()+"/grants", both(end), nil)
			return end
		}},
		{"another role", access.Adult, false, 404, true, func(t *testing.T, _ *client, id media.UUID, _ madeToken) time.Time {
			h.owner.ok("PATCH", "/users/"+id.String(), map[string]any{"role": access.Guest}, nil)
			return time.Now()
		}},
		{"logged out", access.Guest, false, 401, false, func(t *testing.T, c *client, _ media.UUID, _ madeToken) time.Time {
			c.ok("DELETE", "/session", nil, nil)
			return time.Now()
		}},
		{"session ended by an owner", access.Guest, false, 401, false, func(t *testing.T, _ *client, id media.UUID, _ madeToken) time.Time {
			h.owner.ok("DELETE", "/users/"+id.String()+"/sessions", nil, nil)
			return time.Now()
		}},
		{"person removed", access.Guest, false, 401, false, func(t *testing.T, _ *client, id media.UUID, _ madeToken) time.Time {
			h.owner.ok("DELETE", "/users/"+id.String(), nil, nil)
			return time.Now()
		}},
		{"token revoked", access.Guest, true, 401, false, func(t *testing.T, _ *client, _ media.UUID, token madeToken) time.Time {
			h.owner.ok("DELETE", "/tokens/"+token.ID.String(), nil, nil)
			return time.Now()
		}},
		{"token over", access.Guest, true, 401, false, func(t *testing.T, _ *client, _ media.UUID, token madeToken) time.Time {
			end := time.Now().Add(time.Second)
			h.alter(box.TokensBucket, token.Token, map[string]any{"until": end})
			return end
		}},
		{"permission of the token's person taken", access.Guest, true, 404, true, func(t *testing.T, _ *client, id media.UUID, _ madeToken) time.Time {
			h.owner.ok("PUT", "/users/"+id.String()+"/grants", []any{}, nil)
			return time.Now()
		}},
		{"token's person removed", access.Guest, true, 401, false, func(t *testing.T, _ *client, id media.UUID, _ madeToken) time.Time {
			h.owner.ok("DELETE", "/users/"+id.String(), nil, nil)
			return time.Now()
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			c, id := h.as(way.name, way.role)
			if way.role == access.Guest {
				h.owner.ok("PUT", "/users/"+id.String()+"/grants", both(time.Time{}), nil)
			}
			var token madeToken
			header := http.Header{}
			if way.token {
				token = h.token(c, map[string]any{"name": "Test", "grants": both(time.Time{})})
				c = h.bearer(token.Token)
				header.Set("Authorization", "Bearer "+token.Token)
			}
			w := h.watch(t, c, header, noisy, query)
			lost := way.lose(t, c, id, token)
			w.ended(lost, way.feed)
			if status, _, body := (persona{c: c}).ask(asked{"GET", "/cameras/" + h.yard.String() + "/snapshot.jpg", nil}); status != way.status {
				t.Errorf("a snapshot afterwards: %d %s", status, body)
			}
		})
	}
}

// soon is how long what streams may go on. The promise is a second; the test machine may be busy with other things.
const soon = 2 * time.Second

// ended looks that all of it ends soon after the right was lost; of the news, when the person stays, what they tell.
func (w *watcher) ended(lost time.Time, feed bool) {
	w.t.Helper()
	end := func(what string, c <-chan error) (err error) {
		select {
		case err = <-c:
			if after := time.Since(lost); after > soon {
				w.t.Errorf("%s ended after %v", what, after)
			}
		case <-time.After(time.Until(lost) + 2*soon):
			w.t.Errorf("%s does not end", what)
		}
		return err
	}
	if err := end("live", w.live); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		w.t.Errorf("live ended with %v", err)
	}
	if w.looks != nil {
		end("what is seen", w.looks)
	} else if w.t.Name() != "TestRevoked/another_role" {
		w.t.Error("nobody was told what is seen")
	}
	if !feed {
		end("the news", w.news)
	} else {
		told := ""
		for deadline := time.After(time.Until(lost) + soon); told != "cameras"; {
			select {
			case told = <-w.told:
			case <-deadline:
				w.t.Fatal("the news do not tell that there is less to see")
			}
		}
	}
	// Nothing is read of these for longer than the right takes to be asked for again: that they end must not need the reader.
	<-time.After(time.Until(lost) + 1100*time.Millisecond)
	for what, resp := range w.bodies {
		n, err := io.Copy(io.Discard, resp.Body)
		if err == nil || errors.Is(err, context.Canceled) || n > noisySize/2 {
			w.t.Errorf("%s: %d more bytes, %v", what, n, err)
		}
	}
	if feed {
		// The yard goes on recording: of that nothing more may be told.
		quiet := time.NewTimer(soon)
		defer quiet.Stop()
		for {
			select {
			case name := <-w.told:
				if name != "cameras" {
					w.t.Errorf("told of the yard afterwards: %s", name)
				}
			case <-w.news:
				w.t.Error("the news ended")
				return
			case <-quiet.C:
				return
			}
		}
	}
}
