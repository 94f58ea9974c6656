package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/export"
)

const (
	mediaWrite = 30 * time.Second // for one piece to be taken; a reader that is slower is let go
	// longestSpan is what one request may ask for.
	longestSpan = 31 * 24 * time.Hour
	// longestExport bounds the table of samples that an export keeps in memory, about 40 MB a day.
	longestExport = 24 * time.Hour
	exportsAtOnce = 2
	exportWait    = 20 * time.Second
)

func (s *Server) footageRoutes(t *table) {
	footage := door{oneCamera, access.Footage}
	route(t, footage, http.MethodGet, "/cameras/{id}/timeline", "What there is of a camera between two times", s.getTimeline)
	route(t, footage, http.MethodGet, "/cameras/{id}/footage", "What was recorded, from the key frame at or before from: see footage.md",
		s.getFootage, answers(http.StatusOK, "Fragmented MP4; media time 0 is Hearth-Start", "video/mp4"))
	route(t, footage, http.MethodGet, "/cameras/{id}/frame", "The key frame at or before a moment", s.getFrame,
		answers(http.StatusOK, "Fragmented MP4 of one picture; media time 0 is Hearth-Start", "video/mp4"))
	route(t, door{oneCamera, access.Export}, http.MethodGet, "/cameras/{id}/export.mp4", "What was recorded, as a plain MP4 file",
		s.getExport, answers(http.StatusOK, "MP4", "video/mp4"))
}

type timelineInput struct {
	ID   media.CameraID `path:"id"`
	From time.Time      `query:"from" required:"true"`
	To   time.Time      `query:"to" required:"true"`
}

type timelineOutput struct {
	Body struct {
		Spans  []storage.Span   `json:"spans" nullable:"false"`
		Motion []storage.Motion `json:"motion" nullable:"false"`
		Gaps   []storage.Gap    `json:"gaps" nullable:"false"`
		Unsure []storage.Span   `json:"unsure,omitempty" nullable:"false" doc:"Recorded before the box knew the time: it may be off"`
		Twice  []twice          `json:"twice,omitempty" nullable:"false" doc:"Recorded several times, because the clock was set back"`
	}
}

// twice is a stretch that was recorded several times.
type twice struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Times int       `json:"times"`
}

func (s *Server) getTimeline(ctx context.Context, in *timelineInput) (*timelineOutput, error) {
	if err := spanOf(in.From, in.To, 400*24*time.Hour); err != nil {
		return nil, err
	}
	grant := visitorOf(ctx).grant
	t, err := s.Store.Timeline(grant, in.From, in.To)
	if err != nil {
		return nil, err
	}
	if t.Gaps, err = s.Cameras.Explain(grant, t.Gaps); err != nil {
		return nil, err
	}
	out := &timelineOutput{}
	out.Body.Spans = append([]storage.Span{}, t.Spans...)
	out.Body.Motion = append([]storage.Motion{}, t.Motion...)
	out.Body.Gaps = append([]storage.Gap{}, t.Gaps...)
	out.Body.Unsure = t.Unsure
	for _, x := range t.Twice {
		out.Body.Twice = append(out.Body.Twice, twice{x.From, x.To, x.Times})
	}
	return out, nil
}

func spanOf(from, to time.Time, longest time.Duration) error {
	switch {
	case !to.After(from):
		return invalid("query.to", "must be after from")
	case to.Sub(from) > longest:
		return invalid("query.to", fmt.Sprintf("must be at most %d days after from", int(longest/(24*time.Hour))))
	case from.Year() < 1970 || to.Year() > 9998:
		return invalid("query.from", "is no time of a recording")
	}
	return nil
}

type footageInput struct {
	ID      media.CameraID `path:"id"`
	From    time.Time      `query:"from" required:"true"`
	To      time.Time      `query:"to" required:"true"`
	Stream  string         `query:"stream" enum:"main,sub" default:"main"`
	Start   string         `query:"start" enum:"before,after" default:"before" doc:"Begin with the key frame at or before from, or after it"`
	Beneath int            `query:"beneath" minimum:"0" maximum:"1000" doc:"Where a time was recorded several times: leave out so many of the latest recordings"`
}

