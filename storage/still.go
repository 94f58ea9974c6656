package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/sabotage"
	"hearth/storage/access"
	"hearth/storage/segment"
)

// Still is a picture of an event as it was recorded: a key frame, without what follows it and without sound.
type Still struct {
	At            time.Time
	Entry         []byte // the sample entry box that says how to decode it
	Width, Height int    // pixels
	Data          []byte // an MP4 sample
}

// What the stills of an event are at most.
const (
	// StillWidth is how wide a picture may be that is shown to who may see events and not the footage, in pixels: that of
	// a usual sub stream. A thumbnail has 640.
	StillWidth = 720
	maxStill   = 2 << 20 // bytes of a picture
	maxStills  = 12 << 20

	// stillBefore and stillAfter are how far from an event's motion a picture of it may lie: as far as footage belongs to
	// it. Key frames of some cameras lie ten seconds apart.
	stillBefore = 5 * time.Second
	stillAfter  = 10 * time.Second
	// stillNear is how far from it pictures are looked for first, and stillFew how few of them will not do.
	stillNear = 2 * time.Second
	stillFew  = 3
)

// Stills gives up to most pictures of an event of the grant's camera, in order and spread over it, or over one of its
// chapters. The grant is for events. Pictures wider than StillWidth are only given with another one, for the camera's footage.
// What there is of the event may be nothing: it was not recorded, or is let go of.
func (s *Store) Stills(g, footage access.Grant, stream media.Stream, id, chapter media.UUID, most int) ([]Still, error) {
	key, err := s.unlock(g, access.Events)
	if err != nil {
		return nil, err
	}
	if footage.Valid() && (!footage.Allows(access.Footage) || footage.Camera() != g.Camera()) {
		return nil, ErrDenied
	}
	e, err := s.Event(g, id)
	if err != nil {
		return nil, err
	}
	parts := spread(e, chapter)
	if parts == nil {
		return nil, fmt.Errorf("chapter %s of event %s: %w", chapter, id, ErrNotFound)
	}
	r := stills{store: s, grant: g, key: key, stream: stream, wide: footage.Valid()}
	first, last := parts[0].From, parts[len(parts)-1].To
	r.from, r.to = first.Add(-stillBefore), last.Add(stillAfter)
	if err := r.read(moments(parts, stillNear, most)); err != nil {
		return nil, err
	}
	if len(r.list) < min(stillFew, most) {
		parts[0].From, parts[len(parts)-1].To = r.from, r.to
		if err := r.read(moments(parts, 0, most)); err != nil {
			return nil, err
		}
	}
	return r.one(most), nil
}

// spread gives the spans of an event that pictures are wanted of; nil: there is no such chapter.
func spread(e Event, chapter media.UUID) []Span {
	if e.End.IsZero() {
		e.End = time.Now()
	}
	var parts []Span
	for _, c := range e.Chapters {
		if chapter.IsZero() && !c.To.Before(e.Start) || c.ID == chapter { // that of before a trouble is no part of it
			parts = append(parts, Span{From: c.From, To: c.To})
		}
	}
	if len(parts) == 0 && chapter.IsZero() {
		return []Span{{From: e.Start, To: e.End}}
	}
	return parts
}

// moments spreads up to most moments over spans, each of which is looked at from a little before it to a little after.
func moments(parts []Span, around time.Duration, most int) (at []time.Time) {
	if len(parts) > most { // the middle of some, evenly chosen
		for i := range most {
			p := parts[i*len(parts)/most]
			at = append(at, p.From.Add(p.To.Sub(p.From)/2))
		}
		return at
	}
	per := most / len(parts)
	for _, p := range parts {
		from, to := p.From.Add(-around), p.To.Add(around)
		for i := range per {
			at = append(at, from.Add(to.Sub(from)*time.Duration(2*i+1)/time.Duration(2*per)))
		}
	}
	return at
}

// stills reads key frames.
type stills struct {
	store    *Store
	grant    access.Grant
	key      segment.Key
	stream   media.Stream
	from, to time.Time // what lies outside is no picture of the event
	wide     bool

	list  []Still
	bytes int
}

// read adds the key frames that are shown at moments.
func (r *stills) read(moments []time.Time) error {
	for _, at := range moments {
		err := r.at(at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

// at adds the key frame at or before a moment, if it is not there yet and belongs to the event.
func (r *stills) at(at time.Time) error {
	f := &Footage{
		store: r.store, grant: r.grant, renewed: time.Now(), key: r.key,
		line: segment.Line{Camera: mixed(sabotage.StoreCamera, r.grant.Camera()), Stream: r.stream},
		from: micros(at), to: micros(at.Add(time.Millisecond)), pos: micros(at),
	}
	defer f.Close()
	p, err := f.Next()
	if err != nil {
		return err
	}
	if p.Start.Before(r.from) || p.Start.After(r.to) || slices.ContainsFunc(r.list, func(s Still) bool { return s.At.Equal(p.Start) }) {
		return nil
	}
	if !r.store.bell.Same(alarm.Footage, r.grant.Camera(), p.Origin.Header.Camera, "a picture of an event is of another camera") {
		return fmt.Errorf("pictures of camera %s: %w", r.grant.Camera(), ErrForged)
	}
	s, ok := keyPicture(p)
	if !ok || len(s.Data) > maxStill || r.bytes+len(s.Data) > maxStills || !r.wide && (s.Width <= 0 || s.Width > StillWidth) {
		return nil
	}
	i, _ := slices.BinarySearchFunc(r.list, s, func(a, b Still) int { return a.At.Compare(b.At) })
	r.list, r.bytes = slices.Insert(r.list, i, s), r.bytes+len(s.Data)
	return nil
}

// keyPicture cuts the first picture out of a piece that begins with a key frame.
func keyPicture(p Piece) (s Still, ok bool) {
	tracks, err := fmp4.ParseInit(p.Init)
	if err != nil {
		return Still{}, false
	}
	runs, err := fmp4.Parse(p.Data)
	if err != nil {
		return Still{}, false
	}
	for _, r := range runs {
		if r.Track < len(tracks) && tracks[r.Track].Video && len(r.Samples) > 0 && r.Samples[0].Key {
			t := tracks[r.Track]
			return Still{At: p.Start, Entry: bytes.Clone(t.Entry), Width: t.Width, Height: t.Height, Data: bytes.Clone(r.Samples[0].Data)}, true
		}
	}
	return Still{}, false
}

// one gives up to most of the pictures that were found, of those that decode alike: a camera whose parameters changed in
// the middle of an event shows what there is most of.
func (r *stills) one(most int) []Still {
	var best []Still
	for _, like := range r.list {
		var same []Still
		for _, s := range r.list {
			if bytes.Equal(s.Entry, like.Entry) {
				same = append(same, s)
			}
		}
		if len(same) > len(best) {
			best = same
		}
	}
	return best[:min(len(best), most)]
}
