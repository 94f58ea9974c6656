package box

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hearth/storage/bolt"
	"hearth/storage/format"
)

// format1 puts a hearth.db into a folder that a version with format 1 made. It is never made again: what was out once has to be
// readable for ever.
func format1(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.Open("testdata/format1.db.gz")
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	raw, err := io.ReadAll(z)
	must(t, err)
	path := filepath.Join(dir, "hearth.db")
	must(t, os.WriteFile(path, raw, 0o600))
	return path
}

// ahead are the steps of versions that are not there yet: one changes every camera's record, one a setting, one adds a bucket.
func aheadSteps() []step {
	return []step{
		func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte(camerasBucket))
			return b.ForEach(func(k, v []byte) error {
				var c map[string]any
				if err := json.Unmarshal(v, &c); err != nil {
					return err
				}
				c["name"] = "The " + c["name"].(string)
				raw, err := json.Marshal(c)
				if err != nil {
					return err
				}
				return b.Put(k, raw)
			})
		},
		func(tx *bbolt.Tx) error { return Put(tx, settingsBucket, []byte("second"), 2) },
		func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte("third"))
			return err
		},
	}
}

// holds says what is in a hearth.db, bucket by bucket, without its meta and what is in the buckets left out.
func holds(t *testing.T, path string, without ...string) string {
	t.Helper()
	db, err := bolt.Open(path)
	must(t, err)
	defer db.Close()
	var b strings.Builder
	must(t, db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, bucket *bbolt.Bucket) error {
			if string(name) == metaBucket || slices.Contains(without, string(name)) {
				return nil
			}
			fmt.Fprintf(&b, "%s %d\n", name, bucket.Sequence())
			return bucket.ForEach(func(k, v []byte) error {
				_, err := fmt.Fprintf(&b, "\t%x %x\n", k, v)
				return err
			})
		})
	}))
	return b.String()
}

func formatAt(t *testing.T, path string) meta {
	t.Helper()
	db, err := bolt.Open(path)
	must(t, err)
	defer db.Close()
	m, err := readMeta(db, path)
	must(t, err)
	return m
}

// What a version with format 1 wrote is read by this one.
func TestFormat1(t *testing.T) {
	path := format1(t, t.TempDir())
	b := open1(t, path)
	cameras, err := b.Cameras()
	must(t, err)
	if len(cameras) != 1 || cameras[0].Name != "Front door" || cameras[0].Record != "continuous" || b.Created().Year() != 2026 {
		t.Errorf("%+v, made %s", cameras, b.Created())
	}
	if _, err := b.WrappedKey(cameras[0].ID); err != nil {
		t.Error(err)
	}
}

func TestMigration(t *testing.T) {
	path := format1(t, t.TempDir())
	was := holds(t, path)
	b, err := openWith(path, aheadSteps())
	must(t, err)
	cameras, err := b.Cameras()
	must(t, err)
	second := 0
	if _, err := b.Setting("second", &second); err != nil || second != 2 || len(cameras) != 1 || cameras[0].Name != "The Front door" {
		t.Errorf("the steps were not done: %+v, %d, %v", cameras, second, err)
	}
	must(t, b.Close())
	m := formatAt(t, path)
	if m.Format != 4 || m.By != format.Program || time.Since(m.Since) > time.Minute || m.Created.IsZero() {
		t.Errorf("it says %+v", m)
	}
	kept := path + ".before-4"
	forgotten := []string{SessionsBucket, TokensBucket, InvitesBucket}
	if holds(t, kept, forgotten...) != strip(t, was, forgotten) {
		t.Error("what it was is not what is kept")
	}
	if s := holds(t, kept); strings.Contains(s, SessionsBucket+" 0\n\t") {
		t.Errorf("a session is kept: %s", s)
	}
	// From the middle, only what is missing is done.
	if b, err = openWith(path, append(aheadSteps(), func(tx *bbolt.Tx) error { return Put(tx, settingsBucket, []byte("fourth"), 4) })); err != nil {
		t.Fatal(err)
	}
	cameras, err = b.Cameras()
	if err != nil || cameras[0].Name != "The Front door" {
		t.Errorf("%+v, %v", cameras, err)
	}
	must(t, b.Close())
}

