package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
)

// dice makes choices of a fuzzer's bytes; when they are used up, it always takes the first.
type dice struct{ left []byte }

func (d *dice) pick(n int) int {
	if len(d.left) == 0 || n < 2 {
		return 0
	}
	b := d.left[0]
	d.left = d.left[1:]
	return int(b) % n
}

// raw gives up to n of the bytes as they are.
func (d *dice) raw(n int) string {
	n = min(n, len(d.left))
	s := string(d.left[:n])
	d.left = d.left[n:]
	return s
}

// writer writes requests after the OpenAPI document: mostly what a route takes, and now and then anything else.
type writer struct {
	dice
	doc   *huma.OpenAPI
	ids   []string // of what there is, and of what there is not
	depth int
}

func (w *writer) text() string {
	return []func() string{
		func() string { return "x" },
		func() string { return "" },
		func() string { return w.ids[w.pick(len(w.ids))] },
		func() string {
			return time.Now().Add(-time.Duration(w.pick(256)) * time.Second).UTC().Format(time.RFC3339Nano)
		},
		func() string {
			return []string{
				"0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-02-30T25:61:61Z", "2026-01-01", "-1", "0", "9223372036854775808",
				"1e309", "NaN", "true", "null", "main", "sub", "owner", "guest", "motion", "live", "../../etc/passwd", "a\x00b", "\xff\xfe", "💥", "%00", "' OR 1=1",
				"rtsp://127.0.0.1:9/x", "rtsp://u:p@127.0.0.1:9/", "http://127.0.0.1:9/", "://", "<script>", "bytes=0-", "bytes=-1,5-2",
			}[w.pick(30)]
		},
		func() string { return w.raw(1 + w.pick(64)) },
		func() string { return strings.Repeat("long ", 1<<w.pick(14)) },
	}[w.pick(7)]()
}

// value gives something for a schema, or now and then something else.
func (w *writer) value(s *huma.Schema) any {
	w.depth++
	defer func() { w.depth-- }()
	if s != nil && s.Ref != "" {
		s = w.doc.Components.Schemas.SchemaFromRef(s.Ref)
	}
	if s == nil || w.depth > 8 || w.pick(8) == 7 {
		return []any{nil, w.text(), -1, 1e300, true, []any{}, map[string]any{"x": []any{nil}}}[w.pick(7)]
	}
	if len(s.Enum) > 0 && w.pick(6) < 5 {
		return s.Enum[w.pick(len(s.Enum))]
	}
	switch s.Type {
	case huma.TypeObject:
		o := make(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, name) || w.pick(2) == 1 {
				o[name] = w.value(s.Properties[name])
			}
		}
		if w.pick(16) == 15 {
			o[w.text()] = w.text()
		}
		return o
	case huma.TypeArray:
		var a []any
		for range w.pick(4) {
			a = append(a, w.value(s.Items))
		}
		return a
	case huma.TypeInteger, huma.TypeNumber:
		return []any{1, 0, -1, w.pick(256), 1 << 53, 0.5, -1e18}[w.pick(7)]
	case huma.TypeBoolean:
		return w.pick(2) == 1
	}
	return w.text()
}

// request writes one for an operation.
func (w *writer) request(method, path string, op *huma.Operation) (*http.Request, error) {
	query := make(url.Values)
	header := make(http.Header)
	replace := func(name, value string) { path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value)) }
	replace("id", w.ids[w.pick(len(w.ids))])
	var body []byte
	if op != nil {
		for _, p := range op.Parameters {
			value := fmt.Sprint(w.value(p.Schema))
			switch {
			case p.In == "path":
				replace(p.Name, value)
			case p.In == "query" && (p.Required || w.pick(3) > 0):
				query.Add(p.Name, value)
			case p.In == "header":
				header.Set(p.Name, value)
			}
		}
		if op.RequestBody != nil {
			for _, m := range op.RequestBody.Content {
				raw, err := json.Marshal(w.value(m.Schema))
				if err != nil {
					return nil, err
				}
				body = raw
				header.Set("Content-Type", "application/json")
			}
		}
	}
	if w.pick(16) == 15 { // broken in the middle
		body = append(body[:w.pick(len(body)+1)], w.raw(8)...)
	}
	for range w.pick(3) {
		names := []string{"Range", "If-None-Match", "Content-Type", "Accept", "Accept-Encoding", "X-Forwarded-For", "Origin", "Upgrade", "Connection", "Host"}
		header.Set(names[w.pick(len(names))], w.text())
	}
	r, err := http.NewRequestWithContext(context.Background(), method, "https://localhost", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if u, err := url.ParseRequestURI(path); err == nil {
		r.URL.Path, r.URL.RawPath = u.Path, u.RawPath
	}
	r.URL.RawQuery = query.Encode()
	r.Header = header
	r.RemoteAddr = "192.168.1.77:5000"
	return r, nil
}

