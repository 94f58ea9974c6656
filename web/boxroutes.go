package web

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"hearth/nvr/clock"
	"hearth/nvr/media"
	"hearth/storage/access"
)

const (
	healthy     = `{"status":"ok"}`
	nameSetting = "name"
)

func (s *Server) boxRoutes(t *table) {
	owners, everybody, metrics := door{kind: ownerOnly}, door{kind: public}, door{kind: figures}
	route(t, door{kind: personal}, http.MethodGet, "/system", "What this box is", s.getSystem)
	route(t, door{kind: personal}, http.MethodGet, "/settings", "The box's settings", s.getSettings)
	route(t, owners, http.MethodPatch, "/settings", "Change them", s.changeSettings)
	route(t, metrics, http.MethodGet, "/metrics", "Metrics in the format of Prometheus", s.getMetrics,
		answers(http.StatusOK, "Metrics", "text/plain"))
	route(t, everybody, http.MethodGet, "/healthz", "Whether the box answers", s.getHealth)
	route(t, everybody, http.MethodGet, "/openapi.json", "This description", s.openAPI(t),
		answers(http.StatusOK, "OpenAPI 3.1", "application/json"))
	t.plain(everybody, http.MethodGet, "/healthz", "Whether the box answers", func(c echo.Context) error {
		return c.JSONBlob(http.StatusOK, []byte(healthy))
	})
	t.plain(metrics, http.MethodGet, "/metrics", "Metrics in the format of Prometheus", func(c echo.Context) error {
		return s.writeMetrics(c.Request().Context(), c)
	})
}

type systemOutput struct {
	Body struct {
		Version  string    `json:"version"`
		Started  time.Time `json:"started"`
		Time     time.Time `json:"time" doc:"The box's clock"`
		Clock    *boxClock `json:"clock,omitempty" doc:"Whether that is right"`
		Name     string    `json:"name"`
		Hostname string    `json:"hostname,omitempty" doc:"For owners"`
		Platform string    `json:"platform,omitempty" doc:"For owners"`
		CA       string    `json:"certificate_sha256,omitempty" doc:"Fingerprint of the box's certificate authority"`
	}
}

// boxClock is what the box knows about its clock.
type boxClock struct {
	Known   bool       `json:"known" doc:"The box knows what time it is; what it records until then is marked"`
	Source  string     `json:"source,omitempty" enum:"network,hardware,host" doc:"What it knows it from"`
	Problem string     `json:"problem,omitempty" doc:"A sentence for the owner with what to do"`
	Set     *time.Time `json:"set,omitempty" doc:"When the clock was set last, since the start"`
	SetBy   float64    `json:"set_by,omitempty" doc:"By how many seconds"`
}

func (s *Server) boxClock() *boxClock {
	if s.Clock == nil {
		return nil
	}
	state := s.Clock.State()
	c := &boxClock{Known: state.Source != clock.Unknown, Source: string(state.Source), Problem: state.Problem}
	if !state.Set.IsZero() {
		set := state.Set.UTC()
		c.Set, c.SetBy = &set, state.SetBy.Seconds()
	}
	return c
}

func (s *Server) getSystem(ctx context.Context, _ *nothing) (*systemOutput, error) {
	out := &systemOutput{}
	b := &out.Body
	b.Version, b.Started, b.Time, b.Clock = s.Version, s.started.UTC(), time.Now().UTC(), s.boxClock()
	var err error
	if b.Name, err = s.boxName(); err != nil {
		return nil, err
	}
	if s.authority != nil {
		b.CA = s.authority.fingerprint()
	}
	if s.access().RequireOwner(visitorOf(ctx).session) == nil {
		b.Hostname, _ = os.Hostname() // one that is not known is left out
		b.Platform = runtime.GOOS + "/" + runtime.GOARCH
	}
	return out, nil
}

