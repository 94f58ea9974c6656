package web

import (
	"strings"
	"testing"
)

// An owner makes a recovery key with their password only, sees what the disks are, and is told what a disk cannot be.
func TestStorageOfOwners(t *testing.T) {
	h := build(t, nil)
	var view struct {
		Volumes []struct {
			ID, Path, State string
		}
		Recovery struct {
			Made *string
		}
		Fingerprint string
	}
	h.owner.ok("GET", "/storage", nil, &view)
	if len(view.Volumes) != 1 || view.Volumes[0].State != "well" || view.Volumes[0].Path != h.dir || view.Recovery.Made != nil || view.Fingerprint == "" {
		t.Fatalf("%+v", view)
	}
	h.owner.refused(422, "POST", "/recovery-key", map[string]string{"password": "wrong"})
	var made struct{ Key string }
	h.owner.ok("POST", "/recovery-key", map[string]string{"password": password}, &made)
	if !strings.HasPrefix(made.Key, "AGE-SECRET-KEY-1") {
		t.Fatalf("%q", made.Key)
	}
	h.owner.ok("GET", "/storage", nil, &view)
	if view.Recovery.Made == nil {
		t.Fatal("it is not known that there is a key")
	}
	for path, why := range map[string]string{"/": "not on a disk of its own", "/nonexistent": "mount the disk first", h.dir: "not on a disk of its own"} {
		if _, body := h.owner.send("POST", "/volumes", map[string]string{"path": path}); !strings.Contains(string(body), why) {
			t.Errorf("%s: %s", path, body)
		}
		h.owner.refused(422, "POST", "/volumes", map[string]string{"path": path})
	}
	var items struct{ Items []struct{ Action string } }
	h.owner.ok("GET", "/audit", nil, &items)
	acts := make([]string, 0, len(items.Items))
	for _, e := range items.Items {
		acts = append(acts, e.Action)
	}
	if !strings.Contains(strings.Join(acts, " "), "recovery-key.make") {
		t.Errorf("not in the log: %v", acts)
	}
}
