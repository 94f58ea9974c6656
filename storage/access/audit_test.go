package access_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

func TestAuditLog(t *testing.T) {
	a, b := accesstest.Open(t)
	yard, ada := media.NewCameraID(), media.NewUUID()
	start := time.Date(2025, 5, 5, 12, 0, 0, 0, time.UTC)
	for i := range 25 {
		e := access.Entry{Time: start.Add(time.Duration(i) * time.Minute), Act: fmt.Sprint("act ", i)}
		if i%2 == 0 {
			e.Camera = yard
		}
		if i%5 == 0 {
			e.User, e.Name = ada, "Ada"
		}
		must(t, a.Audit(e))
	}
	all := func(f access.AuditFilter) (acts []uint64) {
		t.Helper()
		for range 100 {
			list, next, err := a.AuditLog(f)
			must(t, err)
			for _, e := range list {
				acts = append(acts, e.Seq)
			}
			if next == "" {
				return acts
			}
			f.Cursor = next
		}
		t.Fatal("the list does not end")
		return nil
	}
	for name, c := range map[string]struct {
		filter access.AuditFilter
		want   int
	}{
		"all":         {access.AuditFilter{Limit: 4}, 25},
		"exact pages": {access.AuditFilter{Limit: 5}, 25},
		"one page":    {access.AuditFilter{}, 25},
		"of a camera": {access.AuditFilter{Camera: yard, Limit: 3}, 13},
		"of a person": {access.AuditFilter{User: ada, Limit: 2}, 5},
		"of a time":   {access.AuditFilter{From: start.Add(3 * time.Minute), To: start.Add(6 * time.Minute)}, 3},
		"of nobody":   {access.AuditFilter{User: media.NewUUID()}, 0},
	} {
		got := all(c.filter)
		if len(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
		for i := 1; i < len(got); i++ {
			if got[i] >= got[i-1] {
				t.Errorf("%s: not newest first: %v", name, got)
			}
		}
	}
	for _, cursor := range []string{"x", "-1", "0", "1e3", "99999999999999999999999"} {
		var bad *access.BadInput
		if _, _, err := a.AuditLog(access.AuditFilter{Cursor: cursor}); !errors.As(err, &bad) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
	if n, err := a.VerifyAudit(); err != nil || n != 25 {
		t.Errorf("%d, %v", n, err)
	}
	for name, tamper := range map[string]func(bu *bbolt.Bucket) error{
		"a line changed": func(bu *bbolt.Bucket) error {
			return bu.Put(key(7), bytes.Replace(bytes.Clone(bu.Get(key(7))), []byte("act 6"), []byte("act 8"), 1))
		},
		"a line taken out": func(bu *bbolt.Bucket) error { return bu.Delete(key(7)) },
		"two exchanged": func(bu *bbolt.Bucket) error {
			x, y := bytes.Clone(bu.Get(key(7))), bytes.Clone(bu.Get(key(8)))
			return errors.Join(bu.Put(key(7), y), bu.Put(key(8), x))
		},
		"the beginning taken": func(bu *bbolt.Bucket) error { return bu.Delete(key(1)) },
		"junk":                func(bu *bbolt.Bucket) error { return bu.Put(key(9), []byte("junk")) },
	} {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "hearth.db")
			must(t, b.View(func(tx *bbolt.Tx) error { return tx.CopyFile(copied, 0o600) }))
			c, err := box.Open(copied)
			must(t, err)
			defer func() { must(t, c.Close()) }()
			must(t, c.Update(func(tx *bbolt.Tx) error { return tamper(tx.Bucket([]byte(box.AuditBucket))) }))
			ac, err := access.Open(c, access.WithHash(accesstest.Hash()))
			must(t, err)
			if _, err := ac.VerifyAudit(); !errors.Is(err, access.ErrAudit) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func key(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func TestDamagedRecords(t *testing.T) {
	id := media.NewUUID()
	for name, c := range map[string]struct {
		bucket     string
		key, value []byte
	}{
		"a person that is no JSON":     {box.UsersBucket, id[:], []byte("{")},
		"a person under another's key": {box.UsersBucket, id[:], []byte(`{"id":"6ba7b810-9dad-41d1-80b4-00c04fd430c8"}`)},
		"grants that are no JSON":      {box.GrantsBucket, id[:], []byte("x")},
		"a session that is no JSON":    {box.SessionsBucket, make([]byte, 32), []byte(`[]`)},
		"a session of a short key":     {box.SessionsBucket, []byte("k"), []byte(`{}`)},
	} {
		t.Run(name, func(t *testing.T) {
			b := accesstest.Box(t)
			must(t, b.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(c.bucket)).Put(c.key, c.value) }))
			if _, err := access.Open(b, access.WithHash(accesstest.Hash())); !errors.Is(err, box.ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Nothing of what people type as a password lies in hearth.db.
func TestNoPasswordInTheFile(t *testing.T) {
	a, b := accesstest.Open(t)
	_, err := a.Setup(context.Background(), access.First{Name: "Ada", Password: "planted secret 1", From: home})
	must(t, err)
	_, _, err = a.Login(context.Background(), access.Try{Name: "Ada", Password: "planted secret 2", From: home})
	if !errors.Is(err, access.ErrWrongLogin) {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(b.Path())
	must(t, err)
	if bytes.Contains(raw, []byte("planted secret")) {
		t.Error("it does")
	}
}

// Whatever is asked, the answer is the lines that match, also where they are held against text before they are parsed.
func TestAuditQuestions(t *testing.T) {
	a, _ := accesstest.Open(t)
	start := time.Date(2025, 5, 5, 12, 0, 0, 0, time.UTC)
	cameras := []media.CameraID{{}, media.NewCameraID(), media.NewCameraID()}
	people := []media.UUID{{}, media.NewUUID(), media.NewUUID()}
	random := rand.New(rand.NewPCG(1, 2))
	moment := func() time.Time {
		return start.Add(time.Duration(random.IntN(20))*time.Second + time.Duration(random.IntN(3))*300*time.Millisecond)
	}
	var all []access.Entry
	for i := range 300 {
		e := access.Entry{
			Seq: uint64(i + 1), Time: moment(), Act: []string{"live", "footage", "log \"in\" <x>"}[random.IntN(3)], Denied: random.IntN(4) == 0,
			User: people[random.IntN(3)], About: people[random.IntN(3)], Camera: cameras[random.IntN(3)],
			Name: []string{"", `","from":"2031-01-01T00:00:00Z`, "Ada", `"denied":true`}[random.IntN(4)],
		}
		if random.IntN(3) > 0 {
			e.From = moment()
			e.To = e.From.Add(time.Duration(random.IntN(4000)) * time.Millisecond)
			if random.IntN(3) == 0 {
				last := access.Span{From: e.To.Add(2 * time.Second), To: e.To.Add(3 * time.Second)}
				e.Spans = []access.Span{{From: e.From, To: e.To}, last}
				e.To = last.To
			}
		}
		must(t, a.Audit(e))
		all = append(all, e)
	}
	some := func() (t time.Time) {
		if random.IntN(2) == 0 {
			return moment()
		}
		return t
	}
	hits := 0
	for range 500 {
		f := access.AuditFilter{
			User: people[random.IntN(3)], Camera: cameras[random.IntN(3)], From: some(), To: some(), SawFrom: some(), SawTo: some(),
			Denied: random.IntN(5) == 0, Limit: 1000,
		}
		if random.IntN(3) == 0 {
			f.Act = all[random.IntN(300)].Act
		}
		var want []uint64
		for _, e := range slices.Backward(all) {
			if (f.User.IsZero() || f.User == e.User || f.User == e.About) && (f.Camera.IsZero() || f.Camera == e.Camera) &&
				(f.From.IsZero() || !e.Time.Before(f.From)) && (f.To.IsZero() || e.Time.Before(f.To)) &&
				(f.Act == "" || f.Act == e.Act) && (!f.Denied || e.Denied) &&
				(f.SawFrom.IsZero() && f.SawTo.IsZero() || e.Saw(f.SawFrom, f.SawTo)) {
				want = append(want, e.Seq)
			}
		}
		list, _, err := a.AuditLog(f)
		must(t, err)
		var got []uint64
		for _, e := range list {
			got = append(got, e.Seq)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v:\n got %v\nwant %v", f, got, want)
		}
		hits += len(got)
	}
	if hits < 100 {
		t.Errorf("only %d lines in all answers", hits)
	}
}
