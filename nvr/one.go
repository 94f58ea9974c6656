package nvr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/thejerf/suture/v4"

	"hearth/nvr/camera"
	"hearth/nvr/event"
	"hearth/nvr/live"
	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/record"
	"hearth/nvr/vision"
	"hearth/storage/box"
	"hearth/storage/keyring"
)

// one is a running camera: its parts, and the supervisor that starts them again one by one.
type one struct {
	id    media.CameraID
	log   *slog.Logger
	tree  *suture.Supervisor
	token suture.ServiceToken

	camera    *camera.Camera
	recorders [2]*record.Recorder // by stream
	identity  [2]*camera.Identity // by stream; one for both where they come from one host
	shutters  [2]*shutter         // by stream
	screens   *screens
	worker    *vision.Worker
	book      *event.Book
	recent    recent
	strangers *strangers
	sights    sights

	// looking ends when the camera is not to look any more. Parts that look hold busy for reading while they run.
	looking context.Context
	stop    context.CancelFunc
	busy    sync.RWMutex

	mu       sync.Mutex
	settings box.Camera
}

// newOne puts the parts of a camera together, before screens that are there already. Nothing runs yet.
func (c *Cameras) newOne(settings box.Camera, on *screens) (*one, error) {
	password, err := c.password(settings)
	if err != nil {
		return nil, err
	}
	id := settings.ID
	log := c.Log.With("camera", settings.Name)
	o := &one{id: id, log: log, screens: on, settings: settings, tree: supervisor("camera "+settings.Name, log)}
	o.looking, o.stop = context.WithCancel(context.Background())

	o.identity = c.identities(settings)
	strangers := c.strangersOf(settings, log)
	o.strangers = strangers
	o.camera = &camera.Camera{
		Config: camera.Config{
			ID: id, Name: settings.Name, URL: settings.URL, DetectURL: settings.DetectURL,
			Username: settings.Username, Password: password, Transport: settings.Transport, Audio: settings.Audio,
		},
		Identity: o.identity[media.Main], SubIdentity: o.identity[media.Sub],
		Gate:    c.gate,
		Trusted: c.Trusted,
		Log:     log,
		OnState: func(s camera.State) {
			strangers.note(s.Status)
			c.tell(o.camera.ID, Item{Camera: id, Kind: "camera", Data: map[string]string{"change": "state", "status": s.Status}})
		},
	}
	goesOn := map[string]bool{} // by kind of event; for the book's goroutine
	o.book = &event.Book{
		Camera: id, Store: c.Store, Log: log, Bell: c.Store.Bell(), Limit: c.limit(settings),
		Shoot: func(ctx context.Context, until time.Time) (event.Photo, error) { return c.shoot(ctx, o, until) },
		OnEvent: func(e event.Event, phase event.Phase) {
			goesOn[e.Kind] = phase != event.Closed
			for _, r := range o.recorders {
				r.SetMoving(goesOn[event.Motion] || goesOn[event.Tamper])
			}
			c.tell(e.Camera, Item{Camera: id, Kind: "event", Data: map[string]string{"id": e.ID.String(), "phase": string(phase)}})
		},
	}
	o.worker = &vision.Worker{
		Program: c.Vision, Camera: id, Motion: settings.Motion, Machine: c.Hardware, Hardware: settings.Decoder, Log: log, Bell: c.Store.Bell(),
		OnLook: func(l vision.Look) {
			c.sighted(o, l.Camera, l)
			c.book(o).Look(eventLook(l))
		},
		OnThumb: func(t vision.Thumb) {
			c.book(o).Thumb(event.Thumb{Camera: t.Camera, At: t.At, Score: t.Score, Region: t.Region, JPEG: t.JPEG})
		},
	}
	var look detect
	if !settings.Motion.Off {
		look.to = media.Sinks{o.worker, &o.recent}
	}

	for _, s := range []media.Stream{media.Main, media.Sub} {
		w, err := c.Store.Writer(id, s)
		if err != nil {
			return nil, fmt.Errorf("open the %s stream for writing: %w", s, err)
		}
		o.recorders[s] = &record.Recorder{
			Writer: w, Camera: id, Stream: s, Mode: record.Mode(settings.Record), Log: log, Bell: c.Store.Bell(),
			PostRoll: -1, // the book closes an event only after its own
		}
	}
	for _, s := range []media.Stream{media.Main, media.Sub} {
		o.shutters[s] = &shutter{to: c.sinks(id, s, media.Sinks{o.recorders[s], on.hubs[s], look.sink(s)})}
	}
	o.camera.Main, o.camera.Sub = o.shutters[media.Main], o.shutters[media.Sub]

	o.tree.Add(part{"rtsp", o.whileLooking(o.camera.Run)})
	if look.to != nil {
		o.tree.Add(part{"vision", o.whileLooking(o.worker.Run)})
	}
	o.tree.Add(part{"events", o.whileLooking(o.book.Run)})
	on.show(o.camera, settings.Motion.Attentive)
	return o, nil
}

