package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hearth/storage/access"
	"hearth/storage/box"
	"hearth/storage/check"
)

// The audit log's head is signed each hour and at the end. Lines that were cut off while the box was off are found at the
// next start and by a check; a repair notes them as lost.
func TestAuditHeadIsSigned(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		lines := func(n int) {
			for i := range n {
				if err := r.s.Access().Audit(access.Entry{Act: fmt.Sprint("act ", i)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		lines(5)
		time.Sleep(signEvery + time.Minute)
		lines(5)
		whole, err := r.s.CheckAudit()
		if err != nil || len(whole.Findings) > 0 || whole.Signed != 2 || whole.Last.Seq != 10 {
			t.Fatalf("%+v, %v", whole, err)
		}
		r.close()
		b, err := box.Open(filepath.Join(r.dir, "hearth.db"))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte(box.AuditBucket)).Delete(binary.BigEndian.AppendUint64(nil, 10))
		}); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		findings, err := check.Check(context.Background(), r.dir, false)
		if err != nil || len(findings) != 1 || !strings.Contains(findings[0].String(), "hearth.db: audit log: lines after 9 are missing: the head of ") {
			t.Fatalf("%v, %v", findings, err)
		}
		r.open(Options{})
		time.Sleep(time.Minute)
		if got := r.s.AuditTrouble(); len(got) != 1 || !strings.Contains(r.logs.String(), "lines after 9 are missing") {
			t.Errorf("the start found %q", got)
		}
		lines(3)
		r.close()
		report, err := check.Repair(context.Background(), r.dir, check.Options{}, nil)
		if err != nil || len(report.Left) > 0 || len(report.Done) != 1 {
			t.Errorf("%+v, %v", report, err)
		}
		r.open(Options{})
		time.Sleep(time.Minute)
		if got := r.s.AuditTrouble(); len(got) > 0 {
			t.Errorf("after the repair: %q", got)
		}
	})
}
