package witness_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
	"hearth/storage/keyring"
	"hearth/storage/signet"
	"hearth/storage/witness"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// rig is a box with a log, and a disk beside it.
type rig struct {
	t    *testing.T
	dir  string
	disk string
	b    *box.Box
	a    *access.Access
	key  *signet.Signet
	w    witness.Witness
	n    int
	hour int
}

func build(t *testing.T) *rig {
	r := &rig{t: t, dir: t.TempDir(), disk: t.TempDir()}
	must(t, os.Mkdir(filepath.Join(r.disk, "media"), 0o700))
	r.open()
	return r
}

func (r *rig) open() {
	var err error
	r.b, err = box.Open(filepath.Join(r.dir, "hearth.db"))
	must(r.t, err)
	k, err := keyring.Open(r.dir, r.b)
	must(r.t, err)
	r.key, err = signet.Open(r.b, k)
	must(r.t, err)
	r.a, err = access.Open(r.b, access.WithHash(accesstest.Hash()))
	must(r.t, err)
	b := r.b
	r.t.Cleanup(func() { _ = b.Close() })
	r.w = witness.Witness{Box: r.b, Places: []witness.Place{{ID: media.NewUUID(), Dir: r.disk}}}
}

// lines adds lines to the log.
func (r *rig) lines(n int) {
	for range n {
		r.n++
		must(r.t, r.a.Audit(access.Entry{Time: noon.Add(time.Duration(r.n) * time.Minute), Act: fmt.Sprint("act ", r.n)}))
	}
}

// sign signs, an hour after the last time.
func (r *rig) sign() {
	r.hour++
	must(r.t, r.w.Sign(r.key, r.at(r.hour)))
}

func (r *rig) at(hour int) time.Time { return noon.Add(time.Duration(hour) * time.Hour) }

func (r *rig) check() []string {
	r.t.Helper()
	res, err := r.w.Check(r.key.Public())
	must(r.t, err)
	var list []string
	for _, f := range res.Findings {
		list = append(list, f.Path+": "+f.Problem)
	}
	return list
}

// changed changes the log behind the box's back.
func (r *rig) changed(change func(b *bbolt.Bucket)) {
	must(r.t, r.b.Update(func(tx *bbolt.Tx) error {
		change(tx.Bucket([]byte(box.AuditBucket)))
		return nil
	}))
}

func key(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// rewrite makes the chain whole again from a line on, as somebody would who knows how it is made.
func (r *rig) rewrite(from, to uint64, change func(e *access.Entry)) {
	r.changed(func(b *bbolt.Bucket) {
		before := make([]byte, sha256.Size)
		if from > 1 {
			before = bytes.Clone(b.Get(key(from - 1))[:sha256.Size])
		}
		for seq := from; seq <= to; seq++ {
			var e access.Entry
			must(r.t, json.Unmarshal(b.Get(key(seq))[sha256.Size:], &e))
			change(&e)
			line, err := json.Marshal(e)
			must(r.t, err)
			sum := sha256.Sum256(append(bytes.Clone(before), line...))
			must(r.t, b.Put(key(seq), append(sum[:], line...)))
			before = sum[:]
		}
	})
}

// files gives the statements' file on the disk.
func (r *rig) file() string {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.disk, signet.Folder, "audit-*.jsonl"))
	must(r.t, err)
	if len(files) != 1 {
		r.t.Fatalf("%v", files)
	}
	return files[0]
}

func TestWholeLog(t *testing.T) {
	r := build(t)
	r.sign() // of an empty log there is nothing to say
	if got := r.check(); len(got) > 0 {
		t.Errorf("%v", got)
	}
	for range 5 {
		r.lines(3)
		r.sign()
		r.sign() // there is nothing new
	}
	r.lines(2) // not signed yet
	if got := r.check(); len(got) > 0 {
		t.Errorf("%v", got)
	}
	res, err := r.w.Check(r.key.Public())
	must(t, err)
	if res.Signed != 10 || res.Last.Seq != 17 || !res.Newest.Equal(r.at(10)) {
		t.Errorf("%+v, want 5 statements at 2 places each", res)
	}
	raw, err := os.ReadFile(r.file())
	must(t, err)
	t.Logf("a statement has %d bytes", len(raw)/5)
}

