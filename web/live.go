package web

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"hearth/nvr/live"
	"hearth/nvr/media"
	"hearth/storage/access"
)

// The wire of live video; docs/ref/live.md describes it.
const (
	liveVersion    = 1
	liveHeaderSize = 16
	liveKey        = 1 << 0
	liveInit       = 1 << 1

	liveWrite = 10 * time.Second // for one message to be taken; a viewer that is slower is let go
	livePing  = 15 * time.Second
	liveNoted = time.Minute
	// liveLastWord is how long a close may take before the connection is cut.
	liveLastWord = 300 * time.Millisecond

	// closeRemoved says that the camera was removed: there is nothing to ask for again.
	closeRemoved websocket.StatusCode = 4404
	// closePrivate says that the camera is not to look now: it may be asked for again when it is not private any more.
	closePrivate websocket.StatusCode = 4409
)

type liveText struct {
	Type   string `json:"type"` // "init" or "notice"
	MIME   string `json:"mime,omitempty"`
	Stream string `json:"stream,omitempty"`
	Run    uint32 `json:"run,omitempty"`
	Start  string `json:"start,omitempty"`
	Code   string `json:"code,omitempty"`
	Text   string `json:"text,omitempty"`
}

type liveInput struct {
	ID     media.CameraID `path:"id"`
	Stream string         `query:"stream" enum:"main,sub" default:"main"`
}

func (s *Server) liveRoutes(t *table) {
	route(t, door{oneCamera, access.Live}, http.MethodGet, "/cameras/{id}/live", "Watch a camera now, over WebSocket: see live.md",
		s.getLive, func(op *huma.Operation) {
			op.Responses = map[string]*huma.Response{"101": {Description: "The connection is a WebSocket now"}}
		})
}

func (s *Server) getLive(ctx context.Context, in *liveInput) (*huma.StreamResponse, error) {
	v := visitorOf(ctx)
	stream, err := media.ParseStream(in.Stream)
	if err != nil {
		return nil, invalid("query.stream", err.Error())
	}
	viewer, err := s.Cameras.Watch(v.grant, stream)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		defer viewer.Close()
		s.live.Add(1)
		defer s.live.Done()
		c := humaecho.Unwrap(h)
		raw := &hijacked{ResponseWriter: c.Response()}
		// The library compares Origin with Host itself, and answers when the request is none for a WebSocket.
		conn, err := websocket.Accept(raw, c.Request(), &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
		if err != nil {
			s.Log.Debug("no WebSocket", "error", err)
			return
		}
		s.watch(ctx, conn, raw.conn, v, viewer, stream)
	}}, nil
}

// hijacked keeps the connection that the library takes over, to be able to cut it.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements http.Hijacker.
func (h *hijacked) Hijack() (conn net.Conn, rw *bufio.ReadWriter, err error) {
	h.conn, rw, err = http.NewResponseController(h.ResponseWriter).Hijack()
	return h.conn, rw, err
}

// watch passes a viewer's messages on until one of the two ends or the grant does.
func (s *Server) watch(ctx context.Context, conn *websocket.Conn, raw net.Conn, v *visitor, viewer *live.Viewer, stream media.Stream) {
	defer cut(conn)
	defer s.watching(v)()

	// Nothing is to be heard but the other side's end. The library cuts a connection whose context ends, so that what
	// ends the watching is kept apart from it: there has to be a last word.
	heard := conn.CloseRead(context.WithoutCancel(ctx))
	ctx, cancel := s.whileGranted(ctx, viewer.Grant(), func() {
		time.AfterFunc(liveLastWord, func() { raw.Close() }) // also what is stuck in a write
	})
	defer cancel()
	defer context.AfterFunc(heard, cancel)()
	go s.ping(heard, conn)

	w := liveWriter{conn: conn, stream: stream}
	for {
		m, err := viewer.Next(ctx)
		if err == nil {
			err = w.write(heard, m)
		}
		if err == nil {
			continue
		}
		// The library waits longer for the other side's last word than a right that was taken may last.
		last := time.AfterFunc(liveLastWord, func() { raw.Close() })
		defer last.Stop()
		switch {
		case errors.Is(context.Cause(ctx), access.ErrDenied):
			lastWord(conn, websocket.StatusPolicyViolation, "not allowed any more")
		case errors.Is(err, live.ErrPrivate):
			lastWord(conn, closePrivate, "the camera is private")
		case errors.Is(err, io.EOF):
			lastWord(conn, closeRemoved, "the camera is not there any more")
		case heard.Err() == nil && ctx.Err() != nil:
			lastWord(conn, websocket.StatusGoingAway, "the box is stopping")
		}
		return
	}
}

// watching notes that somebody watches live, from now on until what it gives is called; also in between, so that a question
// about the last hour finds who still watches.
func (s *Server) watching(v *visitor) (end func()) {
	began := time.Now()
	note := func() { s.looks.saw(v, v.grant.Camera(), "live", began, time.Now()) }
	s.looks.saw(v, v.grant.Camera(), "live", began, began)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(liveNoted)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				note()
			}
		}
	}()
	return func() {
		close(over)
		<-done
		note()
	}
}

// lastWord says why it ends, to whoever still listens.
func lastWord(conn *websocket.Conn, code websocket.StatusCode, reason string) {
	_ = conn.Close(code, reason) // who does not listen any more finds out without
}

// cut ends a connection that may have ended already.
func cut(conn *websocket.Conn) { _ = conn.CloseNow() }

// ping finds out that the other side is gone without a word.
func (s *Server) ping(ctx context.Context, conn *websocket.Conn) {
	tick := time.NewTicker(livePing)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			limit, cancel := context.WithTimeout(ctx, livePing)
			err := conn.Ping(limit)
			cancel()
			if err != nil {
				cut(conn)
				return
			}
		}
	}
}

type liveWriter struct {
	conn   *websocket.Conn
	stream media.Stream
	run    uint32
	buffer []byte
}

func (w *liveWriter) write(ctx context.Context, m live.Message) error {
	ctx, cancel := context.WithTimeout(ctx, liveWrite)
	defer cancel()
	flags := byte(0)
	switch m.Kind {
	case live.Notice:
		return w.say(ctx, liveText{Type: "notice", Code: string(m.Data), Text: noticeText(string(m.Data))})
	case live.Init:
		w.run++
		flags = liveInit
		if err := w.say(ctx, liveText{
			Type: "init", MIME: m.MIME, Stream: w.stream.String(), Run: w.run, Start: stamp(m.Wall),
		}); err != nil {
			return err
		}
	}
	if m.Key {
		flags |= liveKey
	}
	w.buffer = appendLiveHeader(w.buffer[:0], flags, w.run, m.Wall)
	w.buffer = append(w.buffer, m.Data...)
	return w.conn.Write(ctx, websocket.MessageBinary, w.buffer)
}

func appendLiveHeader(b []byte, flags byte, run uint32, wall time.Time) []byte {
	b = append(b, liveVersion, flags, 0, 0)
	b = binary.BigEndian.AppendUint32(b, run)
	return binary.BigEndian.AppendUint64(b, uint64(wall.UnixMicro()))
}

func (w *liveWriter) say(ctx context.Context, t liveText) error {
	raw, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return w.conn.Write(ctx, websocket.MessageText, raw)
}

func noticeText(code string) string {
	switch code {
	case live.NoticeSlow:
		return "The connection is too slow for this stream."
	case live.NoticeOffline:
		return "The camera sends nothing at the moment."
	}
	return ""
}
