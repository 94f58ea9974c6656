package access_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Every role, permission and verb, also on a camera and for a person that do not exist.
func TestAuthorize(t *testing.T) {
	a, b := accesstest.Open(t)
	yard, nursery := accesstest.Camera(t, b, "Yard"), accesstest.Camera(t, b, "Nursery")
	owner := accesstest.Person(t, a, "Ada", access.Owner)
	adult := accesstest.Person(t, a, "Bo", access.Adult)
	guest := accesstest.Person(t, a, "Cy", access.Guest)
	bare := accesstest.Person(t, a, "Di", access.Guest)
	late := accesstest.Person(t, a, "Ed", access.Guest)
	gone := accesstest.Person(t, a, "Flo", access.Owner)
	must(t, a.RemovePerson(gone.ID))
	must(t, a.SetPermissions(guest.ID, []access.Permission{
		{Camera: yard, Verbs: []access.Verb{access.Live, access.Events}, Until: time.Now().Add(time.Hour)},
	}))
	must(t, a.SetPermissions(adult.ID, []access.Permission{{Camera: yard, Verbs: []access.Verb{access.Manage}}}))
	must(t, a.SetPermissions(late.ID, []access.Permission{
		{Camera: yard, Verbs: access.Verbs(), Until: time.Now().Add(-time.Second)},
	}))

	all := access.Verbs()
	see := []access.Verb{access.Live, access.Events, access.Footage, access.Export}
	for _, c := range []struct {
		name    string
		user    media.UUID
		camera  media.CameraID
		allowed []access.Verb
	}{
		{"owner", owner.ID, yard, all},
		{"owner", owner.ID, nursery, all},
		{"owner on no camera", owner.ID, media.NewCameraID(), nil},
		{"owner on the zero camera", owner.ID, media.CameraID{}, nil},
		{"adult with manage", adult.ID, yard, all},
		{"adult", adult.ID, nursery, see},
		{"guest on their camera", guest.ID, yard, []access.Verb{access.Live, access.Events}},
		{"guest on another camera", guest.ID, nursery, nil},
		{"guest without permissions", bare.ID, yard, nil},
		{"guest whose time is over", late.ID, yard, nil},
		{"a removed owner", gone.ID, yard, nil},
		{"nobody", media.NewUUID(), yard, nil},
		{"the zero person", media.UUID{}, yard, nil},
	} {
		for _, v := range append(all, "", "everything") {
			g, err := a.Authorize(c.user, c.camera, v)
			if v == "" || v == "everything" {
				if c.name == "owner" {
					continue // an owner may do what has no name yet; nothing asks for it
				}
			}
			if slices.Contains(c.allowed, v) {
				if err != nil || !g.Valid() || g.Camera() != c.camera || g.User() != c.user || g.Verb() != v || a.Renew(g) != nil {
					t.Errorf("%s %s: %v, %v", c.name, v, g, err)
				}
			} else if !errors.Is(err, access.ErrDenied) || g.Valid() || g != (access.Grant{}) {
				t.Errorf("%s %s: %v, %v", c.name, v, g, err)
			}
		}
		for _, v := range all {
			gs, err := a.AuthorizeAll(c.user, v)
			must(t, err)
			has := slices.ContainsFunc(gs, func(g access.Grant) bool { return g.Camera() == c.camera })
			if has != slices.Contains(c.allowed, v) {
				t.Errorf("%s: all cameras for %s: %v", c.name, v, gs)
			}
		}
	}
}

