package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

const prefix = "/api/v1"

// table is all routes with their doors.
type table struct {
	api   huma.API
	log   *slog.Logger
	echo  *echo.Echo
	doors map[string]door // by "METHOD /echo/:path"
	list  []listed        // in the order in which they were added: for the reference
}

type listed struct {
	method, path, summary string
	door                  door
}

// route adds a route under /api/v1 to the table, with its types to the OpenAPI document.
func route[I, O any](
	t *table, d door, method, path, summary string, handle func(context.Context, *I) (*O, error), more ...func(*huma.Operation),
) {
	op := huma.Operation{
		OperationID:  operationID(method, path),
		Method:       method,
		Path:         prefix + path,
		Summary:      summary,
		Description:  "For " + d.String() + ".",
		MaxBodyBytes: maxBody,
		// The body is here already (bounded read it in time). A deadline that huma set would stay on the connection, and
		// end whatever takes longer than five seconds.
		BodyReadTimeout: -1,
		Errors:          []int{http.StatusUnauthorized, http.StatusNotFound},
	}
	if d.kind == public {
		op.Errors = []int{http.StatusTooManyRequests}
	}
	for _, m := range more {
		m(&op)
	}
	t.add(d, method, prefix+path, summary)
	huma.Register(t.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, problemOf(t.log, err)
		}
		return out, nil
	})
}

// plain adds a route that is no part of the API.
func (t *table) plain(d door, method, path, summary string, handle echo.HandlerFunc) {
	t.add(d, method, path, summary)
	t.echo.Add(method, strings.NewReplacer("{", ":", "}", "").Replace(path), handle)
}

func (t *table) add(d door, method, path, summary string) {
	t.doors[method+" "+strings.NewReplacer("{", ":", "}", "").Replace(path)] = d
	t.list = append(t.list, listed{method, path, summary, d})
}

// handler gives what serves the routes, once each of them has its door.
func (t *table) handler() (http.Handler, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	return t.echo, nil
}

// check makes sure that every route that answers, and every one that the document names, has a door. It also keeps
// the parameter that doors read the camera from under one name.
func (t *table) check() error {
	for _, r := range t.echo.Routes() {
		d, ok := t.doors[r.Method+" "+r.Path]
		if !ok || d.kind == closed {
			return fmt.Errorf("route %s %s has no door", r.Method, r.Path)
		}
		if strings.Contains(r.Path, "/cameras/:") && !strings.Contains(r.Path, "/cameras/:id") {
			return fmt.Errorf("route %s %s does not name its camera {id}", r.Method, r.Path)
		}
		if strings.Contains(r.Path, "/cameras/:id") && d.kind != oneCamera && d.kind != anyVerb && d.kind != managedLive {
			return fmt.Errorf("route %s %s is a camera's, and its door is for %s", r.Method, r.Path, d)
		}
		if (d.kind == oneCamera || d.kind == allVerbed) && d.verb == "" {
			return fmt.Errorf("route %s %s names no verb", r.Method, r.Path)
		}
	}
	for path, item := range t.api.OpenAPI().Paths {
		for method := range operations(item) {
			if _, ok := t.doors[method+" "+strings.NewReplacer("{", ":", "}", "").Replace(path)]; !ok {
				return fmt.Errorf("route %s %s has no door", method, path)
			}
		}
	}
	return nil
}

func operations(p *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet: p.Get, http.MethodPost: p.Post, http.MethodPut: p.Put, http.MethodPatch: p.Patch,
		http.MethodDelete: p.Delete, http.MethodHead: p.Head, http.MethodOptions: p.Options, http.MethodTrace: p.Trace,
	}
	for m, op := range all {
		if op == nil {
			delete(all, m)
		}
	}
	return all
}

// operationID makes "get-cameras-id-live" of GET /cameras/{id}/live.
func operationID(method, path string) string {
	return strings.ToLower(method) + strings.NewReplacer("/", "-", "{", "", "}", "", ".", "-").Replace(path)
}

// answers documents a body that is no JSON.
func answers(status int, description string, types ...string) func(*huma.Operation) {
	return func(op *huma.Operation) {
		content := make(map[string]*huma.MediaType)
		for _, t := range types {
			content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
		}
		op.Responses = map[string]*huma.Response{
			fmt.Sprint(status): {Description: description, Content: content},
		}
	}
}

// status sets the status of success.
func status(code int) func(*huma.Operation) {
	return func(op *huma.Operation) { op.DefaultStatus = code }
}
