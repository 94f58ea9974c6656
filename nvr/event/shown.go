package event

import (
	"context"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
)

// How the pictures of what is wrong with a camera are taken.
const (
	// goodBefore is how long before it began the last good picture is of: turning a camera away takes a moment.
	goodBefore = 3 * time.Second
	// softBefore is likewise for a picture that lost its focus, which shows slowly.
	softBefore = 30 * time.Second
	defocused  = "defocused" // the detail
	// mostShots is how many troubles have their pictures taken at a time.
	mostShots = 2
	shotTries = 3
	shotPause = 2 * time.Second
)

// Photo is a JPEG, and when the camera took what it shows.
type Photo struct {
	At   time.Time
	JPEG []byte
}

// shots are the pictures of a trouble: what the camera shows since, and what it showed before, where that is another.
type shots struct {
	of     Event
	before Photo
	since  Photo
}

// shooter takes the pictures of troubles, beside Run, which it tells of them.
type shooter struct {
	take  func(e Event) // nil while Run does not run
	taken chan shots
	busy  chan struct{} // a token for each trouble whose pictures are being taken
}

// shoot has the pictures of an event taken, unless too many are being taken.
func (s *shooter) shoot(e Event) {
	if s.take != nil {
		s.take(e)
	}
}

// begin makes it work until ctx ends; the function that it gives waits for what is under way then.
func (s *shooter) begin(ctx context.Context, b *Book) (end func()) {
	s.taken, s.busy = make(chan shots, mostShots), make(chan struct{}, mostShots)
	s.take = func(e Event) {
		if b.Shoot == nil {
			return
		}
		select {
		case s.busy <- struct{}{}:
		default:
			return
		}
		go func() {
			defer func() { <-s.busy }()
			got, now := shots{of: e}, time.Now()
			if e.Kind == Tamper { // who shows nothing new shows what there was before
				got.before = b.photo(ctx, e.Start.Add(-before(e.Detail)))
			}
			got.since = b.photo(ctx, now)
			select {
			case s.taken <- got:
			case <-ctx.Done():
			}
		}()
	}
	return func() {
		s.take = nil
		for range mostShots {
			s.busy <- struct{}{}
		}
	}
}

// before is how long before a trouble began the camera still showed what it should.
func before(detail string) time.Duration {
	if detail == defocused {
		return softBefore
	}
	return goodBefore
}

// photo is what the camera showed last until a moment; without a JPEG where there is none. A box that is busy may need
// more than one try.
func (b *Book) photo(ctx context.Context, until time.Time) Photo {
	for try := 1; ; try++ {
		p, err := b.Shoot(ctx, until)
		if err == nil && len(p.JPEG) <= maxThumb && !p.At.After(until) {
			return p
		}
		if ctx.Err() != nil {
			return Photo{}
		}
		if err == nil || try == shotTries {
			b.log().Warn("no picture could be made of what is wrong with the camera", "until", until, "bytes", len(p.JPEG), "error", err)
			return Photo{}
		}
		select {
		case <-time.After(shotPause):
		case <-ctx.Done():
		}
	}
}

// show keeps the pictures of a trouble: the one since as its event's, the one before as that of a chapter which is
// nothing but that moment.
func (b *Book) show(s shots) {
	t := &b.tamper
	if s.of.Kind == Frozen {
		t = &b.frozen
	}
	if t.event.ID != s.of.ID {
		return // another one has begun
	}
	if p := s.before; p.JPEG != nil {
		c := storage.Chapter{ID: media.NewUUID(), From: p.At, To: p.At, Best: p.At}
		if b.shown(c.ID, p) {
			t.event.Chapters = []storage.Chapter{c}
		}
	}
	if s.since.JPEG != nil {
		t.event.HasThumb = b.shown(t.event.ID, s.since)
	}
	phase := Updated
	if !t.goes {
		phase = Closed
	}
	b.keep(t.event, phase)
}

// shown stores a picture, and says whether it could.
func (b *Book) shown(of media.UUID, p Photo) bool {
	err := b.Store.PutThumbnail(b.Camera, of, p.At, p.JPEG)
	if err != nil {
		b.log().Error("a picture of what is wrong with the camera could not be stored", "error", err)
	}
	return err == nil
}
