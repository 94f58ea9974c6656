package access_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
)

func wgKey(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func device(t testing.TB, a *access.Access, p access.Person, name string, b byte) access.Device {
	t.Helper()
	d, err := a.AddDevice(access.NewDevice{Name: name, Person: p.ID, Public: wgKey(b), Preshared: wgKey(b + 1)})
	must(t, err)
	return d
}

func loginBy(a *access.Access, name string, d access.Device) (string, access.Session, error) {
	return a.Login(context.Background(), access.Try{Name: name, Password: accesstest.Password, From: home, Via: d.ID})
}

func TestDevices(t *testing.T) {
	a, b := sealed(t)
	ada, bo := accesstest.Person(t, a, "Ada", access.Owner), accesstest.Person(t, a, "Bo", access.Adult)
	phone := device(t, a, ada, " Ada's phone ", 10)
	tablet := device(t, a, bo, "Tablet", 20)
	if phone.Name != "Ada's phone" || phone.Number == tablet.Number || phone.Number < 2 || phone.Person != ada || phone.Pending || !phone.Coded {
		t.Errorf("%+v", phone)
	}
	all, err := a.Devices(media.UUID{})
	if err != nil || len(all) != 2 || all[0] != phone || all[1] != tablet {
		t.Errorf("%+v %v", all, err)
	}
	if own, err := a.Devices(bo.ID); err != nil || len(own) != 1 || own[0] != tablet {
		t.Errorf("%+v %v", own, err)
	}
	keys, err := a.DeviceKeys()
	if err != nil || len(keys) != 2 {
		t.Fatalf("%v %v", keys, err)
	}
	for _, k := range keys {
		if k.ID == phone.ID && (!bytes.Equal(k.Public, wgKey(10)) || !bytes.Equal(k.Preshared, wgKey(11)) || k.Number != phone.Number) {
			t.Errorf("%+v", k)
		}
	}
	raw, err := os.ReadFile(b.Path())
	must(t, err)
	if bytes.Contains(raw, wgKey(11)) || bytes.Contains(raw, []byte("CwsLCwsLCwsL")) {
		t.Error("a preshared key lies in hearth.db")
	}

	var bad *access.BadInput
	if _, err := a.AddDevice(access.NewDevice{Name: "ADA'S PHONE", Person: ada.ID, Public: wgKey(30), Preshared: wgKey(31)}); !errors.As(err, &bad) || bad.Field != "name" {
		t.Errorf("two of one name: %v", err)
	}
	if _, err := a.AddDevice(access.NewDevice{Name: "Other", Person: bo.ID, Public: wgKey(10), Preshared: wgKey(31)}); !errors.As(err, &bad) || bad.Field != "public_key" {
		t.Errorf("two with one key: %v", err)
	}
	if _, err := a.RenameDevice(bo.ID, phone.ID, "Mine"); !errors.Is(err, access.ErrNoDevice) {
		t.Errorf("renamed somebody else's: %v", err)
	}
	if _, err := a.RemoveDevice(bo.ID, phone.ID); !errors.Is(err, access.ErrNoDevice) {
		t.Errorf("removed somebody else's: %v", err)
	}
	if _, err := a.RecodeDevice(bo.ID, phone.ID, wgKey(40), wgKey(41), false); !errors.Is(err, access.ErrNoDevice) {
		t.Errorf("gave somebody else's another code: %v", err)
	}
	if d, err := a.RenameDevice(ada.ID, phone.ID, "Telephone"); err != nil || d.Name != "Telephone" {
		t.Errorf("%+v %v", d, err)
	}
	seen := time.Now().Add(-time.Minute).UTC()
	must(t, a.SawDevice(phone.ID, seen, "203.0.113.9"))
	if all, err := a.Devices(ada.ID); err != nil || !all[0].Seen.Equal(seen) || all[0].From != "203.0.113.9" {
		t.Errorf("%+v %v", all, err)
	}
	if d, err := a.RemoveDevice(media.UUID{}, phone.ID); err != nil || d.Name != "Telephone" {
		t.Errorf("%+v %v", d, err)
	}
	must(t, a.SawDevice(phone.ID, seen, ""))
	if again := device(t, a, ada, "New", 10); again.Number == phone.Number || again.Number == tablet.Number {
		t.Errorf("the place of another is taken again: %d", again.Number)
	}
	must(t, a.RemovePerson(bo.ID))
	if all, err := a.Devices(media.UUID{}); err != nil || len(all) != 1 {
		t.Errorf("somebody is gone and their device is not: %+v %v", all, err)
	}
}

// By a device only its person comes in, and only as long as it may come in itself.
func TestADeviceLetsItsPersonIn(t *testing.T) {
	for name, end := range map[string]func(a *access.Access, d access.Device) error{
		"removed": func(a *access.Access, d access.Device) error {
			_, err := a.RemoveDevice(media.UUID{}, d.ID)
			return err
		},
		"another code": func(a *access.Access, d access.Device) error {
			_, err := a.RecodeDevice(media.UUID{}, d.ID, wgKey(90), wgKey(91), false)
			return err
		},
		"all codes revoked": func(a *access.Access, _ access.Device) error { return a.RevokeCodes("", nil) },
		"another code that waits": func(a *access.Access, d access.Device) error {
			_, err := a.RecodeDevice(d.Person.ID, d.ID, wgKey(90), wgKey(91), true)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := sealed(t)
			yard := accesstest.Camera(t, b, "Yard")
			ada, bo := accesstest.Person(t, a, "Ada", access.Owner), accesstest.Person(t, a, "Bo", access.Adult)
			phone := device(t, a, ada, "Phone", 10)
			other := device(t, a, ada, "Tablet", 20)
			if _, _, err := loginBy(a, bo.Name, phone); !errors.Is(err, access.ErrWrongLogin) {
				t.Errorf("somebody else came in: %v", err)
			}
			token, s, err := loginBy(a, ada.Name, phone)
			if err != nil || s.Via != phone.ID {
				t.Fatalf("%+v %v", s, err)
			}
			stays, _, err := loginBy(a, ada.Name, other)
			must(t, err)
			g, err := a.AuthorizeIn(s, yard, access.Live)
			must(t, err)
			must(t, end(a, phone))
			if _, err := a.Session(token, home); !errors.Is(err, access.ErrNoSession) {
				t.Errorf("the session goes on: %v", err)
			}
			if err := a.Renew(g); !errors.Is(err, access.ErrDenied) {
				t.Errorf("the grant goes on: %v", err)
			}
			if err := a.StillOpen(s); !errors.Is(err, access.ErrNoSession) {
				t.Errorf("still open: %v", err)
			}
			if name == "all codes revoked" {
				return
			}
			if _, err := a.Session(stays, home); err != nil {
				t.Errorf("another device's session: %v", err)
			}
		})
	}
}

