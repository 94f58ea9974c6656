package camera

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/base"

	"hearth/nvr/media"
	"hearth/nvr/sim"
)

// household is simulated cameras at addresses of their own, with names and passwords of their own, and Cameras for them.
type household struct {
	server  *sim.Server
	devices []*sim.Camera
	cameras []*Camera
	main    []*watcher
	sub     []*watcher
	kept    []*keeping

	mu     sync.Mutex
	logins map[string][]string // device → names that were shown to it
}

// keeping is where an Identity keeps its pins in a test.
type keeping struct {
	mu   sync.Mutex
	pins media.Pins
	fail error
}

func (k *keeping) keep(before, after media.Pins) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return k.fail
	}
	if k.pins != before {
		return errors.New("it was something else before")
	}
	k.pins = after
	return nil
}

func (k *keeping) now() media.Pins {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pins
}

// waitFor waits for what other goroutines do; it fails the test after a while.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// liveIn begins a household; nothing is connected to yet.
func liveIn(t *testing.T, devices ...*sim.Camera) *household {
	t.Helper()
	h := &household{devices: devices, logins: make(map[string][]string)}
	for _, d := range devices {
		d.GOP = 8
		if d.Password == "" {
			d.User, d.Password = d.Name, "secret of "+d.Name
		}
		d.Main, d.Sub = sim.Video{Width: 320, Height: 180}, sim.Video{Width: 160, Height: 90}
		d.OnLogin = func(user string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if !slices.Contains(h.logins[d.Name], user) {
				h.logins[d.Name] = append(h.logins[d.Name], user)
			}
		}
	}
	h.server = &sim.Server{Cameras: devices}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-h.server.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	for _, d := range devices {
		main, sub, k := newWatcher(t), newWatcher(t), &keeping{}
		h.main, h.sub, h.kept = append(h.main, main), append(h.sub, sub), append(h.kept, k)
		h.cameras = append(h.cameras, &Camera{
			Config: Config{
				ID: media.NewCameraID(), Name: d.Name, URL: cleanURL(h.server.URL(d, media.Main)), DetectURL: cleanURL(h.server.URL(d, media.Sub)),
				Username: d.User, Password: d.Password,
			},
			Main: main, Sub: sub, Identity: NewIdentity(media.Pins{}, k.keep), tune: quickTuning(),
		})
	}
	return h
}

func (h *household) shown(device string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.logins[device])
}

// tries waits until each of a camera's streams has failed some more times.
func (h *household) tries(t *testing.T, i int, streams ...media.Stream) {
	t.Helper()
	for _, s := range streams {
		from := h.cameras[i].Counters(s).Failures
		waitFor(t, "more tries of "+h.devices[i].Name, func() bool { return h.cameras[i].Counters(s).Failures >= from+3 })
	}
}

func both() []media.Stream { return []media.Stream{media.Main, media.Sub} }

// A router hands each camera the address of the other. Not one picture comes in under the wrong name, no camera is told
// the other's password, and all goes on by itself when the addresses are back.
func TestSwappedAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		secure bool
		makes  [2]string
		doubt  Doubt
	}{
		"known by their keys":            {secure: true, doubt: AnotherDevice},
		"known by what they call itself": {makes: [2]string{"Acme Cam/1.0", "Bolt RTSP 2"}, doubt: AnotherMake},
	} {
		t.Run(name, func(t *testing.T) {
			h := liveIn(t,
				&sim.Camera{Name: "drive", Address: "127.0.1.1:0", TLS: c.secure, Make: c.makes[0]},
				&sim.Camera{Name: "nursery", Address: "127.0.1.2:0", TLS: c.secure, Make: c.makes[1]})
			for i := range h.cameras {
				start(t, h.cameras[i])
				h.main[i].until("pictures", pictures(0, 5))
				h.sub[i].until("small pictures", pictures(0, 5))
				pins := h.kept[i].now()
				if pins.Strong() != c.secure || pins.Server == "" || pins.Realm == "" || pins.MAC != "" {
					t.Errorf("learned %+v", pins)
				}
				if pins != h.cameras[i].Identity.Pins() {
					t.Error("what is kept is not what is known")
				}
			}
			before := [2]media.Pins{h.kept[0].now(), h.kept[1].now()}
			h.server.Swap(h.devices[0], h.devices[1])
			for i := range h.cameras {
				waitFor(t, "quarantine", func() bool {
					s := h.cameras[i].State()
					return s.Main.Status == Quarantined && s.Sub.Status == Quarantined
				})
				h.tries(t, i, both()...)
				f := h.cameras[i].Identity.Found()
				if f == nil || f.Doubt != c.doubt || c.secure && f.Pins.TLSKey != before[1-i].TLSKey || !c.secure && f.Pins.Server != c.makes[1-i] {
					t.Errorf("found %+v", f)
				}
				s := h.cameras[i].State()
				if s.Status != Quarantined || !strings.Contains(s.Problem, "answers at 127.0.1.") {
					t.Errorf("state %s: %s", s.Status, s.Problem)
				}
				if pins := h.kept[i].now(); pins != before[i] {
					t.Errorf("pins became %+v", pins)
				}
				for _, w := range []*watcher{h.main[i], h.sub[i]} {
					w.until("the end of the first run", ended(0))
					w.locked(func() {
						if len(w.runs) != 1 {
							t.Errorf("%d runs under the name %s while another camera answered", len(w.runs), h.devices[i].Name)
						}
					})
				}
				if got := h.shown(h.devices[i].Name); !slices.Equal(got, []string{h.devices[i].Name}) {
					t.Errorf("%s was shown the names %v", h.devices[i].Name, got)
				}
			}
			h.server.Swap(h.devices[0], h.devices[1])
			for i := range h.cameras {
				h.main[i].until("pictures again", pictures(1, 5))
				h.sub[i].until("small pictures again", pictures(1, 5))
				waitFor(t, "online", func() bool { return h.cameras[i].State().Status == Online })
				if f := h.cameras[i].Identity.Found(); f != nil {
					t.Errorf("there is still something to decide: %+v", f)
				}
				if h.kept[i].now() != before[i] {
					t.Error("the pins changed")
				}
			}
		})
	}
}

