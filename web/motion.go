package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"hearth/nvr"
	"hearth/nvr/event"
	"hearth/nvr/media"
	"hearth/storage/access"
)

// forecastMost is the longest time that a forecast is about: a day with an hour more when the clocks are set back.
const forecastMost = 25 * time.Hour

func (s *Server) motionRoutes(t *table) {
	route(t, door{oneCamera, access.Manage}, http.MethodPost, "/cameras/{id}/motion/forecast",
		"How many events other settings would have made: see motion.md", s.forecastMotion)
	route(t, door{kind: managedLive}, http.MethodGet, "/cameras/{id}/motion", "What is seen to move now, as server-sent events: see motion.md",
		s.getMotion, answers(http.StatusOK, "A stream of looks", "text/event-stream"))
}

type forecastInput struct {
	ID   media.CameraID `path:"id"`
	Body struct {
		Motion media.MotionSettings `json:"motion" doc:"As they are to be"`
		From   *time.Time           `json:"from,omitempty" doc:"Absent: 24 hours before to"`
		To     *time.Time           `json:"to,omitempty" doc:"Absent: now"`
	}
}

type forecastOutput struct {
	Body struct {
		From   time.Time       `json:"from"`
		To     time.Time       `json:"to"`
		Since  *time.Time      `json:"since,omitempty" doc:"When anything is known of first, to the hour; absent: nothing is"`
		Events int             `json:"events" doc:"With the settings as they are to be"`
		Levels []forecastLevel `json:"levels" nullable:"false" doc:"With other sensitivities of the whole picture, the most sensitive first"`
	}
}

type forecastLevel struct {
	Sensitivity float64 `json:"sensitivity"`
	Events      int     `json:"events"`
}

func (s *Server) forecastMotion(ctx context.Context, in *forecastInput) (*forecastOutput, error) {
	v := visitorOf(ctx)
	var wrong *media.MotionError
	if err := in.Body.Motion.Check(); errors.As(err, &wrong) {
		return nil, invalid("body.motion."+wrong.Field, wrong.Text)
	}
	out := &forecastOutput{}
	b := &out.Body
	b.To = time.Now().UTC()
	change(&b.To, in.Body.To)
	b.From = b.To.Add(-24 * time.Hour)
	change(&b.From, in.Body.From)
	if d := b.To.Sub(b.From); d <= 0 || d > forecastMost {
		return nil, invalid("body.from", "ask for 25 hours at most, and for from before to")
	}
	marks, since, err := s.Store.Marks(v.grant, b.From, b.To)
	if err != nil {
		return nil, err
	}
	b.Since = moment(since)
	f := event.Foretell(marks, in.Body.Motion)
	b.Events = f.Events
	for i, n := range f.Levels {
		b.Levels = append(b.Levels, forecastLevel{media.LevelSensitivity(i), n})
	}
	return out, nil
}

// lookView is what one look saw.
type lookView struct {
	At      time.Time      `json:"at"`
	Moving  bool           `json:"moving"`
	Regions []media.Region `json:"regions,omitempty"`
	Zones   []string       `json:"zones,omitempty"`
	// Needs is the least sensitivity of the whole picture at which it would move, Where around what; absent: at none.
	Needs *float64      `json:"needs,omitempty"`
	Where *media.Region `json:"where,omitempty"`
}

func viewOfLook(l nvr.Look) lookView {
	view := lookView{At: l.At.UTC(), Moving: l.Moving, Regions: l.Regions, Zones: l.Zones}
	if l.Reach > 0 {
		needs := media.LevelSensitivity(l.Reach - 1)
		view.Needs, view.Where = &needs, &l.Where
	}
	return view
}

// getMotion tells what is seen, for who draws zones on the live picture. It ends with the grants, and when the camera does
// not look any more.
func (s *Server) getMotion(ctx context.Context, _ *cameraInput) (*huma.StreamResponse, error) {
	v := visitorOf(ctx)
	sights, err := s.Cameras.Sights(v.grant)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer sights.Close()
		defer s.watching(v)()
		c := humaecho.Unwrap(h)
		ctx, cancel := s.whileTrue(ctx, func() error {
			if err := s.access().Renew(v.grant); err != nil {
				return err
			}
			_, err := s.access().AuthorizeIn(v.session, v.grant.Camera(), access.Live)
			return err
		}, nil)
		defer cancel()
		header := c.Response().Header()
		header.Set("Content-Type", "text/event-stream")
		header.Set("X-Accel-Buffering", "no")
		c.Response().WriteHeader(http.StatusOK)
		w := &newsWriter{w: c.Response(), control: http.NewResponseController(c.Response()), patience: newsWrite}
		beat := time.NewTicker(newsBeat)
		defer beat.Stop()
		for err := w.send("", nil); err == nil; {
			select {
			case <-ctx.Done():
				return
			case l, more := <-sights.Looks():
				if !more || ctx.Err() != nil {
					return
				}
				err = w.send("look", viewOfLook(l))
			case <-beat.C:
				err = w.send("", nil)
			}
		}
	}}, nil
}