// TestTampered: whatever is done to the log shows, also when the chain was made whole again afterwards and when the
// statements in hearth.db went with it.
func TestTampered(t *testing.T) {
	forget := func(r *rig) {
		must(r.t, r.b.Update(func(tx *bbolt.Tx) error {
			if err := tx.DeleteBucket([]byte(box.AuditHeads)); err != nil {
				return err
			}
			_, err := tx.CreateBucket([]byte(box.AuditHeads))
			return err
		}))
	}
	for name, c := range map[string]struct {
		do   func(r *rig)
		want string
	}{
		"a line changed": {func(r *rig) {
			r.changed(func(b *bbolt.Bucket) {
				must(r.t, b.Put(key(7), bytes.Replace(bytes.Clone(b.Get(key(7))), []byte("act 7"), []byte("act 8"), 1)))
			})
		}, "hearth.db: audit log: line 7 is not as it was written"},
		"a line taken out": {func(r *rig) {
			r.changed(func(b *bbolt.Bucket) { must(r.t, b.Delete(key(7))) })
		}, "hearth.db: audit log: line 7 is missing"},
		"the oldest taken": {func(r *rig) {
			r.changed(func(b *bbolt.Bucket) { must(r.t, b.Delete(key(1))); must(r.t, b.Delete(key(2))) })
		}, "hearth.db: audit log: lines 1 to 2 are missing"},
		"two lines exchanged": {func(r *rig) {
			r.changed(func(b *bbolt.Bucket) {
				x, y := bytes.Clone(b.Get(key(7))), bytes.Clone(b.Get(key(8)))
				must(r.t, b.Put(key(7), y))
				must(r.t, b.Put(key(8), x))
			})
		}, "hearth.db: audit log: line 7 is not as it was written"},
		"the newest cut off": {func(r *rig) {
			r.changed(func(b *bbolt.Bucket) { must(r.t, b.Delete(key(20))); must(r.t, b.Delete(key(19))) })
		}, "hearth.db: audit log: lines after 18 are missing: the head of 2026-03-01 14:00:00 UTC says 20"},
		"cut off with the statements in hearth.db": {func(r *rig) {
			r.changed(func(b *bbolt.Bucket) { must(r.t, b.Delete(key(20))) })
			forget(r)
		}, "hearth.db: audit log: lines after 19 are missing: the head of 2026-03-01 14:00:00 UTC says 20"},
		"changed, and the chain made whole again": {func(r *rig) {
			r.rewrite(12, 20, func(e *access.Entry) { e.Detail = "x" })
		}, "hearth.db: audit log: lines 11 to 20 are not those that the box signed on 2026-03-01 14:00:00 UTC: one of them was changed, taken out or put in"},
		"all of it made anew": {func(r *rig) {
			forget(r)
			r.rewrite(1, 20, func(e *access.Entry) { e.Name = "nobody" })
		}, "hearth.db: audit log: lines 1 to 10 are not those that the box signed on 2026-03-01 13:00:00 UTC: one of them was changed, taken out or put in"},
		"a statement changed": {func(r *rig) {
			raw, err := os.ReadFile(r.file())
			must(r.t, err)
			must(r.t, os.WriteFile(r.file(), bytes.Replace(raw, []byte(`"seq":10`), []byte(`"seq":11`), 1), 0o600))
		}, "statement 1 about the audit log: the statement is not as it was signed"},
		"a statement taken out": {func(r *rig) {
			raw, err := os.ReadFile(r.file())
			must(r.t, err)
			_, rest, _ := bytes.Cut(raw, []byte("\n"))
			must(r.t, os.WriteFile(r.file(), rest, 0o600))
		}, "statement 1 about the audit log: the statement is not as it was signed: the one before it is missing or changed"},
		"a statement of another box's": {func(r *rig) {
			other := build(r.t)
			head, err := access.AuditHead(r.b)
			must(r.t, err)
			must(r.t, os.Remove(r.file()))
			must(r.t, other.key.AppendLog(r.disk, signet.LogStatement{Time: r.at(9), Seq: head.Seq, Hash: head.Hash}))
		}, "another box signed the statement"},
	} {
		t.Run(name, func(t *testing.T) {
			r := build(t)
			r.lines(10)
			r.sign()
			r.lines(10)
			r.sign()
			if got := r.check(); len(got) > 0 {
				t.Fatalf("before: %v", got)
			}
			c.do(r)
			got := r.check()
			if !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// An older hearth.db in place of this one does not fit to the disk's statements, also after it went on; an owner may
// acknowledge that once, and only that.
func TestOlderDatabase(t *testing.T) {
	r := build(t)
	r.lines(10)
	r.sign()
	older := filepath.Join(t.TempDir(), "hearth.db")
	must(t, r.b.View(func(tx *bbolt.Tx) error { return tx.CopyFile(older, 0o600) }))
	r.lines(10)
	r.sign()
	must(t, r.b.Close())
	must(t, os.Rename(older, filepath.Join(r.dir, "hearth.db")))
	r.open()
	const cut = "hearth.db: audit log: lines after 10 are missing: the head of 2026-03-01 14:00:00 UTC says 20"
	if got := r.check(); len(got) != 1 || got[0] != cut {
		t.Errorf("%q", got)
	}
	r.n = 100
	r.lines(20)
	r.sign()
	got := r.check()
	if len(got) != 1 || !strings.Contains(got[0], "lines 11 to 20 are not those that the box signed") {
		t.Errorf("after it went on: %q", got)
	}
	res, err := r.w.Check(r.key.Public())
	must(t, err)
	must(t, r.w.Acknowledge(r.key, res.After, noon)) // by a clock that went back
	if got := r.check(); len(got) > 0 {
		t.Errorf("after it was acknowledged: %q", got)
	}
	r.changed(func(b *bbolt.Bucket) { must(t, b.Delete(key(30))) })
	if got := r.check(); len(got) == 0 {
		t.Error("cut again, and nothing is found")
	}
}
