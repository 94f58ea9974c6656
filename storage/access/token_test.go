package access_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

func loggedIn(t *testing.T, a *access.Access, name string) access.Session {
	t.Helper()
	_, s, err := a.Login(context.Background(), access.Try{Name: name, Password: accesstest.Password, From: home})
	must(t, err)
	return s
}

// A token opens what its own grants and its person's rights both allow, at that moment.
func TestToken(t *testing.T) {
	a, b := accesstest.Open(t)
	yard, nursery := accesstest.Camera(t, b, "Yard"), accesstest.Camera(t, b, "Nursery")
	accesstest.Person(t, a, "Ada", access.Owner)
	guest := accesstest.Person(t, a, "Cy", access.Guest)
	permit := func(verbs ...access.Verb) {
		t.Helper()
		var list []access.Permission
		if len(verbs) > 0 {
			list = []access.Permission{{Camera: yard, Verbs: verbs}}
		}
		must(t, a.SetPermissions(guest.ID, list))
	}
	permit(access.Live, access.Events)
	cy := loggedIn(t, a, "Cy")
	secret, made, err := a.MakeToken(cy, access.NewToken{Name: " Home Assistant ", Grants: []access.Permission{{Camera: yard, Verbs: []access.Verb{access.Live}}}})
	must(t, err)
	if !strings.HasPrefix(secret, "hearth_") || len(secret) != 7+43 || made.Name != "Home Assistant" || made.Person.ID != guest.ID {
		t.Errorf("%s %+v", secret, made)
	}
	s, err := a.Bearer(secret, home)
	must(t, err)
	if !s.IsToken() || s.Person.Name != "Cy" || s.Token != "Home Assistant" || s.ID != made.ID {
		t.Errorf("%+v", s)
	}
	may := func(camera media.CameraID, v access.Verb) bool {
		t.Helper()
		g, err := a.AuthorizeIn(s, camera, v)
		if err != nil && !errors.Is(err, access.ErrDenied) {
			t.Fatal(err)
		}
		return err == nil && a.Renew(g) == nil
	}
	if !may(yard, access.Live) || may(yard, access.Events) || may(nursery, access.Live) || may(yard, access.Metrics) {
		t.Error("not what its grants say")
	}
	g, err := a.AuthorizeIn(s, yard, access.Live)
	must(t, err)
	permit(access.Events)
	if may(yard, access.Live) || a.Renew(g) == nil {
		t.Error("more than its person may do")
	}
	permit(access.Live)
	if !may(yard, access.Live) {
		t.Error("not what its person may do again")
	}
	if all, err := a.AuthorizeAllIn(s, access.Live); err != nil || len(all) != 1 || all[0].Camera() != yard {
		t.Errorf("%v, %v", all, err)
	}

	// It is no person's session.
	if err := a.RequireOwner(s); !errors.Is(err, access.ErrDenied) {
		t.Error(err)
	}
	if _, _, err := a.MakeToken(s, access.NewToken{Name: "Child", Grants: made.Grants}); !errors.Is(err, access.ErrDenied) {
		t.Error(err)
	}
	if _, err := a.Session(secret, home); !errors.Is(err, access.ErrNoSession) {
		t.Error(err)
	}
	must(t, a.End(s))
	must(t, a.StillOpen(s))
	if list, err := a.Sessions(guest); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if raw, err := os.ReadFile(b.Path()); err != nil || strings.Contains(string(raw), secret) || strings.Contains(string(raw), secret[7:]) {
		t.Errorf("the secret is stored (%v)", err)
	}

	// Who it belongs to and nobody else ends it; for the zero UUID anybody's.
	if _, err := a.RevokeToken(media.NewUUID(), made.ID); !errors.Is(err, access.ErrNoSession) {
		t.Error(err)
	}
	g, err = a.AuthorizeIn(s, yard, access.Live)
	must(t, err)
	if gone, err := a.RevokeToken(guest.ID, made.ID); err != nil || gone.Name != "Home Assistant" || gone.Person.Name != "Cy" {
		t.Errorf("%+v, %v", gone, err)
	}
	if a.Renew(g) == nil || a.StillOpen(s) == nil || may(yard, access.Live) {
		t.Error("opens after it was revoked")
	}
	if _, err := a.Bearer(secret, home); !errors.Is(err, access.ErrNoSession) {
		t.Error(err)
	}

	// It ends with its person, also when somebody of the same name comes.
	secret, _, err = a.MakeToken(cy, access.NewToken{Name: "x", Grants: made.Grants})
	must(t, err)
	s, err = a.Bearer(secret, home)
	must(t, err)
	must(t, a.RemovePerson(guest.ID))
	accesstest.Person(t, a, "Cy", access.Owner)
	if may(yard, access.Live) || a.StillOpen(s) == nil {
		t.Error("outlives its person")
	}
	if list, err := a.Tokens(media.UUID{}); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// An owner's token: everything on its cameras, nothing on the box, the metrics if it was made for them.
func TestOwnersToken(t *testing.T) {
	a, b := accesstest.Open(t)
	yard, nursery := accesstest.Camera(t, b, "Yard"), accesstest.Camera(t, b, "Nursery")
	ada := accesstest.Person(t, a, "Ada", access.Owner)
	accesstest.Person(t, a, "Bo", access.Owner)
	s := loggedIn(t, a, "Ada")
	all := []access.Permission{{Camera: yard, Verbs: access.Verbs()}}
	open := func(n access.NewToken) access.Session {
		t.Helper()
		secret, _, err := a.MakeToken(s, n)
		must(t, err)
		token, err := a.Bearer(secret, home)
		must(t, err)
		return token
	}
	plain, metrics := open(access.NewToken{Name: "plain", Grants: all}), open(access.NewToken{Name: "metrics", Metrics: true})
	for _, v := range access.Verbs() {
		if _, err := a.AuthorizeIn(plain, yard, v); err != nil {
			t.Errorf("%s: %v", v, err)
		}
		if _, err := a.AuthorizeIn(plain, nursery, v); !errors.Is(err, access.ErrDenied) {
			t.Errorf("%s of the nursery: %v", v, err)
		}
		if _, err := a.AuthorizeIn(metrics, yard, v); !errors.Is(err, access.ErrDenied) {
			t.Errorf("%s by the metrics: %v", v, err)
		}
	}
	if a.RequireOwner(plain) == nil || a.RequireOwner(metrics) == nil || a.RequireMetrics(plain) == nil {
		t.Error("a token is an owner")
	}
	must(t, a.RequireMetrics(metrics))
	must(t, a.RequireMetrics(s))
	if list, err := a.AuthorizeAllIn(metrics, access.Metrics); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	adult := access.Adult
	_, err := a.ChangePerson(context.Background(), ada.ID, access.Change{Role: &adult})
	must(t, err)
	if a.RequireMetrics(metrics) == nil {
		t.Error("metrics for who is no owner any more")
	}
	if _, err := a.AuthorizeIn(plain, yard, access.Manage); !errors.Is(err, access.ErrDenied) {
		t.Error(err)
	}
	if _, err := a.AuthorizeIn(plain, yard, access.Live); err != nil {
		t.Error(err)
	}
}

func TestTokenRefused(t *testing.T) {
	a, b := accesstest.Open(t)
	yard, nursery := accesstest.Camera(t, b, "Yard"), accesstest.Camera(t, b, "Nursery")
	accesstest.Person(t, a, "Ada", access.Owner)
	guest := accesstest.Person(t, a, "Cy", access.Guest)
	must(t, a.SetPermissions(guest.ID, []access.Permission{{Camera: yard, Verbs: []access.Verb{access.Live}}}))
	s := loggedIn(t, a, "Cy")
	on := func(c media.CameraID, v ...access.Verb) []access.Permission {
		return []access.Permission{{Camera: c, Verbs: v}}
	}
	for _, c := range []struct {
		n     access.NewToken
		field string
	}{
		{access.NewToken{Name: "", Grants: on(yard, access.Live)}, "name"},
		{access.NewToken{Name: "x"}, "grants"},
		{access.NewToken{Name: "x", Grants: on(yard)}, "verbs"},
		{access.NewToken{Name: "x", Grants: on(yard, access.Metrics)}, "verbs"},
		{access.NewToken{Name: "x", Grants: on(yard, access.Footage)}, "verbs"},
		{access.NewToken{Name: "x", Grants: on(nursery, access.Live)}, "camera"},
		{access.NewToken{Name: "x", Grants: on(media.NewCameraID(), access.Live)}, "camera"},
		{access.NewToken{Name: "x", Metrics: true}, "metrics"},
		{access.NewToken{Name: "x", Grants: on(yard, access.Live), Until: time.Now()}, "until"},
	} {
		var bad *access.BadInput
		if secret, _, err := a.MakeToken(s, c.n); !errors.As(err, &bad) || bad.Field != c.field || secret != "" {
			t.Errorf("%+v: %v", c.n, err)
		}
	}
	for i := range 51 {
		if _, _, err := a.MakeToken(s, access.NewToken{Name: "x", Grants: on(yard, access.Live)}); (err != nil) != (i == 50) {
			t.Errorf("token %d: %v", i, err)
		}
	}
}

// A token and its single grants end by the clock, and how it was used is kept to about ten minutes.
func TestTokenTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := accesstest.Open(t)
		yard := accesstest.Camera(t, b, "Yard")
		ada := accesstest.Person(t, a, "Ada", access.Owner)
		grants := []access.Permission{
			{Camera: yard, Verbs: []access.Verb{access.Live}},
			{Camera: yard, Verbs: []access.Verb{access.Events}, Until: time.Now().Add(time.Hour)},
		}
		secret, _, err := a.MakeToken(loggedIn(t, a, "Ada"), access.NewToken{Name: "x", Grants: grants, Until: time.Now().Add(2 * time.Hour)})
		must(t, err)
		s, err := a.Bearer(secret, home)
		must(t, err)
		live, err := a.AuthorizeIn(s, yard, access.Live)
		must(t, err)
		events, err := a.AuthorizeIn(s, yard, access.Events)
		must(t, err)
		first := time.Now()
		time.Sleep(time.Minute)
		_, err = a.Bearer(secret, netip.MustParseAddr("192.168.1.8"))
		must(t, err)
		if list, err := a.Tokens(ada.ID); err != nil || len(list) != 1 || !list[0].Seen.Equal(first) || list[0].From != home.String() {
			t.Errorf("%+v, %v", list, err)
		}
		time.Sleep(10 * time.Minute)
		_, err = a.Bearer(secret, netip.MustParseAddr("192.168.1.8"))
		must(t, err)
		if list, err := a.Tokens(ada.ID); err != nil || !list[0].Seen.Equal(time.Now()) || list[0].From != "192.168.1.8" {
			t.Errorf("%+v, %v", list, err)
		}
		time.Sleep(50 * time.Minute)
		if a.Renew(live) != nil || a.Renew(events) == nil {
			t.Error("the end of one grant")
		}
		time.Sleep(time.Hour)
		if a.Renew(live) == nil || a.StillOpen(s) == nil {
			t.Error("the end of the token")
		}
		if _, err := a.Bearer(secret, home); !errors.Is(err, access.ErrNoSession) {
			t.Error(err)
		}
	})
}

