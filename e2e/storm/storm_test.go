package storm

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/sim"
)

// The size of the storm.
const (
	owners = 1

	// atOnce is how many requests of the crowd are under way together, streams aside: two cores serve box, cameras and
	// crowd.
	atOnce = 12
	// In the form for every run of the tests the crowd looks for at least so long, and until it has looked at something of
	// everything; but the whole takes no longer than atMost.
	byDefault = 60 * time.Second
	atMost    = 160 * time.Second
)

// size is how large a storm is.
type size struct {
	fleet, watched        int // cameras, and those of them with a worker that looks for motion
	adults, guests, crowd int
}

// whole is as many cameras as a box takes.
var whole = size{fleet: 64, watched: 8, adults: 6, guests: 43, crowd: 200}

// storm is all of it.
type storm struct {
	size
	*judge
	box     *box
	front   string // where the crowd knocks, if not at the box
	sim     *sim.Server
	devices []*sim.Camera // by number − 1
	owner   *viewer
	random  *rand.Rand // the troubles'
	log     func(format string, args ...any)
	lag     lag
	places  chan struct{}

	// Under the model's lock.
	slots     []*camera // by number − 1: as hearth knows it now
	everAdded []*camera
	people    []*person
	watching  map[*watching]bool
	names     int // so that no name comes twice

	changes struct {
		grants, revocations, roles, passwords, logouts, tokens, renames, removals atomic.Int64
		private, drops, absences, cuts, swaps, kills, workerKills, workerStops    atomic.Int64
	}
	nextCut time.Time
	back    []string // each time from all back to all recording
}

// TestStorm lets a crowd look at everything while everything fails and changes, and judges each answer. HEARTH_STORM is how
// many answers it goes on for; without it, it takes less than three minutes. HEARTH_SEED repeats the troubles, though
// not the moments at which they meet the crowd.
func TestStorm(t *testing.T) {
	began := time.Now()
	seed := rand.Uint64() & (1<<53 - 1)
	if text := os.Getenv("HEARTH_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 53)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	wanted := 0
	if text := os.Getenv("HEARTH_STORM"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		wanted = n
	}
	t.Logf("HEARTH_SEED=%d", seed)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	s := newStorm(t, whole, seed, cancel)
	if err := s.setUp(ctx); err != nil {
		t.Fatalf("%v\n%s", err, s.box.said(40))
	}
	t.Logf("%d cameras, %d people and their rights: %s", s.fleet, len(s.people), time.Since(began).Round(time.Second))

	if err := s.comeBack(ctx, "before the crowd comes"); err != nil {
		t.Fatalf("%v\n%s", err, s.box.said(40))
	}
	goHome := s.gather(ctx)
	looked := time.Now()
	err := s.trouble(ctx, func() bool {
		if wanted > 0 {
			return s.total() >= int64(wanted)
		}
		return time.Since(looked) >= byDefault && (len(s.lacks(true)) == 0 || time.Since(began) > atMost)
	}, wanted == 0)
	took := time.Since(looked)
	goHome()
	if cause := context.Cause(ctx); cause != nil && t.Context().Err() == nil {
		t.Fatalf("%v\n\nthe box said last:\n%s", cause, s.box.said(30))
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, s.box.said(40))
	}
	t.Log(s.report(took))
	for _, lack := range s.lacks(wanted == 0) {
		t.Errorf("%s: this proves nothing", lack)
	}
}

// gather has the crowd come and look. The function that it gives sends them home and waits until they are gone.
func (s *storm) gather(ctx context.Context) (goHome func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for i := range s.crowd {
		v := s.newViewer(fmt.Sprintf("viewer %d", i+1), s.people[i%len(s.people)], i+1)
		all.Go(func() { v.run(ctx) })
	}
	all.Go(func() { s.lag.run(ctx) })
	return func() {
		cancel()
		all.Wait()
	}
}