func TestGrantsCannotBeForged(t *testing.T) {
	a, b := accesstest.Open(t)
	other, ob := accesstest.Open(t)
	id := accesstest.Camera(t, b, "Yard")
	g := accesstest.Grant(t, other, ob, id, access.Live)
	var zero access.Grant
	if zero.Valid() || zero.Allows(access.Live) || zero.Allows("") {
		t.Error("the zero grant allows something")
	}
	for name, forged := range map[string]access.Grant{"zero": zero, "of another box": g} {
		if err := a.Renew(forged); !errors.Is(err, access.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRevokedNow(t *testing.T) {
	a, b := accesstest.Open(t)
	id := accesstest.Camera(t, b, "Yard")
	accesstest.Person(t, a, "Ada", access.Owner)
	guest := accesstest.Person(t, a, "Cy", access.Guest)
	permit := func(t *testing.T) access.Grant {
		t.Helper()
		must(t, a.SetPermissions(guest.ID, []access.Permission{{Camera: id, Verbs: []access.Verb{access.Live}}}))
		g, err := a.Authorize(guest.ID, id, access.Live)
		must(t, err)
		return g
	}
	for name, revoke := range map[string]func() error{
		"permissions taken": func() error { return a.SetPermissions(guest.ID, nil) },
		"another verb": func() error {
			return a.SetPermissions(guest.ID, []access.Permission{{Camera: id, Verbs: []access.Verb{access.Events}}})
		},
		"camera removed": func() error { return b.RemoveCamera(id) },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := b.Camera(id); err != nil {
				id = accesstest.Camera(t, b, "Yard")
			}
			g := permit(t)
			must(t, revoke())
			if err := a.Renew(g); !errors.Is(err, access.ErrDenied) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("person removed", func(t *testing.T) {
		id = accesstest.Camera(t, b, "Yard")
		g := permit(t)
		must(t, a.RemovePerson(guest.ID))
		if err := a.Renew(g); !errors.Is(err, access.ErrDenied) {
			t.Errorf("got %v", err)
		}
	})
}

func TestGrantEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := accesstest.Open(t)
		id := accesstest.Camera(t, b, "Yard")
		guest := accesstest.Person(t, a, "Cy", access.Guest)
		must(t, a.SetPermissions(guest.ID, []access.Permission{
			{Camera: id, Verbs: []access.Verb{access.Live}, Until: time.Now().Add(time.Hour)},
		}))
		g, err := a.Authorize(guest.ID, id, access.Live)
		must(t, err)
		time.Sleep(time.Hour - time.Nanosecond)
		must(t, a.Renew(g))
		time.Sleep(time.Nanosecond)
		if err := a.Renew(g); !errors.Is(err, access.ErrDenied) {
			t.Errorf("got %v", err)
		}
	})
}

// What was permitted on a camera goes with it: the rest of the list can be set again as it was read.
func TestPermissionsOfARemovedCamera(t *testing.T) {
	a, b := accesstest.Open(t)
	yard, gone := accesstest.Camera(t, b, "Yard"), accesstest.Camera(t, b, "Nursery")
	guest := accesstest.Person(t, a, "Cy", access.Guest)
	must(t, a.SetPermissions(guest.ID, []access.Permission{
		{Camera: gone, Verbs: access.Verbs()}, {Camera: yard, Verbs: []access.Verb{access.Live}},
	}))
	must(t, b.RemoveCamera(gone))
	list, err := a.Permissions(guest.ID)
	if err != nil || len(list) != 1 || list[0].Camera != yard {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := a.SetPermissions(guest.ID, list); err != nil {
		t.Errorf("what was read cannot be set: %v", err)
	}
}

func TestBadPermissions(t *testing.T) {
	a, b := accesstest.Open(t)
	id := accesstest.Camera(t, b, "Yard")
	guest := accesstest.Person(t, a, "Cy", access.Guest)
	had := []access.Permission{{Camera: id, Verbs: []access.Verb{access.Live}}}
	must(t, a.SetPermissions(guest.ID, had))
	for name, list := range map[string][]access.Permission{
		"no verbs":          {{Camera: id}},
		"an unknown verb":   {{Camera: id, Verbs: []access.Verb{"own"}}},
		"an unknown camera": {{Camera: id, Verbs: access.Verbs()}, {Camera: media.NewCameraID(), Verbs: access.Verbs()}},
		"too many":          make([]access.Permission, 1000),
	} {
		var bad *access.BadInput
		if err := a.SetPermissions(guest.ID, list); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.SetPermissions(media.NewUUID(), nil); !errors.Is(err, access.ErrNoPerson) {
		t.Errorf("got %v", err)
	}
	got, err := a.Permissions(guest.ID)
	if err != nil || len(got) != 1 || got[0].Camera != id {
		t.Errorf("something partial was stored: %v, %v", got, err)
	}
}

// While rights are given and taken, nobody gets a grant after the taking was done.
func TestConcurrentRevocation(t *testing.T) {
	a, b := accesstest.Open(t)
	id := accesstest.Camera(t, b, "Yard")
	guest := accesstest.Person(t, a, "Cy", access.Guest)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var mu sync.RWMutex // held for writing while the right changes
	permitted := false
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				mu.RLock()
				_, err := a.Authorize(guest.ID, id, access.Live)
				if (err == nil) != permitted {
					t.Errorf("permitted %v, and the answer is %v", permitted, err)
				}
				mu.RUnlock()
				if gs, err := a.AuthorizeAll(guest.ID, access.Live); err != nil || len(gs) > 1 {
					t.Errorf("%v, %v", gs, err)
				}
			}
		})
	}
	for i := range 40 {
		var list []access.Permission
		if i%2 == 0 {
			list = []access.Permission{{Camera: id, Verbs: []access.Verb{access.Live}}}
		}
		mu.Lock()
		must(t, a.SetPermissions(guest.ID, list))
		permitted = i%2 == 0
		mu.Unlock()
	}
	cancel()
	wg.Wait()
}

// What asking the one door costs; streams ask twice a second, news before each item.
func BenchmarkAuthorize(b *testing.B) {
	a, bx := accesstest.Open(b)
	var id media.CameraID
	for i := range 64 {
		id = accesstest.Camera(b, bx, string(rune('a'+i)))
	}
	guest := accesstest.Person(b, a, "Cy", access.Guest)
	must(b, a.SetPermissions(guest.ID, []access.Permission{{Camera: id, Verbs: access.Verbs()}}))
	for b.Loop() {
		if _, err := a.Authorize(guest.ID, id, access.Live); err != nil {
			b.Fatal(err)
		}
	}
}
