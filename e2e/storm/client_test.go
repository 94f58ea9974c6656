package storm

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// browser is one viewer's: an address and connections of its own.
type browser struct {
	base    string
	http    *http.Client
	sockets *http.Client // HTTP/1.1: a WebSocket is begun with it
}

// newBrowser makes the n-th. Each comes from an address of its own, as the devices of a home do.
func newBrowser(base string, n int) *browser {
	dialer := &net.Dialer{
		Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(n/250), byte(1+n%250))},
	}
	client := func(http2 bool) *http.Client {
		return &http.Client{Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConnsPerHost: 2, MaxConnsPerHost: 6, IdleConnTimeout: 30 * time.Second,
			DisableCompression: true, ForceAttemptHTTP2: http2,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(2)}, //nolint:gosec // loopback
		}}
	}
	return &browser{base: base, http: client(n%2 == 0), sockets: client(false)} // half of them speak HTTP/2
}

// largest is more than any answer has.
const largest = 16 << 20

// do sends a request. An error means that no whole head of an answer came; cut that the body ended early.
func (b *browser) do(ctx context.Context, secret, method, path string, body any) (status int, answer []byte, head http.Header, cut bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, nil, nil, false, err
		}
		r = bytes.NewReader(raw)
	}
	req, err := b.request(ctx, secret, method, path, r)
	if err != nil {
		return 0, nil, nil, false, err
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return 0, nil, nil, false, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, largest))
	return resp.StatusCode, answer, resp.Header, err != nil, nil
}

func (b *browser) request(ctx context.Context, secret, method, path string, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.base+"/api/v1"+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Origin", b.base)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, credentials(secret))
	return req, nil
}

// credentials is how a secret is sent: a token by its own header, all else as a cookie.
func credentials(secret string) http.Header {
	switch {
	case secret == "":
		return nil
	case strings.HasPrefix(secret, "Bearer "):
		return http.Header{"Authorization": {secret}}
	}
	return http.Header{"Cookie": {secret}}
}

// login gives the cookie of a new session; status says why not.
func (b *browser) login(ctx context.Context, path, name, password string) (cookie string, status int, err error) {
	status, body, head, _, err := b.do(ctx, "", http.MethodPost, path, map[string]string{"name": name, "password": password})
	if err != nil || status/100 != 2 {
		return "", status, err
	}
	for _, c := range (&http.Response{Header: head}).Cookies() {
		if c.Name == "__Host-hearth" {
			return c.Name + "=" + c.Value, status, nil
		}
	}
	return "", status, fmt.Errorf("a login without a cookie: %s", body)
}

// socket opens a live stream. Without one, the status and body of the answer are given.
func (b *browser) socket(ctx context.Context, secret, path string) (conn *websocket.Conn, status int, body []byte, err error) {
	limit, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	head := credentials(secret)
	head.Set("Origin", b.base)
	conn, resp, err := websocket.Dial(limit, b.base+"/api/v1"+path, &websocket.DialOptions{
		HTTPClient: b.sockets, HTTPHeader: head,
	})
	if err != nil && resp != nil && resp.StatusCode != 0 && resp.StatusCode != http.StatusSwitchingProtocols {
		body, _ = io.ReadAll(io.LimitReader(resp.Body, largest))
		return nil, resp.StatusCode, body, nil
	}
	if err != nil {
		return nil, 0, nil, err
	}
	conn.SetReadLimit(largest)
	return conn, http.StatusSwitchingProtocols, nil, nil
}

// news opens the stream of news and calls each with every item until it ends. A refusal is given as status and body.
func (b *browser) news(ctx context.Context, secret string, each func(name, data string) bool) (status int, body []byte, err error) {
	req, err := b.request(ctx, secret, http.MethodGet, "/stream", nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err = io.ReadAll(io.LimitReader(resp.Body, largest))
		return resp.StatusCode, body, err
	}
	name := ""
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = n
		} else if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && !each(name, data) {
			break
		}
	}
	return resp.StatusCode, nil, nil
}

// closed is why the box ended a WebSocket.
func closed(err error) websocket.StatusCode {
	var e websocket.CloseError
	if errors.As(err, &e) {
		return e.Code
	}
	return -1
}
