package web

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"hearth/nvr/media"
	"hearth/storage/access"
)

type exportAuditInput struct {
	Format string `query:"format" enum:"jsonl,csv" default:"jsonl" doc:"jsonl: verifiable with hearth verify; csv: a table for people"`
}

func (s *Server) exportAudit(ctx context.Context, in *exportAuditInput) (*huma.StreamResponse, error) {
	v := visitorOf(ctx)
	name, err := s.boxName()
	if err != nil {
		return nil, err
	}
	leave, err := s.exports.enter(ctx)
	if err != nil {
		return nil, err
	}
	e := v.entry("audit.export", media.CameraID{})
	if in.Format == "csv" {
		e.Detail = "as a table"
	}
	s.looks.did(e) // before it is written, so that it is in it
	plan, err := s.Store.ExportAudit(name)
	if err != nil {
		leave()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer leave()
		c := humaecho.Unwrap(h)
		w := &mediaWriter{w: c.Response(), control: http.NewResponseController(c.Response())}
		ctx, cancel := s.whileTrue(ctx, func() error { return s.access().RequireOwner(v.session) }, w.cut)
		defer cancel()
		header := c.Response().Header()
		header.Set("Content-Type", map[string]string{"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}[in.Format])
		header.Set("Content-Disposition", `attachment; filename="Log `+time.Now().UTC().Format("2006-01-02 15.04.05")+"."+in.Format+`"`)
		c.Response().WriteHeader(http.StatusOK)
		write := plan.Write
		if in.Format == "csv" {
			write = s.writeTable
		}
		if err := write(ctx, w); err != nil {
			if ctx.Err() == nil {
				s.Log.Warn("the export of the audit log ends early", "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// writeTable writes the log as a table with the names of today, oldest line last.
func (s *Server) writeTable(ctx context.Context, to io.Writer) error {
	w := csv.NewWriter(to)
	if err := w.Write([]string{
		"line", "time", "person", "token", "action", "refused", "camera", "camera id", "saw from", "saw to", "address", "detail",
	}); err != nil {
		return err
	}
	names := make(map[media.CameraID]string)
	cameras, err := s.Store.Box().Cameras()
	if err != nil {
		return err
	}
	for _, c := range cameras {
		names[c.ID] = c.Name
	}
	for f := (access.AuditFilter{Limit: 1000}); ; {
		entries, next, err := s.access().AuditLog(f)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := w.Write(row(e, names)); err != nil {
				return err
			}
		}
		w.Flush()
		if err := w.Error(); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil || next == "" {
			return err
		}
		f.Cursor = next
	}
}

func row(e access.Entry, names map[media.CameraID]string) []string {
	camera, refused := "", ""
	if !e.Camera.IsZero() {
		camera = e.Camera.String()
	}
	if e.Denied {
		refused = "refused"
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	return []string{
		strconv.FormatUint(e.Seq, 10), at(e.Time), cell(e.Name), cell(e.Token), e.Act, refused, cell(names[e.Camera]), camera, at(e.From), at(e.To),
		e.Addr, cell(e.Detail),
	}
}

// cell keeps programs for tables from taking somebody's name for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
