package camera

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
)

// userAgent is how Hearth introduces itself to cameras.
const userAgent = "Hearth"

// session is one RTSP connection to one stream: dialled, talked to, played, watched over, closed. It is used once.
type session struct {
	url       *base.URL // with credentials
	transport string
	audio     bool
	gate      *Gate
	tune      *tuning
	tally     *tally
	log       *slog.Logger
	receiver  *receiver
	quick     *atomic.Bool    // somebody watches: no waiting for more packets
	changed   <-chan struct{} // quick changed
	who       who             // answers
	// onAccepted is told that the camera took name and password; onRate what came in over the last tick.
	onAccepted func()
	onRate     func(fps float64, bitsPerSecond int64)

	client   *gortsplib.Client
	scrubber scrubber

	mu    sync.Mutex
	conn  *conn // the one that carries RTSP now
	dials int   // connections made

	stage        string // what is being done, for the classification of errors
	soundBroke   bool   // the connection broke while the sound was set up
	audioProblem string // known before the first packet comes
}

// run plays the stream until ctx is done or something breaks; its error is a *Problem or ctx's. When it returns, no
// goroutine of the session is left and every run is ended.
func (s *session) run(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.hangUp(0)
			err = crashed(s.log, p)
		}
	}()
	s.scrubber = newScrubber(s.url.User)
	s.who.at, s.who.secure = s.url.Host, s.url.Scheme == "rtsps"
	err = s.open(ctx)
	if err == nil {
		s.tally.sessions.Add(1)
		err = s.play(ctx)
	}
	s.hangUp(hangUpTime)
	if ctx.Err() != nil {
		s.receiver.finish(reasonStopped)
		return ctx.Err()
	}
	s.receiver.finish(reasonFor(err))
	return err
}

// open goes from nothing to the answer to PLAY.
func (s *session) open(ctx context.Context) error {
	// The TCP connection is made before the gate, so that a dead address does not keep others waiting.
	first, err := s.connect(ctx, "tcp", canonicalHost(s.url), s.tune.dial)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.problem(err)
	}
	leave, err := s.gate.Enter(ctx)
	if err != nil {
		first.Close()
		return err
	}
	defer leave()

	hctx, cancel := context.WithTimeout(ctx, s.tune.handshake)
	defer cancel()
	s.client = s.newClient(first)
	if err := s.client.Start2(); err != nil {
		first.Close()
		return s.problem(err)
	}
	stop := context.AfterFunc(hctx, func() { s.hangUp(0) })
	defer stop()
	if err := s.handshake(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if hctx.Err() != nil {
			err = errHandshakeTimeout
		}
		return s.problem(err)
	}
	if !stop() && ctx.Err() == nil {
		return s.problem(errHandshakeTimeout) // it came true in the last moment
	}
	return ctx.Err()
}

// hangUpTime is how long a camera may take to take our goodbye.
const hangUpTime = 2 * time.Second

// hangUp ends the client and waits for its goroutines. After grace it cuts the connection: gortsplib waits without
// limit for a TLS handshake that does not go on.
func (s *session) hangUp(grace time.Duration) {
	if s.client == nil {
		return
	}
	if grace > 0 {
		defer time.AfterFunc(grace, s.closeConn).Stop()
	} else {
		s.closeConn()
	}
	s.client.Close()
	s.closeConn()
}

var errNoCertificate = errors.New("no certificate")

// errHandshakeTimeout stands for a camera that did not get through its answers in time.
var errHandshakeTimeout = errors.New("the answers took too long")

func (s *session) newClient(first *conn) *gortsplib.Client {
	c := &gortsplib.Client{
		Scheme:       s.url.Scheme,
		Host:         s.url.Host,
		ReadTimeout:  s.tune.answer,
		WriteTimeout: s.tune.answer,
		UserAgent:    userAgent,
		// Cameras sign their own certificates. That it is this camera's says its key: VerifyConnection asks for it in every
		// handshake (docs/design/camera.md).
		TLSConfig: &tls.Config{
			InsecureSkipVerify: true, //nolint:gosec
			VerifyConnection: func(state tls.ConnectionState) error {
				if len(state.PeerCertificates) == 0 {
					return errNoCertificate
				}
				return s.who.showed(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
			},
		},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if first != nil {
				c := first
				first = nil
				return s.adopt(c), nil
			}
			c, err := s.connect(ctx, network, address, s.tune.dial)
			if err != nil {
				return nil, err
			}
			return s.adopt(c), nil
		},
		ListenPacket:      listenPacket,
		OnTransportSwitch: func(error) { s.log.Info("no datagram arrived, the stream changes to TCP") },
		OnPacketsLost:     func(uint64) {}, // the receiver counts by sequence number
		OnDecodeError:     func(error) { s.tally.errors.Add(1) },
		OnResponse: func(res *base.Response) {
			if s.who.heard(res) != nil {
				// gortsplib would answer a challenge. There is nothing in this to answer or to use.
				*res = base.Response{StatusCode: base.StatusForbidden, Header: base.Header{"CSeq": res.Header["CSeq"]}}
				return
			}
			repairSDP(res)
		},
	}
	switch s.transport {
	case TransportAuto:
	case TransportUDP:
		t := gortsplib.TransportUDP
		c.Transport = &t
	default:
		t := gortsplib.TransportTCP
		c.Transport = &t
	}
	return c
}

// connect makes a TCP connection. It refuses to follow a redirect to another host: whoever can send us there would
// get an answer to his challenge made with the camera's password.
func (s *session) connect(ctx context.Context, network, address string, limit time.Duration) (*conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if host != s.url.Hostname() {
		return nil, ErrRedirected
	}
	c, err := (&net.Dialer{Timeout: limit}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	card, err := cardAt(c)
	if err != nil {
		s.log.Warn("the camera's network card cannot be looked up", "error", err)
	}
	if err := s.who.reached(card); err != nil {
		c.Close()
		return nil, err
	}
	return newConn(c, s.url.Scheme == "rtsp", &s.tally.reads), nil
}

// adopt makes c the connection that the session looks after.
func (s *session) adopt(c *conn) net.Conn {
	s.mu.Lock()
	s.conn = c
	s.dials++
	s.mu.Unlock()
	return c
}

func (s *session) current() *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

func (s *session) closeConn() {
	if c := s.current(); c != nil {
		c.Close()
	}
}

// listenPacket opens a UDP socket with room for a key frame that arrives in one burst, if the system lets us.
func listenPacket(network, address string) (net.PacketConn, error) {
	pc, err := net.ListenPacket(network, address)
	if err != nil {
		return nil, err
	}
	if u, ok := pc.(*net.UDPConn); ok {
		_ = u.SetReadBuffer(1 << 20)
	}
	return pc, nil
}

// canonicalHost is host:port as gortsplib dials it.
func canonicalHost(u *base.URL) string {
	port := u.Port()
	if port == "" {
		port = "554"
		if u.Scheme == "rtsps" {
			port = "322"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}
