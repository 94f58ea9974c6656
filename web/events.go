package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/export"
)

func (s *Server) eventRoutes(t *table) {
	events := door{allVerbed, access.Events}
	route(t, events, http.MethodGet, "/events", "What happened, newest first", s.getEvents)
	route(t, events, http.MethodGet, "/events/{id}", "One event", s.getEvent)
	route(t, events, http.MethodGet, "/events/{id}/thumbnail.jpg", "Its picture", s.getThumbnail,
		answers(http.StatusOK, "A picture, 640 pixels wide", "image/jpeg"))
	route(t, events, http.MethodGet, "/events/{id}/chapters/{chapter}/thumbnail.jpg", "The picture of a chapter", s.getChapterThumbnail,
		answers(http.StatusOK, "A picture, 640 pixels wide", "image/jpeg"))
	route(t, events, http.MethodGet, "/events/{id}/preview.mp4", "What happened, in three seconds: see events.md", s.getPreview,
		answers(http.StatusOK, "MP4 of a few pictures, without sound", "video/mp4"))
	route(t, events, http.MethodPost, "/events/{id}/review", "Mark it as seen, or not", s.reviewEvent)
	route(t, events, http.MethodPost, "/events/{id}/hold", "Keep its footage until it is released", s.holdEvent)
	route(t, events, http.MethodPost, "/events/{id}/release", "Let its footage go in its time", s.releaseEvent)
	route(t, door{kind: allSeen}, http.MethodGet, "/stream", "What happens, as it happens, as server-sent events", s.getNews,
		answers(http.StatusOK, "Events named event, camera, recording, cameras and lost", "text/event-stream"))
}

// eventView is an event as the page shows it.
type eventView struct {
	ID          media.UUID     `json:"id"`
	Camera      media.CameraID `json:"camera"`
	Kind        string         `json:"kind" doc:"motion; tamper: something was done to the camera, see detail; frozen: it shows nothing new"`
	Start       time.Time      `json:"start"`
	End         *time.Time     `json:"end,omitempty" doc:"Absent while it goes on"`
	Score       float64        `json:"score"`
	Regions     []media.Region `json:"regions,omitempty"`
	Zones       []string       `json:"zones,omitempty"`
	HasThumb    bool           `json:"has_thumb"`
	ThumbRegion *media.Region  `json:"thumb_region,omitempty" doc:"Where in the thumbnail something moves"`
	Reviewed    bool           `json:"reviewed"`
	Held        bool           `json:"held"`
	Detail      string         `json:"detail,omitempty" doc:"Of tamper: covered, turned or defocused"`
	Visits      int            `json:"visits,omitempty" doc:"It sums up so many events beyond the hourly limit; absent: it is one of its own"`
	Chapters    []chapterView  `json:"chapters,omitempty" nullable:"false" doc:"The parts of a long event, or what a summary sums up, in order; absent: it has one part. Of tamper: one, the last moment at which all was well"`
}

// chapterView is a part of an event as the page shows it.
type chapterView struct {
	ID    media.UUID `json:"id"`
	From  time.Time  `json:"from"`
	To    time.Time  `json:"to"`
	Score float64    `json:"score"`
	Best  *time.Time `json:"best,omitempty" doc:"When its picture was taken; absent: it has none, or not yet"`
}

func viewOfEvent(e storage.Event) eventView {
	v := eventView{
		ID: e.ID, Camera: e.Camera, Kind: e.Kind, Start: e.Start.UTC(), Score: e.Score, Regions: e.Regions, Zones: e.Zones,
		HasThumb: e.HasThumb, Reviewed: e.Reviewed, Held: e.Held, Detail: e.Detail, Visits: e.Visits,
	}
	for _, c := range e.Chapters {
		part := chapterView{ID: c.ID, From: c.From.UTC(), To: c.To.UTC(), Score: c.Score}
		if !c.Best.IsZero() {
			best := c.Best.UTC()
			part.Best = &best
		}
		v.Chapters = append(v.Chapters, part)
	}
	if e.HasThumb && e.ThumbRegion != (media.Region{}) {
		v.ThumbRegion = &e.ThumbRegion
	}
	if !e.End.IsZero() {
		end := e.End.UTC()
		v.End = &end
	}
	return v
}

type eventsInput struct {
	Camera   string    `query:"camera" format:"uuid"`
	From     time.Time `query:"from" doc:"Events that overlap the span"`
	To       time.Time `query:"to"`
	Kind     string    `query:"kind" maxLength:"40" doc:"motion, tamper or frozen"`
	Reviewed string    `query:"reviewed" enum:"true,false"`
	Held     string    `query:"held" enum:"true,false"`
	Limit    int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Cursor   string    `query:"cursor" maxLength:"200"`
}

