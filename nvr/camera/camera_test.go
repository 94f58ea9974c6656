package camera

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/auth"

	"hearth/nvr/media"
)

// watcher is a Sink that a test can wait on.
type watcher struct {
	notebook
	mu   sync.Mutex
	cond *sync.Cond
}

func newWatcher(t testing.TB) *watcher {
	w := &watcher{notebook: notebook{t: t}}
	w.cond = sync.NewCond(&w.mu)
	return w
}

func (w *watcher) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	w.cond.Broadcast()
}

func (w *watcher) StartRun(run *media.Run) { w.locked(func() { w.notebook.StartRun(run) }) }
func (w *watcher) WriteUnit(run *media.Run, au *media.AccessUnit) {
	w.locked(func() { w.notebook.WriteUnit(run, au) })
}

func (w *watcher) EndRun(run *media.Run, why string) {
	w.locked(func() { w.notebook.EndRun(run, why) })
}

// until waits for a condition on what came in; it fails the test after a while.
func (w *watcher) until(what string, ok func(runs []*noted) bool) {
	w.t.Helper()
	late := time.AfterFunc(20*time.Second, w.cond.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(20 * time.Second)
	w.mu.Lock()
	defer w.mu.Unlock()
	for !ok(w.runs) {
		if !time.Now().Before(deadline) {
			w.t.Fatalf("waited in vain: %s (%d runs)", what, len(w.runs))
		}
		w.cond.Wait()
	}
}

func pictures(run int, n int) func([]*noted) bool {
	return func(runs []*noted) bool { return len(runs) > run && len(runs[run].units) >= n }
}

func ended(run int) func([]*noted) bool {
	return func(runs []*noted) bool { return len(runs) > run && runs[run].ended }
}

// states collects what OnState is told.
type states struct {
	mu   sync.Mutex
	cond *sync.Cond
	all  []State
}

func newStates() *states {
	s := &states{}
	s.cond = sync.NewCond(&s.mu)
	return s
}

func (s *states) add(x State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, x)
	s.cond.Broadcast()
}

func (s *states) until(t testing.TB, what string, ok func(State) bool) State {
	t.Helper()
	late := time.AfterFunc(20*time.Second, s.cond.Broadcast)
	defer late.Stop()
	deadline := time.Now().Add(20 * time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for _, x := range s.all {
			if ok(x) {
				return x
			}
		}
		if !time.Now().Before(deadline) {
			t.Fatalf("waited in vain: %s; states: %+v", what, s.all)
		}
		s.cond.Wait()
	}
}

// start runs a camera until the test ends or the returned function is called.
func start(t testing.TB, c *Camera) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

// quickTuning shortens what would make a test slow.
func quickTuning() *tuning {
	t := defaultTuning
	t.retryMin, t.retryMax = 20*time.Millisecond, 100*time.Millisecond
	t.tick = 50 * time.Millisecond
	return &t
}

func TestBothStreamsComeIn(t *testing.T) {
	for _, transport := range []string{TransportTCP, TransportUDP, TransportAuto} {
		t.Run(transport, func(t *testing.T) {
			big := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15, bframes: 2, width: 640, height: 480})
			small := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15})
			server := (&fakeCamera{udp: true, paths: map[string]*playing{
				"/yard": {clip: big, sets: true, pace: 10 * time.Millisecond}, "/yard/sub": {clip: small, pace: 10 * time.Millisecond},
			}}).start(t)
			first, second := newWatcher(t), newWatcher(t)
			seen := newStates()
			c := &Camera{
				Config: Config{Name: "yard", URL: server.url("/yard"), DetectURL: server.url("/yard/sub"), Transport: transport},
				Main:   first, Sub: second, Gate: NewGate(1), OnState: seen.add, tune: quickTuning(),
			}
			stop := start(t, c)
			first.until("all pictures of the main stream", pictures(0, len(big.pictures)))
			second.until("all pictures of the sub stream", pictures(0, len(small.pictures)))
			s := seen.until(t, "both streams online", func(s State) bool {
				return s.Status == Online && s.Sub != nil && s.Sub.Status == Online
			})
			if s.Problem != "" || s.Main.Width != 640 || s.Sub.Width != 320 || s.Main.Codec != media.H264 {
				t.Errorf("state: %+v, main %+v, sub %+v", s, s.Main, s.Sub)
			}
			if want := map[string]string{"tcp": "tcp", "udp": "udp", "auto": "udp"}[transport]; s.Main.Transport != want {
				t.Errorf("transport %q, want %q", s.Main.Transport, want)
			}
			stop()
			for _, w := range []*watcher{first, second} {
				if len(w.runs) != 1 || !w.runs[0].ended || w.runs[0].reason != reasonStopped {
					t.Errorf("%d runs, the first ended by %q; want 1 and %q", len(w.runs), w.runs[0].reason, reasonStopped)
				}
			}
			n := c.Counters(media.Main)
			if n.Units != uint64(len(big.pictures)) || n.Runs != 1 || n.Sessions != 1 || n.Packets == 0 || n.Lost != 0 {
				t.Errorf("counters: %+v", n)
			}
			if got := decodes(t, big.kind(), annexB(big.kind(), first.runs[0].sets(), first.runs[0].samples())); got != len(big.pictures) {
				t.Errorf("ffmpeg decodes %d pictures, want %d", got, len(big.pictures))
			}
		})
	}
}

