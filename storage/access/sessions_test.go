package access_test

import (
	"errors"
	"testing"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
)

// One ends one's own sessions by their identities, and nobody else's.
func TestEndOf(t *testing.T) {
	a, b := accesstest.Open(t)
	camera := accesstest.Camera(t, b, "Yard")
	ada := accesstest.Person(t, a, "Ada", access.Owner)
	bo := accesstest.Person(t, a, "Bo", access.Adult)
	_, kept := login(t, a, "Ada")
	token, s := login(t, a, "Ada")
	g, err := a.AuthorizeIn(s, camera, access.Live)
	must(t, err)
	for name, id := range map[string]media.UUID{"another's": s.ID, "nobody's": media.NewUUID(), "none": {}} {
		if _, err := a.EndOf(bo, id); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, a.Renew(g))
	ended, err := a.EndOf(ada, s.ID)
	if err != nil || ended.ID != s.ID || ended.Device != "test" {
		t.Errorf("%+v, %v", ended, err)
	}
	if err := a.Renew(g); !errors.Is(err, access.ErrDenied) {
		t.Errorf("the session has ended, and its grant: %v", err)
	}
	if _, err := a.Session(token, home); !errors.Is(err, access.ErrNoSession) {
		t.Errorf("ended, and %v", err)
	}
	if _, err := a.EndOf(ada, s.ID); !errors.Is(err, access.ErrNoSession) {
		t.Errorf("ended twice: %v", err)
	}
	must(t, a.StillOpen(kept))
}
