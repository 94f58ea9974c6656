package web

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// policy lets the page load what the box serves and nothing else; blob: is for Media Source Extensions and for
// pictures that the page got as bytes.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; " +
	"connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// headers sets what every answer has. There is no Strict-Transport-Security: with it, a browser that does not know
// the box's authority yet could not be told to go on.
func (s *Server) headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		setHeaders(c.Response().Header())
		return next(c)
	}
}

// setHeaders sets them, for HTTPS and plain HTTP alike.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store") // the page's own files say otherwise
}

// recovered makes one line of a panic, and an answer.
func (s *Server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if r == any(http.ErrAbortHandler) {
				panic(r)
			}
			s.Log.Error("a request crashed", "path", c.Path(), "panic", r)
			s.Log.Debug("where it crashed", "stack", string(debug.Stack()))
			err = errors.New("a request crashed")
		}()
		return next(c)
	}
}

// sameOrigin refuses what another site makes a browser do here: changes, anything that carries its origin, and also
// reading, which would be answered to who is logged in if the site is on the box itself, on another port.
func (s *Server) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		r := c.Request()
		if err := protection.Check(r); err != nil {
			return crossOrigin()
		}
		if from := r.Header.Get("Sec-Fetch-Site"); (from == "cross-site" || from == "same-site") && !forAll(r) {
			return crossOrigin()
		}
		// A WebSocket is asked for with GET, and so is everything that another site could try to embed.
		if o := r.Header.Get("Origin"); o != "" && !strings.EqualFold(o, "https://"+r.Host) {
			return crossOrigin()
		}
		return next(c)
	}
}

// forAll says whether an address is one of the page's own, which a link elsewhere may lead to and which hold nothing of
// anybody.
func forAll(r *http.Request) bool {
	p := path.Clean("/" + r.URL.Path)
	return p != "/metrics" && p != "/api" && !strings.HasPrefix(p, "/api/")
}

func crossOrigin() error {
	return problem(http.StatusForbidden, "This was asked by another site.")
}

// bounded reads a request's body within its size and time, and limits how long the answer may take. Handlers whose
// answer streams set their own limit.
func (s *Server) bounded(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		control := http.NewResponseController(c.Response())
		if r.ContentLength != 0 {
			from, most := remoteAddr(r), maxBody
			_, _, err := s.sessionOf(r, from) // the door asks again, when the body is here
			known := err == nil
			if !known {
				most = strangersBody
			}
			if r.ContentLength > int64(most) {
				return tooLarge()
			}
			size := int(r.ContentLength)
			if size < 0 {
				size = most
			}
			give, err := s.bodies.take(from, size, known)
			if err != nil {
				return err
			}
			defer give()
			// Connections that cannot have limits (in tests) do without.
			_ = control.SetReadDeadline(time.Now().Add(bodyTime))
			body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, int64(most)))
			var large *http.MaxBytesError
			switch {
			case errors.As(err, &large):
				return tooLarge()
			case errors.Is(err, os.ErrDeadlineExceeded):
				return problem(http.StatusRequestTimeout, "The request took too long to arrive.")
			case err != nil:
				return problem(http.StatusBadRequest, "The request did not arrive whole.")
			}
			_ = control.SetReadDeadline(time.Time{})
			r.Body = io.NopCloser(bytes.NewReader(body))
			r.ContentLength = int64(len(body))
		}
		_ = control.SetWriteDeadline(time.Now().Add(answerTime))
		return next(c)
	}
}

func tooLarge() error {
	return problem(http.StatusRequestEntityTooLarge, "That is too much at once.")
}
