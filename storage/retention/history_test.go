package retention

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage/index"
)

// history is what was recorded, and what is to be kept of it.
type history struct {
	rows   []index.Row
	events map[media.CameraID][]index.EventSpan
	floor  int64
}

// draw records files and events of several days into a rig, and draws limits.
func draw(t *rapid.T, r *rig) history {
	h := history{events: make(map[media.CameraID][]index.EventSpan)}
	now := time.Now()
	var sum int64
	for c := range rapid.IntRange(1, 3).Draw(t, "cameras") {
		cam := media.CameraID{byte(c + 1)}
		at := now.Add(-time.Duration(rapid.IntRange(1, 8*24).Draw(t, "since")) * time.Hour)
		for range rapid.IntRange(1, 8).Draw(t, "files") {
			seconds := rapid.IntRange(8, 40).Draw(t, "seconds")
			streams := []media.Stream{media.Main}
			if rapid.IntRange(0, 3).Draw(t, "sub") == 0 {
				streams = append(streams, media.Sub)
			}
			end := at.Add(time.Duration(seconds) * time.Second)
			if end.After(now) {
				break
			}
			for _, s := range streams {
				row := r.record(cam, s, at, seconds)
				h.rows = append(h.rows, row)
				sum += row.Size
			}
			if rapid.IntRange(0, 2).Draw(t, "event") == 0 {
				e := r.event(cam, at.Add(time.Duration(rapid.IntRange(-15, seconds).Draw(t, "at"))*time.Second),
					rapid.IntRange(0, 20).Draw(t, "length"), rapid.IntRange(0, 3).Draw(t, "held") == 0)
				h.events[cam] = append(h.events[cam], index.EventSpan{Start: e.Start.UnixMicro(), End: e.End.UnixMicro(), Held: e.Held})
			}
			at = end
			if pause := rapid.IntRange(-2, 40).Draw(t, "pause"); pause > 0 {
				at = at.Add(time.Duration(pause) * time.Hour)
			}
		}
		var l Limit
		if rapid.Bool().Draw(t, "days") {
			l.Days, l.EventDays = rapid.IntRange(1, 6).Draw(t, "limit days"), rapid.IntRange(0, 8).Draw(t, "event days")
		}
		if rapid.IntRange(0, 2).Draw(t, "bytes") == 0 {
			l.Bytes = rapid.Int64Range(1, 5<<20).Draw(t, "limit bytes")
		}
		r.limits[cam] = l
	}
	if rapid.IntRange(0, 2).Draw(t, "total") == 0 {
		r.k.Total = rapid.Int64Range(1, sum+1).Draw(t, "limit of all")
	}
	if rapid.IntRange(0, 2).Draw(t, "small disk") == 0 {
		r.size, h.floor = sum+1, rapid.Int64Range(0, sum+1).Draw(t, "floor")
	}
	return h
}

// part is a group of pictures of the history: whether it is still there, and what it belongs to.
type part struct {
	camera      media.CameraID
	end         int64 // of its file
	there       bool
	event, held bool
	bytes       int64
}

// parts looks at all that was recorded, on the disk. whole: no group may be there in part.
func (h history) parts(r *rig, whole bool) (list []part) {
	left := r.rows()
	for _, row := range h.rows {
		var seconds []int
		if slices.ContainsFunc(left, func(o index.Row) bool { return o.Line == row.Line && o.Start == row.Start }) {
			seconds = r.seconds(row)
		}
		n := int((row.End - row.Start) / second)
		for from := 0; from < n; from += group {
			to := min(from+group, n)
			p := part{camera: row.Line.Camera, end: row.End, bytes: int64(to-from) * fragment}
			p.there = slices.Contains(seconds, from)
			for s := from; s < to; s++ {
				if p.there = p.there && slices.Contains(seconds, s); whole && slices.Contains(seconds, s) != p.there {
					r.t.Fatalf("a part of a group of pictures is gone: %s has %v", row.Path(), seconds)
				}
			}
			begin, end := row.Start+int64(from)*second, row.Start+int64(to)*second
			for _, e := range h.events[p.camera] {
				if begin < e.End+10*second && end > e.Start-10*second {
					p.event, p.held = true, p.held || e.Held
				}
			}
			list = append(list, p)
		}
	}
	return list
}

func (h history) heldStays(t *rapid.T, r *rig) {
	for _, p := range h.parts(r, false) {
		if p.held && !p.there {
			t.Fatalf("footage of a held event is gone: %+v", p)
		}
	}
}