func newStorm(t *testing.T, large size, seed uint64, stop context.CancelCauseFunc) *storm {
	t.Helper()
	s := &storm{
		size: large, box: newBox(t), random: rand.New(rand.NewPCG(seed, 1)), log: t.Logf, places: make(chan struct{}, atOnce),
		watching: make(map[*watching]bool),
	}
	s.judge = &judge{model: newModel(), seed: seed, taken: s.takenAt, stop: func(verdict string) { stop(fmt.Errorf("%s", verdict)) }}
	for i := range s.fleet {
		c := &sim.Camera{
			Name: fmt.Sprintf("device%d", i+1), Number: uint16(i + 1), FPS: 2, GOP: 4, NoSub: true,
			Main: sim.Video{Width: 128, Height: 72}, Address: fmt.Sprintf("127.0.2.%d:0", i+1),
			User: "hearth", Password: fmt.Sprintf("the password of %d", i+1), Scene: sim.Yard(i),
		}
		if i < s.watched {
			c.FPS, c.GOP, c.Main = 5, 10, sim.Video{Width: 256, Height: 144}
			c.Scene.First, c.Scene.Every = 5*time.Second, 20*time.Second
		}
		if i%2 == 1 {
			// Cameras that speak TLS have one password, as cameras of a home often do: only the certificate tells them apart.
			c.TLS, c.Password = true, "one for all"
		}
		s.devices = append(s.devices, c)
	}
	s.sim = &sim.Server{Cameras: s.devices, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.sim.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the simulated cameras: %v", err)
		}
	})
	select {
	case <-s.sim.Ready():
	case err := <-done:
		done <- err
		t.Fatal(err)
	}
	return s
}

func (s *storm) takenAt(number uint16, frame uint32) (time.Time, bool) {
	if number < 1 || int(number) > len(s.devices) {
		return time.Time{}, false
	}
	at := s.devices[number-1].TakenAt(frame)
	return at, time.Until(at) < time.Second
}

func (s *storm) newViewer(name string, p *person, n int) *viewer {
	return &viewer{
		storm: s, name: name, number: n, person: p, browser: newBrowser(cmp.Or(s.front, s.box.url()), n), random: rand.New(rand.NewPCG(s.seed, uint64(1000+n))),
	}
}

// setUp makes the first owner, the cameras, and the people.
func (s *storm) setUp(ctx context.Context) error {
	if err := s.box.start(); err != nil {
		return err
	}
	first := &person{name: "Ada", password: "correct horse battery"}
	first.standing.send(standing{role: "owner"}, 0)
	first.standing.ack(0)
	s.owner = s.newViewer("the owner", first, 0)
	cookie, status, err := s.owner.browser.login(ctx, "/setup", first.name, first.password)
	if err != nil || cookie == "" {
		return fmt.Errorf("setup: %d %w", status, err)
	}
	s.owner.session = &session{person: first, secret: cookie}
	s.owner.session.open.send(true, 0)
	s.owner.session.open.ack(s.now())

	for i := range s.fleet {
		if err := s.add(ctx, i); err != nil {
			return err
		}
	}
	for i := range owners + s.adults + s.guests {
		p := &person{name: fmt.Sprintf("Person %d", i+1), password: fmt.Sprintf("a long password %d", i+1)}
		st := standing{role: "guest", extras: make(map[string]rights)}
		switch {
		case i < owners:
			st.role = "owner"
		case i < owners+s.adults:
			st.role = "adult"
		default:
			st.extras = s.draw()
		}
		var got struct {
			ID string `json:"id"`
		}
		at := s.now()
		if err := s.act(ctx, http.MethodPost, "/users", map[string]string{"name": p.name, "password": p.password, "role": st.role}, &got); err != nil {
			return err
		}
		p.id = got.ID
		p.standing.send(standing{role: st.role, extras: make(map[string]rights)}, at)
		p.standing.ack(s.now())
		s.change(func() { s.people = append(s.people, p) })
		if len(st.extras) > 0 {
			if err := s.give(ctx, p, st); err != nil {
				return err
			}
		}
	}
	return nil
}

// draw makes up what a guest may.
func (s *storm) draw() map[string]rights {
	extras := make(map[string]rights)
	for range 1 + s.random.IntN(6) {
		r := rights(1 + s.random.IntN(int(adults)))
		if s.random.IntN(3) == 0 {
			r = adults
		}
		// The cameras with events have a part in it more often than others.
		slot := s.random.IntN(s.fleet)
		if s.random.IntN(3) == 0 {
			slot = s.random.IntN(s.watched)
		}
		extras[s.slots[slot].id] = r
	}
	return extras
}

