package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDeadBox: an owner has printed the recovery key, then the box dies while it records. Its disk, in another machine,
// gives every picture that was durable as MP4 that plays everywhere; in a new box it goes on as if nothing had been.
func TestDeadBox(t *testing.T) {
	const width, height = 256, 144
	log := filepath.Join(t.TempDir(), "sent")
	urls := sim(t, "--cameras", "2", "--fps", "15", "--size", "256x144", "--sent", log)
	sent := readSent(t, log)
	a := serve(t, "")
	names := []string{"Front door", "Garden"}
	var ids []string
	for i, url := range urls {
		ids = append(ids, a.add(t, map[string]any{"name": names[i], "url": url, "record": "continuous", "motion": map[string]any{"sensitivity": 0.5, "off": true}}))
	}
	began := time.Now()
	for _, id := range ids {
		a.online(t, id, 20*time.Second)
	}
	time.Sleep(4 * time.Second)
	a.stop(t)

	code, text, errs := runHearth(t, "recovery-key", "--data", a.data)
	if code != 0 || !strings.Contains(text, "AGE-SECRET-KEY-1") {
		t.Fatalf("recovery-key: exit %d, %s", code, errs)
	}
	key := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := runHearth(t, "recovery-key", "--data", a.data); code != 1 || out != "" || !strings.Contains(errs, "nothing was changed") {
		t.Errorf("a second one, and nobody said yes: exit %d, %s%s", code, out, errs)
	}

	a = serve(t, a.data)
	for _, id := range ids {
		a.online(t, id, 20*time.Second)
	}
	time.Sleep(6 * time.Second)
	died := time.Now()
	a.kill()
	sent.more(t)

	// The system disk is lost with the box.
	disk := t.TempDir()
	if err := os.Rename(filepath.Join(a.data, "media"), filepath.Join(disk, "media")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(a.data); err != nil {
		t.Fatal(err)
	}
	before := stamped(t, disk)
	out := filepath.Join(t.TempDir(), "out")
	if code, text, errs := runHearth(t, "salvage", "--media", disk, "--key", key, out); code != 0 {
		t.Fatalf("salvage: exit %d\n%s%s", code, text, errs)
	}
	if after := stamped(t, disk); !slices.Equal(before, after) {
		t.Errorf("salvage wrote to the disk: %v, before %v", after, before)
	}
	pictures := make(map[string][]uint32)
	for i, name := range names {
		files, err := filepath.Glob(filepath.Join(out, name, "*", "*.mp4"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files of %s: %v", name, err)
		}
		for _, file := range files {
			readsSilently(t, file)
			pictures[name] = append(pictures[name], numbers(t, file, width, height, uint16(i+1))...)
		}
		if !slices.IsSorted(pictures[name]) || len(slices.Compact(slices.Clone(pictures[name]))) != len(pictures[name]) {
			t.Errorf("%s: pictures are twice there or not in order", name)
		}
		// What was sent well after the start and before the last two seconds is there, but for the time in which hearth
		// was not running.
		kept, gaps := pictures[name], 0
		for j := 1; j < len(kept); j++ {
			if kept[j] != kept[j-1]+1 {
				gaps++
			}
		}
		if gaps > 1 {
			t.Errorf("%s: %d gaps, and hearth was stopped once", name, gaps)
		}
		must := sent.between(uint16(i+1), died.Add(-5*time.Second), died.Add(-2500*time.Millisecond))
		for _, p := range must {
			if _, ok := slices.BinarySearch(kept, p.number); !ok {
				t.Errorf("%s: picture %d of %s before the end is missing", name, p.number, died.Sub(p.at))
			}
		}
		if len(must) < 20 || len(kept) < 100 {
			t.Errorf("%s: %d and %d pictures: the test proves little", name, len(must), len(kept))
		}
	}
	if code, text, errs := runHearth(t, "salvage", "--media", disk, "--key", key, out); code != 0 || !strings.Contains(text, "files (2 of them were there)") {
		t.Errorf("again: exit %d\n%s%s", code, text, errs)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.txt")
	if err := os.WriteFile(wrong, []byte("AGE-SECRET-KEY-1QQQQ\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text, errs := runHearth(t, "salvage", "--media", disk, "--key", wrong, filepath.Join(t.TempDir(), "out")); code != 1 || text != "" || refusal(t, errs) == "" {
		t.Errorf("with a key that was typed wrongly: exit %d\n%s%s", code, text, errs)
	}

	// A new box.
	data := filepath.Join(t.TempDir(), "new")
	if code, text, errs := runHearth(t, "restore", "--media", disk, "--key", key, "--data", data); code != 0 {
		t.Fatalf("restore: exit %d\n%s%s", code, text, errs)
	}
	if code, text, errs := runHearth(t, "restore", "--media", disk, "--key", key, "--data", data); code != 1 || refusal(t, errs) == "" {
		t.Errorf("restore over a box: exit %d\n%s%s", code, text, errs)
	}
	if err := os.Rename(filepath.Join(disk, "media"), filepath.Join(data, "media")); err != nil {
		t.Fatal(err)
	}
	a = serve(t, data) // logs in with the password of before
	for _, id := range ids {
		a.online(t, id, 20*time.Second)
	}
	time.Sleep(2 * time.Second)
	a.stop(t)
	if code, text, errs := runHearth(t, "check", "--deep", "--data", data); code != 0 {
		t.Errorf("check: exit %d\n%s%s", code, text, errs)
	}
	for i, name := range names {
		file := filepath.Join(t.TempDir(), "all.mp4")
		if code, text, errs := runHearth(t, "export", "--data", data, "--camera", name, "--from", began.Add(-time.Hour).UTC().Format(time.RFC3339),
			"--to", died.Add(time.Hour).UTC().Format(time.RFC3339), file); code != 0 {
			t.Fatalf("export: exit %d\n%s%s", code, text, errs)
		}
		all := numbers(t, file, width, height, uint16(i+1))
		if n := len(pictures[name]); len(all) <= n || !slices.Equal(all[:n], pictures[name]) {
			t.Errorf("%s: %d pictures in the new box, %d were salvaged, and they are not the same ones", name, len(all), n)
		}
	}
}

// stamped lists all files below a folder, with their sizes and when they were last changed.
func stamped(t testing.TB, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			list = append(list, fmt.Sprintf("%s %d %s", path, info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