type settingsOutput struct {
	Body struct {
		Name    string          `json:"name" doc:"What the page calls the house"`
		Privacy *privacyView    `json:"privacy,omitempty" doc:"Of the whole house; for owners"`
		Remote  *remoteSettings `json:"remote,omitempty" doc:"The way in from afar; for owners"`
	}
}

type settingsInput struct {
	Body struct {
		Name    *string         `json:"name,omitempty" maxLength:"200"`
		Privacy *changedPrivacy `json:"privacy,omitempty" doc:"Switches all cameras at once"`
		Remote  *changedRemote  `json:"remote,omitempty" doc:"The way in from afar"`
	}
}

func (s *Server) boxName() (string, error) {
	name := "Hearth"
	_, err := s.Store.Box().Setting(nameSetting, &name)
	return name, err
}

func (s *Server) getSettings(ctx context.Context, _ *nothing) (*settingsOutput, error) {
	out := &settingsOutput{}
	if s.access().RequireOwner(visitorOf(ctx).session) == nil {
		out.Body.Privacy = viewOfPrivacy(s.Cameras.HousePrivacy())
		out.Body.Remote = s.remote.settings()
	}
	var err error
	out.Body.Name, err = s.boxName()
	return out, err
}

func (s *Server) changeSettings(ctx context.Context, in *settingsInput) (*settingsOutput, error) {
	if in.Body.Privacy != nil {
		if err := s.Cameras.CheckPrivacy(access.Grant{}, in.Body.Privacy.change()); err != nil {
			return nil, err
		}
	}
	if err := checkRemoteChange(in.Body.Remote); err != nil {
		return nil, err
	}
	name := ""
	if in.Body.Name != nil {
		name = strings.TrimSpace(*in.Body.Name)
		if n := utf8.RuneCountInString(name); n < 1 || n > 60 {
			return nil, invalid("body.name", "must have 1 to 60 characters")
		}
	}
	if in.Body.Remote != nil { // it may fail for what is not the box's to say: a port in use
		if err := s.changeRemote(visitorOf(ctx), in.Body.Remote); err != nil {
			return nil, err
		}
	}
	if in.Body.Name != nil {
		if err := s.Store.Box().PutSetting(nameSetting, name); err != nil {
			return nil, err
		}
		s.looks.did(visitorOf(ctx).entry("settings.change", media.CameraID{}))
	}
	if in.Body.Privacy != nil {
		if err := s.switchPrivacy(ctx, visitorOf(ctx), media.CameraID{}, in.Body.Privacy); err != nil {
			return nil, err
		}
	}
	return s.getSettings(ctx, nil)
}

func (s *Server) getHealth(context.Context, *nothing) (*struct {
	Body struct {
		Status string `json:"status"`
	}
}, error,
) {
	out := &struct {
		Body struct {
			Status string `json:"status"`
		}
	}{}
	out.Body.Status = "ok"
	return out, nil
}

type documentOutput struct {
	Type string `header:"Content-Type"`
	Body []byte
}

func (s *Server) openAPI(t *table) func(context.Context, *nothing) (*documentOutput, error) {
	return func(context.Context, *nothing) (*documentOutput, error) {
		raw, err := t.document()
		return &documentOutput{Type: "application/json", Body: raw}, err
	}
}

// document is the OpenAPI document, the same bytes for the same program.
func (t *table) document() ([]byte, error) {
	raw, err := json.MarshalIndent(t.api.OpenAPI(), "", "  ")
	if err != nil {
		return nil, err
	}
	return append(raw, '\n'), nil
}

func (s *Server) getMetrics(ctx context.Context, _ *nothing) (*huma.StreamResponse, error) {
	return &huma.StreamResponse{Body: func(h huma.Context) {
		if err := s.writeMetrics(ctx, humaecho.Unwrap(h)); err != nil {
			s.Log.Error("the metrics cannot be gathered", "error", err)
		}
	}}, nil
}