// FuzzRequests sends every route what its document allows and what it does not, as nobody, as a guest of the nursery and as
// the owner. Nothing crashes, nothing is our own fault, nothing takes long, and who may not see the yard never reads a
// word of it.
func FuzzRequests(f *testing.F) {
	h := build(f, pageFiles())
	h.yard, h.other = h.unreachable("Yard by the shed"), h.unreachable("Nursery")
	spare := h.unreachable("Spare")
	event, start := media.NewUUID(), time.Now().Add(-time.Minute)
	must(f, h.store.PutEvent(storage.Event{
		ID: event, Camera: h.yard, Kind: "motion", Start: start, End: start.Add(10 * time.Second), HasThumb: true, Zones: []string{"Shed path"},
	}))
	must(f, h.store.PutThumbnail(h.yard, event, start, []byte("jpeg of the yard")))
	for _, camera := range []media.CameraID{h.yard, h.other} {
		h.film(camera, media.Main, 160).run(media.Main, start, 4)
	}
	guest, guestID := h.as("Guest", access.Guest)
	h.permit(guestID, h.other, access.Verbs()...)
	var ada meView
	h.owner.ok("GET", "/session", nil, &ada)
	cookies := []string{"", guest.cookies(), h.owner.cookies()}

	table := h.srv.routes()
	type target struct {
		method, path string
		op           *huma.Operation
	}
	var targets []target
	for _, l := range table.list {
		t := target{method: l.method, path: l.path}
		if item := table.api.OpenAPI().Paths[l.path]; item != nil {
			t.op = operations(item)[l.method]
		}
		targets = append(targets, t)
	}
	for i := range targets {
		for who := range cookies {
			f.Add(byte(i), byte(who), []byte{})
			f.Add(byte(i), byte(who), []byte("\x01\x02\x03\x04\x05\x06\x07\x01\x02\x03\x04\x05\x06\x07"))
			f.Add(byte(i), byte(who), bytes.Repeat([]byte{byte(7*i + who), 3, 200, 17}, 12))
			f.Add(byte(i), byte(who), bytes.Repeat([]byte{2, byte(i), 1, byte(40 + who), 5}, 20))
		}
	}
	here := []string{h.yard.String(), h.other.String(), event.String(), guestID.String(), ada.ID.String()}
	nowhere := []string{spare.String(), media.NewUUID().String(), "x", "", strings.Repeat("0", 300), "00000000-0000-0000-0000-000000000000"}
	f.Fuzz(func(t *testing.T, route, who byte, choices []byte) {
		to := targets[int(route)%len(targets)]
		person := int(who) % len(cookies)
		w := &writer{dice: dice{choices}, doc: table.api.OpenAPI(), ids: append(slices.Clone(here), nowhere...)}
		if person == 2 && to.method != http.MethodGet {
			// What the owner may do is done: not to what the others are asked about, and not to this machine's folders.
			w.ids = nowhere
			if strings.Contains(to.path, "session") || strings.HasSuffix(to.path, "/volumes") {
				person = 1
			}
		}
		r, err := w.request(to.method, to.path, to.op)
		if err != nil {
			t.Skip(err)
		}
		if c := cookies[person]; c != "" {
			r.Header.Set("Cookie", c)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // what streams ends
		defer cancel()
		h.logs.mu.Lock()
		h.logs.b.Reset()
		h.logs.mu.Unlock()
		rec := httptest.NewRecorder()
		began := time.Now()
		func() {
			defer func() {
				if p := recover(); p != nil && p != any(http.ErrAbortHandler) {
					t.Errorf("a crash: %v", p)
				}
			}()
			h.srv.handler.ServeHTTP(rec, r.WithContext(ctx))
		}()
		said := fmt.Sprintf("%s %s as %d: %d %.300s", r.Method, r.URL, person, rec.Code, rec.Body)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: took %s", said, took)
		}
		if rec.Code >= 500 && rec.Code != http.StatusServiceUnavailable {
			t.Errorf("%s\n%s", said, h.logs)
		}
		if log := h.logs.String(); strings.Contains(log, "a request crashed") {
			t.Errorf("%s\n%s", said, log)
		}
		if person < 2 {
			all := rec.Body.String() + fmt.Sprint(rec.Header())
			for _, word := range []string{"Yard by the shed", "Shed path", "jpeg of the yard", "127.0.0.1:9/yard", h.yard.String(), event.String()} {
				if strings.Contains(all, word) && !strings.Contains(r.URL.String(), word) {
					t.Errorf("%s: holds %q", said, word)
				}
			}
		}
	})
}

// FuzzLiveTalk sends a viewer's WebSocket any bytes, as frames or instead of them. The box answers others as before.
func FuzzLiveTalk(f *testing.F) {
	h := build(f, nil)
	yard := h.unreachable("Yard")
	cookies := h.owner.cookies()
	f.Add([]byte("\x82\x85\x00\x00\x00\x00hello"))
	f.Add([]byte("\x89\x80\x01\x02\x03\x04"))
	f.Add([]byte("\x88\x82\x00\x00\x00\x00\x03\xe8"))
	f.Add([]byte("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Add([]byte("\x02\x05hello"))
	f.Add([]byte("\xf1\x00GET / HTTP/1.1\r\n\r\n"))
	n := byte(0)
	f.Fuzz(func(t *testing.T, said []byte) {
		// From many addresses: the box does not hear one that calls as often as a fuzzer.
		n = n%100 + 1
		config := h.owner.tls.Clone()
		config.NextProtos = []string{"http/1.1"}
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 7, n)}}
		conn, err := (&tls.Dialer{NetDialer: from, Config: config}).DialContext(t.Context(), "tcp", h.srv.Addr().String())
		must(t, err)
		defer conn.Close()
		must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = fmt.Fprintf(conn, "GET %s/cameras/%s/live HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", prefix, yard, cookies)
		must(t, err)
		answer := make([]byte, 512)
		n, err := conn.Read(answer)
		must(t, err)
		if !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 101")) && !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 503")) {
			t.Fatalf("%s", answer[:n])
		}
		_, _ = conn.Write(said) // it may be cut meanwhile
		_ = conn.Close()
		if strings.Contains(h.logs.String(), "a request crashed") {
			t.Errorf("%s", h.logs)
		}
		owner := *h.owner
		owner.t = t
		owner.ok("GET", "/session", nil, nil)
	})
}
