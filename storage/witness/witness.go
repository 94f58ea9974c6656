package witness

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/box"
	"hearth/storage/signet"
)

// Place is a volume on which statements lie.
type Place struct {
	ID  media.UUID
	Dir string
}

// Witness knows a box's log, and where statements about it lie.
type Witness struct {
	Box    *box.Box
	Places []Place
}

// Sign signs how far the log has come, in hearth.db and on all places, if it has lines that were not signed yet. A place that
// fails does not keep the others from being written.
func (w Witness) Sign(by *signet.Signet, now time.Time) error {
	head, err := access.AuditHead(w.Box)
	if err != nil || head.Seq == 0 {
		return err
	}
	if last, ok, err := w.newest(by.Public()); err == nil && ok && last.Seq == head.Seq && last.Hash == head.Hash {
		return nil
	}
	return w.say(by, signet.LogStatement{Time: now, Seq: head.Seq, Hash: head.Hash})
}

// Acknowledge signs that what was signed until now about lines after one does not hold any more, because they are lost.
func (w Witness) Acknowledge(by *signet.Signet, after uint64, now time.Time) error {
	head, err := access.AuditHead(w.Box)
	if err != nil {
		return err
	}
	if err := w.signed(by.Public(), func(_ string, _ int, s signet.LogStatement, err error) error {
		if err == nil && !s.Time.Before(now) { // a clock may have gone back
			now = s.Time.Add(time.Microsecond)
		}
		return nil
	}); err != nil {
		return err
	}
	return w.say(by, signet.LogStatement{Time: now, Seq: head.Seq, Hash: head.Hash, Gap: &after})
}

func (w Witness) say(by *signet.Signet, st signet.LogStatement) error {
	errs := []error{w.keep(by, st)}
	for _, p := range w.Places {
		st.Place = p.ID
		errs = append(errs, by.AppendLog(p.Dir, st))
	}
	return errors.Join(errs...)
}

// keep writes a statement into hearth.db.
func (w Witness) keep(by *signet.Signet, st signet.LogStatement) error {
	err := w.Box.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(box.AuditHeads))
		var before [32]byte
		k, last := b.Cursor().Last()
		if k != nil {
			before = sha256.Sum256(last)
		}
		line, err := by.LogLine(st, before)
		if err != nil {
			return err
		}
		n, err := b.NextSequence() // their order is that in which they were written, whatever the clock did
		if err != nil {
			return err
		}
		return b.Put(binary.BigEndian.AppendUint64(nil, n), line)
	})
	if err != nil {
		return fmt.Errorf("keep the signed head of the audit log: %w", err)
	}
	return nil
}

// newest gives what hearth.db says was signed last.
func (w Witness) newest(public ed25519.PublicKey) (st signet.LogStatement, ok bool, err error) {
	err = w.Box.View(func(tx *bbolt.Tx) error {
		k, v := tx.Bucket([]byte(box.AuditHeads)).Cursor().Last()
		if k == nil {
			return nil
		}
		ok = true
		st, _, err = signet.ParseLogLine(public, v)
		return err
	})
	return st, ok, err
}

// Lines calls each for every statement of hearth.db as it was signed, oldest first. line is only valid during the call.
func Lines(b *box.Box, each func(line []byte) error) error {
	return b.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(box.AuditHeads)).ForEach(func(_, v []byte) error { return each(v) })
	})
}

// signed calls each for all statements, those of hearth.db first, with where each lies.
func (w Witness) signed(public ed25519.PublicKey, each func(path string, n int, st signet.LogStatement, err error) error) error {
	var c signet.Chained
	n := 0
	if err := Lines(w.Box, func(line []byte) error {
		n++
		st, err := c.Next(public, line)
		return each(boxFile, n, st, err)
	}); err != nil {
		return err
	}
	for _, p := range w.Places {
		if err := signet.ExamineLog(p.Dir, public, each); err != nil {
			return err
		}
	}
	return nil
}

const boxFile = "hearth.db"

// Finding is something that does not fit.
type Finding struct {
	Path    string // below the folder of its volume
	Problem string // one line
	// Lost says that lines are missing or others than those that were signed. An owner may acknowledge it: Acknowledge with
	// Result.After.
	Lost bool
}

// maxFindings is how many are told; a log that was made anew would have one in each line.
const maxFindings = 20

// Result is what Check found.
type Result struct {
	Findings []Finding
	Last     access.Head // the newest line
	Signed   int         // statements, of all places
	Newest   time.Time   // when the latest of them was signed
	After    uint64      // the last line before what does not fit with the statements
}

// Check holds the log against itself and against all statements.
func (w Witness) Check(public ed25519.PublicKey) (r Result, err error) {
	more := 0
	found := func(f Finding) {
		if len(r.Findings) == maxFindings {
			more++
			return
		}
		r.Findings = append(r.Findings, f)
	}
	var signed []access.Signed
	if err := w.signed(public, func(path string, n int, st signet.LogStatement, err error) error {
		if err != nil {
			found(Finding{Path: path, Problem: fmt.Sprintf("statement %d about the audit log: %v", n, err)})
			return nil
		}
		r.Signed++
		if st.Time.After(r.Newest) {
			r.Newest = st.Time
		}
		signed = append(signed, access.Signed{Head: access.Head{Seq: st.Seq, Hash: st.Hash}, Time: st.Time, Gap: st.Gap})
		return nil
	}); err != nil {
		return r, err
	}
	chain := access.NewChain(signed, func(problem string, lost bool) {
		found(Finding{Path: boxFile, Problem: "audit log: " + problem, Lost: lost})
	})
	if err := access.WalkAudit(w.Box, 0, func(seq uint64, hash, line []byte) error {
		chain.Line(seq, hash, line)
		return nil
	}); errors.Is(err, access.ErrAudit) {
		found(Finding{Path: boxFile, Problem: err.Error()})
	} else if err != nil {
		return r, err
	}
	chain.End()
	r.Last = chain.Last()
	r.After, _ = chain.Gap()
	if more > 0 {
		r.Findings = append(r.Findings, Finding{Path: boxFile, Problem: fmt.Sprintf("audit log: %d more like these", more)})
	}
	return r, nil
}