// The sub stream's connection is asked as the main stream's is, also when only that one leads elsewhere.
func TestSubStreamElsewhere(t *testing.T) {
	h := liveIn(t,
		&sim.Camera{Name: "drive", Address: "127.0.1.1:0", TLS: true},
		&sim.Camera{Name: "nursery", Address: "127.0.1.2:0", TLS: true},
		&sim.Camera{Name: "third", Address: "127.0.1.3:0", TLS: true})
	drive, nursery, third := h.devices[0], h.devices[1], h.devices[2]
	h.server.Answer(third, drive) // the drive has two addresses
	c := h.cameras[0]
	c.DetectURL = cleanURL(h.server.URL(third, media.Sub))
	start(t, c)
	h.main[0].until("pictures", pictures(0, 5))
	h.sub[0].until("small pictures", pictures(0, 5))
	h.server.Answer(third, nursery)
	waitFor(t, "quarantine of the small picture", func() bool { return c.State().Sub.Status == Quarantined })
	h.tries(t, 0, media.Sub)
	s := c.State()
	if s.Main.Status != Online || s.Status != Online || !strings.Contains(s.Problem, "small picture") {
		t.Errorf("state %+v", s)
	}
	h.sub[0].locked(func() {
		if len(h.sub[0].runs) != 1 {
			t.Errorf("%d runs of the sub stream", len(h.sub[0].runs))
		}
	})
	if got := h.shown("nursery"); len(got) != 0 {
		t.Errorf("the nursery was shown %v", got)
	}
	h.server.Answer(third, drive)
	h.sub[0].until("small pictures again", pictures(1, 5))
}

// Two devices answer for one camera that nothing is known of yet: one of them is let in, and the other one not.
func TestOnlyOneTeaches(t *testing.T) {
	for range 5 {
		h := liveIn(t,
			&sim.Camera{Name: "drive", Address: "127.0.1.1:0", TLS: true, User: "same", Password: "same"},
			&sim.Camera{Name: "nursery", Address: "127.0.1.2:0", TLS: true, User: "same", Password: "same"})
		c := h.cameras[0]
		c.DetectURL = cleanURL(h.server.URL(h.devices[1], media.Sub))
		stop := start(t, c)
		waitFor(t, "one in quarantine, one online", func() bool {
			s := c.State()
			return s.Main != nil && s.Sub != nil && (s.Main.Status == Quarantined && s.Sub.Status == Online || s.Main.Status == Online && s.Sub.Status == Quarantined)
		})
		s := c.State()
		wrong := h.main[0]
		if s.Sub.Status == Quarantined {
			wrong = h.sub[0]
		}
		wrong.locked(func() {
			if len(wrong.runs) != 0 {
				t.Error("pictures of the other one were passed on")
			}
		})
		stop()
	}
}

// What cannot be kept is not known either: it is learned with another connection.
func TestLearnedOnlyWhenKept(t *testing.T) {
	h := liveIn(t, &sim.Camera{Name: "drive", Address: "127.0.1.1:0", TLS: true})
	h.kept[0].fail = errors.New("the disk is full")
	start(t, h.cameras[0])
	h.main[0].until("pictures", pictures(0, 5))
	if p := h.cameras[0].Identity.Pins(); !p.IsZero() {
		t.Errorf("known and not kept: %+v", p)
	}
	h.kept[0].mu.Lock()
	h.kept[0].fail = nil
	h.kept[0].mu.Unlock()
	h.server.DropAll()
	h.main[0].until("pictures again", pictures(1, 5))
	if !h.kept[0].now().Strong() {
		t.Error("nothing was learned later")
	}
}

