package web

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
)

func (s *Server) auditRoutes(t *table) {
	owners := door{kind: ownerOnly}
	route(t, owners, http.MethodGet, "/audit", "Who did and saw what, newest first", s.getAudit)
	route(t, door{kind: personal}, http.MethodGet, "/audit/mine",
		"Who looked at cameras that one may see oneself, and what was done with one's own account", s.getMyAudit)
	route(t, owners, http.MethodGet, "/audit/export", "The whole log to keep: verifiable, or as a table", s.exportAudit,
		answers(http.StatusOK, "JSON Lines with hashes and signed heads, for hearth verify; or a table", "application/jsonl", "text/csv"))
}

// AuditQuery is what both lists are asked for. Its name is exported because huma reads no others that are embedded.
type AuditQuery struct {
	Camera  string    `query:"camera" doc:"About this camera" format:"uuid"`
	From    time.Time `query:"from" doc:"Written at this time or later"`
	To      time.Time `query:"to" doc:"Written before this time"`
	SawFrom time.Time `query:"saw_from" doc:"About something that was seen of recorded time from here on"`
	SawTo   time.Time `query:"saw_to" doc:"About something that was seen of recorded time before this"`
	Action  string    `query:"action" maxLength:"60" doc:"Of this kind"`
	Limit   int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor  string    `query:"cursor" maxLength:"200"`
}

func (q AuditQuery) filter() (f access.AuditFilter, err error) {
	f = access.AuditFilter{
		From: q.From, To: q.To, SawFrom: q.SawFrom, SawTo: q.SawTo, Act: q.Action, Limit: q.Limit, Cursor: q.Cursor,
	}
	if q.Camera != "" {
		if f.Camera, err = media.ParseCameraID(q.Camera); err != nil {
			return f, invalid("query.camera", "is not an identity")
		}
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return f, invalid("query.to", "has to be after from")
	}
	if !q.SawFrom.IsZero() && !q.SawTo.IsZero() && !q.SawFrom.Before(q.SawTo) {
		return f, invalid("query.saw_to", "has to be after saw_from")
	}
	return f, nil
}

type auditInput struct {
	AuditQuery
	User   string `query:"user" doc:"Done by this person, or about their account" format:"uuid"`
	Denied bool   `query:"denied" doc:"Only what was refused"`
}

// auditLine is one line of the log as the page shows it.
type auditLine struct {
	ID     string          `json:"id"`
	At     time.Time       `json:"at"`
	User   *media.UUID     `json:"user,omitempty"`
	Name   string          `json:"user_name,omitempty"`
	About  *media.UUID     `json:"about,omitempty" doc:"Whose account or rights it is about"`
	Camera *media.CameraID `json:"camera,omitempty"`
	Action string          `json:"action"`
	Denied bool            `json:"denied,omitempty"`
	Detail string          `json:"detail,omitempty"`
	From   string          `json:"from,omitempty" doc:"The address that it was done from"`
	Token  string          `json:"token,omitempty" doc:"The name of the API token that it was done with"`
	Saw    *storage.Span   `json:"saw,omitempty" doc:"What was looked at, from its first to its last moment"`
	Pieces []storage.Span  `json:"pieces,omitempty" doc:"What of that exactly, when it was not all"`
}

func lineOf(e access.Entry) auditLine {
	line := auditLine{
		ID: strconv.FormatUint(e.Seq, 10), At: e.Time, Name: e.Name, Action: e.Act, Denied: e.Denied, Detail: e.Detail, From: e.Addr,
		Token: e.Token,
	}
	for _, x := range e.Spans {
		line.Pieces = append(line.Pieces, storage.Span(x))
	}
	if !e.User.IsZero() {
		line.User = &e.User
	}
	if !e.About.IsZero() {
		line.About = &e.About
	}
	if !e.Camera.IsZero() {
		line.Camera = &e.Camera
	}
	if !e.From.IsZero() {
		line.Saw = &storage.Span{From: e.From, To: e.To}
	}
	return line
}

type auditOutput struct {
	Body struct {
		Items   []auditLine `json:"items" nullable:"false"`
		Next    string      `json:"next,omitempty" doc:"The cursor of the next part; absent on the last one"`
		Trouble []string    `json:"trouble,omitempty" doc:"What is wrong with the log itself: lines that are missing or changed"`
	}
}

