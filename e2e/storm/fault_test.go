package storm

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestStormFinds: with a front before the real box that makes the mistakes for which other makers became known, the storm
// ends with a verdict soon, though nothing else goes wrong; and without a mistake it does not.
func TestStormFinds(t *testing.T) {
	for _, c := range []struct {
		name    string
		mistake func(s *storm, next http.Handler) http.Handler
		verdict string // a part of it
	}{
		{"nothing", func(_ *storm, next http.Handler) http.Handler { return next }, ""},
		{"a cache that forgets who asked", cached, "not theirs"},
		{"two cameras exchanged", exchanged, "of camera number"},
		{"an answer for another session", confused, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, stop := context.WithCancelCause(t.Context())
			defer stop(nil)
			s := newStorm(t, size{fleet: 4, watched: 1, adults: 2, guests: 6, crowd: 24}, rand.Uint64()&(1<<53-1), stop)
			if err := s.setUp(ctx); err != nil {
				t.Fatalf("%v\n%s", err, s.box.said(40))
			}
			if _, _, err := s.allRecorded(ctx, time.Now()); err != nil {
				t.Fatal(err)
			}
			front := httptest.NewUnstartedServer(c.mistake(s, s.box.proxy(t)))
			front.StartTLS()
			defer front.Close()
			s.front = front.URL
			goHome := s.gather(ctx)
			good := c.name == "nothing"
			for deadline := time.Now().Add(time.Minute); ctx.Err() == nil && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				if good && s.total() > 600 {
					break
				}
			}
			goHome()
			cause := context.Cause(ctx)
			switch {
			case good && cause != nil:
				t.Errorf("found where there is nothing, after %d answers:\n%v", s.total(), cause)
			case !good && (cause == nil || !strings.Contains(cause.Error(), "MISMATCH") || !strings.Contains(cause.Error(), c.verdict)):
				t.Errorf("not found in %d answers: %v", s.total(), cause)
			case !good:
				t.Logf("found after %d answers:\n%v", s.total(), cause)
			}
		})
	}
}

// proxy passes everything on to the box.
func (b *box) proxy(t *testing.T) http.Handler {
	t.Helper()
	target, err := url.Parse(b.url())
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Set("Origin", b.url())
		},
		FlushInterval: -1,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // loopback
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if !errors.Is(err, context.Canceled) {
				w.WriteHeader(http.StatusTooManyRequests) // as good as no answer
			}
		},
	}
}

// cached keeps answers by what was asked alone, for all who ask. It is the one that says most which everybody gets, so that
// what is found does not hang on who asks first: with an answer that says less, a camera would be missing.
func cached(_ *storm, next http.Handler) http.Handler {
	var mu sync.Mutex
	kept := map[string]*httptest.ResponseRecorder{} // by path and query
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, ".jpg") && !strings.HasSuffix(r.URL.Path, "/cameras") {
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		mu.Lock()
		old := kept[r.URL.String()]
		switch {
		case old != nil && (answer.Code != http.StatusOK || old.Body.Len() > answer.Body.Len()):
			answer = old
		case answer.Code == http.StatusOK:
			kept[r.URL.String()] = answer
		}
		mu.Unlock()
		w.WriteHeader(answer.Code)
		_, _ = io.Copy(w, bytes.NewReader(answer.Body.Bytes())) // who is gone does not want it
	})
}

// exchanged asks for the pictures of one camera where another one was meant, now and then. Who has rights by role gets them.
func exchanged(s *storm, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, b := s.slots[2].id, s.slots[3].id
		if rand.IntN(10) == 0 && s.byRole(r.Header.Get("Cookie")) && !strings.HasSuffix(r.URL.Path, a) && !strings.HasSuffix(r.URL.Path, b) {
			r.URL.Path = strings.NewReplacer(a, b, b, a).Replace(r.URL.Path)
		}
		next.ServeHTTP(w, r)
	})
}

// byRole says that a session is of an owner or an adult.
func (s *storm) byRole(cookie string) (yes bool) {
	s.change(func() {
		for _, p := range s.people {
			for _, x := range p.sessions {
				yes = yes || x.secret == cookie && p.standing.newest().role != "guest"
			}
		}
	})
	return yes
}

// confused asks with the session of whoever asked before, now and then.
func confused(_ *storm, next http.Handler) http.Handler {
	var mu sync.Mutex
	last := ""
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mine := r.Header.Get("Cookie")
		mu.Lock()
		if last != "" && mine != "" && rand.IntN(20) == 0 {
			r.Header.Set("Cookie", last)
		}
		last = mine
		mu.Unlock()
		next.ServeHTTP(w, r)
	})
}
