package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v4"

	"hearth/nvr/media"
)

// Server serves cameras over RTSP, on TCP and on UDP. It runs once.
type Server struct {
	Listen  string // host:port; port 0 takes a free one. "" is 127.0.0.1:0
	Cameras []*Camera
	Log     *slog.Logger // nil: nothing is logged

	rtsp    *gortsplib.Server
	addr    net.Addr
	lobby   *lobby
	streams map[where]*stream

	once  sync.Once
	ready chan struct{}
}

// where is how a stream is found: by its path, at a camera's own address or, without a camera, at the server's.
type where struct {
	camera *Camera
	path   string
}

// find gives the stream that a connection means by a path; nil if there is none.
func (s *Server) find(conn *gortsplib.ServerConn, path string) *stream {
	v, ok := conn.NetConn().(*visit)
	if !ok {
		return nil
	}
	return s.streams[where{v.camera, path}]
}

// writeQueue is how many packets may wait for a slow watcher: several key frames of a large picture.
const writeQueue = 2048

// Run serves until ctx ends, then closes everything and returns nil. Any other end is an error.
func (s *Server) Run(ctx context.Context) error {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if err := s.prepare(); err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	defer s.rtsp.Close()

	start := time.Now()
	for _, c := range s.Cameras {
		for _, st := range c.streams {
			if st == nil {
				continue
			}
			st.start = start
			if err := st.open(s.rtsp); err != nil {
				return fmt.Errorf("open stream %s: %w", st.path, err)
			}
			defer st.close()
		}
	}
	close(s.readiness())

	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	failed := make(chan error, len(s.streams)+1)
	for _, st := range s.streams {
		running.Go(func() {
			if err := st.run(ctx); err != nil {
				failed <- fmt.Errorf("stream %s: %w", st.path, err)
			}
		})
	}
	running.Go(func() {
		if err := s.rtsp.Wait(); ctx.Err() == nil {
			failed <- fmt.Errorf("RTSP server: %w", err)
		}
	})
	select {
	case <-ctx.Done():
		s.rtsp.Close()
		return nil
	case err := <-failed:
		s.rtsp.Close()
		return err
	}
}

// prepare checks the cameras and makes their streams.
func (s *Server) prepare() error {
	s.streams = make(map[where]*stream)
	for i, c := range s.Cameras {
		c.fill(i)
		var own *Camera
		if c.Address != "" {
			own = c
		}
		if c.TLS {
			if own == nil {
				return fmt.Errorf("camera %q speaks TLS and has no address of its own", c.Name)
			}
			var err error
			if c.tls, err = identity(cmp.Or(c.Serial, c.Name)); err != nil {
				return fmt.Errorf("camera %q, certificate: %w", c.Name, err)
			}
		}
		for which, clip := range [...]*Clip{media.Main: c.Clip, media.Sub: c.SubClip} {
			which := media.Stream(which)
			if which == media.Sub && c.NoSub {
				continue
			}
			st, err := newStream(c, which, clip, s.Log)
			if err != nil {
				return fmt.Errorf("camera %q, %s stream: %w", c.Name, which, err)
			}
			at := where{own, st.path}
			if s.streams[at] != nil {
				return fmt.Errorf("two cameras have the address %s", st.path)
			}
			s.streams[at] = st
			c.streams[which] = st
		}
	}
	return nil
}

// open listens and starts the RTSP server.
func (s *Server) open() error {
	listen := s.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	tcp, err := net.Listen("tcp", listen)
	if err != nil {
		return err // net's error says it all: listen, address, reason
	}
	host, _, _ := net.SplitHostPort(listen)
	pair, err := listenPair(host)
	if err != nil {
		tcp.Close()
		return err
	}
	lobby, err := openLobby(tcp, s.Cameras)
	if err != nil {
		tcp.Close()
		pair[0].Close()
		pair[1].Close()
		return err
	}
	s.lobby = lobby
	s.rtsp = &gortsplib.Server{
		Handler:        &handler{server: s, conns: make(map[*gortsplib.ServerConn]*login), begin: make(map[*gortsplib.ServerConn]func())},
		RTSPAddress:    tcp.Addr().String(),
		UDPRTPAddress:  pair[0].LocalAddr().String(),
		UDPRTCPAddress: pair[1].LocalAddr().String(),
		WriteQueueSize: writeQueue,
		// Ours are sent by stream: gortsplib's have nanoseconds where RFC 3550 wants parts of 2^32.
		DisableRTCPSenderReports: true,
		Listen:                   func(string, string) (net.Listener, error) { return lobby, nil },
		ListenPacket: func(_, address string) (net.PacketConn, error) {
			if address == pair[1].LocalAddr().String() {
				return pair[1], nil
			}
			return pair[0], nil
		},
	}
	if err := s.rtsp.Start(); err != nil {
		lobby.Close()
		pair[0].Close()
		pair[1].Close()
		return fmt.Errorf("start the RTSP server: %w", err)
	}
	s.addr = tcp.Addr()
	return nil
}

// listenPair takes two free neighbouring UDP ports, the first one even, for RTP and RTCP.
func listenPair(host string) (pair [2]net.PacketConn, err error) {
	for range 100 {
		first, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			return pair, err
		}
		port := first.LocalAddr().(*net.UDPAddr).Port
		if port%2 == 0 {
			second, err := net.ListenPacket("udp", net.JoinHostPort(host, fmt.Sprint(port+1)))
			if err == nil {
				return [2]net.PacketConn{first, second}, nil
			}
		}
		first.Close()
	}
	return pair, errors.New("no two neighbouring free UDP ports")
}

// Ready is closed once the cameras can be connected to.
func (s *Server) Ready() <-chan struct{} { return s.readiness() }

func (s *Server) readiness() chan struct{} {
	s.once.Do(func() { s.ready = make(chan struct{}) })
	return s.ready
}

// Addr is where the server listens, after Ready.
func (s *Server) Addr() net.Addr { return s.addr }

// URL is the address of a camera's stream, with user and password in it: never log it. Valid after Ready. Of a camera with
// an address of its own it is that one, whoever answers there now.
func (s *Server) URL(c *Camera, which media.Stream) string {
	u := url.URL{Scheme: "rtsp", Host: s.addr.String(), Path: c.path(which)}
	if c.Address != "" {
		u.Host = c.home
	}
	if c.TLS {
		u.Scheme = "rtsps"
	}
	if c.User != "" {
		u.User = url.UserPassword(c.User, c.Password)
	}
	return u.String()
}

func (c *Camera) path(which media.Stream) string {
	path := "/" + c.Name
	if c.Address != "" {
		path = "/stream"
	}
	if which == media.Sub {
		path += "/sub"
	}
	return path
}
