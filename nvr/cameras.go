package nvr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/thejerf/suture/v4"

	"hearth/nvr/camera"
	"hearth/nvr/event"
	"hearth/nvr/hardware"
	"hearth/nvr/live"
	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/sabotage"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/box"
)

// MaxCameras is how many cameras one box takes.
const MaxCameras = 64

// Errors that a caller decides by.
var (
	// ErrNotRunning says that the camera is unknown to the running box: just removed, or not yet started.
	ErrNotRunning = errors.New("this camera is not running")
	// ErrTooManyCameras says that the box is full.
	ErrTooManyCameras = fmt.Errorf("this box has its %d cameras already; remove one first", MaxCameras)
	// ErrNameTaken says that another camera has the name.
	ErrNameTaken = errors.New("another camera has this name; choose a different one")
	// ErrForbidden says that a grant is not for what was asked.
	ErrForbidden = errors.New("the grant is not for this")
	// ErrNoPicture says that a camera has not shown a picture yet.
	ErrNoPicture = errors.New("the camera has not shown a picture yet")
)

// Cameras runs all cameras of the box.
type Cameras struct {
	Store  *storage.Store
	Vision string // path of the hearth-vision program
	Log    *slog.Logger
	// Trusted says whether the box knows the time; nil: it always does.
	Trusted func() bool
	// Hardware is what decodes on this machine; nil: software.
	Hardware *hardware.Machine
	// Zone is where the clock on the wall hangs that schedules go by; nil: the system's.
	Zone *time.Location

	gate     *camera.Gate
	news     News
	pictures chan struct{} // one token per one-shot picture under way

	// change is held while a camera is added, changed or removed. That waits for cameras and disks, so who only asks
	// about a camera must not need it.
	change sync.Mutex
	tree   *suture.Supervisor // nil while Run does not run

	// switching is held while it changes who is private, which waits for hearth.db and for connections to be closed, not for
	// change: it may be taken within change, never the other way round.
	switching sync.Mutex
	opened    chan struct{}                 // holds a token when a camera is to look again
	write     func(box.PrivacyChange) error // nil: hearth.db's; a test's that fails

	mu      sync.Mutex // held for a moment only, also within change and switching
	running map[media.CameraID]*one
	stuck   map[media.CameraID]*StuckError  // why others that are there do not run
	limits  map[media.CameraID]*event.Limit // of how many events begin: they outlive what is started anew
	shades  shades
	probes  map[probed]context.CancelFunc
	asked   uint64
}

// NewCameras prepares the cameras that the store knows; Run starts them.
func NewCameras(store *storage.Store, vision string, log *slog.Logger) *Cameras {
	return &Cameras{
		Store: store, Vision: vision, Log: log,
		gate:     camera.NewGate(camera.DefaultHandshakes),
		pictures: make(chan struct{}, 2),
		running:  make(map[media.CameraID]*one),
		stuck:    make(map[media.CameraID]*StuckError),
		limits:   make(map[media.CameraID]*event.Limit),
		opened:   make(chan struct{}, 1),
		probes:   make(map[probed]context.CancelFunc),
	}
}

// News is where what happens is told.
func (c *Cameras) News() *News { return &c.news }

