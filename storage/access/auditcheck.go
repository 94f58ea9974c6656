package access

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"hearth/storage/box"
)

// Head is how far the audit log had come: its newest line, and the chain behind it. The zero Head is of an empty log.
type Head struct {
	Seq  uint64
	Hash [sha256.Size]byte
}

// AuditHead gives how far the log has come.
func AuditHead(b *box.Box) (h Head, err error) {
	err = b.View(func(tx *bbolt.Tx) error {
		k, v := tx.Bucket([]byte(box.AuditBucket)).Cursor().Last()
		switch {
		case k == nil:
			return nil
		case len(k) != 8 || len(v) < sha256.Size:
			return box.Damage(tx, box.AuditBucket, k, ErrAudit)
		}
		h = Head{binary.BigEndian.Uint64(k), [sha256.Size]byte(v)}
		return nil
	})
	return h, err
}

// Signed is what the box said, over its signature, of how far the log had come at a time.
type Signed struct {
	Head
	Time time.Time
	// Gap, when set, is what an owner acknowledged: of lines after this one, what was signed earlier holds no more.
	Gap *uint64
}

// auditChunk is how many lines are read in one transaction, so that a long log does not keep pages from being used again.
const auditChunk = 4096

// WalkAudit calls each with every line from one on, oldest first: its number, the chain behind it, and the line as it
// was written, which is only valid during the call. An error of each ends it. A record that can be no line gives
// ErrAudit.
func WalkAudit(b *box.Box, from uint64, each func(seq uint64, hash, line []byte) error) error {
	for more := true; more; {
		if err := b.View(func(tx *bbolt.Tx) error {
			c := tx.Bucket([]byte(box.AuditBucket)).Cursor()
			n := 0
			k, v := c.Seek(binary.BigEndian.AppendUint64(nil, from))
			for ; k != nil && n < auditChunk; k, v = c.Next() {
				if len(k) != 8 || len(v) < sha256.Size {
					return fmt.Errorf("%w: record %x of the log is not one of its lines", ErrAudit, k)
				}
				seq := binary.BigEndian.Uint64(k)
				if err := each(seq, v[:sha256.Size], v[sha256.Size:]); err != nil {
					return err
				}
				from = seq + 1
				n++
			}
			more = k != nil
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// A Chain holds the lines of a log against each other and against what was signed of them, line by line. It tells what
// does not fit in plain sentences. signed says that it is about a statement.
type Chain struct {
	Found func(problem string, signed bool)

	signed  []Signed // that still are to come, by line
	good    uint64   // the newest line about which something was signed that fits
	wrong   bool     // something was signed that does not fit
	badFrom uint64   // what good was then
	last    Head
}

// NewChain begins with the first line. signed may be in any order.
func NewChain(signed []Signed, found func(problem string, signed bool)) *Chain {
	var gaps []Signed
	for _, s := range signed {
		if s.Gap != nil {
			gaps = append(gaps, s)
		}
	}
	kept := slices.DeleteFunc(slices.Clone(signed), func(s Signed) bool {
		return slices.ContainsFunc(gaps, func(g Signed) bool { return s.Time.Before(g.Time) && s.Seq > *g.Gap })
	})
	slices.SortStableFunc(kept, func(a, b Signed) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), a.Time.Compare(b.Time)) })
	return &Chain{Found: found, signed: kept}
}

// Line takes the next line.
func (c *Chain) Line(seq uint64, hash, line []byte) {
	switch want := c.last.Seq + 1; {
	case seq == want+1:
		c.Found(fmt.Sprintf("line %d is missing", want), false)
	case seq > want:
		c.Found(fmt.Sprintf("lines %d to %d are missing", want, seq-1), false)
	}
	for len(c.signed) > 0 && c.signed[0].Seq < seq {
		c.signed = c.signed[1:] // of a line that is missing: that is told already
	}
	sum := chain(c.last.Hash[:], line)
	prefix := append(strconv.AppendUint([]byte(`{"seq":`), seq, 10), ',')
	if !bytes.Equal(sum[:], hash) || !bytes.HasPrefix(line, prefix) {
		c.Found(fmt.Sprintf("line %d is not as it was written", seq), false)
	}
	c.last = Head{seq, [sha256.Size]byte(hash)}
	fits := false
	for len(c.signed) > 0 && c.signed[0].Seq == seq {
		s := c.signed[0]
		c.signed = c.signed[1:]
		if s.Hash != c.last.Hash {
			c.against(s)
			continue
		}
		fits = true
	}
	if fits {
		c.good = seq
	}
}

// against notes a signed head that does not fit. Only the first is told: what follows is changed with it.
func (c *Chain) against(s Signed) {
	if c.wrong {
		return
	}
	c.wrong, c.badFrom = true, c.good
	c.Found(fmt.Sprintf("lines %d to %d are not those that the box signed on %s: one of them was changed, taken out or put in",
		c.good+1, s.Seq, stampOf(s.Time)), true)
}

// End says that there are no more lines.
func (c *Chain) End() {
	if len(c.signed) == 0 {
		return
	}
	s := c.signed[len(c.signed)-1]
	if !c.wrong {
		c.badFrom = c.good
	}
	c.wrong = true
	c.Found(fmt.Sprintf("lines after %d are missing: the head of %s says %d", c.last.Seq, stampOf(s.Time), s.Seq), true)
}

// Last is the newest line that was taken.
func (c *Chain) Last() Head { return c.last }

// Gap gives the last line before what does not fit with what was signed. ok is false when all of that fits.
func (c *Chain) Gap() (after uint64, ok bool) { return c.badFrom, c.wrong }

func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// VerifyAudit walks the whole log and gives the number of lines, or ErrAudit with the first thing that is not as it was
// written.
func (a *Access) VerifyAudit() (lines uint64, err error) {
	var found []string
	c := NewChain(nil, func(problem string, _ bool) {
		if len(found) == 0 {
			found = append(found, problem)
		}
	})
	errFound := errors.New("found")
	err = WalkAudit(a.box, 0, func(seq uint64, hash, line []byte) error {
		c.Line(seq, hash, line)
		if len(found) > 0 {
			return errFound
		}
		lines++
		return nil
	})
	if errors.Is(err, errFound) {
		return lines, fmt.Errorf("%w: %s", ErrAudit, found[0])
	}
	return lines, err
}