func (s *Server) getFootage(ctx context.Context, in *footageInput) (*huma.StreamResponse, error) {
	if err := spanOf(in.From, in.To, longestSpan); err != nil {
		return nil, err
	}
	j, first, err := s.begin(ctx, in.Stream, in.Beneath, in.From, in.To, in.Start == "after")
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer done(j.footage)
		c := humaecho.Unwrap(h)
		w := &mediaWriter{w: c.Response(), control: http.NewResponseController(c.Response())}
		ctx, cancel := s.whileGranted(ctx, j.grant, w.cut)
		defer cancel()
		header := c.Response().Header()
		header.Set("Content-Type", j.mime())
		header.Set("Hearth-Start", stamp(j.zero))
		header.Set("Trailer", "Hearth-Next")
		c.Response().WriteHeader(http.StatusOK)
		s.send(ctx, visitorOf(ctx), j, first, w, c)
	}}, nil
}

// done closes what was only read: an error would say nothing that matters any more.
func done(c io.Closer) { c.Close() }

// send streams a joined piece of footage, and what is next. Whichever way it ends, what was given to the connection is
// in the audit log.
func (s *Server) send(ctx context.Context, v *visitor, j *joint, p storage.Piece, w *mediaWriter, c echo.Context) {
	from, end := p.Start, p.Start
	saw := func() { s.looks.saw(v, j.grant.Camera(), "footage", from, end) }
	defer saw()
	err := w.write(j.init)
	for n := 0; err == nil && ctx.Err() == nil; n++ {
		if e := endOf(p); e.After(end) {
			end = e
		}
		if n%8 == 0 {
			saw()
		}
		if err = w.write(p.Data); err != nil {
			break
		}
		p, err = j.next()
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.Is(err, errOtherParameters):
			c.Response().Header().Set("Hearth-Next", stamp(p.Start))
			return
		}
	}
	// The answer has begun: all that can still be said is that it is not whole.
	if err != nil && ctx.Err() == nil {
		s.Log.Warn("footage ends early", "camera", j.grant.Camera(), "error", s.alarmed(j.grant, err))
	}
	panic(http.ErrAbortHandler)
}

type frameInput struct {
	ID      media.CameraID `path:"id"`
	At      time.Time      `query:"at" required:"true"`
	Stream  string         `query:"stream" enum:"main,sub" default:"sub"`
	Beneath int            `query:"beneath" minimum:"0" maximum:"1000" doc:"Where a time was recorded several times: leave out so many of the latest recordings"`
}

type frameOutput struct {
	Type  string `header:"Content-Type"`
	Start string `header:"Hearth-Start" doc:"The wall clock at media time 0"`
	Body  []byte
}

func (s *Server) getFrame(ctx context.Context, in *frameInput) (*frameOutput, error) {
	v := visitorOf(ctx)
	if err := spanOf(in.At, in.At.Add(time.Millisecond), longestSpan); err != nil {
		return nil, err
	}
	stream, err := media.ParseStream(in.Stream)
	if err != nil {
		return nil, invalid("query.stream", err.Error())
	}
	f, err := s.Store.Beneath(in.Beneath, v.grant, stream, in.At, in.At.Add(time.Millisecond))
	if err != nil {
		return nil, s.alarmed(v.grant, err)
	}
	defer done(f)
	p, err := f.Next()
	if errors.Is(err, io.EOF) {
		return nil, empty()
	} else if err != nil {
		return nil, s.alarmed(v.grant, err)
	}
	one, err := keyFrame(p)
	if err != nil {
		return nil, err
	}
	j := newJoint(v.grant, f, p)
	if err := j.place(&one); err != nil {
		return nil, err
	}
	s.looks.saw(v, v.grant.Camera(), "footage", p.Start, p.Start)
	return &frameOutput{Type: j.mime(), Start: stamp(j.zero), Body: append(bytes.Clone(j.init), one.Data...)}, nil
}

// empty says that there is no footage. The type tells it from a camera that is not there.
func empty() error {
	m := problem(http.StatusNotFound, "Nothing was recorded then.")
	m.Type = nothingRecorded
	return m
}

