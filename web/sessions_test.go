package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hearth/nvr/media"
	"hearth/storage/access"
)

func (c *client) sessions() []sessionView {
	c.t.Helper()
	var out struct{ Items []sessionView }
	c.ok("GET", "/sessions", nil, &out)
	return out.Items
}

// again is another browser of the same person.
func (h *house) again(name string) *client {
	h.t.Helper()
	c := h.client()
	c.ok("POST", "/session", map[string]string{"name": name, "password": password}, nil)
	return c
}

func TestSessions(t *testing.T) {
	h := build(t, nil)
	bo, id := h.as("Bo", access.Adult)
	phone := h.client()
	resp, _ := phone.send("POST", "/session", map[string]string{"name": "Bo", "password": password}, func(r *http.Request) {
		r.Header.Set("User-Agent", "A phone")
	})
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	list := bo.sessions()
	if len(list) != 2 || list[0].Current == list[1].Current || list[0].From != "127.0.0.1" || list[0].Created.IsZero() {
		t.Fatalf("%+v", list)
	}
	var other sessionView
	for _, s := range list {
		if !s.Current {
			other = s
		}
	}
	if other.Device != "A phone" {
		t.Errorf("%+v", other)
	}
	// Somebody else's is not there, also for an owner.
	h.owner.refused(404, "DELETE", "/sessions/"+other.ID.String(), nil)
	bo.refused(404, "DELETE", "/sessions/"+h.owner.sessions()[0].ID.String(), nil)
	bo.refused(404, "DELETE", "/sessions/"+media.NewUUID().String(), nil)
	phone.ok("GET", "/session", nil, nil)

	bo.ok("DELETE", "/sessions/"+other.ID.String(), nil, nil)
	phone.refused(401, "GET", "/session", nil)
	bo.refused(404, "DELETE", "/sessions/"+other.ID.String(), nil)

	second, third := h.again("Bo"), h.again("Bo")
	second.ok("DELETE", "/sessions", nil, nil)
	second.ok("GET", "/session", nil, nil)
	for _, c := range []*client{bo, third} {
		c.refused(401, "GET", "/session", nil)
	}
	// An owner logs somebody out everywhere, and oneself everywhere else.
	second.refused(404, "DELETE", "/users/"+id.String()+"/sessions", nil)
	h.owner.ok("DELETE", "/users/"+id.String()+"/sessions", nil, nil)
	second.refused(401, "GET", "/session", nil)
	h.owner.refused(404, "DELETE", "/users/"+media.NewUUID().String()+"/sessions", nil)
	elsewhere := h.again("Ada")
	var ada meView
	h.owner.ok("GET", "/session", nil, &ada)
	h.owner.ok("DELETE", "/users/"+ada.ID.String()+"/sessions", nil, nil)
	elsewhere.refused(401, "GET", "/session", nil)
	h.owner.ok("GET", "/session", nil, nil)

	var acts []string
	for _, e := range must1(h.store.Access().AuditLog(access.AuditFilter{}))(t) {
		acts = append(acts, e.Act)
	}
	for _, act := range []string{"session.end", "session.end-others", "user.sessions"} {
		if !strings.Contains(strings.Join(acts, " ")+" ", act+" ") {
			t.Errorf("no line of %s in %v", act, acts)
		}
	}
}

func must1[T any](v T, _ string, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// What is under way in a session ends within a second of it: live video and the news.
func TestEndedSessionEndsItsStreams(t *testing.T) {
	h := build(t, nil)
	h.withCameras()
	for name, end := range map[string]func(by *client, session sessionView, user media.UUID){
		"one": func(by *client, session sessionView, _ media.UUID) {
			by.ok("DELETE", "/sessions/"+session.ID.String(), nil, nil)
		},
		"all others": func(by *client, _ sessionView, _ media.UUID) { by.ok("DELETE", "/sessions", nil, nil) },
		"by an owner": func(_ *client, _ sessionView, user media.UUID) {
			h.owner.ok("DELETE", "/users/"+user.String()+"/sessions", nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			who := "Bo " + name
			watching, user := h.as(who, access.Adult)
			session := watching.sessions()[0]
			by := h.again(who)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			conn, _, err := watching.dial(ctx, h.yard, "sub", nil)
			must(t, err)
			defer cut(conn)
			for range 5 {
				_, _, err := conn.Read(ctx)
				must(t, err)
			}
			news := watching.news()
			end(by, session, user)
			began := time.Now()
			for err == nil {
				_, _, err = conn.Read(ctx)
			}
			if took := time.Since(began); took > time.Second || websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
				t.Errorf("the live picture went on for %v, and ended with %v", took, err)
			}
			for err = nil; err == nil; {
				_, _, err = news.next()
			}
			if took := time.Since(began); took > 2*time.Second || ctx.Err() != nil {
				t.Errorf("the news went on for %v", took)
			}
		})
	}
}
