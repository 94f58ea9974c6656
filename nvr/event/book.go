package event

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
)

// How events are cut.
const (
	// PreRoll and PostRoll are how much footage before the Start and after the End of an event belongs to it.
	PreRoll  = 5 * time.Second
	PostRoll = 10 * time.Second
	// MaxLength is the longest that an event gets; when it still moves then, another event begins.
	MaxLength = time.Hour
	// LostAfter is how long after a moving look was received its event is closed when nothing says that it goes on.
	LostAfter = PostRoll + 10*time.Second
)

const (
	queueLength = 256     // looks and thumbs that wait
	queueThumbs = 8       // of those, thumbs
	maxThumb    = 1 << 20 // bytes; pictures of 640 pixels' width have a tenth of that
	// farOff is how far from the box's clock a look may lie. What says when a look was is the worker, which may be in
	// the hands of whoever sent it a poisoned stream; and the box's clock may just have been set.
	farOff = 5 * time.Minute
)

// Look is what was seen of a camera at one moment. Looks come in the order of At.
type Look struct {
	Camera  media.CameraID
	At      time.Time // when the picture was taken
	Moving  bool
	Score   float64 // 0 to 1
	Regions []media.Region
	Zones   []string
	Tamper  *Wrong       // what was done to the camera; nil: nothing
	Frozen  *Wrong       // it shows nothing new; nil: it does
	Reach   int          // at how many media.Levels of sensitivity it would have moved
	Where   media.Region // the frame around that
}

// Thumb is a JPEG of a moment at which something moved, and how well it shows it (0 to 1).
type Thumb struct {
	Camera media.CameraID
	At     time.Time
	Score  float64
	Region media.Region
	JPEG   []byte
}

// Phase is what happens to an event.
type Phase string

// The phases of an event: Opened comes first and once, then any number of Updated, then Closed. After that an event
// may be opened again by motion soon after: that is an Updated, with no End any more, and another Closed.
const (
	Opened  Phase = "opened"
	Updated Phase = "updated"
	Closed  Phase = "closed"
)

// Book makes the events of one camera. Look and Thumb may be called from any goroutine at any time and never wait;
// what they bring is dealt with while Run runs.
type Book struct {
	Camera  media.CameraID
	Store   Store
	OnEvent func(e Event, phase Phase) // called from Run's goroutine; nil: nobody wants to know
	Log     *slog.Logger               // nil: slog.Default()
	Bell    *alarm.Bell
	Limit   *Limit // how many events begin in an hour; nil: PerHour
	// Shoot makes a picture of what the camera showed last until a moment, for events without motion. It may take some
	// seconds, and ends with ctx; nil: there are no such pictures.
	Shoot func(ctx context.Context, until time.Time) (Photo, error)

	ready   atomic.Pointer[chan entry]
	thumbs  atomic.Int32 // in the queue
	dropped atomic.Uint64

	current  *open     // the event that goes on; nil if none does
	previous *open     // the one before, which may be opened again or get a better thumbnail
	summary  *open     // the last summary, which takes in more until its time is over; nil: none
	floor    time.Time // where the event ended that the next one follows without a break
	early    Thumb     // the best thumb that came before its event
	limited  Limit     // where there is no Limit
	tamper   trouble
	frozen   trouble
	shooter  shooter
	unsaved  []Event
}

// entry is a look or a thumb.
type entry struct {
	look  *Look
	thumb *Thumb
}

// Look tells what was seen at a moment. When 256 looks and thumbs wait already it is dropped and counted, and so is
// one of another time than about now.
func (b *Book) Look(l Look) {
	if !b.Bell.Same(alarm.Worker, b.Camera, l.Camera, "what another camera saw came to be an event") || !b.now(l.At) {
		return
	}
	b.put(entry{look: &l})
}

// Thumb offers a picture. The JPEG is the Book's from now on. When too many wait already it is dropped and counted, and
// so is one of another time than about now.
func (b *Book) Thumb(t Thumb) {
	if len(t.JPEG) == 0 || len(t.JPEG) > maxThumb || !b.Bell.Same(alarm.Worker, b.Camera, t.Camera, "a picture of another camera came to be a thumbnail") || !b.now(t.At) {
		return
	}
	if b.thumbs.Add(1) > queueThumbs {
		b.thumbs.Add(-1)
		b.dropped.Add(1)
		return
	}
	if !b.put(entry{thumb: &t}) {
		b.thumbs.Add(-1)
	}
}

// now says whether a moment is about now, and counts what is not.
func (b *Book) now(at time.Time) bool {
	off := time.Since(at)
	if off > farOff || off < -farOff {
		b.dropped.Add(1)
		return false
	}
	return true
}

// Dropped is how many looks and thumbs were dropped because the disk was behind, or they were of another time.
func (b *Book) Dropped() uint64 { return b.dropped.Load() }

func (b *Book) put(e entry) bool {
	select {
	case b.queue() <- e:
		return true
	default:
		b.dropped.Add(1)
		return false
	}
}

// queue is made when it is first needed, by whoever comes first.
func (b *Book) queue() chan entry {
	if q := b.ready.Load(); q != nil {
		return *q
	}
	q := make(chan entry, queueLength)
	if b.ready.CompareAndSwap(nil, &q) {
		return q
	}
	return *b.ready.Load()
}

// Run makes events until ctx ends. Then it closes the one that goes on, and returns.
func (b *Book) Run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	shot := b.shooter.begin(ctx, b)
	for {
		timer.Reset(b.wait())
		select {
		case s := <-b.shooter.taken:
			b.show(s)
		case e := <-b.queue():
			b.take(e)
		case <-timer.C:
			b.tick()
		case <-ctx.Done():
			shot()
			b.drain()
			if b.current != nil {
				b.close()
			}
			b.endTrouble(&b.tamper)
			b.endTrouble(&b.frozen)
			b.save()
			return ctx.Err()
		}
	}
}

// drain takes what still waits.
func (b *Book) drain() {
	for {
		select {
		case e := <-b.queue():
			b.take(e)
		default:
			return
		}
	}
}

func (b *Book) take(e entry) {
	if e.thumb != nil {
		b.thumbs.Add(-1)
		b.seeThumb(*e.thumb)
		return
	}
	b.seeLook(*e.look)
	b.seeTroubles(*e.look)
}

// wait is how long nothing has to be done unless something comes in.
func (b *Book) wait() time.Duration {
	w := b.waitTroubles()
	if b.current != nil {
		w = min(time.Until(b.current.heard.Add(LostAfter)), updateEvery)
	}
	if len(b.unsaved) > 0 {
		w = min(w, updateEvery)
	}
	return max(w, time.Millisecond)
}

// tick does what time alone makes necessary.
func (b *Book) tick() {
	b.save()
	b.tickTroubles()
	o := b.current
	if o == nil {
		return
	}
	if time.Since(o.heard) >= LostAfter {
		b.close()
		return
	}
	b.keepThumb(o, false)
	if o.dirty {
		b.update(o)
	}
}

func (b *Book) limit() *Limit {
	if b.Limit != nil {
		return b.Limit
	}
	return &b.limited
}

func (b *Book) log() *slog.Logger {
	if b.Log != nil {
		return b.Log
	}
	return slog.Default()
}
