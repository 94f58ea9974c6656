package web

import (
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"
)

func (s *Server) pageRoutes(t *table) {
	t.plain(door{kind: public}, http.MethodGet, "/", "The page", s.getPage)
	t.plain(door{kind: public}, http.MethodGet, "/*", "The page and its files", s.getPage)
	t.plain(door{kind: public}, http.MethodHead, "/", "The same without a body", s.getPage)
	t.plain(door{kind: public}, http.MethodHead, "/*", "The same without a body", s.getPage)
}

// notBuilt is shown where there is no page in the program.
const notBuilt = "The page was not built: run make build.\n"

// getPage serves a file of the page, and the page itself for every address that is one of its own. The files are the
// same for everybody and hold nothing of anybody.
func (s *Server) getPage(c echo.Context) error {
	if c.Request().Header.Get("Service-Worker") != "" {
		return notFound() // nothing of the page's may stand between it and the box, and keep answers
	}
	name := strings.TrimPrefix(path.Clean("/"+c.Request().URL.Path), "/")
	if name == "api" || strings.HasPrefix(name, "api/") {
		return notFound()
	}
	if s.UI == nil {
		return c.String(http.StatusOK, notBuilt)
	}
	file, err := readFile(s.UI, name)
	if errors.Is(err, fs.ErrNotExist) {
		if strings.HasPrefix(name, "assets/") {
			return notFound() // of another version: a page in place of a script would only confuse
		}
		name = "index.html"
		file, err = readFile(s.UI, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return c.String(http.StatusOK, notBuilt)
	} else if err != nil {
		return err
	}
	if strings.HasPrefix(name, "assets/") {
		c.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable") // their names carry a hash
	}
	return c.Blob(http.StatusOK, typeOf(name), file)
}

func readFile(ui fs.FS, name string) ([]byte, error) {
	if name == "" || strings.HasPrefix(path.Base(name), ".") || !fs.ValidPath(name) {
		return nil, fs.ErrNotExist
	}
	f, err := ui.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrInvalid) {
			return nil, fs.ErrNotExist
		}
		return nil, err
	}
	defer done(f)
	if info, err := f.Stat(); err != nil || info.IsDir() {
		return nil, errors.Join(err, fs.ErrNotExist)
	}
	return io.ReadAll(f)
}

// typeOf does not ask the machine, whose tables differ.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json", ".webmanifest":
		return "application/json"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}
