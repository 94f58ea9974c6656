package web

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"hearth/storage/access"
)

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

func newsOf(resp *http.Response) *news { return &news{resp: resp, lines: bufio.NewReader(resp.Body)} }

func (c *client) news() *news {
	c.t.Helper()
	resp := c.open("GET", "/stream", nil)
	c.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		c.t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	n := newsOf(resp)
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
