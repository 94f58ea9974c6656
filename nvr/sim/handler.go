package sim

import (
	"encoding/base64"
	"sync"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"
)

const realm = "Hearth simulated camera"

// handler answers RTSP requests.
type handler struct {
	server *Server

	mu    sync.Mutex
	conns map[*gortsplib.ServerConn]*login
	// begin is what is done when the answer to a PLAY is on its way. Before, a picture would go to nobody.
	begin map[*gortsplib.ServerConn]func()
}

// login is what a connection was asked to prove itself with.
type login struct{ nonce string }

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (h *handler) OnDescribe(c *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	st, refusal := h.admit(c.Conn, c.Request, c.Path)
	if refusal != nil {
		return refusal, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, st.current(), nil
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (h *handler) OnSetup(c *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	st, refusal := h.admit(c.Conn, c.Request, c.Path)
	if refusal != nil {
		return refusal, nil, nil
	}
	tcp := c.Transport == gortsplib.TransportTCP
	if tcp && st.camera.NoTCP || !tcp && (st.camera.NoUDP || st.camera.Address != "") {
		return &base.Response{StatusCode: base.StatusUnsupportedTransport}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, st.join(c.Session, c.Conn), nil
}

// OnPlay implements gortsplib.ServerHandlerOnPlay.
func (h *handler) OnPlay(c *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	if st := h.server.find(c.Conn, c.Path); st != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.begin[c.Conn] = func() { st.play(c.Session, true) }
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnResponse implements gortsplib.ServerHandlerOnResponse.
func (h *handler) OnResponse(conn *gortsplib.ServerConn, res *base.Response) {
	if v, ok := conn.NetConn().(*visit); ok && v.camera != nil && v.camera.Make != "" {
		res.Header["Server"] = base.HeaderValue{v.camera.Make}
	}
	h.mu.Lock()
	begin := h.begin[conn]
	delete(h.begin, conn)
	h.mu.Unlock()
	if begin != nil && res.StatusCode == base.StatusOK {
		begin()
	}
}

// OnPause implements gortsplib.ServerHandlerOnPause.
func (h *handler) OnPause(c *gortsplib.ServerHandlerOnPauseCtx) (*base.Response, error) {
	if st := h.server.find(c.Conn, c.Path); st != nil {
		st.play(c.Session, false)
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose implements gortsplib.ServerHandlerOnSessionClose.
func (h *handler) OnSessionClose(c *gortsplib.ServerHandlerOnSessionCloseCtx) {
	for _, st := range h.server.streams {
		st.leave(c.Session)
	}
}

// OnConnClose implements gortsplib.ServerHandlerOnConnClose.
func (h *handler) OnConnClose(c *gortsplib.ServerHandlerOnConnCloseCtx) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c.Conn)
	delete(h.begin, c.Conn)
}

// OnStreamWriteError implements gortsplib.ServerHandlerOnStreamWriteError: a watcher's queue is full.
func (h *handler) OnStreamWriteError(c *gortsplib.ServerHandlerOnStreamWriteErrorCtx) {
	for _, st := range h.server.streams {
		if st.current() == c.Session.SetuppedStream() {
			st.unsent.Add(1)
		}
	}
}

// OnDecodeError and OnPacketsLost say that what watchers send us does not matter.
func (h *handler) OnDecodeError(*gortsplib.ServerHandlerOnDecodeErrorCtx) {}

// OnPacketsLost implements gortsplib.ServerHandlerOnPacketsLost.
func (h *handler) OnPacketsLost(*gortsplib.ServerHandlerOnPacketsLostCtx) {}

// admit finds the stream of a path and checks the login. refusal is the answer when it may not be watched.
func (h *handler) admit(conn *gortsplib.ServerConn, req *base.Request, path string) (st *stream, refusal *base.Response) {
	st = h.server.find(conn, path)
	if st == nil {
		return nil, &base.Response{StatusCode: base.StatusNotFound}
	}
	st.camera.told(req)
	now := st.camera.Trouble.current()
	if now.offline {
		return nil, &base.Response{StatusCode: base.StatusNotFound}
	}
	if st.camera.User == "" && !now.refuse {
		return st, nil
	}
	nonce, err := h.nonce(conn)
	if err != nil {
		return nil, &base.Response{StatusCode: base.StatusInternalServerError}
	}
	methods := st.camera.Auth.methods()
	if !now.refuse && (basic(req, st.camera) || auth.Verify(req, st.camera.User, st.camera.Password, methods, realm, nonce) == nil) {
		return st, nil
	}
	return nil, &base.Response{
		StatusCode: base.StatusUnauthorized,
		Header:     base.Header{"WWW-Authenticate": auth.GenerateWWWAuthenticate(methods, realm, nonce)},
	}
}

// told passes on that somebody shows a name and a password.
func (c *Camera) told(req *base.Request) {
	header := req.Header["Authorization"]
	if c.OnLogin == nil || len(header) == 0 {
		return
	}
	var a headers.Authorization
	if err := a.Unmarshal(header); err != nil {
		c.OnLogin("?")
		return
	}
	c.OnLogin(a.Username)
}

// basic checks a Basic login (RFC 7617), which gortsplib gets wrong when a colon is in the password.
func basic(req *base.Request, c *Camera) bool {
	header := req.Header["Authorization"]
	if len(header) != 1 || c.Auth != Basic && c.Auth != BasicOrDigest {
		return false
	}
	plain := base64.StdEncoding.EncodeToString([]byte(c.User + ":" + c.Password))
	return header[0] == "Basic "+plain
}

// nonce is the connection's.
func (h *handler) nonce(conn *gortsplib.ServerConn) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.conns[conn]; l != nil {
		return l.nonce, nil
	}
	nonce, err := auth.GenerateNonce()
	if err != nil {
		return "", err
	}
	h.conns[conn] = &login{nonce: nonce}
	return nonce, nil
}

func (a Auth) methods() []auth.VerifyMethod {
	switch a {
	case Basic:
		return []auth.VerifyMethod{auth.VerifyMethodBasic}
	case DigestSHA256:
		return []auth.VerifyMethod{auth.VerifyMethodDigestSHA256}
	case BasicOrDigest:
		return []auth.VerifyMethod{auth.VerifyMethodDigestMD5, auth.VerifyMethodBasic}
	}
	return []auth.VerifyMethod{auth.VerifyMethodDigestMD5}
}
