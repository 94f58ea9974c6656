package access_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
)

var (
	home = netip.MustParseAddr("192.168.1.20")
	away = netip.MustParseAddr("203.0.113.9")
)

func login(t testing.TB, a *access.Access, name string) (string, access.Session) {
	t.Helper()
	token, s, err := a.Login(context.Background(), access.Try{Name: name, Password: accesstest.Password, From: home, Device: "test"})
	must(t, err)
	return token, s
}

func TestSession(t *testing.T) {
	a, b := accesstest.Open(t)
	ada := accesstest.Person(t, a, "Ada Ö", access.Owner)
	token, s := login(t, a, " ada ö ")
	if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(raw) != 32 {
		t.Errorf("token of %d bytes, %v", len(raw), err)
	}
	got, err := a.Session(token, home)
	if err != nil || got.Person != ada || got.ID != s.ID || got.From != home.String() || got.Device != "test" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", token[1:], token + "A", s.ID.String()} {
		if _, err := a.Session(bad, home); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("token %q: %v", bad, err)
		}
	}
	raw, err := os.ReadFile(b.Path())
	must(t, err)
	secret, _ := base64.RawURLEncoding.DecodeString(token)
	if bytes.Contains(raw, []byte(token)) || bytes.Contains(raw, secret) {
		t.Error("the token lies in hearth.db")
	}
	second, _ := login(t, a, "ADA Ö")
	list, err := a.Sessions(ada)
	if err != nil || len(list) != 2 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
	must(t, a.EndAll(ada.ID, s))
	if _, err := a.Session(second, home); !errors.Is(err, access.ErrNoSession) {
		t.Errorf("ended, and %v", err)
	}
	must(t, a.StillOpen(s))
	must(t, a.End(s))
	must(t, a.End(s))
	if err := a.StillOpen(s); !errors.Is(err, access.ErrNoSession) {
		t.Errorf("ended, and %v", err)
	}
}

// A grant of a session ends with it; so does the owner's door.
func TestGrantsDieWithTheSession(t *testing.T) {
	a, b := accesstest.Open(t)
	id := accesstest.Camera(t, b, "Yard")
	ada := accesstest.Person(t, a, "Ada", access.Owner)
	password := "another password"
	for name, end := range map[string]func(s access.Session) error{
		"log out": a.End,
		"end all": func(access.Session) error { return a.EndAll(ada.ID, access.Session{}) },
		"password changed": func(access.Session) error {
			_, err := a.ChangePerson(context.Background(), ada.ID, access.Change{Password: &password})
			password = accesstest.Password
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := accesstest.Password
			_, err := a.ChangePerson(context.Background(), ada.ID, access.Change{Password: &p})
			must(t, err)
			_, s := login(t, a, "Ada")
			g, err := a.AuthorizeIn(s, id, access.Live)
			must(t, err)
			gs, err := a.AuthorizeAllIn(s, access.Events)
			if err != nil || len(gs) != 1 {
				t.Fatal(gs, err)
			}
			must(t, a.RequireOwner(s))
			must(t, end(s))
			for _, g := range append(gs, g) {
				if err := a.Renew(g); !errors.Is(err, access.ErrDenied) {
					t.Errorf("%v: %v", g, err)
				}
			}
			if _, err := a.AuthorizeIn(s, id, access.Live); !errors.Is(err, access.ErrDenied) {
				t.Errorf("got %v", err)
			}
			if err := a.RequireOwner(s); !errors.Is(err, access.ErrDenied) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRequireOwner(t *testing.T) {
	a, _ := accesstest.Open(t)
	accesstest.Person(t, a, "Ada", access.Owner)
	bo := accesstest.Person(t, a, "Bo", access.Owner)
	_, s := login(t, a, "Bo")
	must(t, a.RequireOwner(s))
	adult := access.Adult
	_, err := a.ChangePerson(context.Background(), bo.ID, access.Change{Role: &adult})
	must(t, err)
	if err := a.RequireOwner(s); !errors.Is(err, access.ErrDenied) {
		t.Errorf("no owner any more, and %v", err)
	}
	if err := a.RequireOwner(access.Session{}); !errors.Is(err, access.ErrDenied) {
		t.Errorf("no session, and %v", err)
	}
	forged := access.Session{Person: access.Person{ID: bo.ID, Role: access.Owner}}
	if err := a.RequireOwner(forged); !errors.Is(err, access.ErrDenied) {
		t.Errorf("a made-up session, and %v", err)
	}
}

func TestSessionsEndByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := accesstest.Open(t)
		ada := accesstest.Person(t, a, "Ada", access.Owner)
		idle, _ := login(t, a, "Ada")
		used, _ := login(t, a, "Ada")
		day := 24 * time.Hour
		for range 8 {
			time.Sleep(20 * day)
			if _, err := a.Session(used, away); err != nil {
				t.Fatalf("in use, and %v", err)
			}
		}
		if _, err := a.Session(idle, home); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("160 days not used, and %v", err)
		}
		list, err := a.Sessions(ada)
		if err != nil || len(list) != 1 || list[0].From != away.String() || list[0].Expires.After(list[0].Created.Add(180*day)) {
			t.Errorf("%+v, %v", list, err)
		}
		time.Sleep(20 * day)
		if _, err := a.Session(used, home); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("180 days old, and %v", err)
		}
		// What has ended is let go of at the next start.
		_, err = access.Open(b, access.WithHash(accesstest.Hash()))
		must(t, err)
	})
}