// Wrong secrets wait per address; right ones do not, also from there.
func TestWrongTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := accesstest.Open(t)
		yard := accesstest.Camera(t, b, "Yard")
		accesstest.Person(t, a, "Ada", access.Owner)
		ada := loggedIn(t, a, "Ada")
		secret, _, err := a.MakeToken(ada, access.NewToken{Name: "x", Grants: []access.Permission{{Camera: yard, Verbs: access.Verbs()}}})
		must(t, err)
		count := func(from netip.Addr, prefix string) (looked, waits int) {
			for range 200 {
				_, err := a.Bearer(prefix+"AAAA", from)
				var busy *access.BusyError
				switch {
				case errors.As(err, &busy):
					waits++
				case errors.Is(err, access.ErrNoSession):
					looked++
				default:
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			return looked, waits
		}
		elsewhere := netip.MustParseAddr("203.0.113.9")
		for from, most := range map[netip.Addr]int{home: 40, elsewhere: 30} {
			if looked, waits := count(from, access.TokenPrefix); looked > most || looked < 20 || waits+looked != 200 {
				t.Errorf("from %s %d were looked at", from, looked)
			}
			if _, err := a.Bearer(secret, from); err != nil {
				t.Errorf("the right one from %s: %v", from, err)
			}
		}
		if looked, _ := count(elsewhere, ""); looked > 1 {
			t.Errorf("sessions are guessed beside tokens: %d", looked)
		}
	})
}

// A box of an earlier version has no tokens yet, and takes them.
func TestTokensInOlderBox(t *testing.T) {
	b := accesstest.Box(t)
	if _, err := access.Open(b, access.WithHash(accesstest.Hash())); err != nil {
		t.Fatal(err)
	}
	dropBuckets(t, b, box.TokensBucket, box.InvitesBucket)
	path := b.Path()
	must(t, b.Close())
	again, err := box.Open(path)
	must(t, err)
	defer again.Close()
	a, err := access.Open(again, access.WithHash(accesstest.Hash()))
	must(t, err)
	yard := accesstest.Camera(t, again, "Yard")
	accesstest.Person(t, a, "Ada", access.Owner)
	if _, _, err := a.MakeToken(loggedIn(t, a, "Ada"), access.NewToken{Name: "x", Grants: []access.Permission{{Camera: yard, Verbs: access.Verbs()}}}); err != nil {
		t.Error(err)
	}
}

func dropBuckets(t *testing.T, b *box.Box, names ...string) {
	t.Helper()
	must(t, b.Update(func(tx *bbolt.Tx) error {
		for _, n := range names {
			if err := tx.DeleteBucket([]byte(n)); err != nil {
				return err
			}
		}
		return nil
	}))
}
