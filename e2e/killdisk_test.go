package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// volumeState is what these tests read of a volume.
type volumeState struct {
	ID      string `json:"id"`
	Path    string `json:"path"`
	State   string `json:"state"`
	Problem string `json:"problem"`
}

func (a *appliance) volume(t testing.TB, id string) volumeState {
	t.Helper()
	var s struct {
		Volumes []volumeState `json:"volumes"`
	}
	a.do(t, "GET", "/storage", nil, &s)
	for _, v := range s.Volumes {
		if v.ID == id {
			return v
		}
	}
	t.Fatalf("there is no volume %s among %+v", id, s.Volumes)
	return volumeState{}
}

// becomes waits until a volume is said to be in a state. One in trouble says what to do.
func (a *appliance) becomes(t testing.TB, id, state string) {
	t.Helper()
	var v volumeState
	eventually(t, 30*time.Second, "the disk is "+state, func() bool {
		v = a.volume(t, id)
		return v.State == state
	})
	if (v.Problem == "") != (state == "well") {
		t.Errorf("the disk is %s, and what to do is %q", state, v.Problem)
	}
}

// contents lists all files below a folder.
func contents(t testing.TB, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, strings.TrimPrefix(path, dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSecondDisk takes away the disk that a camera is recorded to, puts it back, makes it read-only and puts another one
// in its place, while the box records. Each is an alarm; nothing meant for that disk goes to the system's, or to the other
// one; the other camera does not lose a picture; and all goes on by itself.
func TestSecondDisk(t *testing.T) {
	t.Parallel()
	disk, device := smallDisk(t, 64)
	other, otherDevice := smallDisk(t, 16)

	urls := sim(t, "--cameras", "2", "--size", "320x180", "--sub-size", "160x90")
	a := serve(t, "")
	began := time.Now().Add(-time.Second)
	var second volumeState
	a.do(t, "POST", "/volumes", map[string]string{"path": disk}, &second)
	still := map[string]any{"sensitivity": 0.5, "off": true}
	there := a.add(t, map[string]any{"name": "There", "url": urls[0], "record": "continuous", "motion": still, "volume": second.ID})
	here := a.add(t, map[string]any{"name": "Here", "url": urls[1], "record": "continuous", "motion": still})

	// records waits until a camera has footage of after a moment.
	records := func(id string, since time.Time) {
		t.Helper()
		eventually(t, 30*time.Second, "recording", func() bool { return a.newest(t, id, began).After(since) })
	}
	records(there, began)
	records(here, began)
	steady := time.Now()
	pull := func() { tool(t, "umount", "-l", disk) }
	// put mounts a disk; one that was pulled can be in use until its files are let go of.
	put := func(device string, options ...string) {
		t.Helper()
		var err error
		eventually(t, 10*time.Second, "the disk can be mounted", func() bool {
			err = mount(device, disk, options...)
			return err == nil || !strings.Contains(err.Error(), "busy")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fine := func() time.Time {
		t.Helper()
		a.becomes(t, second.ID, "well")
		now := time.Now()
		records(there, now)
		return now
	}
	gap := func(word string, after time.Time) {
		t.Helper()
		gaps := a.timeline(t, there, began, time.Now()).Gaps
		if !slices.ContainsFunc(gaps, func(g span) bool { return strings.Contains(g.Reason, word) && g.To.After(after) }) {
			t.Errorf("no gap of after %s says %q: %+v", after, word, gaps)
		}
	}

	// Pulled.
	at := time.Now()
	pull()
	a.becomes(t, second.ID, "missing")
	a.line(t, "ALARM", time.Second)
	records(here, time.Now())
	if left := contents(t, disk); len(left) > 0 {
		t.Errorf("the empty mount point is on the system's disk, and holds %q", left)
	}
	if code, _ := a.request(t, "GET", "/cameras/"+there+"/export.mp4?"+fromTo(began, time.Now()), nil); code == 200 {
		t.Error("an export from a disk that is not there")
	}

	// Put back.
	put(device)
	fine()
	gap("not there", at)

	// Put back, for reading only.
	at = time.Now()
	pull()
	a.becomes(t, second.ID, "missing")
	put(device, "-o", "ro")
	a.becomes(t, second.ID, "read-only")
	readsSilently(t, a.export(t, there, began, at))
	tool(t, "mount", "-o", "remount,rw", disk)
	fine()
	gap("", at)

	// Another one in its place, of another box.
	if err := os.Mkdir(filepath.Join(other, "media"), 0o700); err != nil {
		t.Fatal(err)
	}
	marker, err := json.Marshal(map[string]any{"volume": "11111111-2222-4333-8444-555555555555", "made": time.Now().UTC()})
	if err == nil {
		err = os.WriteFile(filepath.Join(other, "media", "volume.json"), marker, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	before := contents(t, other)
	pull()
	put(otherDevice)
	a.becomes(t, second.ID, "foreign")
	records(here, time.Now())
	pull()
	put(device)
	at = fine()
	if after := contents(t, other); !slices.Equal(before, after) {
		t.Errorf("the other disk held %q and holds %q", before, after)
	}

	// Nothing of that camera went to the system's disk, but for its key.
	for _, path := range contents(t, filepath.Join(a.data, "media", there)) {
		if path != "/key" {
			t.Errorf("on the system's disk: %s", path)
		}
	}
	consecutive(t, marks(t, a.export(t, here, steady, at)), int(at.Sub(steady).Seconds())*14)
	a.stop(t)
	if code, out, errs := runHearth(t, "check", "--deep", "--data", a.data); code != 0 {
		t.Errorf("check --deep: exit %d\n%s%s", code, out, errs)
	}
}