func TestSessionsOfOnePersonAreBounded(t *testing.T) {
	a, _ := accesstest.Open(t)
	ada := accesstest.Person(t, a, "Ada", access.Owner)
	for range 60 {
		login(t, a, "Ada")
	}
	if list, err := a.Sessions(ada); err != nil || len(list) != 50 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
}

func TestWrongLogin(t *testing.T) {
	a, _ := accesstest.Open(t)
	accesstest.Person(t, a, "Ada", access.Owner)
	for name, try := range map[string]access.Try{
		"wrong password":   {Name: "Ada", Password: "correct horses"},
		"no password":      {Name: "Ada"},
		"unknown name":     {Name: "Eve", Password: accesstest.Password},
		"no name":          {Password: accesstest.Password},
		"endless password": {Name: "Ada", Password: string(make([]byte, 1<<20))},
		"endless name":     {Name: string(make([]byte, 1<<20)), Password: accesstest.Password},
	} {
		try.From = away
		token, s, err := a.Login(context.Background(), try)
		if !errors.Is(err, access.ErrWrongLogin) || token != "" || !s.ID.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := accesstest.Open(t)
		accesstest.Person(t, a, "Ada", access.Owner)
		try := func(password string, from netip.Addr) (wait time.Duration, err error) {
			_, _, err = a.Login(context.Background(), access.Try{Name: "Ada", Password: password, From: from})
			var busy *access.BusyError
			if errors.As(err, &busy) {
				return busy.RetryAfter, err
			}
			return 0, err
		}
		guess := func(from netip.Addr, until time.Duration) (looked int, longest time.Duration) {
			end := time.Now().Add(until)
			for time.Now().Before(end) {
				wait, err := try("guess", from)
				if errors.Is(err, access.ErrWrongLogin) {
					looked++
					continue
				}
				longest = max(longest, wait)
				time.Sleep(wait)
			}
			return looked, longest
		}
		if looked, longest := guess(away, 24*time.Hour); looked > 120 || longest != 15*time.Minute {
			t.Errorf("%d passwords guessed in a day from one address, longest wait %v", looked, longest)
		}
		// The owner at home does not notice,
		if wait, err := try(accesstest.Password, home); err != nil {
			t.Errorf("locked out by somebody else for %v: %v", wait, err)
		}
		// and who mistypes at home waits for seconds.
		if _, longest := guess(home, time.Hour); longest != 30*time.Second {
			t.Errorf("longest wait at home %v", longest)
		}
		time.Sleep(30 * time.Second)
		if _, err := try(accesstest.Password, home); err != nil {
			t.Errorf("the right password after the wait: %v", err)
		}
		if _, err := try("guess", home); !errors.Is(err, access.ErrWrongLogin) {
			t.Errorf("one wrong one after a right one: %v", err)
		}
	})
}