// begin opens footage and reads up to the first piece that is to be sent.
func (s *Server) begin(ctx context.Context, stream string, beneath int, from, to time.Time, after bool) (*joint, storage.Piece, error) {
	g := visitorOf(ctx).grant
	which, err := media.ParseStream(stream)
	if err != nil {
		return nil, storage.Piece{}, invalid("query.stream", err.Error())
	}
	f, err := s.Store.Beneath(beneath, g, which, from, to)
	if err != nil {
		return nil, storage.Piece{}, s.alarmed(g, err)
	}
	j, p, err := begun(g, f, from, after)
	switch {
	case errors.Is(err, io.EOF):
		err = empty()
	case err != nil:
		err = s.alarmed(g, err)
	}
	if err != nil {
		done(f)
		return nil, storage.Piece{}, err
	}
	return j, p, nil
}

type exportInput struct {
	ID      media.CameraID `path:"id"`
	From    time.Time      `query:"from" required:"true"`
	To      time.Time      `query:"to" required:"true"`
	Stream  string         `query:"stream" enum:"main,sub" default:"main"`
	Beneath int            `query:"beneath" minimum:"0" maximum:"1000" doc:"Where a time was recorded several times: leave out so many of the latest recordings"`
}

func (s *Server) getExport(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
	v := visitorOf(ctx)
	if err := spanOf(in.From, in.To, longestExport); err != nil {
		return nil, err
	}
	stream, err := media.ParseStream(in.Stream)
	if err != nil {
		return nil, invalid("query.stream", err.Error())
	}
	camera, err := s.Store.Box().Camera(v.grant.Camera())
	if err != nil {
		return nil, err
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
	plan, err := export.Prepare(ctx, func() (export.Pieces, error) {
		return s.Store.Beneath(in.Beneath, v.grant, stream, in.From, in.To)
	}, in.From, in.To)
	var split *export.SplitError
	switch {
	case errors.Is(err, export.ErrNoFootage):
		return nil, empty()
	case errors.As(err, &split):
		return nil, problem(http.StatusUnprocessableEntity, sentence(split.Error()), field("query.to", stamp(split.At)))
	case err != nil:
		return nil, s.alarmed(v.grant, err)
	}
	sending = true
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer leave()
		c := humaecho.Unwrap(h)
		w := &mediaWriter{w: c.Response(), control: http.NewResponseController(c.Response())}
		ctx, cancel := s.whileGranted(ctx, v.grant, w.cut)
		defer cancel()
		report := plan.Report()
		line := v.entry("export", v.grant.Camera())
		line.From, line.To = report.Start.UTC(), report.End.UTC()
		s.looks.did(line)
		header := c.Response().Header()
		header.Set("Content-Type", "video/mp4")
		header.Set("Content-Length", strconv.FormatInt(plan.Size(), 10))
		header.Set("Content-Disposition", `attachment; filename="`+fileName(camera.Name, report.Start)+`"`)
		c.Response().WriteHeader(http.StatusOK)
		if err := plan.Write(ctx, w); err != nil {
			if ctx.Err() == nil {
				s.Log.Warn("an export ends early", "camera", v.grant.Camera(), "error", s.alarmed(v.grant, err))
			}
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// fileName makes "Front door 2025-06-01 14.30.05.mp4", of characters that every system takes.
func fileName(camera string, at time.Time) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == ' ', r == '-', r == '_':
			return r
		}
		return '_'
	}, camera)
	return name + " " + at.UTC().Format("2006-01-02 15.04.05") + ".mp4"
}

// mediaWriter writes pieces, each within its time, and sends them on at once.
type mediaWriter struct {
	w       io.Writer
	control *http.ResponseController
}

func (w *mediaWriter) Write(b []byte) (int, error) {
	if err := w.control.SetWriteDeadline(time.Now().Add(mediaWrite)); err != nil {
		return 0, err
	}
	return w.w.Write(b)
}

func (w *mediaWriter) write(b []byte) error {
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.control.Flush()
}

// cut ends a write that is under way.
func (w *mediaWriter) cut() {
	_ = w.control.SetWriteDeadline(time.Unix(1, 0)) // what cannot have a deadline ends with its context
}