func (s *Server) getAudit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	f.Denied = in.Denied
	if in.User != "" {
		if f.User, err = media.ParseUUID(in.User); err != nil {
			return nil, invalid("query.user", "is not an identity")
		}
	}
	s.looks.read(visitorOf(ctx), "audit")
	entries, next, err := s.access().AuditLog(f)
	if err != nil {
		return nil, err
	}
	out := &auditOutput{}
	out.Body.Items, out.Body.Next, out.Body.Trouble = make([]auditLine, len(entries)), next, s.Store.AuditTrouble()
	for i, e := range entries {
		out.Body.Items[i] = lineOf(e)
	}
	return out, nil
}

// ownLine is a line as somebody sees it who is no owner. It has no number: those would tell how much else there is.
type ownLine struct {
	At     time.Time       `json:"at"`
	Name   string          `json:"user_name,omitempty"`
	Self   bool            `json:"self,omitempty" doc:"It was the reader's own doing"`
	Camera *media.CameraID `json:"camera,omitempty"`
	Action string          `json:"action"`
	Denied bool            `json:"denied,omitempty"`
	From   string          `json:"from,omitempty" doc:"The address that it was done from; of what concerns one's own account"`
	Token  string          `json:"token,omitempty" doc:"The name of the API token that it was done with"`
	Saw    *storage.Span   `json:"saw,omitempty" doc:"What was looked at, from its first to its last moment"`
	Pieces []storage.Span  `json:"pieces,omitempty" doc:"What of that exactly, when it was not all"`
}

// ownReaders bounds how many such questions are answered at a time: for each the log may have to be read through.
const ownReaders = 2

func (s *Server) getMyAudit(ctx context.Context, in *AuditQuery) (*struct{ Body list[ownLine] }, error) {
	v := visitorOf(ctx)
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	if f.Cursor != "" {
		if f.Cursor, err = s.cursors.open(v.session.Person.ID, f.Cursor); err != nil {
			return nil, invalid("query.cursor", "is not one that this list gave; begin again")
		}
	}
	var grants []access.Grant
	for _, verb := range access.Verbs() {
		gs, err := s.access().AuthorizeAllIn(v.session, verb)
		if err != nil {
			return nil, err
		}
		grants = append(grants, gs...)
	}
	if f.Mine, err = s.access().MineOf(v.session.Person, grants); err != nil {
		return nil, err
	}
	select {
	case s.ownReads <- struct{}{}:
		defer func() { <-s.ownReads }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	entries, next, err := s.access().AuditLog(f)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body list[ownLine] }{list[ownLine]{Items: make([]ownLine, len(entries))}}
	if next != "" {
		out.Body.Next = s.cursors.seal(v.session.Person.ID, next)
	}
	for i, e := range entries {
		full := lineOf(e)
		line := ownLine{
			At: e.Time, Name: e.Name, Self: e.User == v.session.Person.ID, Camera: full.Camera, Action: e.Act, Denied: e.Denied,
			Saw: full.Saw, Pieces: full.Pieces,
		}
		if line.Self {
			line.Token = e.Token
		}
		if line.Self || e.About == v.session.Person.ID && e.User.IsZero() { // a wrong login, by whoever it was
			line.From = e.Addr
		}
		out.Body.Items[i] = line
	}
	return out, nil
}

// sealer makes cursors that say nothing to who holds them, and are good for one person until the box starts again.
type sealer struct {
	once sync.Once
	key  [chacha20poly1305.KeySize]byte
}

func (s *sealer) seal(person media.UUID, text string) string {
	s.once.Do(func() { rand.Read(s.key[:]) })
	aead, err := chacha20poly1305.NewX(s.key[:])
	if err != nil { // only for keys of another length
		panic(err)
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+32+aead.Overhead())
	rand.Read(nonce)
	padded := make([]byte, 24) // also its length would say something
	copy(padded, text)
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, padded, person[:]))
}

var errCursor = errors.New("no cursor of this list")

func (s *sealer) open(person media.UUID, text string) (string, error) {
	s.once.Do(func() { rand.Read(s.key[:]) })
	aead, err := chacha20poly1305.NewX(s.key[:])
	if err != nil {
		return "", err
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < aead.NonceSize() {
		return "", errCursor
	}
	padded, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], person[:])
	if err != nil {
		return "", errCursor
	}
	n := 0
	for n < len(padded) && padded[n] != 0 {
		n++
	}
	return string(padded[:n]), nil
}