func TestStreamsOverTLS(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15})
	certificate := httptest.NewTLSServer(nil) // for its certificate, which nobody signed
	defer certificate.Close()
	server := (&fakeCamera{
		user: "admin", pass: "x", tls: &tls.Config{Certificates: certificate.TLS.Certificates},
		paths: map[string]*playing{"/yard": {clip: clip, pace: 10 * time.Millisecond}},
	}).start(t)
	w := newWatcher(t)
	c := &Camera{
		Config: Config{URL: "rtsps://" + server.address + "/yard", Username: "admin", Password: "x"},
		Main:   w, tune: quickTuning(),
	}
	start(t, c)
	w.until("all pictures", pictures(0, len(clip.pictures)))
}

func TestAutoTakesTCPWhereNoDatagramsCome(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15})
	server := (&fakeCamera{paths: map[string]*playing{"/yard": {clip: clip, loop: true, pace: 10 * time.Millisecond}}}).start(t) // no UDP
	w := newWatcher(t)
	c := &Camera{Config: Config{URL: server.url("/yard"), Transport: TransportAuto}, Main: w, tune: quickTuning()}
	start(t, c)
	w.until("pictures", pictures(0, 20))
}

func TestPasswordsWithAnyCharacter(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15})
	passwords := []string{
		"plain", "p@ss:w/rd?x#y%z", "100%41", " with spaces ", "pässwörd-密码-🔑", `quote"back\slash`, "a&b=c+d;e,f", "%", "::", "@",
	}
	for name, f := range map[string]func() *fakeCamera{
		"basic":          func() *fakeCamera { return &fakeCamera{basic: true} },
		"digest MD5":     func() *fakeCamera { return &fakeCamera{methods: []auth.VerifyMethod{auth.VerifyMethodDigestMD5}} },
		"digest SHA-256": func() *fakeCamera { return &fakeCamera{methods: []auth.VerifyMethod{auth.VerifyMethodDigestSHA256}} },
	} {
		for _, pass := range passwords {
			t.Run(name+" "+pass, func(t *testing.T) {
				server := f()
				server.user, server.pass = "us er@home", pass
				server.paths = map[string]*playing{"/a%20path/1": nil, "/yard": {clip: clip, loop: true, pace: 5 * time.Millisecond}}
				delete(server.paths, "/a%20path/1")
				server.start(t)
				var log bytes.Buffer
				w := newWatcher(t)
				c := &Camera{
					Config: Config{URL: server.url("/yard"), Username: server.user, Password: pass},
					Main:   w, tune: quickTuning(), Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
				}
				stop := start(t, c)
				w.until("a picture", pictures(0, 1))
				stop()
				if n := server.denied.Load(); n != 0 {
					t.Errorf("the password was refused %d times before it was taken", n)
				}
			})
		}
	}
}

