package access_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

// BenchmarkLongLog asks a log of a million lines (HEARTH_LINES changes that): eight cameras, four people.
func BenchmarkLongLog(b *testing.B) {
	n := 1_000_000
	if s := os.Getenv("HEARTH_LINES"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil {
			b.Fatal(err)
		}
	}
	a, bx := accesstest.Open(b)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cameras := make([]media.CameraID, 8)
	for i := range cameras {
		cameras[i] = media.NewCameraID()
	}
	people := []media.UUID{media.NewUUID(), media.NewUUID(), media.NewUUID(), media.NewUUID()}
	rare := media.NewUUID()
	var before [sha256.Size]byte
	size := 0
	for from := 1; from <= n; from += 20_000 { // as Audit would, but not each by itself
		must(b, bx.Update(func(tx *bbolt.Tx) error {
			bu := tx.Bucket([]byte(box.AuditBucket))
			bu.FillPercent = 0.9
			for seq := from; seq < from+20_000 && seq <= n; seq++ {
				at := start.Add(time.Duration(seq) * time.Minute)
				e := access.Entry{
					Seq: uint64(seq), Time: at, Act: "footage", User: people[seq%4], Name: "Somebody", Camera: cameras[seq%8],
					From: at.Add(-time.Hour), To: at.Add(-30 * time.Minute), Addr: "192.168.1.20",
				}
				if seq == n/2 {
					e.User = rare
				}
				line, err := json.Marshal(e)
				if err != nil {
					return err
				}
				sum := sha256.Sum256(append(before[:], line...))
				before = sum
				size += len(line) + len(sum) + 8
				if err := bu.Put(binary.BigEndian.AppendUint64(nil, uint64(seq)), append(sum[:], line...)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	info, err := os.Stat(bx.Path())
	must(b, err)
	b.Logf("%d lines: %d B each, %d B each in hearth.db", n, size/n, info.Size()/int64(n))
	middle := start.Add(time.Duration(n/2) * time.Minute)
	for _, c := range []struct {
		name string
		f    access.AuditFilter
	}{
		{"newest", access.AuditFilter{}},
		{"a person who did one thing", access.AuditFilter{User: rare}},
		{"nobody", access.AuditFilter{User: media.NewUUID()}},
		{"who saw a camera in an hour", access.AuditFilter{Camera: cameras[3], SawFrom: middle, SawTo: middle.Add(time.Hour)}},
		{"who saw anything in an hour", access.AuditFilter{SawFrom: middle, SawTo: middle.Add(time.Hour)}},
		{"an hour of the log", access.AuditFilter{From: middle, To: middle.Add(time.Hour)}},
		{"refused", access.AuditFilter{Denied: true}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, err := a.AuditLog(c.f)
				must(b, err)
			}
		})
	}
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if got, err := a.VerifyAudit(); err != nil || got != uint64(n) {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("add a line", func(b *testing.B) {
		for b.Loop() {
			must(b, a.Audit(access.Entry{Act: "live", User: people[0], Camera: cameras[0]}))
		}
	})
}
