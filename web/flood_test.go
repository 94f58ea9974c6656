package web

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Sizes that nobody needs are refused, in every place where a request has a size.
func TestTooLarge(t *testing.T) {
	h := build(t, nil)
	stranger := h.client()
	stranger.refused(413, "POST", "/session", `{"name":"`+strings.Repeat("x", strangersBody)+`"}`)
	h.owner.refused(413, "POST", "/users", `{"name":"`+strings.Repeat("x", maxBody)+`"}`)
	stranger.refused(413, "POST", "/session", nil, func(r *http.Request) { // of unknown length
		r.Body, r.ContentLength = io.NopCloser(io.LimitReader(endless{}, 10<<20)), -1
	})
	for what, request := range map[string]string{
		"a header":     "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", maxHeader+8<<10) + "\r\n\r\n",
		"many headers": "GET / HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: y\r\n", maxHeader/4) + "\r\n",
		"an address":   "GET /" + strings.Repeat("x", maxHeader+8<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		conn := h.dial(t, "http/1.1")
		_, err := io.WriteString(conn, request)
		must(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		if resp.StatusCode != 431 {
			t.Errorf("%s: %d", what, resp.StatusCode)
		}
		_ = resp.Body.Close()
		_ = conn.Close()
	}
}

// What is promised to bodies has an end for an address and for all; who is logged in is not kept out by strangers.
func TestBodiesAreBounded(t *testing.T) {
	var b bodies
	var gives []func()
	for a := range 255 {
		for range bodiesOfAddress / strangersBody {
			if give, err := b.take(at(fmt.Sprintf("10.0.0.%d", a)), strangersBody, false); err == nil {
				gives = append(gives, give)
			}
		}
	}
	if b.all != bodiesMost {
		t.Errorf("%d bytes are promised", b.all)
	}
	if _, err := b.take(at("10.0.0.1"), 1, true); err == nil {
		t.Error("an address has no end")
	}
	give, err := b.take(at("192.168.1.20"), maxBody, true)
	must(t, err)
	give()
	for _, give := range gives {
		give()
	}
	if b.all != 0 || len(b.of) != 0 {
		t.Errorf("%d bytes of %d addresses are promised after the end", b.all, len(b.of))
	}
}

// Streams that are reset as soon as they began, and headers that never end, over HTTP/2: the connection ends.
func TestHTTP2Bombs(t *testing.T) {
	h := build(t, nil)
	headers := func(more int) []byte {
		var block bytes.Buffer
		e := hpack.NewEncoder(&block)
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/api/v1/setup"}} {
			must(t, e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
		}
		for i := range more {
			must(t, e.WriteField(hpack.HeaderField{Name: fmt.Sprintf("x-%d", i), Value: strings.Repeat("v", 1000), Sensitive: true}))
		}
		return block.Bytes()
	}
	for what, attack := range map[string]func(f *http2.Framer, id uint32) error{
		"rapid reset": func(f *http2.Framer, id uint32) error {
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: headers(0), EndHeaders: true, EndStream: true}); err != nil {
				return err
			}
			return f.WriteRSTStream(id, http2.ErrCodeCancel)
		},
		"headers without an end": func(f *http2.Framer, id uint32) error {
			if id == 1 {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headers(8), EndStream: true})
			}
			var block bytes.Buffer
			must(t, hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: "y", Value: strings.Repeat("v", 8000), Sensitive: true}))
			return f.WriteContinuation(1, false, block.Bytes())
		},
	} {
		conn := h.dial(t, "h2")
		must(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
		_, err := io.WriteString(conn, http2.ClientPreface)
		must(t, err)
		f := http2.NewFramer(conn, conn)
		must(t, f.WriteSettings())
		ended := make(chan error, 1)
		go func() {
			for {
				frame, err := f.ReadFrame()
				if away, ok := frame.(*http2.GoAwayFrame); ok {
					err = fmt.Errorf("sent away: %v", away.ErrCode)
				}
				if err != nil {
					ended <- err
					return
				}
			}
		}()
		for id := uint32(1); err == nil && id < 100_000; id += 2 {
			select {
			case err = <-ended:
				ended <- err
			default:
				err = attack(f, id)
			}
		}
		select {
		case err := <-ended:
			var slow net.Error
			if errors.As(err, &slow) && slow.Timeout() {
				t.Errorf("%s: goes on", what)
			}
			t.Logf("%s: %v", what, err)
		case <-time.After(30 * time.Second):
			t.Errorf("%s: goes on", what)
		}
		_ = conn.Close()
		h.owner.ok("GET", "/session", nil, nil)
	}
}

// A viewer has nothing to say: whatever it says, small or large, ends the WebSocket.
func TestWebSocketFrames(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	yard := h.unreachable("Yard")
	h.owner.ok("PATCH", "/cameras/"+yard.String(), map[string]any{"record": "continuous"}, nil)
	for what, message := range map[string][]byte{"a word": []byte("hello"), "a large frame": make([]byte, 8<<20)} {
		conn, _, err := websocket.Dial(t.Context(), strings.Replace(h.srv.URL(), "https", "wss", 1)+prefix+"/cameras/"+yard.String()+"/live",
			&websocket.DialOptions{
				HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: h.owner.tls}},
				HTTPHeader: http.Header{"Origin": {h.srv.URL()}, "Cookie": {h.owner.cookies()}},
			})
		must(t, err)
		_ = conn.Write(t.Context(), websocket.MessageBinary, message) // it may be cut while it is sent
		for err == nil {
			_, _, err = conn.Read(t.Context())
		}
		if code := websocket.CloseStatus(err); code != websocket.StatusPolicyViolation && code != -1 && code != websocket.StatusMessageTooBig {
			t.Errorf("%s: %v", what, err)
		}
		cut(conn)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

// dial makes a connection that trusts the box's authority, for requests written by hand.
func (h *house) dial(t testing.TB, protocol string) net.Conn {
	t.Helper()
	config := h.owner.tls.Clone()
	config.NextProtos = []string{protocol}
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", h.srv.Addr().String())
	must(t, err)
	return conn
}
