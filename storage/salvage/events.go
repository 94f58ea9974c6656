package salvage

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hearth/nvr/media"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/segment"
)

// event is an event as it lies in a pack, and where its picture is.
type event struct {
	index.Event
	Changed int64  `json:"changed"`
	Picture string `json:"picture,omitempty"` // file beside events.json

	src  *source
	i    int
	seen int64 // microseconds: of the picture
}

// events writes a camera's events and their pictures.
func (s *Salvage) events(ctx context.Context, c cam, key keyring.CameraKey) error {
	all := make(map[media.UUID]*event)
	for _, f := range c.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.name.Stream != segment.Pack {
			continue
		}
		if src := s.load(f, key); src != nil {
			s.pack(src, key, all)
		}
		s.bytes += f.size
	}
	list := make([]*event, 0, len(all))
	for _, e := range all {
		if e.Start.IsZero() { // its picture is all that is left of it
			e.Start = time.UnixMicro(e.seen)
		}
		e.Start = e.Start.In(s.Zone)
		if !e.End.IsZero() {
			e.End = e.End.In(s.Zone)
		}
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *event) int {
		if d := a.Start.Compare(b.Start); d != 0 {
			return d
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	for _, e := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.picture(c, key, e); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	return s.writeJSON(filepath.Join(c.name, "events.json"), list)
}

// pack notes the events of one pack; of an event the version of the latest change holds, and of pictures the last.
func (s *Salvage) pack(src *source, key keyring.CameraKey, all map[media.UUID]*event) {
	f, r, err := s.open(src, key)
	if err != nil {
		s.found(src.path, "cannot be opened: %w", err)
		return
	}
	defer f.Close()
	get := func(id media.UUID) *event {
		if all[id] == nil {
			all[id] = &event{Event: index.Event{ID: id, Camera: key.Camera(), Kind: "event"}}
		}
		return all[id]
	}
	var buf []byte
	for i, rec := range src.table {
		if rec.Type != segment.EventRecord && rec.Type != segment.ThumbRecord {
			continue
		}
		payload, err := r.Payload(i, buf)
		if err != nil {
			if why, finding := unreadable(err); finding {
				s.found(src.path, "record %d is %s: %w", i, why, err)
			}
			continue
		}
		buf = payload
		if rec.Type == segment.ThumbRecord {
			if len(payload) > thumbHead {
				e := get(media.UUID(payload[:16]))
				e.src, e.i, e.seen = src, i, int64(binary.BigEndian.Uint64(payload[16:]))
			}
			continue
		}
		var is event
		if err := json.Unmarshal(payload, &is); err != nil || is.ID.IsZero() {
			s.found(src.path, "record %d is no event", i)
			continue
		}
		if is.Camera != key.Camera() {
			s.found(src.path, "record %d is refused: it is an event of another camera", i)
			continue
		}
		if e := get(is.ID); is.Changed >= e.Changed {
			e.Event, e.Changed = is.Event, is.Changed
		}
	}
}

// thumbHead is what comes before the JPEG in a THUMB record: the event's UUID and the picture's time.
const thumbHead = 16 + 8

// picture writes an event's picture, unless it is there.
func (s *Salvage) picture(c cam, key keyring.CameraKey, e *event) error {
	if e.src == nil {
		return nil
	}
	kind := strings.ReplaceAll(fileName(e.Kind), " ", "_")
	name := filepath.Join(c.name, e.Start.Format(time.DateOnly), "events", e.Start.Format("15-04-05_MST")+"_"+kind+"_"+e.ID.String()[:8]+".jpg")
	e.HasThumb, e.Picture = true, filepath.ToSlash(name[len(c.name)+1:])
	s.tell(c.name, e.Start.UnixMicro())
	if info, err := os.Stat(filepath.Join(s.Out, name)); err == nil && info.Mode().IsRegular() {
		s.result.Pictures++
		return nil
	}
	f, r, err := s.open(e.src, key)
	if err != nil {
		s.found(e.src.path, "the picture of event %s cannot be read: %w", e.ID, err)
		return nil
	}
	defer f.Close()
	payload, err := r.Payload(e.i, nil)
	if err != nil {
		s.found(e.src.path, "the picture of event %s cannot be read: %w", e.ID, err)
		return nil
	}
	s.result.Pictures++
	return s.writeFile(name, payload[thumbHead:])
}
