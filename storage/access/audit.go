package access

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// ErrAudit says that the audit log was changed after it was written.
var ErrAudit = errors.New("the audit log does not hold together")

// Entry is one line of the audit log: who did what, with which camera, looking at which span, from where.
type Entry struct {
	Seq    uint64         `json:"seq"` // set by Audit, as is Time when it is zero
	Time   time.Time      `json:"time"`
	Act    string         `json:"act"` // "login", "live", "footage", "camera.change", …
	Denied bool           `json:"denied,omitempty"`
	User   media.UUID     `json:"user,omitzero"`
	Name   string         `json:"name,omitempty"` // of the user as it was, or as somebody typed it
	Camera media.CameraID `json:"camera,omitzero"`
	From   time.Time      `json:"from,omitzero"` // what was looked at, by the clock of the pictures
	To     time.Time      `json:"to,omitzero"`
	Addr   string         `json:"addr,omitempty"`
	Token  string         `json:"token,omitempty"`  // the name of the API token that it was done with
	Detail string         `json:"detail,omitempty"` // never a secret
}

// Audit appends a line and makes it durable. A value in the log is the SHA-256 of the value before it and the line,
// followed by the line; nothing in the log can be changed or taken out of its middle without breaking that chain.
func (a *Access) Audit(e Entry) error {
	err := a.box.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(box.AuditBucket))
		k, last := b.Cursor().Last()
		e.Seq = 1
		if k != nil {
			if len(k) != 8 || len(last) < sha256.Size {
				return box.Damage(tx, box.AuditBucket, k, ErrAudit)
			}
			e.Seq = binary.BigEndian.Uint64(k) + 1
		}
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
		e.Time = e.Time.UTC()
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		sum := chain(last, line)
		return b.Put(binary.BigEndian.AppendUint64(nil, e.Seq), append(sum[:], line...))
	})
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// chain is the hash of a line after the value before it, which is empty for the first.
func chain(last, line []byte) [sha256.Size]byte {
	h := sha256.New()
	if len(last) >= sha256.Size {
		h.Write(last[:sha256.Size])
	} else {
		h.Write(make([]byte, sha256.Size))
	}
	h.Write(line)
	return [sha256.Size]byte(h.Sum(nil))
}

// AuditFilter chooses lines; zero fields choose all.
type AuditFilter struct {
	User     media.UUID
	Camera   media.CameraID
	From, To time.Time // of the lines: From <= Time < To
	Limit    int       // 0: 100
	Cursor   string    // what AuditLog gave as next
}

// AuditLog reads lines, newest first, and a cursor for older ones, "" when there are none. A cursor that is none
// gives *BadInput.
func (a *Access) AuditLog(f AuditFilter) (list []Entry, next string, err error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	before := uint64(0)
	if f.Cursor != "" {
		if before, err = strconv.ParseUint(f.Cursor, 10, 64); err != nil || before == 0 {
			return nil, "", &BadInput{"cursor", "is not one that this list gave"}
		}
	}
	err = a.box.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(box.AuditBucket)).Cursor()
		k, v := c.Last()
		if before != 0 {
			c.Seek(binary.BigEndian.AppendUint64(nil, before))
			if k, v = c.Prev(); k == nil {
				return nil
			}
		}
		for ; k != nil; k, v = c.Prev() {
			e, err := parseEntry(k, v)
			if err != nil {
				return box.Damage(tx, box.AuditBucket, k, err)
			}
			if !f.matches(e) {
				continue
			}
			if len(list) == f.Limit {
				next = strconv.FormatUint(list[len(list)-1].Seq, 10)
				return nil
			}
			list = append(list, e)
		}
		return nil
	})
	return list, next, err
}

func (f AuditFilter) matches(e Entry) bool {
	return (f.User.IsZero() || e.User == f.User) && (f.Camera.IsZero() || e.Camera == f.Camera) &&
		(f.From.IsZero() || !e.Time.Before(f.From)) && (f.To.IsZero() || e.Time.Before(f.To))
}

func parseEntry(k, v []byte) (e Entry, err error) {
	if len(k) != 8 || len(v) < sha256.Size {
		return e, ErrAudit
	}
	if err := json.Unmarshal(v[sha256.Size:], &e); err != nil {
		return e, err
	}
	if e.Seq != binary.BigEndian.Uint64(k) {
		return e, ErrAudit
	}
	return e, nil
}
