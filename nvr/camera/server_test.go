package camera

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/auth"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtp"
)

// fakeCamera is a real RTSP server (gortsplib's) that plays clips.
type fakeCamera struct {
	user, pass string
	basic      bool // check Basic by hand: gortsplib's own check fails for a password with ':'
	methods    []auth.VerifyMethod
	udp        bool
	tls        *tls.Config
	paths      map[string]*playing

	t        testing.TB
	server   *gortsplib.Server
	listener net.Listener
	address  string

	ready   sync.RWMutex // held while streams are opened
	streams sync.Map     // path → *gortsplib.ServerStream, for those that are not in paths

	mu       sync.Mutex
	describe []base.Header // headers of the DESCRIBE requests
	conns    map[*gortsplib.ServerConn]bool
	denied   atomic.Int64
}

// playing is one stream of a fakeCamera. It starts over with every client that plays, from the first picture.
type playing struct {
	clip  *clip
	sets  bool // parameter sets in the description
	audio format.Format
	sound func(i int) (*rtp.Packet, bool) // the i-th packet of sound, and whether there is one
	pace  time.Duration                   // between two pictures; 0 is the clip's own time
	loop  bool
	stall int // stop sending before this picture, but keep the connection; 0 is never

	camera *fakeCamera
	stream *gortsplib.ServerStream
	desc   *description.Session
	stop   chan struct{}
	wg     sync.WaitGroup
	mu     sync.Mutex
	newer  chan struct{} // closed when another client plays
	plays  atomic.Int64
}

// start opens the server; everything ends with the test.
func (f *fakeCamera) start(t testing.TB) *fakeCamera {
	t.Helper()
	f.t = t
	f.conns = make(map[*gortsplib.ServerConn]bool)
	if err := f.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	return f
}

func (f *fakeCamera) listen(address string) error {
	f.ready.Lock()
	defer f.ready.Unlock()
	var err error
	for range 50 {
		f.server = &gortsplib.Server{
			Handler: f, RTSPAddress: address, TLSConfig: f.tls, AuthMethods: f.methods, WriteQueueSize: 4096,
			Listen: func(network, address string) (net.Listener, error) {
				l, err := net.Listen(network, address)
				if err == nil {
					f.listener, f.address = l, l.Addr().String()
				}
				return l, err
			},
		}
		if f.udp { // RTP wants an even port and the next one
			port := 20000 + 2*rand.IntN(20000)
			f.server.UDPRTPAddress = fmt.Sprintf("127.0.0.1:%d", port)
			f.server.UDPRTCPAddress = fmt.Sprintf("127.0.0.1:%d", port+1)
		}
		if err = f.server.Start(); err == nil {
			break
		}
		if !f.udp {
			return err
		}
	}
	if err != nil {
		return err
	}
	for _, p := range f.paths {
		p.camera = f
		p.stop = make(chan struct{})
		p.desc = &description.Session{Medias: []*description.Media{{Type: description.MediaTypeVideo, Formats: []format.Format{p.clip.format(p.sets)}}}}
		if p.audio != nil {
			p.desc.Medias = append(p.desc.Medias, &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{p.audio}})
		}
		p.stream = &gortsplib.ServerStream{Server: f.server, Desc: p.desc}
		if err := p.stream.Initialize(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the server; listen opens it again.
func (f *fakeCamera) close() {
	if f.server == nil {
		return
	}
	for _, p := range f.paths {
		close(p.stop)
	}
	f.server.Close()
	for _, p := range f.paths {
		p.wg.Wait()
		p.stream.Close()
	}
	f.server = nil
}

func (f *fakeCamera) url(path string) string { return "rtsp://" + f.address + path }

// OnRequest implements gortsplib's handler.
func (f *fakeCamera) OnRequest(_ *gortsplib.ServerConn, req *base.Request) {
	if req.Method == base.Describe {
		f.mu.Lock()
		f.describe = append(f.describe, req.Header)
		f.mu.Unlock()
	}
}

func (f *fakeCamera) admit(c *gortsplib.ServerConn, req *base.Request) bool {
	if f.user == "" && f.pass == "" {
		return true
	}
	if !f.basic {
		return c.VerifyCredentials(req, f.user, f.pass)
	}
	h := req.Header["Authorization"]
	return len(h) == 1 && h[0] == "Basic "+base64.StdEncoding.EncodeToString([]byte(f.user+":"+f.pass))
}

func (f *fakeCamera) refuse(req *base.Request) (*base.Response, error) {
	if _, tried := req.Header["Authorization"]; tried {
		f.denied.Add(1)
	}
	if f.basic {
		return &base.Response{StatusCode: base.StatusUnauthorized, Header: base.Header{"WWW-Authenticate": base.HeaderValue{`Basic realm="yard"`}}}, nil
	}
	return &base.Response{StatusCode: base.StatusUnauthorized}, liberrors.ErrServerAuth{}
}

// OnDescribe implements gortsplib's handler.
func (f *fakeCamera) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	f.ready.RLock()
	defer f.ready.RUnlock()
	if !f.admit(ctx.Conn, ctx.Request) {
		res, err := f.refuse(ctx.Request)
		return res, nil, err
	}
	if s, ok := f.streams.Load(ctx.Path); ok {
		return &base.Response{StatusCode: base.StatusOK}, s.(*gortsplib.ServerStream), nil
	}
	p := f.paths[ctx.Path]
	if p == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, p.stream, nil
}

// OnSetup implements gortsplib's handler.
func (f *fakeCamera) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	f.ready.RLock()
	defer f.ready.RUnlock()
	if !f.admit(ctx.Conn, ctx.Request) {
		res, err := f.refuse(ctx.Request)
		return res, nil, err
	}
	if s, ok := f.streams.Load(ctx.Path); ok {
		return &base.Response{StatusCode: base.StatusOK}, s.(*gortsplib.ServerStream), nil
	}
	p := f.paths[ctx.Path]
	if p == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, p.stream, nil
}