// limit gives what bounds a camera's events, as its settings want it.
func (c *Cameras) limit(settings box.Camera) *event.Limit {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.limits[settings.ID]
	if l == nil {
		l = &event.Limit{}
		c.limits[settings.ID] = l
	}
	l.Set(settings.Motion.EventsPerHour)
	return l
}

// eventLook is a worker's look as the book takes it.
func eventLook(l vision.Look) event.Look {
	e := event.Look{Camera: l.Camera, At: l.At, Moving: l.Moving, Score: l.Score, Regions: l.Regions, Zones: l.Zones, Reach: l.Reach, Where: l.Where}
	if l.Tamper != "" {
		e.Tamper = &event.Wrong{Detail: l.Tamper, Since: l.TamperSince}
	}
	if l.Frozen {
		e.Frozen = &event.Wrong{Since: l.FrozenSince}
	}
	return e
}

// password opens a camera's sealed password.
func (c *Cameras) password(s box.Camera) (string, error) {
	if len(s.Password) == 0 {
		return "", nil
	}
	owner, sealed := c.sealed(s)
	plain, err := c.Store.Keys().Open(passwordPurpose, media.UUID(owner), sealed)
	if err != nil {
		if errors.Is(err, keyring.ErrSealed) {
			c.Store.Bell().Ring(alarm.Password, s.ID, "the camera's password is another camera's, or was changed", "error", err)
		}
		return "", fmt.Errorf("%w of camera %q: %w", errPassword, s.Name, err)
	}
	return string(plain), nil
}

// apply takes on settings that need no new connection.
func (o *one) apply(s box.Camera) {
	o.mu.Lock()
	o.settings = s
	o.mu.Unlock()
	o.worker.SetMotion(s.Motion)
	o.book.Limit.Set(s.Motion.EventsPerHour)
	o.worker.SetHardware(s.Decoder)
	o.screens.attend(s.Motion.Attentive)
	for _, r := range o.recorders {
		r.SetMode(record.Mode(s.Record))
	}
}

// whileLooking makes a part that does not run, nor is started again, once the camera is not to look.
func (o *one) whileLooking(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		o.busy.RLock()
		defer o.busy.RUnlock()
		if o.looking.Err() != nil {
			return suture.ErrDoNotRestart
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(o.looking, cancel)()
		err := run(ctx)
		if o.looking.Err() != nil {
			return suture.ErrDoNotRestart
		}
		return err
	}
}

// shut makes the camera stop looking, for good: another one is made when it is to look again. When it returns, nothing of
// what still comes in is recorded, shown or looked at; quiet says when nothing comes in.
func (o *one) shut() {
	for _, s := range o.shutters {
		s.close(gapPrivate)
	}
	o.stop()
	for _, h := range o.screens.hubs {
		h.EndAll(live.ErrPrivate)
	}
	o.finish()
}

// quiet gives a channel that is closed once no connection to the camera is open, no worker runs and its event is closed.
// Only after shut.
func (o *one) quiet() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		o.busy.Lock()
		defer o.busy.Unlock()
		close(done)
	}()
	return done
}

// finish hands the last fragments over once the parts have stopped.
func (o *one) finish() {
	o.sights.end()
	o.recent.forget()
	o.strangers.end()
	for i := range o.recorders {
		if err := o.recorders[i].Close(); err != nil {
			o.log.Error("the end of a recording is not kept", "error", err)
		}
	}
}