func TestWrongPasswordIsTriedOnceAndNeverShown(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15})
	const pass = "Wr0ng:p@ss/w%rd"
	server := (&fakeCamera{
		user: "admin", pass: "right", methods: []auth.VerifyMethod{auth.VerifyMethodBasic, auth.VerifyMethodDigestMD5},
		paths: map[string]*playing{"/yard": {clip: clip}, "/yard/sub": {clip: clip}},
	}).start(t)
	var mu sync.Mutex
	var log bytes.Buffer
	seen := newStates()
	cfg := Config{Name: "yard", URL: server.url("/yard"), DetectURL: server.url("/yard/sub"), Username: "admin", Password: pass}
	c := &Camera{
		Config: cfg, Main: newWatcher(t), Sub: newWatcher(t), OnState: seen.add, tune: quickTuning(),
		Log: slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	c.Log.Info("camera", "config", cfg, "value", c.Config)
	stop := start(t, c)
	s := seen.until(t, "both streams offline", func(s State) bool {
		return s.Main.Status == Offline && s.Sub != nil && s.Sub.Status == Offline
	})
	stop()
	if !strings.Contains(s.Problem, "does not accept the user name or the password") {
		t.Errorf("problem: %q", s.Problem)
	}
	if n := server.denied.Load(); n > 2 {
		t.Errorf("the wrong password was tried %d times, want at most once for each stream", n)
	}
	_, err := Probe(t.Context(), cfg)
	if !errors.Is(err, ErrWrongPassword) {
		t.Errorf("Probe: %v, want ErrWrongPassword", err)
	}
	var p *Problem
	errors.As(err, &p)
	mu.Lock()
	text := log.String() + s.Problem + err.Error() + p.Detail
	mu.Unlock()
	for _, secret := range []string{pass, url.QueryEscape(pass), url.PathEscape(pass), url.UserPassword("admin", pass).String(), base64.StdEncoding.EncodeToString([]byte("admin:" + pass))} {
		if strings.Contains(text, secret) {
			t.Errorf("the password is shown: %s", text)
		}
	}
	if log.Len() == 0 {
		t.Error("nothing was logged, so this test tests nothing")
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func TestDropAndReturn(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15})
	server := (&fakeCamera{paths: map[string]*playing{"/yard": {clip: clip, loop: true, pace: 10 * time.Millisecond}}}).start(t)
	w := newWatcher(t)
	seen := newStates()
	c := &Camera{Config: Config{URL: server.url("/yard")}, Main: w, OnState: seen.add, tune: quickTuning()}
	start(t, c)
	w.until("pictures", pictures(0, 20))
	address := server.address
	server.close()
	w.until("the run ends", ended(0))
	seen.until(t, "offline", func(s State) bool { return s.Status == Offline })
	if err := server.listen(address); err != nil {
		t.Fatal(err)
	}
	w.until("pictures again", pictures(1, 20))
	if w.runs[0].reason != reasonLost {
		t.Errorf("the run ended by %q, want %q", w.runs[0].reason, reasonLost)
	}
	if s := c.State(); s.Status != Online || s.Problem != "" {
		t.Errorf("state after the return: %+v", s)
	}
	if n := c.Counters(media.Main); n.Sessions != 2 || n.Failures == 0 {
		t.Errorf("counters: %+v", n)
	}
}

func TestStallEndsTheRun(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15})
	server := (&fakeCamera{paths: map[string]*playing{"/yard": {clip: clip, pace: 5 * time.Millisecond, stall: 20}}}).start(t)
	w := newWatcher(t)
	seen := newStates()
	tune := quickTuning()
	tune.noPicture = 500 * time.Millisecond
	c := &Camera{Config: Config{URL: server.url("/yard")}, Main: w, OnState: seen.add, tune: tune}
	start(t, c)
	w.until("the run ends", ended(0))
	w.until("it begins again", pictures(1, 1))
	if r := w.runs[0]; r.reason != reasonStall || len(r.units) != 20 {
		t.Errorf("the run ended by %q after %d pictures, want %q and 20", r.reason, len(r.units), reasonStall)
	}
	s := seen.until(t, "a problem", func(s State) bool { return s.Problem != "" })
	if s.Status != Connecting || !strings.Contains(s.Problem, "sends no picture") {
		t.Errorf("state: %+v", s)
	}
}

