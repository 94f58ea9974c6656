package access_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
)

// Somebody who is invited comes in once, as what they were invited as.
func TestInvitation(t *testing.T) {
	a, b := accesstest.Open(t)
	yard, nursery := accesstest.Camera(t, b, "Yard"), accesstest.Camera(t, b, "Nursery")
	accesstest.Person(t, a, "Ada", access.Owner)
	ada := loggedIn(t, a, "Ada")
	end := time.Now().Add(time.Hour).UTC()
	secret, made, err := a.Invite(ada, access.NewInvitation{
		Name: "Flo", Role: access.Guest, Grants: []access.Permission{{Camera: yard, Verbs: []access.Verb{access.Live}, Until: end}},
	})
	must(t, err)
	if list, err := a.Invitations(); err != nil || len(list) != 1 || list[0].ID != made.ID || list[0].By.Name != "Ada" || !list[0].Until.Equal(made.Created.Add(24*time.Hour)) {
		t.Errorf("%+v, %v", list, err)
	}
	if raw, err := os.ReadFile(b.Path()); err != nil || strings.Contains(string(raw), secret) {
		t.Errorf("the secret is stored (%v)", err)
	}
	for range 2 { // looking does not use it up
		if v, err := a.Invited(secret, home); err != nil || v.Name != "Flo" || v.Role != access.Guest || len(v.Grants) != 1 {
			t.Errorf("%+v, %v", v, err)
		}
	}
	var bad *access.BadInput
	if _, err := a.Join(context.Background(), secret, "", "short", home); !errors.As(err, &bad) || bad.Field != "password" {
		t.Error(err)
	}
	if _, err := a.Join(context.Background(), secret, "Ada", accesstest.Password, home); !errors.Is(err, access.ErrNameTaken) {
		t.Error(err)
	}

	// Two at once: one comes in.
	var both sync.WaitGroup
	came := make(chan error, 2)
	for range 2 {
		both.Go(func() {
			_, err := a.Join(context.Background(), secret, media.NewUUID().String(), accesstest.Password, home)
			came <- err
		})
	}
	both.Wait()
	one, two := <-came, <-came
	if (one == nil) == (two == nil) || one != nil && !errors.Is(one, access.ErrNoInvitation) || two != nil && !errors.Is(two, access.ErrNoInvitation) {
		t.Errorf("%v, %v", one, two)
	}
	people, err := a.People()
	must(t, err)
	if len(people) != 2 || people[1].Role != access.Guest {
		t.Fatalf("%+v", people)
	}
	flo := people[1]
	if list, err := a.Permissions(flo.ID); err != nil || len(list) != 1 || !list[0].Until.Equal(end) {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := a.Authorize(flo.ID, yard, access.Live); err != nil {
		t.Error(err)
	}
	if _, err := a.Authorize(flo.ID, nursery, access.Live); !errors.Is(err, access.ErrDenied) {
		t.Error(err)
	}
	if _, err := a.Invited(secret, home); !errors.Is(err, access.ErrNoInvitation) {
		t.Error(err)
	}
	if list, err := a.Invitations(); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// What ends an invitation before anybody came.
func TestInvitationEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, a *access.Access, owner access.Person, id media.UUID){
		"its time": func(*testing.T, *access.Access, access.Person, media.UUID) { time.Sleep(24 * time.Hour) },
		"withdrawn": func(t *testing.T, a *access.Access, _ access.Person, id media.UUID) {
			if v, err := a.Withdraw(id); err != nil || v.Name != "Flo" {
				t.Errorf("%+v, %v", v, err)
			}
		},
		"who invites is no owner any more": func(t *testing.T, a *access.Access, owner access.Person, _ media.UUID) {
			adult := access.Adult
			_, err := a.ChangePerson(context.Background(), owner.ID, access.Change{Role: &adult})
			must(t, err)
		},
		"who invites is removed": func(t *testing.T, a *access.Access, owner access.Person, _ media.UUID) {
			must(t, a.RemovePerson(owner.ID))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _ := accesstest.Open(t)
				ada := accesstest.Person(t, a, "Ada", access.Owner)
				accesstest.Person(t, a, "Bo", access.Owner)
				secret, made, err := a.Invite(loggedIn(t, a, "Ada"), access.NewInvitation{Name: "Flo", Role: access.Adult})
				must(t, err)
				time.Sleep(23 * time.Hour)
				_, err = a.Invited(secret, home)
				must(t, err)
				end(t, a, ada, made.ID)
				if _, err := a.Invited(secret, home); !errors.Is(err, access.ErrNoInvitation) {
					t.Error(err)
				}
				if _, err := a.Join(context.Background(), secret, "", accesstest.Password, home); !errors.Is(err, access.ErrNoInvitation) {
					t.Error(err)
				}
				if list, err := a.Invitations(); err != nil || len(list) != 0 {
					t.Errorf("%+v, %v", list, err)
				}
			})
		})
	}
}

func TestInvitationRefused(t *testing.T) {
	a, _ := accesstest.Open(t)
	accesstest.Person(t, a, "Ada", access.Owner)
	accesstest.Person(t, a, "Bo", access.Adult)
	ada := loggedIn(t, a, "Ada")
	if _, _, err := a.Invite(loggedIn(t, a, "Bo"), access.NewInvitation{Name: "x", Role: access.Guest}); !errors.Is(err, access.ErrDenied) {
		t.Error(err)
	}
	for field, n := range map[string]access.NewInvitation{
		"name":   {Name: " ", Role: access.Guest},
		"role":   {Name: "x", Role: "king"},
		"hours":  {Name: "x", Role: access.Guest, Term: 7*24*time.Hour + time.Second},
		"camera": {Name: "x", Role: access.Guest, Grants: []access.Permission{{Camera: media.NewCameraID(), Verbs: access.Verbs()}}},
		"until":  {Name: "x", Role: access.Guest, Grants: []access.Permission{{Camera: media.NewCameraID(), Verbs: access.Verbs(), Until: time.Now()}}},
	} {
		var bad *access.BadInput
		if _, _, err := a.Invite(ada, n); !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, _, err := a.Invite(ada, access.NewInvitation{Name: "bo", Role: access.Guest}); !errors.Is(err, access.ErrNameTaken) {
		t.Error(err)
	}
	var busy *access.BusyError
	for i := range 21 {
		if _, err := a.Invited("none", home); errors.As(err, &busy) != (i == 20) {
			t.Errorf("try %d: %v", i, err)
		}
	}
}