func (s *Server) getEvents(ctx context.Context, in *eventsInput) (*struct{ Body list[eventView] }, error) {
	grants := visitorOf(ctx).grants
	if in.Camera != "" {
		id, err := media.ParseCameraID(in.Camera)
		if err != nil {
			return nil, invalid("query.camera", "is not an identity")
		}
		var one []access.Grant
		for _, g := range grants {
			if g.Camera() == id {
				one = append(one, g)
			}
		}
		if one == nil {
			return nil, notFound()
		}
		grants = one
	}
	out := &struct{ Body list[eventView] }{list[eventView]{Items: []eventView{}}}
	if len(grants) == 0 {
		return out, nil
	}
	items, next, err := s.Store.Events(grants, storage.EventFilter{
		From: in.From, To: in.To, Kind: in.Kind, Reviewed: choice(in.Reviewed), Held: choice(in.Held),
		Limit: in.Limit, Cursor: in.Cursor,
	})
	if err != nil {
		return nil, err
	}
	out.Body.Next = next
	for _, e := range items {
		out.Body.Items = append(out.Body.Items, viewOfEvent(e))
	}
	return out, nil
}

// choice reads an optional truth.
func choice(s string) *bool {
	if s == "" {
		return nil
	}
	b := s == "true"
	return &b
}

type eventInput struct {
	ID media.UUID `path:"id"`
}

type eventOutput struct{ Body eventView }

// theEvent finds an event among the cameras that the visitor has grants for, with the grant that opens it.
func (s *Server) theEvent(v *visitor, id media.UUID) (access.Grant, storage.Event, error) {
	for _, g := range v.grants {
		e, err := s.Store.Event(g, id)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err == nil && !s.Store.Bell().Same(alarm.Events, g.Camera(), e.Camera, "an event of another camera was found with a grant") {
			continue
		}
		return g, e, err
	}
	return access.Grant{}, storage.Event{}, notFound()
}

func (s *Server) getEvent(ctx context.Context, in *eventInput) (*eventOutput, error) {
	_, e, err := s.theEvent(visitorOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &eventOutput{viewOfEvent(e)}, nil
}

func (s *Server) getThumbnail(ctx context.Context, in *eventInput) (*pictureOutput, error) {
	v := visitorOf(ctx)
	g, e, err := s.theEvent(v, in.ID)
	if err != nil {
		return nil, err
	}
	jpeg, err := s.Store.Thumbnail(g, in.ID)
	if err != nil {
		return nil, s.alarmed(g, err)
	}
	s.looks.saw(v, g.Camera(), "thumbnail", e.Start, e.Start)
	return &pictureOutput{Type: "image/jpeg", Time: stamp(e.Start), Body: jpeg}, nil
}

type chapterInput struct {
	ID      media.UUID `path:"id"`
	Chapter media.UUID `path:"chapter"`
}

func (s *Server) getChapterThumbnail(ctx context.Context, in *chapterInput) (*pictureOutput, error) {
	v := visitorOf(ctx)
	g, e, err := s.theEvent(v, in.ID)
	if err != nil {
		return nil, err
	}
	jpeg, err := s.Store.ChapterThumbnail(g, in.ID, in.Chapter)
	if err != nil {
		return nil, s.alarmed(g, err)
	}
	at := e.Start
	for _, c := range e.Chapters {
		if c.ID == in.Chapter {
			at = c.Best
		}
	}
	s.looks.saw(v, g.Camera(), "thumbnail", at, at)
	return &pictureOutput{Type: "image/jpeg", Time: stamp(at), Body: jpeg}, nil
}

// alarmed makes a line in the audit log of footage that is not the camera's own; storage has made noise already.
func (s *Server) alarmed(g access.Grant, err error) error {
	if errors.Is(err, export.ErrMixed) {
		s.Store.Bell().Ring(alarm.Footage, g.Camera(), "an export was given footage of another camera", "error", err)
	}
	if errors.Is(err, storage.ErrForged) {
		s.looks.did(access.Entry{Act: "alarm.forged", Camera: g.Camera(), User: g.User()})
	}
	return err
}

type reviewInput struct {
	ID   media.UUID `path:"id"`
	Body *struct {
		Reviewed *bool `json:"reviewed,omitempty" default:"true"`
	} `required:"false"`
}

func (s *Server) reviewEvent(ctx context.Context, in *reviewInput) (*eventOutput, error) {
	reviewed := in.Body == nil || in.Body.Reviewed == nil || *in.Body.Reviewed
	return s.markEvent(ctx, in.ID, "", func(g access.Grant) error { return s.Store.SetReviewed(g, in.ID, reviewed) })
}

func (s *Server) holdEvent(ctx context.Context, in *eventInput) (*eventOutput, error) {
	return s.markEvent(ctx, in.ID, "event.hold", func(g access.Grant) error { return s.Store.SetHeld(g, in.ID, true) })
}

func (s *Server) releaseEvent(ctx context.Context, in *eventInput) (*eventOutput, error) {
	return s.markEvent(ctx, in.ID, "event.release", func(g access.Grant) error { return s.Store.SetHeld(g, in.ID, false) })
}

func (s *Server) markEvent(ctx context.Context, id media.UUID, act string, mark func(access.Grant) error) (*eventOutput, error) {
	v := visitorOf(ctx)
	g, e, err := s.theEvent(v, id)
	if err != nil {
		return nil, err
	}
	if err := mark(g); err != nil {
		return nil, err
	}
	if act != "" {
		line := v.entry(act, g.Camera())
		line.From, line.To, line.Detail = e.Start, e.End, id.String()
		s.looks.did(line)
	}
	e, err = s.Store.Event(g, id)
	if err != nil {
		return nil, err
	}
	return &eventOutput{viewOfEvent(e)}, nil
}