func TestWhatAnswersIsNoCamera(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15})
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	good := (&fakeCamera{paths: map[string]*playing{"/yard": {clip: clip}}}).start(t)
	status := func(line string) string {
		return answering(t, func(r string) string {
			if strings.HasPrefix(r, "OPTIONS") {
				return "RTSP/1.0 200 OK\r\nPublic: DESCRIBE"
			}
			return line
		})
	}
	sdp := func(body string) string { return "RTSP/1.0 200 OK\r\nContent-Type: application/sdp\r\n\r\n" + body }
	const head = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n"
	for _, c := range []struct {
		name, url string
		kind      error
		words     string
	}{
		{"web server", "rtsp://" + strings.TrimPrefix(web.URL, "http://") + "/", ErrNotRTSP, "web server"},
		{"silence", "rtsp://" + silentServer(t) + "/", ErrNotRTSP, "stays silent"},
		{"mail server", "rtsp://" + rawServer(t, func(c net.Conn) { c.Write([]byte("220 mail.example ESMTP\r\n")); c.Read(make([]byte, 1)) }) + "/", ErrNotRTSP, "does not speak RTSP"},
		{"hangs up", "rtsp://" + rawServer(t, func(c net.Conn) { c.Read(make([]byte, 1)) }) + "/", ErrNotRTSP, "stays silent"},
		{"nobody", "rtsp://" + closed.Addr().String() + "/", ErrUnreachable, "nothing listens"},
		{"no such name", "rtsp://camera.invalid/", ErrUnreachable, "name"},
		{"no such path", good.url("/nothing"), ErrNotFound, "path"},
		{"plain instead of TLS", "rtsps://" + good.address + "/yard", ErrNotRTSP, "rtsps"},
		{"forbidden", "rtsp://" + status("RTSP/1.0 403 Forbidden") + "/", ErrForbidden, "right"},
		{"busy", "rtsp://" + status("RTSP/1.0 453 Not Enough Bandwidth") + "/", ErrBusy, "viewers"},
		{"broken", "rtsp://" + status("RTSP/1.0 500 Internal Server Error") + "/", ErrProtocol, "500"},
		{"elsewhere", "rtsp://" + status("RTSP/1.0 302 Found\r\nLocation: rtsp://127.0.0.2:1/") + "/", ErrRedirected, "another address"},
		{"no video", "rtsp://" + status(sdp(head+"m=audio 0 RTP/AVP 0\r\n")) + "/", ErrNoVideo, "no video"},
		{"unknown codec", "rtsp://" + status(sdp(head+"m=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n")) + "/", ErrUnsupportedCodec, "VP8"},
		{"unreadable description", "rtsp://" + status(sdp("nonsense")) + "/", ErrProtocol, "does not understand"},
		{"no address", "http://127.0.0.1/", ErrBadAddress, "rtsp://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := Probe(t.Context(), Config{URL: c.url, Username: "admin", Password: "secret"})
			if !errors.Is(err, c.kind) {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			if !strings.Contains(err.Error(), c.words) {
				t.Errorf("the sentence %q does not speak of %q", err, c.words)
			}
			var p *Problem
			if !errors.As(err, &p) || strings.Contains(p.Sentence+p.Detail, "secret") {
				t.Errorf("not a clean Problem: %+v", err)
			}
			if d := time.Since(began); d > probeTime+time.Second {
				t.Errorf("it took %s", d)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	big := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15, bframes: 2, width: 640, height: 480})
	small := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15})
	server := (&fakeCamera{user: "admin", pass: "x", paths: map[string]*playing{
		"/yard": {clip: big, sets: true, loop: true}, "/yard/sub": {clip: small, loop: true},
	}}).start(t)
	cfg := Config{URL: server.url("/yard"), DetectURL: server.url("/yard/sub"), Username: "admin", Password: "x"}
	check := func(o Offer, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if o.Sub == nil || o.Main.Track.Width != 640 || o.Sub.Track.Height != 240 || o.SubProblem != "" {
			t.Fatalf("offer: %+v", o)
		}
		if o.Main.FPS < 13 || o.Main.FPS > 17 || o.Main.DeclaredFPS != 15 {
			t.Errorf("%f pictures per second, %f declared; want 15", o.Main.FPS, o.Main.DeclaredFPS)
		}
		k := o.Main.Key
		if !k.Key || decodes(t, big.kind(), annexB(big.kind(), [][]byte{o.Main.Track.SPS, o.Main.Track.PPS}, [][]byte{k.Data})) != 1 {
			t.Error("no picture can be made of the key frame")
		}
	}
	o, err := Probe(t.Context(), cfg)
	check(o, err)
	cfg.DetectURL = ""
	o, err = Probe(t.Context(), cfg)
	check(o, err)
	if o.SuggestedURL != server.url("/yard/sub") {
		t.Errorf("suggested %q", o.SuggestedURL)
	}
	cfg.DetectURL = server.url("/elsewhere")
	o, err = Probe(t.Context(), cfg)
	if err != nil || o.Sub != nil || !strings.Contains(o.SubProblem, "no stream under this path") {
		t.Errorf("offer with a wrong sub stream: %v, %+v", err, o)
	}
}