func TestCompare(t *testing.T) {
	full := media.Pins{TLSKey: "k", MAC: "m", Server: "Acme Cam/1.0", Realm: "IP Camera(C123)", Tool: "LIVE555 Streaming Media v2010.08.22"}
	with := func(change func(*media.Pins)) media.Pins {
		p := full
		change(&p)
		return p
	}
	weak := with(func(p *media.Pins) { p.TLSKey, p.MAC = "", "" })
	for name, c := range map[string]struct {
		pins, found media.Pins
		stage       stage
		doubt       Doubt
		differs     string
	}{
		"nothing known":                         {found: full, stage: described},
		"all the same":                          {pins: full, found: full, stage: described},
		"another key":                           {full, with(func(p *media.Pins) { p.TLSKey = "x" }), described, AnotherDevice, "tls_key"},
		"another card, at once":                 {full, media.Pins{MAC: "x"}, connected, AnotherDevice, "mac"},
		"another card, though the key is right": {full, media.Pins{MAC: "x", TLSKey: "k"}, secured, AnotherDevice, "mac"},
		"both":                                  {full, media.Pins{MAC: "x", TLSKey: "x"}, secured, AnotherDevice, "tls_key mac"},
		"no card to be seen, the key is right":  {pins: full, found: with(func(p *media.Pins) { p.MAC = "" }), stage: described},
		"no key, the card is right":             {pins: full, found: with(func(p *media.Pins) { p.TLSKey = "" }), stage: described},
		"neither can be seen":                   {full, weak, described, Unseen, "tls_key mac"},
		"neither can be seen yet":               {pins: full, found: media.Pins{}, stage: connected},
		"the card cannot be seen":               {media.Pins{MAC: "m"}, media.Pins{Server: "Acme"}, secured, Unseen, "mac"},
		"a new version, the key is right":       {pins: full, found: with(func(p *media.Pins) { p.Server, p.Realm = "Bolt", "other" }), stage: described},
		"another make":                          {weak, media.Pins{Server: "Bolt/1.0"}, heard, AnotherMake, "server"},
		"another realm":                         {weak, media.Pins{Server: weak.Server, Realm: "IP Camera(C124)"}, heard, AnotherMake, "realm"},
		"a new version":                         {pins: weak, found: media.Pins{Server: "Acme Cam/2.1", Realm: weak.Realm, Tool: "LIVE555 Streaming Media v2022.01.11"}, stage: described},
		"another tool":                          {weak, media.Pins{Server: weak.Server, Realm: weak.Realm, Tool: "GStreamer"}, described, AnotherMake, "tool"},
		"no tool in the other stream":           {pins: weak, found: media.Pins{Server: weak.Server, Realm: weak.Realm}, stage: described},
		"it has not said it yet":                {pins: weak, found: media.Pins{}, stage: heard},
		"it does not say it any more":           {weak, media.Pins{Realm: weak.Realm}, described, AnotherMake, "server"},
	} {
		doubt, differs := compare(c.pins, c.found, c.stage)
		if doubt != c.doubt || strings.Join(differs, " ") != c.differs {
			t.Errorf("%s: %q %v, want %q %s", name, doubt, differs, c.doubt, c.differs)
		}
	}
}

// What is pinned stays when more is learned; what the camera says of itself is renewed.
func TestGrown(t *testing.T) {
	pins := media.Pins{MAC: "m", Serial: "s", Server: "Acme/1", Realm: "r"}
	got := grown(pins, media.Pins{TLSKey: "k", MAC: "other", Server: "Acme/2", Tool: "t"})
	if want := (media.Pins{TLSKey: "k", MAC: "m", Serial: "s", Server: "Acme/2", Realm: "r", Tool: "t"}); got != want {
		t.Errorf("got %+v", got)
	}
}

// An answer that does not come through TLS, where the address says so, is not answered to: a redirect must not lead a
// password out of it.
func TestNoWayOutOfTLS(t *testing.T) {
	w := &who{secure: true}
	if err := w.reached(card{}); err != nil {
		t.Fatal(err)
	}
	if err := w.heard(&base.Response{StatusCode: base.StatusUnauthorized}); !errors.Is(err, ErrRedirected) {
		t.Errorf("got %v", err)
	}
}

// The sub stream may be described by another program: it is the same camera.
func TestToolOfTheSubStream(t *testing.T) {
	i := NewIdentity(media.Pins{Server: "Acme", Tool: "one"}, nil)
	describe := &base.Response{StatusCode: base.StatusOK, Header: base.Header{"Server": {"Acme"}}, Body: []byte("v=0\r\na=tool:two\r\n")}
	if err := (&who{identity: i, sub: true}).heard(describe); err != nil {
		t.Errorf("the sub stream: %v", err)
	}
	if err := (&who{identity: i}).heard(describe); !errors.Is(err, ErrOtherCamera) {
		t.Errorf("the main stream: %v", err)
	}
}

func TestShort(t *testing.T) {
	if got := short(" Acme\r\n\x00\xffCam\u202e " + strings.Repeat("ü", 300)); !strings.HasPrefix(got, "AcmeCam ü") || len([]rune(got)) != 200 {
		t.Errorf("got %q", got)
	}
	if got := toolIn([]byte("v=0\r\ns=x\r\na=tool:LIVE555 v1\r\nm=video 0 RTP/AVP 96\r\na=tool:other\r\n")); got != "LIVE555 v1" {
		t.Errorf("got %q", got)
	}
}