// Guessing through names and through the addresses of one IPv6 network is one guesser.
func TestRateLimitOfOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := accesstest.Open(t)
		looked := 0
		for i := range 200 {
			from := netip.MustParseAddr("2001:db8:1:2::1")
			raw := from.As16()
			raw[15] = byte(i)
			_, _, err := a.Login(context.Background(), access.Try{
				Name: string(rune('a' + i)), Password: "guess", From: netip.AddrFrom16(raw),
			})
			if errors.Is(err, access.ErrWrongLogin) {
				looked++
			}
		}
		if looked > 21 {
			t.Errorf("%d passwords were looked at in no time", looked)
		}
	})
}

// Many logins at once: some wait, the rest is told to come back, and nobody is told that a right password is wrong.
func TestManyLoginsAtOnce(t *testing.T) {
	a, _ := accesstest.Open(t)
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprint("person ", i))
		accesstest.Person(t, a, names[i], access.Guest)
	}
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() {
			from := home.As4()
			from[3] = byte(i)
			_, _, err := a.Login(context.Background(), access.Try{Name: name, Password: accesstest.Password, From: netip.AddrFrom4(from)})
			var busy *access.BusyError
			if err != nil && !errors.As(err, &busy) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestPeople(t *testing.T) {
	ctx := context.Background()
	a, _ := accesstest.Open(t)
	ada := accesstest.Person(t, a, "Ada", access.Owner)
	bo := accesstest.Person(t, a, "Bo", access.Adult)
	for name, add := range map[string]struct {
		name, password string
		role           access.Role
		field          string
	}{
		"empty name":     {" ", accesstest.Password, access.Adult, "name"},
		"long name":      {string(bytes.Repeat([]byte("x"), 65)), accesstest.Password, access.Adult, "name"},
		"a line break":   {"A\nB", accesstest.Password, access.Adult, "name"},
		"bad text":       {"A\xff", accesstest.Password, access.Adult, "name"},
		"short password": {"Cy", "seven77", access.Adult, "password"},
		"long password":  {"Cy", string(make([]byte, 2000)), access.Adult, "password"},
		"no role":        {"Cy", accesstest.Password, "", "role"},
		"another role":   {"Cy", accesstest.Password, "admin", "role"},
	} {
		var bad *access.BadInput
		if _, err := a.AddPerson(ctx, add.name, add.password, add.role); !errors.As(err, &bad) || bad.Field != add.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.AddPerson(ctx, "ADA", accesstest.Password, access.Adult); !errors.Is(err, access.ErrNameTaken) {
		t.Errorf("got %v", err)
	}
	guest, owner, taken := access.Guest, access.Owner, "bo"
	if _, err := a.ChangePerson(ctx, ada.ID, access.Change{Role: &guest}); !errors.Is(err, access.ErrLastOwner) {
		t.Errorf("got %v", err)
	}
	if err := a.RemovePerson(ada.ID); !errors.Is(err, access.ErrLastOwner) {
		t.Errorf("got %v", err)
	}
	if _, err := a.ChangePerson(ctx, ada.ID, access.Change{Name: &taken}); !errors.Is(err, access.ErrNameTaken) {
		t.Errorf("got %v", err)
	}
	got, err := a.ChangePerson(ctx, bo.ID, access.Change{Role: &owner, Name: &taken})
	if err != nil || got.Role != access.Owner || got.Name != "bo" {
		t.Errorf("%+v, %v", got, err)
	}
	must(t, a.RemovePerson(ada.ID))
	if err := a.RemovePerson(ada.ID); !errors.Is(err, access.ErrNoPerson) {
		t.Errorf("got %v", err)
	}
	if _, err := a.Person(media.NewUUID()); !errors.Is(err, access.ErrNoPerson) {
		t.Errorf("got %v", err)
	}
	if people, err := a.People(); err != nil || len(people) != 1 || people[0].ID != bo.ID {
		t.Errorf("%v, %v", people, err)
	}
}
