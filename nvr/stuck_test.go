package nvr

import (
	"errors"
	"strings"
	"testing"

	"hearth/storage/access"
)

// A camera whose password does not open says so, and runs once it is typed again.
func TestACameraWithoutItsPasswordSaysSo(t *testing.T) {
	c := newCameras(t)
	secret := "old"
	id, err := c.Add(t.Context(), CameraSettings{Name: "Gate", URL: nowhere, Username: "u", Password: &secret})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := c.Store.Box().Camera(id)
	if err != nil {
		t.Fatal(err)
	}
	kept.Password[len(kept.Password)-1] ^= 1
	if err := c.Store.Box().PutCamera(kept); err != nil {
		t.Fatal(err)
	}
	if _, err := c.startAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	g := grant(t, c, id, access.Manage)
	_, err = c.State(g)
	var stuck *StuckError
	if !errors.As(err, &stuck) || !errors.Is(err, ErrNotRunning) || !strings.Contains(stuck.Text, "Type it again") || stuck.Since.IsZero() {
		t.Fatalf("%v, want why it does not run", err)
	}
	secret = "new"
	if err := c.Update(t.Context(), g, CameraSettings{Name: "Gate", URL: nowhere, Username: "u", Password: &secret}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.State(g); err != nil {
		t.Errorf("with the password typed again: %v", err)
	}
	c.stop(id)
}