// Run starts every camera and keeps them running until ctx ends; then it stops them all and returns.
func (c *Cameras) Run(ctx context.Context) error {
	ended, err := c.startAll(ctx)
	if err != nil {
		return err
	}
	looking, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	if c.Hardware != nil { // until it is known, software decodes
		beside.Go(func() { c.Hardware.Run(looking) })
	}
	beside.Go(func() { c.keepPrivacy(looking) })
	beside.Go(func() { c.openAgain(looking) })
	err = <-ended
	stop()
	beside.Wait()
	c.change.Lock()
	defer c.change.Unlock()
	c.tree = nil
	c.mu.Lock()
	stopped := c.running
	c.running = make(map[media.CameraID]*one)
	c.mu.Unlock()
	for _, o := range stopped {
		o.finish()
		o.screens.close()
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// startAll starts the cameras that the box knows. Its channel gives one error, when they have stopped.
func (c *Cameras) startAll(ctx context.Context) (<-chan error, error) {
	c.change.Lock()
	defer c.change.Unlock()
	known, err := c.Store.Box().Cameras()
	if err != nil {
		return nil, fmt.Errorf("read the cameras: %w", err)
	}
	if err := c.loadPrivacy(known); err != nil {
		return nil, fmt.Errorf("read who is private: %w", err)
	}
	c.tree = supervisor("cameras", c.Log)
	ended := c.tree.ServeBackground(ctx) // it runs before anything is taken out of it
	for _, k := range known {
		if err := c.start(k, newScreens(k.ID, c.Store.Bell(), c.Log.With("camera", k.Name))); err != nil {
			c.Log.Error("a camera does not start", "camera", k.Name, "error", err)
		}
	}
	return ended, nil
}

// start begins to run a camera, shown on screens. The caller holds c.change, as of those that follow.
func (c *Cameras) start(settings box.Camera, on *screens) error {
	o, err := c.newOne(settings, on)
	c.mu.Lock()
	if err != nil {
		c.stuck[settings.ID] = stuckBy(err)
		c.mu.Unlock()
		return err
	}
	delete(c.stuck, settings.ID)
	c.running[settings.ID] = o // from here on a switch finds it
	private := c.isPrivate(settings.ID)
	c.mu.Unlock()
	if private {
		o.shut() // before anything begins
	}
	o.token = c.tree.Add(o.tree)
	return nil
}

// halt ends a camera's parts and waits until its files are handed over. It still counts as running: what comes next
// is that it is started anew or stopped.
func (c *Cameras) halt(o *one) {
	if c.tree != nil {
		if err := c.tree.RemoveAndWait(o.token, 10*time.Second); err != nil {
			c.Log.Warn("a camera took long to stop", "camera", o.settings.Name, "error", err)
		}
	}
	o.finish()
}

// restart runs a camera with other settings, on the same screens.
func (c *Cameras) restart(o *one, settings box.Camera) error {
	c.halt(o)
	err := c.start(settings, o.screens)
	if err != nil {
		c.forget(settings.ID)
	}
	return err
}

// stop ends a camera for good.
func (c *Cameras) stop(id media.CameraID) {
	if o := c.forget(id); o != nil {
		c.halt(o)
	}
	c.mu.Lock()
	delete(c.limits, id)
	delete(c.stuck, id)
	c.mu.Unlock()
}

// forget makes that nobody finds or watches a camera any more.
func (c *Cameras) forget(id media.CameraID) *one {
	c.mu.Lock()
	o := c.running[id]
	delete(c.running, id)
	c.mu.Unlock()
	if o != nil {
		o.screens.close()
	}
	return o
}

// Add takes a camera into the box and starts it.
func (c *Cameras) Add(_ context.Context, s CameraSettings) (media.CameraID, error) {
	c.change.Lock()
	defer c.change.Unlock()

	id := media.NewCameraID()
	settings, err := c.settle(box.Camera{ID: id, Created: time.Now().UTC()}, s)
	if err != nil {
		return media.CameraID{}, err
	}
	known, err := c.Store.Box().Cameras()
	if err != nil {
		return media.CameraID{}, err
	}
	if c.sameAsPrivate(settings, box.Camera{}) {
		return media.CameraID{}, errAddress
	}
	if len(known) >= MaxCameras {
		return media.CameraID{}, ErrTooManyCameras
	}
	if taken(known, settings) {
		return media.CameraID{}, ErrNameTaken
	}
	if err := c.Store.Keys().AddCamera(id); err != nil {
		return media.CameraID{}, fmt.Errorf("make the camera's key: %w", err)
	}
	if err := c.Store.Box().PutCamera(settings); err != nil {
		return media.CameraID{}, fmt.Errorf("keep the camera: %w", err)
	}
	c.shadeNew(settings)
	if c.tree != nil {
		if err := c.start(settings, newScreens(id, c.Store.Bell(), c.Log.With("camera", settings.Name))); err != nil {
			return media.CameraID{}, err
		}
	}
	c.tell(id, Item{Camera: id, Kind: "camera", Data: map[string]string{"change": "added"}})
	return id, nil
}

// Update changes a camera's settings. What the connection needs restarts it; all else is taken on while it runs.
func (c *Cameras) Update(_ context.Context, g access.Grant, s CameraSettings) error {
	id, err := granted(g, access.Manage)
	if err != nil {
		return err
	}
	c.change.Lock()
	defer c.change.Unlock()
	if err := c.Store.Access().Renew(g); err != nil { // the lock may have taken long
		return err
	}
	return c.update(id, s)
}

// Readdress is Update for the box itself: no person asked, so there is no grant.
func (c *Cameras) Readdress(_ context.Context, id media.CameraID, s CameraSettings) error {
	c.change.Lock()
	defer c.change.Unlock()
	return c.update(id, s)
}

func (c *Cameras) update(id media.CameraID, s CameraSettings) error {
	before, err := c.Store.Box().Camera(id)
	if err != nil {
		return err
	}
	after, err := c.settle(before, s)
	if err != nil {
		return err
	}
	known, err := c.Store.Box().Cameras()
	if err != nil {
		return err
	}
	if taken(known, after) {
		return ErrNameTaken
	}
	if c.sameAsPrivate(after, before) {
		return errAddress
	}
	if err := c.keepSettings(&after); err != nil {
		return fmt.Errorf("keep the camera: %w", err)
	}
	c.mu.Lock()
	o := c.running[id]
	if s := c.shades.cameras[id]; s != nil {
		s.addresses = addressesOf(after)
	}
	c.mu.Unlock()
	switch {
	case c.tree == nil:
	case o == nil:
		err = c.start(after, newScreens(id, c.Store.Bell(), c.Log.With("camera", after.Name)))
	case needsRestart(before, after):
		err = c.restart(o, after)
	default:
		o.apply(after)
	}
	c.tell(id, Item{Camera: id, Kind: "camera", Data: map[string]string{"change": "settings"}})
	return err
}

// Remove stops a camera, destroys its key and lets go of all that was recorded of it, and of its record. After an error
// the camera is stopped and its record is still there, so that Remove can be called again.
func (c *Cameras) Remove(g access.Grant) error {
	id, err := granted(g, access.Manage)
	if err != nil {
		return err
	}
	c.change.Lock()
	defer c.change.Unlock()
	if err := c.Store.Access().Renew(g); err != nil { // the lock may have taken long
		return err
	}
	c.tell(id, Item{Camera: id, Kind: "camera", Data: map[string]string{"change": "removed"}})
	c.stop(id)
	if err := c.Store.RemoveCamera(id); err != nil {
		return err
	}
	c.shadeGone(id)
	return nil
}

// Watch begins to watch a camera live.
func (c *Cameras) Watch(g access.Grant, s media.Stream) (*live.Viewer, error) {
	o, err := c.open(g, access.Live)
	if err != nil {
		return nil, err
	}
	v, err := o.screens.hubs[s].Subscribe(g)
	if err != nil {
		return nil, err
	}
	if _, err := c.open(g, access.Live); err != nil { // it became private meanwhile
		v.Close()
		return nil, err
	}
	return v, nil
}

// open finds the running camera that a grant is for, if it is not private.
func (c *Cameras) open(g access.Grant, verbs ...access.Verb) (*one, error) {
	o, err := c.one(g, verbs...)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isPrivate(o.id) {
		return nil, ErrPrivate
	}
	return o, nil
}

// one finds the running camera that a grant is for.
func (c *Cameras) one(g access.Grant, verbs ...access.Verb) (*one, error) {
	id, err := granted(g, verbs...)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.running[mixed(sabotage.Running, id)]
	if o == nil {
		if s := c.stuck[id]; s != nil {
			return nil, s
		}
		return nil, ErrNotRunning
	}
	if !c.Store.Bell().Same(alarm.Live, id, o.camera.ID, "another camera was found among those that run") {
		return nil, ErrNotRunning
	}
	return o, nil
}

// tell tells the news of a camera. of is the camera that what is told names itself.
func (c *Cameras) tell(of media.CameraID, item Item) {
	item.Camera, item.of = mixed(sabotage.NewsLabel, item.Camera), of
	if c.Store.Bell().Same(alarm.News, item.Camera, of, "news of another camera were about to be told") {
		c.news.tell(item)
	}
}

// granted says which camera a grant opens, if it is for one of the verbs; no verbs: for any.
func granted(g access.Grant, verbs ...access.Verb) (media.CameraID, error) {
	if !g.Valid() || len(verbs) > 0 && !g.Allows(verbs...) {
		return media.CameraID{}, ErrForbidden
	}
	return g.Camera(), nil
}

// taken says whether another camera has the same name, whatever its case.
func taken(known []box.Camera, s box.Camera) bool {
	return slices.ContainsFunc(known, func(k box.Camera) bool {
		return k.ID != s.ID && strings.EqualFold(k.Name, s.Name)
	})
}

// needsRestart says whether a change touches what the connection is made of.
func needsRestart(a, b box.Camera) bool {
	return a.URL != b.URL || a.DetectURL != b.DetectURL || a.Username != b.Username || a.Motion.Off != b.Motion.Off ||
		string(a.Password) != string(b.Password) || a.Transport != b.Transport || a.Audio != b.Audio || a.Volume != b.Volume
}
