// Package accesstest makes real grants for the tests of other packages: a real hearth.db, real people, the real
// decision, only with password hashes that cost nothing.
package accesstest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // as authenticator apps have it
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/box"
)

// Password is the password of everybody whom this package adds.
const Password = "correct horse"

// Hash is a password hash that costs nothing.
func Hash() access.Hash { return access.Hash{MemoryKiB: 8, Passes: 1, Threads: 1} }

// Box makes a hearth.db in a folder of the test's, closed when the test ends.
func Box(t testing.TB) *box.Box {
	t.Helper()
	b, err := box.Open(filepath.Join(t.TempDir(), "hearth.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// Open makes a new box and an Access on it.
func Open(t testing.TB) (*access.Access, *box.Box) {
	t.Helper()
	b := Box(t)
	a, err := access.Open(b, access.WithHash(Hash()))
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// Camera adds a camera of that name to the box.
func Camera(t testing.TB, b *box.Box, name string) media.CameraID {
	t.Helper()
	id := media.NewCameraID()
	if err := b.PutCamera(box.Camera{ID: id, Name: name}); err != nil {
		t.Fatal(err)
	}
	return id
}

// Person adds somebody.
func Person(t testing.TB, a *access.Access, name string, role access.Role) access.Person {
	t.Helper()
	p, err := a.AddPerson(context.Background(), name, Password, role)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Grant adds the camera to the box if it is not there, adds an owner if there is none, and gives the owner's grant.
func Grant(t testing.TB, a *access.Access, b *box.Box, id media.CameraID, verb access.Verb) access.Grant {
	t.Helper()
	if _, err := b.Camera(id); err != nil {
		if err := b.PutCamera(box.Camera{ID: id, Name: "camera " + id.String()[:8]}); err != nil {
			t.Fatal(err)
		}
	}
	people, err := a.People()
	if err != nil {
		t.Fatal(err)
	}
	var owner access.Person
	for _, p := range people {
		if p.Role == access.Owner {
			owner = p
		}
	}
	if owner.ID.IsZero() {
		owner = Person(t, a, "Test owner", access.Owner)
	}
	g, err := a.Authorize(owner.ID, id, verb)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Code is what an authenticator app with that secret shows at a moment (RFC 6238), by an implementation of its own.
func Code(secret []byte, at time.Time) string {
	mac := hmac.New(sha1.New, secret)
	if err := binary.Write(mac, binary.BigEndian, at.Unix()/30); err != nil {
		panic(err)
	}
	sum := mac.Sum(nil)
	part := sum[sum[19]&15:][:4]
	return fmt.Sprintf("%06d", (int(part[0]&0x7f)<<24|int(part[1])<<16|int(part[2])<<8|int(part[3]))%1e6)
}