// strip takes buckets out of what holds gave.
func strip(t *testing.T, s string, names []string) string {
	t.Helper()
	var out strings.Builder
	skip := false
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(line, "\t") {
			skip = slices.Contains(names, strings.Fields(line)[0])
		}
		if !skip {
			out.WriteString(line)
		}
	}
	return out.String()
}

// A step that fails leaves all as it was, and says which version reads it.
func TestMigrationFails(t *testing.T) {
	path := format1(t, t.TempDir())
	before, err := os.ReadFile(path)
	must(t, err)
	wrong := errors.New("no such thing")
	for at := range 3 {
		all := aheadSteps()
		all[at] = func(*bbolt.Tx) error { return wrong }
		if _, err := openWith(path, all); !errors.Is(err, wrong) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "from format 1 to 4") {
			t.Errorf("got %v", err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Error("hearth.db was changed")
		}
		if left := beside(filepath.Join(filepath.Dir(path), temporary(path))); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// Nobody else reads what a later version wrote; it and what was before are named.
func TestNewerFormat(t *testing.T) {
	path := format1(t, t.TempDir())
	b, err := openWith(path, aheadSteps())
	must(t, err)
	must(t, b.Close())
	inside(t, path, func(tx *bbolt.Tx) error {
		var m meta
		if _, err := Get(tx, metaBucket, []byte("box"), &m); err != nil {
			return err
		}
		m.By = "9.8"
		return putMeta(tx, m)
	})
	before, err := os.ReadFile(path)
	must(t, err)
	_, err = Open(path)
	var e *format.NewerError
	if !errors.As(err, &e) || errors.Is(err, ErrDamaged) || e.Format != 4 || e.Reads != newest(steps()) || e.Before != path+".before-4" {
		t.Fatalf("got %v", err)
	}
	for _, word := range []string{"Hearth 9.8", "format 4", "Hearth " + format.Program, "format 1", "hearth go-back --data " + filepath.Dir(path)} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in %q", word, err)
		}
	}
	must(t, os.Remove(path+".before-4"))
	if _, err = Open(path); err == nil || strings.Contains(err.Error(), "go-back") || !strings.Contains(err.Error(), "install the later version again") {
		t.Errorf("with nothing kept: %v", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("hearth.db was changed")
	}
}

func TestGoBack(t *testing.T) {
	path := format1(t, t.TempDir())
	was := holds(t, path, SessionsBucket, TokensBucket, InvitesBucket)
	if _, err := GoBack(path); err == nil || !strings.Contains(err.Error(), "nothing to go back from") {
		t.Errorf("got %v", err)
	}
	b, err := openWith(path, aheadSteps())
	must(t, err)
	must(t, b.PutSetting("since", true))
	must(t, b.Close())
	// One that reads formats up to 2 takes what was before 4 as well.
	if w, err := goBack(path, aheadSteps()[:1]); err != nil || w.From != 4 || w.To != 1 || w.Since.IsZero() || w.SetAside != path+".newer-4" {
		t.Fatalf("%+v, %v", w, err)
	}
	if is := holds(t, path, SessionsBucket, TokensBucket, InvitesBucket); is != was {
		t.Errorf("it is not what it was:\n%s\n%s", is, was)
	}
	if !strings.Contains(holds(t, path+".newer-4"), fmt.Sprintf("%x", "since")) {
		t.Error("what it was until now is not set aside")
	}
	b = open1(t, path)
	if got := b.Outlived(); len(got) != 1 {
		t.Errorf("beside it lie %v", got)
	}
	must(t, b.Close())
	// And forward again, with nothing left over.
	b, err = openWith(path, aheadSteps())
	must(t, err)
	must(t, b.Close())
}

// What was before goes when the new version ran long enough, and at once when it knows what is to be forgotten.
func TestOutlived(t *testing.T) {
	path := format1(t, t.TempDir())
	b, err := openWith(path, aheadSteps())
	must(t, err)
	for ran := time.Duration(0); ran < wellFor-time.Hour; ran += time.Hour {
		if gone, err := b.RanWell(time.Hour); err != nil || gone {
			t.Fatalf("after %s: %v, %v", ran, gone, err)
		}
	}
	must(t, b.Close()) // a restart takes nothing away
	b, err = openWith(path, aheadSteps())
	must(t, err)
	if gone, err := b.RanWell(time.Hour); err != nil || !gone || len(b.Outlived()) != 0 {
		t.Errorf("after two weeks: %v, %v, %v", gone, err, b.Outlived())
	}
	if gone, err := b.RanWell(time.Hour); err != nil || gone {
		t.Errorf("and then: %v, %v", gone, err)
	}
	must(t, os.WriteFile(path+".before-2", nil, 0o600))
	must(t, b.Outlive())
	must(t, b.Close())
	if _, err := os.Stat(path + ".before-2"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// A migration, or going back, that is killed at any of its calls leaves a hearth.db that is whole: what it was, or what it is to be.
func TestMigrationKilled(t *testing.T) {
	if dir := os.Getenv("HEARTH_TEST_MIGRATE"); dir != "" { // the one that is killed
		runtime.LockOSThread() // strace counts by thread
		path := filepath.Join(dir, "hearth.db")
		if os.Getenv("HEARTH_TEST_BACK") != "" {
			if _, err := goBack(path, nil); err != nil {
				t.Fatal(err)
			}
			return
		}
		b, err := openWith(path, aheadSteps())
		must(t, err)
		must(t, b.Close())
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace, which kills at a chosen call, is not there")
	}
	for name, back := range map[string]string{"forward": "", "back": "1"} {
		t.Run(name, func(t *testing.T) { killed(t, strace, back) })
	}
}

func killed(t *testing.T, strace, back string) {
	t.Helper()
	start := format1(t, t.TempDir())
	kept := ""
	if back != "" {
		b, err := openWith(start, aheadSteps())
		must(t, err)
		must(t, b.Close())
		kept = holds(t, start+".before-4")
	}
	k := killing{strace: strace, back: back, start: start, old: holds(t, start), oldest: formatAt(t, start).Format, kept: kept}
	kills := 0
	for _, call := range []string{"renameat", "linkat", "unlinkat", "fsync", "fdatasync", "pwrite64", "ftruncate", "write"} {
		for n := 1; k.at(t, call, n); n++ {
			kills++
		}
	}
	if kills < 8 {
		t.Errorf("it was killed %d times only", kills)
	}
	t.Logf("killed at each of %d calls", kills)
}

// killing is how a hearth.db that is changed over and over is killed.
type killing struct {
	strace, back string
	start, old   string // where it lies, and what it holds
	oldest       int    // its format
	kept         string // what was before it, for going back
}

// at kills at the n-th of a call, and says whether there is one.
func (k killing) at(t *testing.T, call string, n int) bool {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(filepath.Dir(k.start))))
	path := filepath.Join(dir, "hearth.db")
	cmd := exec.Command(k.strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", "inject="+call+":signal=KILL:when="+strconv.Itoa(n),
		os.Args[0], "-test.run=^TestMigrationKilled$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), "HEARTH_TEST_MIGRATE="+dir, "HEARTH_TEST_BACK="+k.back)
	out, err := cmd.CombinedOutput()
	switch is := formatAt(t, path).Format; {
	case is == k.oldest && holds(t, path) == k.old:
	case is == 4 && k.back == "", is == 1 && holds(t, path) == k.kept:
	default:
		t.Fatalf("killed at %s %d, it is of format %d and holds:\n%s", call, n, is, holds(t, path))
	}
	if err == nil {
		return false
	}
	if !strings.Contains(err.Error(), "killed") {
		t.Fatalf("%v\n%s", err, out)
	}
	// The next try goes on, whatever is left over.
	if k.back != "" {
		if formatAt(t, path).Format == 4 {
			_, err = goBack(path, nil)
			must(t, err)
		}
		if is := holds(t, path); is != k.kept {
			t.Fatalf("after a kill at %s %d and another try it is:\n%s", call, n, is)
		}
		return true
	}
	b, err := openWith(path, aheadSteps())
	must(t, err)
	must(t, b.Close())
	forgotten := []string{SessionsBucket, TokensBucket, InvitesBucket}
	if is := holds(t, path+".before-4", forgotten...); is != strip(t, k.old, forgotten) {
		t.Fatalf("after a kill at %s %d what is kept is:\n%s", call, n, is)
	}
	return true
}