// enter takes one of the places for requests under way.
func (s *storm) enter(ctx context.Context) bool {
	select {
	case s.places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *storm) leave() { <-s.places }

func (s *storm) total() (n int64) {
	for k := range s.answers {
		n += s.answers[k].Load()
	}
	return n
}

// report says what happened, in counts.
func (s *storm) report(took time.Duration) string {
	var b strings.Builder
	hearth, test := s.box.cpu()
	var pictures, refusals int64
	fmt.Fprintf(&b, "\n%-28s %9s %9s %9s %9s\n", "", "answers", "pictures", "refusals", "not now")
	for k := range kinds {
		fmt.Fprintf(&b, "%-28s %9d %9d %9d %9d\n", kindNames[k], s.answers[k].Load(), s.pictures[k].Load(), s.refusals[k].Load(), s.busy[k].Load())
		pictures += s.pictures[k].Load()
		refusals += s.refusals[k].Load()
	}
	fmt.Fprintf(&b, "%-28s %9d %9d %9d   in %s (%.0f answers/s); 0 of another camera, 0 without the right\n", "all", s.total(), pictures, refusals,
		took.Round(time.Second), float64(s.total())/took.Seconds())
	c := &s.changes
	fmt.Fprintf(&b, "rights: %d changes that gave, %d that took, %d roles, %d passwords, %d logouts; %d API tokens\n", c.grants.Load(), c.revocations.Load(),
		c.roles.Load(), c.passwords.Load(), c.logouts.Load(), c.tokens.Load())
	fmt.Fprintf(&b, "cameras: %d renamed, %d removed and added, %d private for a while, %d dropped, %d away, %d times all at once, %d pairs swapped\n", c.renames.Load(),
		c.removals.Load(), c.private.Load(), c.drops.Load(), c.absences.Load(), c.cuts.Load(), c.swaps.Load())
	fmt.Fprintf(&b, "processes: the box killed %d times, workers killed %d and stopped %d times; %d connections broke\n", c.kills.Load(),
		c.workerKills.Load(), c.workerStops.Load(), s.broken.Load())
	fmt.Fprintf(&b, "streams ended because a right was taken: %d; the last picture came %.2f s after the right was lost, and was taken %.2f s after it\n",
		s.cutOff.Load(), s.survivors.seen.Seconds(), s.survivors.taken.Seconds())
	for _, line := range s.back {
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "processor: the box %.0f s, cameras and crowd %.0f s; this test was kept waiting %s at most\n", hearth.Seconds(), test.Seconds(),
		s.lag.most().Round(time.Millisecond))
	return b.String()
}

// lacks says what was looked at too little to prove anything.
func (s *storm) lacks(short bool) (all []string) {
	least := int64(1000)
	if short {
		least = 20
	}
	for k := range kinds {
		n, want := s.answers[k].Load(), least
		switch k {
		case snapshotFile:
			want = 1 // each takes a process
		case thumbnailFile, footageFile, frameFile, liveFragment:
			n = s.pictures[k].Load()
		}
		if n < want {
			all = append(all, fmt.Sprintf("%s: only %d were looked at, want %d", kindNames[k], n, want))
		}
	}
	for what, n := range map[string]int64{
		"rights were taken": s.changes.revocations.Load(), "streams were ended": s.cutOff.Load(), "times the box was killed": s.changes.kills.Load(),
		"workers were killed": s.changes.workerKills.Load(), "times all cameras went with the crowd there": s.changes.cuts.Load() - 1,
	} {
		if n == 0 {
			all = append(all, "0 "+what)
		}
	}
	for _, k := range []kind{liveStream, footageFile, frameFile, thumbnailFile, timelineJSON} {
		if s.refusals[k].Load() == 0 {
			all = append(all, "nobody was refused "+kindNames[k])
		}
	}
	return all
}

// lag notices when this process is kept from running: what it reads then is older than it seems.
type lag struct {
	mu     sync.Mutex
	recent [8]time.Duration // by quarter of a second
	all    time.Duration
}

func (l *lag) run(ctx context.Context) {
	const step = 20 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	last := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		<-tick.C
		now := time.Now()
		late := max(0, now.Sub(last)-step)
		last = now
		l.mu.Lock()
		i := n / 12 % len(l.recent)
		if n%12 == 0 {
			l.recent[i] = 0
		}
		l.recent[i] = max(l.recent[i], late)
		l.all = max(l.all, late)
		l.mu.Unlock()
	}
}

// worst is the longest wait of the last two seconds; most of all.
func (l *lag) worst() (d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.recent {
		d = max(d, r)
	}
	return d
}

func (l *lag) most() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all
}

func (s *storm) url(i int) string { return s.sim.URL(s.devices[i], media.Main) }
