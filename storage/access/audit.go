package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	Spans  []Span         `json:"spans,omitempty"` // when it was not all of From to To: what exactly, in order
	About  media.UUID     `json:"about,omitzero"`  // whose account or rights it is about, when that is not User's own doing
	Addr   string         `json:"addr,omitempty"`
	Token  string         `json:"token,omitempty"`  // the name of the API token that it was done with
	Detail string         `json:"detail,omitempty"` // never a secret
}

// Span is a piece of recorded time; one picture's has no length.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Saw says whether the line is about something that was seen of a piece of recorded time, from <= t < to; a zero end is open.
func (e Entry) Saw(from, to time.Time) bool {
	if e.From.IsZero() || e.Denied {
		return false
	}
	spans := e.Spans
	if len(spans) == 0 {
		spans = []Span{{e.From, e.To}}
	}
	for _, s := range spans {
		if !s.To.Before(from) && (to.IsZero() || s.From.Before(to)) {
			return true
		}
	}
	return false
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
	User           media.UUID // who did it, or whom it is about
	Camera         media.CameraID
	From, To       time.Time // of the lines: From <= Time < To
	SawFrom, SawTo time.Time // of what was seen: lines about some of that recorded time
	Act            string
	Denied         bool // only what was refused
	Limit          int  // 0: 100
	Cursor         string
	// Mine narrows it to what a person may know of it; nil: everything.
	Mine *Mine
}

// Mine is what a person may know of the log: who looked at cameras that they may see, and what concerns their own account.
type Mine struct {
	person  Person
	cameras map[media.CameraID][]Verb
}

// MineOf makes it of a person and grants of theirs, which open the lines about their cameras: those about what was recorded
// to who may see recordings, since they say when there was something to see. Grants of others, or of another box, give
// ErrDenied.
func (a *Access) MineOf(p Person, grants []Grant) (*Mine, error) {
	m := &Mine{p, make(map[media.CameraID][]Verb)}
	for _, g := range grants {
		if g.User() != p.ID {
			return nil, ErrDenied
		}
		if err := a.Renew(g); err != nil {
			return nil, err
		}
		m.cameras[g.Camera()] = append(m.cameras[g.Camera()], g.Verb())
	}
	return m, nil
}

// opens says whether somebody with some verbs on a camera may know of an act by which another gets to see or hear it.
func opens(verbs []Verb, act string) bool {
	some := func(of ...Verb) bool {
		return slices.ContainsFunc(of, func(v Verb) bool { return slices.Contains(verbs, v) })
	}
	switch act {
	case "live", "snapshot":
		return len(verbs) > 0
	case "footage", "export":
		return some(Footage, Export)
	case "thumbnail":
		return some(Events, Footage)
	}
	return len(verbs) > 0 && strings.HasPrefix(act, "camera.private.")
}

// may says whether the person may know of a line. What was refused to others, and to themselves at cameras, is not among it:
// that would tell which cameras there are.
func (m *Mine) may(e Entry) bool {
	switch {
	case !e.Camera.IsZero():
		return !e.Denied && opens(m.cameras[e.Camera], e.Act)
	case e.User == m.person.ID:
		return !e.Denied
	case e.About == m.person.ID:
		return true
	}
	return false
}

// auditScan is how many lines one question reads at most; the cursor goes on behind them.
const auditScan = 1 << 20

// AuditLog reads lines, newest first, and a cursor for older ones, "" when there are none. In a very long log there may be
// fewer lines than asked for although there is a cursor. A cursor that is none gives *BadInput.
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
	sieve := f.sieve()
	err = a.box.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(box.AuditBucket)).Cursor()
		k, v := c.Last()
		if before != 0 {
			c.Seek(binary.BigEndian.AppendUint64(nil, before))
			if k, v = c.Prev(); k == nil {
				return nil
			}
		}
		last := uint64(0) // that was read
		for n := 0; k != nil; k, v = c.Prev() {
			if n++; n > auditScan {
				next = strconv.FormatUint(last, 10)
				return nil
			}
			if len(k) == 8 {
				last = binary.BigEndian.Uint64(k)
			}
			if sieve.drops(v) {
				continue
			}
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

// sieve holds lines against what has to stand in them, before they are parsed: that is many times quicker.
type sieve struct {
	words          [][][]byte // of each group, one
	from, to       []byte     // bounds of the line's time, to the second; nil: none
	sawFrom, sawTo []byte     // and of what was seen
}

// seconds is as much of a time as can be compared as text. The fraction behind it is written in various lengths.
const seconds = "2006-01-02T15:04:05"

var lineTime, lineFrom, lineTo = []byte(`"time":"`), []byte(`"from":"`), []byte(`"to":"`)

// timeIn finds the first time of a name in a line, to the second. Nothing that people type can look like one: their quotation
// marks are escaped.
func timeIn(line, name []byte) []byte {
	i := bytes.Index(line, name)
	if i < 0 || len(line) < i+len(name)+len(seconds) {
		return nil
	}
	return line[i+len(name):][:len(seconds)]
}

func (f AuditFilter) sieve() (s sieve) {
	has := func(any ...string) {
		group := make([][]byte, len(any))
		for i, x := range any {
			group[i] = []byte(x)
		}
		s.words = append(s.words, group)
	}
	bound := func(t time.Time) []byte {
		if t.IsZero() {
			return nil
		}
		return []byte(t.UTC().Format(seconds))
	}
	s.from, s.to, s.sawFrom, s.sawTo = bound(f.From), bound(f.To), bound(f.SawFrom), bound(f.SawTo)
	if !f.User.IsZero() {
		has(f.User.String())
	}
	if !f.Camera.IsZero() {
		has(`"camera":"` + f.Camera.String())
	}
	if f.Denied {
		has(`"denied":true`)
	}
	if !f.SawFrom.IsZero() || !f.SawTo.IsZero() {
		has(`"from":"`)
	}
	if m := f.Mine; m != nil && len(m.cameras) < 8 {
		any := []string{m.person.ID.String()}
		for id := range m.cameras {
			any = append(any, id.String())
		}
		has(any...)
	}
	return s
}

func (s sieve) drops(line []byte) bool {
	if s.from != nil || s.to != nil {
		t := timeIn(line, lineTime)
		if t != nil && (s.from != nil && bytes.Compare(t, s.from) < 0 || s.to != nil && bytes.Compare(t, s.to) > 0) {
			return true
		}
	}
	if s.sawTo != nil {
		if t := timeIn(line, lineFrom); t != nil && bytes.Compare(t, s.sawTo) > 0 {
			return true
		}
	}
	if s.sawFrom != nil { // the first "to" is that of the whole
		if t := timeIn(line, lineTo); t != nil && bytes.Compare(t, s.sawFrom) < 0 {
			return true
		}
	}
	for _, group := range s.words {
		if !slices.ContainsFunc(group, func(x []byte) bool { return bytes.Contains(line, x) }) {
			return true
		}
	}
	return false
}

func (f AuditFilter) matches(e Entry) bool {
	return (f.User.IsZero() || e.User == f.User || e.About == f.User) && (f.Camera.IsZero() || e.Camera == f.Camera) &&
		(f.From.IsZero() || !e.Time.Before(f.From)) && (f.To.IsZero() || e.Time.Before(f.To)) &&
		(f.Act == "" || e.Act == f.Act) && (!f.Denied || e.Denied) &&
		(f.SawFrom.IsZero() && f.SawTo.IsZero() || e.Saw(f.SawFrom, f.SawTo)) &&
		(f.Mine == nil || f.Mine.may(e))
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
