package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/bundle"
	"hearth/storage/export"
)

func (s *Server) bundleRoutes(t *table) {
	archive := answers(http.StatusOK, "Zip: see bundle.md", "application/zip")
	route(t, door{allVerbed, access.Export}, http.MethodPost, "/exports", "A signed export of what was recorded, which can be verified anywhere: see bundle.md",
		s.postExport, archive, status(http.StatusOK))
	route(t, door{oneCamera, access.Export}, http.MethodGet, "/cameras/{id}/export.zip", "The same, for a link", s.getBundle, archive)
}

type bundleInput struct {
	Body struct {
		Camera  media.CameraID `json:"camera"`
		From    time.Time      `json:"from"`
		To      time.Time      `json:"to"`
		Stream  string         `json:"stream,omitempty" enum:"main,sub" default:"main"`
		Beneath int            `json:"beneath,omitempty" minimum:"0" maximum:"1000" doc:"Where a time was recorded several times: leave out so many of the latest recordings"`
	}
}

type bundleLinkInput struct {
	ID      media.CameraID `path:"id"`
	From    time.Time      `query:"from" required:"true"`
	To      time.Time      `query:"to" required:"true"`
	Stream  string         `query:"stream" enum:"main,sub" default:"main"`
	Beneath int            `query:"beneath" minimum:"0" maximum:"1000" doc:"Where a time was recorded several times: leave out so many of the latest recordings"`
}

func (s *Server) postExport(ctx context.Context, in *bundleInput) (*huma.StreamResponse, error) {
	v, b := visitorOf(ctx), in.Body
	for _, g := range v.grants {
		if g.Camera() == b.Camera {
			return s.signed(ctx, g, "body.", b.Stream, b.Beneath, b.From, b.To)
		}
	}
	s.looks.denied(v, door{oneCamera, access.Export}, b.Camera.String())
	return nil, notFound()
}

func (s *Server) getBundle(ctx context.Context, in *bundleLinkInput) (*huma.StreamResponse, error) {
	return s.signed(ctx, visitorOf(ctx).grant, "query.", in.Stream, in.Beneath, in.From, in.To)
}

// signed answers with a signed export. where says in what part of the request its fields are.
func (s *Server) signed(ctx context.Context, g access.Grant, where, stream string, beneath int, from, to time.Time) (*huma.StreamResponse, error) {
	v := visitorOf(ctx)
	if err := spanIn(where, from, to, longestExport); err != nil {
		return nil, err
	}
	which, err := media.ParseStream(stream)
	if err != nil {
		return nil, invalid(where+"stream", err.Error())
	}
	q, err := bundle.Of(s.Store, g, which, beneath, from, to, v.name())
	if err != nil {
		return nil, s.alarmed(g, err)
	}
	leave, err := s.exports.enter(ctx)
	if err != nil {
		return nil, err
	}
	sending := false
	defer func() {
		if !sending {
			leave()
		}
	}()
	b, err := bundle.Prepare(ctx, q)
	if errors.Is(err, export.ErrNoFootage) {
		return nil, empty()
	} else if err != nil {
		return nil, s.alarmed(g, err)
	}
	sending = true
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer leave()
		c := humaecho.Unwrap(h)
		w := &mediaWriter{w: c.Response(), control: http.NewResponseController(c.Response())}
		ctx, cancel := s.whileGranted(ctx, g, w.cut)
		defer cancel()
		span := b.Report().Contained
		line := v.entry("export", g.Camera())
		line.From, line.To, line.Detail = span.From, span.To, "signed"
		s.looks.did(line)
		header := c.Response().Header()
		header.Set("Content-Type", "application/zip")
		header.Set("Content-Length", strconv.FormatInt(b.Size(), 10))
		name := strings.TrimSuffix(fileName(q.Name, span.From), ".mp4") + ".zip"
		header.Set("Content-Disposition", `attachment; filename="`+name+`"`)
		c.Response().WriteHeader(http.StatusOK)
		if err := b.Write(ctx, w); err != nil {
			if ctx.Err() == nil {
				s.Log.Warn("a signed export ends early", "camera", g.Camera(), "error", s.alarmed(g, err))
			}
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// spanIn is spanOf for fields elsewhere than in the query.
func spanIn(where string, from, to time.Time, longest time.Duration) error {
	err := spanOf(from, to, longest)
	var m *huma.ErrorModel
	if errors.As(err, &m) {
		for _, d := range m.Errors {
			d.Location = strings.Replace(d.Location, "query.", where, 1)
		}
	}
	return err
}