// OnStreamWriteError implements gortsplib's handler: what does not fit into a client's queue is lost, as in a camera.
func (f *fakeCamera) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {}

// OnPlay implements gortsplib's handler.
func (f *fakeCamera) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	if f.paths[ctx.Path] == nil {
		return &base.Response{StatusCode: base.StatusOK}, nil
	}
	f.mu.Lock()
	f.conns[ctx.Conn] = true
	f.mu.Unlock()
	ctx.Session.SetUserData(f.paths[ctx.Path])
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnResponse implements gortsplib's handler: when the answer to PLAY goes out, the stream reaches the client.
func (f *fakeCamera) OnResponse(c *gortsplib.ServerConn, res *base.Response) {
	f.mu.Lock()
	began := f.conns[c]
	delete(f.conns, c)
	f.mu.Unlock()
	if !began || c.Session() == nil || res.StatusCode != base.StatusOK {
		return
	}
	c.Session().UserData().(*playing).play()
}

func (p *playing) play() {
	p.plays.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.newer != nil {
		close(p.newer) // the stream has one sender: the client before has gone
	}
	p.newer = make(chan struct{})
	newer := p.newer
	p.wg.Go(func() { p.send(newer) })
}

// send plays the clip, with its sound, until it is over or the server closes.
func (p *playing) send(newer <-chan struct{}) {
	packets := p.clip.packetizerOf(p.camera.t, 1400)
	begin := time.Now()
	var offset int64
	heard := 0
	for round := 0; round == 0 || p.loop; round++ {
		for i, pic := range p.clip.pictures {
			due := time.Duration(nanos(offset+pic.dts-p.clip.pictures[0].dts, 90000))
			if p.pace != 0 {
				due = time.Duration(round*len(p.clip.pictures)+i) * p.pace
			}
			t := time.NewTimer(due - time.Since(begin))
			select {
			case <-t.C:
			case <-p.stop:
				t.Stop()
				return
			case <-newer:
				t.Stop()
				return
			}
			if p.stall != 0 && round*len(p.clip.pictures)+i >= p.stall {
				return
			}
			for _, q := range packets.packets(p.camera.t, pic.nals, uint32(pic.pts+offset+4242)) {
				if p.stream.WritePacketRTP(p.desc.Medias[0], q) != nil {
					return
				}
			}
			for p.audio != nil && p.sound != nil {
				q, ok := p.sound(heard)
				if !ok || time.Duration(nanos(int64(q.Timestamp), int64(p.audio.ClockRate()))) > due {
					break
				}
				heard++
				if p.stream.WritePacketRTP(p.desc.Medias[1], q) != nil {
					return
				}
			}
		}
		n := len(p.clip.pictures)
		offset += p.clip.pictures[n-1].dts - p.clip.pictures[0].dts + p.clip.pictures[1].dts - p.clip.pictures[0].dts
	}
}

// silentServer accepts connections and says nothing.
func silentServer(t testing.TB) string {
	t.Helper()
	return rawServer(t, func(c net.Conn) {
		var b [1024]byte
		for {
			if _, err := c.Read(b[:]); err != nil {
				return
			}
		}
	})
}

// rawServer serves each connection with a function of the test.
func rawServer(t testing.TB, serve func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().String()
}

// answering is a raw RTSP server that answers every request with the given head (status line and header lines).
func answering(t testing.TB, answer func(request string) string) string {
	t.Helper()
	return rawServer(t, func(c net.Conn) {
		var pending string
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			pending += string(b[:n])
			for {
				request, rest, ok := strings.Cut(pending, "\r\n\r\n")
				if !ok {
					break
				}
				pending = rest
				cseq := ""
				for _, l := range strings.Split(request, "\r\n") {
					if strings.HasPrefix(l, "CSeq:") {
						cseq = l
					}
				}
				head, body, _ := strings.Cut(answer(request), "\r\n\r\n")
				fmt.Fprintf(c, "%s\r\n%s\r\nContent-Length: %d\r\n\r\n%s", head, cseq, len(body), body)
			}
		}
	})
}
