package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"hearth/nvr"
	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
)

const (
	newsBeat  = 15 * time.Second // a word when there is nothing to tell, so that both sides know of each other
	newsWrite = 10 * time.Second
)

// getNews tells what happens to the cameras that the reader may see, as server-sent events. For each item the door is
// asked anew: a right that was taken a moment ago is gone.
func (s *Server) getNews(ctx context.Context, _ *nothing) (*huma.StreamResponse, error) {
	v := visitorOf(ctx)
	return &huma.StreamResponse{Body: func(h huma.Context) {
		c := humaecho.Unwrap(h)
		ctx, cancel := s.whileTrue(ctx, func() error { return s.access().StillOpen(v.session) }, nil)
		defer cancel()
		news := s.Cameras.News().Subscribe()
		defer news.Close()
		header := c.Response().Header()
		header.Set("Content-Type", "text/event-stream")
		header.Set("X-Accel-Buffering", "no")
		c.Response().WriteHeader(http.StatusOK)
		w := &newsWriter{w: c.Response(), control: http.NewResponseController(c.Response()), patience: newsWrite}
		s.tell(ctx, v, news, w)
	}}, nil
}

func (s *Server) tell(ctx context.Context, v *visitor, news *nvr.Subscription, w *newsWriter) {
	beat, look := time.NewTicker(newsBeat), time.NewTicker(askAgain)
	defer beat.Stop()
	defer look.Stop()
	known := set(v.grants)
	err := s.narrow(v, known, news)
	lost := news.Lost()
	if err == nil {
		err = w.send("", nil) // so that the reader knows it is heard
	}
	for err == nil {
		select {
		case <-ctx.Done():
			return
		case item := <-news.Items():
			err = s.tellOne(v, item, w)
		case <-look.C:
			// A camera that came or went, or a right that was given or taken.
			var grants []access.Grant
			if grants, err = s.seen(v.session); err != nil {
				break
			}
			if now := set(grants); !equal(now, known) {
				known = now
				err = w.send("cameras", struct{}{})
			}
			if err == nil {
				err = s.narrow(v, known, news)
			}
			if n := news.Lost(); err == nil && n != lost {
				lost = n
				err = w.send("lost", struct{}{})
			}
		case <-beat.C:
			err = w.send("", nil)
		}
	}
}

// narrow has the news bring what the reader may see, and nothing else: what is lost by a slow reader would tell how much
// happens elsewhere. Who sees all cameras hears of new ones at once.
func (s *Server) narrow(v *visitor, known map[media.CameraID]bool, news *nvr.Subscription) error {
	if v.session.Person.Role != access.Guest && !v.session.IsToken() {
		return nil
	}
	grants, err := s.access().AuthorizeAllIn(v.session, access.Events)
	if err != nil {
		return err
	}
	events := set(grants)
	news.Only(func(i nvr.Item) bool {
		if i.Kind == "event" {
			return events[i.Camera]
		}
		return known[i.Camera]
	})
	return nil
}

// tellOne passes one item on if its camera's door opens now.
func (s *Server) tellOne(v *visitor, item nvr.Item, w *newsWriter) error {
	verbs := access.Verbs()
	if item.Kind == "event" {
		verbs = []access.Verb{access.Events}
	}
	g, err := s.anyOf(v.session, item.Camera, verbs)
	if errors.Is(err, access.ErrDenied) {
		return nil
	} else if err != nil {
		return err
	}
	data, _ := item.Data.(map[string]string)
	if item.Kind == "event" {
		id, err := media.ParseUUID(data["id"])
		if err != nil {
			return nil
		}
		e, err := s.Store.Event(g, id)
		if errors.Is(err, storage.ErrNotFound) {
			return nil // discarded meanwhile
		} else if err != nil {
			return err
		}
		return w.send("event", viewOfEvent(e))
	}
	out := map[string]string{"camera": item.Camera.String()}
	for k, value := range data {
		out[k] = value
	}
	return w.send(item.Kind, out)
}

type newsWriter struct {
	w        io.Writer
	control  *http.ResponseController
	patience time.Duration // for one event to be taken
}

// send sends one event, or with no name a comment.
func (w *newsWriter) send(name string, data any) error {
	text := ":\n\n"
	if name != "" {
		raw, err := json.Marshal(data)
		if err != nil {
			return err
		}
		text = fmt.Sprintf("event: %s\ndata: %s\n\n", name, raw)
	}
	if err := w.control.SetWriteDeadline(time.Now().Add(w.patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(w.w, text); err != nil {
		return err
	}
	if err := w.control.Flush(); err != nil {
		return err
	}
	// HTTP/2 resets a stream whose deadline passes, also when nothing waits to be written.
	return w.control.SetWriteDeadline(time.Time{})
}

func set(grants []access.Grant) map[media.CameraID]bool {
	m := make(map[media.CameraID]bool)
	for _, g := range grants {
		m[g.Camera()] = true
	}
	return m
}

func equal(a, b map[media.CameraID]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for id := range a {
		if !b[id] {
			return false
		}
	}
	return true
}