// A device that waits for an owner lets nobody in.
func TestPendingDevice(t *testing.T) {
	a, _ := sealed(t)
	bo := accesstest.Person(t, a, "Bo", access.Adult)
	d, err := a.AddDevice(access.NewDevice{Name: "Phone", Person: bo.ID, Public: wgKey(1), Preshared: wgKey(2), Pending: true})
	must(t, err)
	if keys, err := a.DeviceKeys(); err != nil || len(keys) != 0 {
		t.Errorf("%v %v", keys, err)
	}
	if _, _, err := loginBy(a, bo.Name, d); !errors.Is(err, access.ErrWrongLogin) {
		t.Errorf("came in: %v", err)
	}
	if d, err = a.ApproveDevice(d.ID); err != nil || d.Pending {
		t.Errorf("%+v %v", d, err)
	}
	if keys, err := a.DeviceKeys(); err != nil || len(keys) != 1 {
		t.Errorf("%v %v", keys, err)
	}
	_, _, err = loginBy(a, bo.Name, d)
	must(t, err)
	if _, err := a.ApproveDevice(media.NewUUID()); !errors.Is(err, access.ErrNoDevice) {
		t.Errorf("%v", err)
	}
}

// There is an end to how many devices somebody has.
func TestDevicesAreBounded(t *testing.T) {
	a, _ := sealed(t)
	bo := accesstest.Person(t, a, "Bo", access.Adult)
	var bad *access.BadInput
	for i := range 21 {
		_, err := a.AddDevice(access.NewDevice{Name: string(rune('a' + i)), Person: bo.ID, Public: wgKey(byte(i)), Preshared: wgKey(0)})
		if i < 20 {
			must(t, err)
		} else if !errors.As(err, &bad) {
			t.Errorf("one more: %v", err)
		}
	}
}