// verify holds what a pass left against what was promised.
func (h history) verify(t *rapid.T, r *rig, short bool) {
	now := time.Now()
	plainDay, plainFresh := make(map[media.CameraID]int64), make(map[media.CameraID]int64) // left, not around events
	list := h.parts(r, true)
	perFile := make(map[media.CameraID]map[int64]int64)
	for _, p := range list {
		limit := r.limits[p.camera]
		switch {
		case p.there && !p.held && limit.Days > 0 && p.end < now.AddDate(0, 0, -max(limit.Days, limit.EventDays)).UnixMicro(),
			p.there && !p.event && limit.Days > 0 && p.end < now.AddDate(0, 0, -limit.Days).UnixMicro():
			// Little may stay of a file, because it does not pay to punch it.
			if perFile[p.camera] == nil {
				perFile[p.camera] = make(map[int64]int64)
			}
			if perFile[p.camera][p.end] += p.bytes; perFile[p.camera][p.end] > 3*worth {
				t.Fatalf("footage is kept beyond its days: %+v, limit %+v", p, limit)
			}
		}
		if p.there && !p.event {
			if p.end < now.Add(-recent).UnixMicro() {
				plainDay[p.camera] += p.bytes
			}
			if p.end < now.Add(-fresh).UnixMicro() {
				plainFresh[p.camera] += p.bytes
			}
		}
	}
	files := int64(len(h.rows))
	for _, p := range list {
		limit := r.limits[p.camera]
		if p.there || !p.event || limit.Days > 0 && p.end < now.AddDate(0, 0, -max(limit.Days, limit.EventDays)).UnixMicro() {
			continue
		}
		left := plainDay[p.camera]
		if p.end >= now.Add(-recent).UnixMicro() {
			left = plainFresh[p.camera]
		}
		if left > files*3*worth/2 {
			t.Fatalf("footage around an event went before other footage: %+v; %d bytes of that are left", p, left)
		}
	}
	if short {
		return
	}
	totals, err := r.x.Totals()
	if err != nil {
		t.Fatal(err)
	}
	for cam, n := range totals {
		if limit := r.limits[cam].Bytes; limit > 0 && n > limit {
			t.Fatalf("camera %s has %d bytes of %d", cam, n, limit)
		}
	}
	if n := r.total(); r.k.Total > 0 && n > r.k.Total {
		t.Fatalf("all have %d bytes of %d", n, r.k.Total)
	}
	if s, _ := r.space(); s.Free < h.floor {
		t.Fatalf("%d bytes are free instead of %d", s.Free, h.floor)
	}
}

// Whatever was recorded, and whatever the limits: what is held stays, limits are kept, and footage around events goes
// last. And wherever the power goes, the next passes come to the same end, with index, disk and ledger of one mind.
func TestAnyHistory(t *testing.T) {
	dir := quickDir(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(365*24*time.Hour + 7*time.Hour)
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) { // a bubble has no deadline to ask for
			time.Sleep(100 * time.Millisecond) // so that time passes for what looks for a smaller case
			calm := newRig(t, filepath.Join(dir, "a"))
			defer os.RemoveAll(filepath.Join(dir, "a"))
			defer func() { _ = calm.x.Close() }()
			h := draw(t, calm)
			must(t, calm.x.Close())
			must(t, os.CopyFS(filepath.Join(dir, "b"), os.DirFS(calm.dir)))
			must(t, os.Chmod(filepath.Join(dir, "b", "index.db"), 0o600))
			defer os.RemoveAll(filepath.Join(dir, "b"))
			frail := newRig(t, filepath.Join(dir, "b"))
			defer frail.x.Close()
			x, err := index.Open(filepath.Join(calm.dir, "index.db"))
			must(t, err)
			calm.x = x
			frail.limits, frail.size = calm.limits, calm.size
			total := calm.k.Total
			calm.restart()
			calm.k.Total = total

			f := calm.pass(h.floor)
			h.heldStays(t, calm)
			h.verify(t, calm, f.Short)
			calm.agree()
			once := calm.state()
			calm.pass(h.floor)
			if again := calm.state(); again != once {
				t.Fatalf("a second pass changes something:\n%s\n%s", once, again)
			}

			for range rapid.IntRange(1, 3).Draw(t, "power cuts") {
				frail.left = rapid.IntRange(0, 40).Draw(t, "writes")
				frail.k.Total = total
				if _, err := frail.k.Pass(context.Background(), h.floor); err != nil && !errors.Is(err, errPower) {
					t.Fatal(err)
				}
				frail.left = 1 << 30
				frail.restart()
				h.heldStays(t, frail)
				if rapid.Bool().Draw(t, "limits lifted") { // what was begun is ended all the same
					limits, size := frail.limits, frail.size
					frail.limits, frail.size = nil, 0
					frail.pass(0)
					frail.agree()
					frail.limits, frail.size = limits, size
				}
			}
			frail.k.Total = total
			frail.pass(h.floor)
			frail.agree()
			if got := frail.state(); got != once {
				t.Fatalf("after power cuts there is something else:\n%s\nwithout:\n%s", got, once)
			}
		})
	})
}

func must(t interface {
	Helper()
	Fatal(args ...any)
}, err error,
) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
