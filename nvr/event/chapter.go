package event

import (
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
)

// How a long event is divided. In a summary each visit is a chapter.
const (
	// ChapterLeast is how long a chapter is before a pause of ChapterPause ends it, ChapterMost how long it gets without one.
	ChapterLeast = 2 * time.Minute
	ChapterPause = 4 * time.Second
	ChapterMost  = 5 * time.Minute
	// MaxChapters is how many an event has; when there are more, those that lie nearest to each other become one.
	MaxChapters = 32
)

// chapterPictures is how many pictures of chapters an event gets written.
const chapterPictures = MaxChapters + 8

// chapters is an event's parts, the last of which goes on.
type chapters struct {
	parts   []storage.Chapter
	best    Thumb   // the best thumb of the last part that is not written yet; no JPEG: none
	kept    float64 // score of the picture of the last part that is written
	written int
}

// turns says whether a moving look begins another chapter, after the last motion before it.
func (c *chapters) turns(at, last time.Time) bool {
	if len(c.parts) == 0 {
		return true
	}
	from := c.parts[len(c.parts)-1].From
	return at.Sub(from) >= ChapterMost || last.Sub(from) >= ChapterLeast && at.Sub(last) >= ChapterPause
}

// begin begins a chapter with a moment that lies behind all before it.
func (c *chapters) begin(at time.Time) {
	if len(c.parts) >= MaxChapters {
		c.join()
	}
	c.parts = append(c.parts, storage.Chapter{ID: media.NewUUID(), From: at, To: at})
	c.best, c.kept = Thumb{}, 0
}

// join makes one chapter of the two that lie nearest to each other.
func (c *chapters) join() {
	least := 0
	for i := range c.parts[1:] {
		if c.gap(i) < c.gap(least) {
			least = i
		}
	}
	a, b := c.parts[least], c.parts[least+1]
	one := a
	if a.Best.IsZero() || !b.Best.IsZero() && b.Score > a.Score {
		one = b
	}
	one.From, one.To, one.Score = a.From, b.To, max(a.Score, b.Score)
	c.parts = slices.Replace(c.parts, least, least+2, one)
}

// gap is what lies between chapter i and the next.
func (c *chapters) gap(i int) time.Duration { return c.parts[i+1].From.Sub(c.parts[i].To) }

// extend takes a moving look into the last chapter.
func (c *chapters) extend(at time.Time, score float64) {
	n := len(c.parts) - 1
	p := &c.parts[n]
	if at.After(p.To) {
		p.To = at
	}
	if first := &c.parts[0]; at.Before(first.From) {
		first.From = at
	}
	if at.Before(p.From) { // it came late
		if n > 0 && at.Before(c.parts[n-1].To) {
			at = c.parts[n-1].To
		}
		p.From = at
	}
	p.Score = max(p.Score, score)
}

// offer offers a thumb to the last chapter.
func (c *chapters) offer(t Thumb) {
	if n := len(c.parts); n > 0 && !t.At.Before(c.parts[n-1].From.Add(-thumbAround)) && t.Score > max(c.best.Score, c.kept) {
		c.best = t
	}
}

// keepChapter writes the picture of the chapter that ends.
func (b *Book) keepChapter(o *open) {
	c := &o.chapters
	if c.best.JPEG == nil || c.written >= chapterPictures {
		return
	}
	p := &c.parts[len(c.parts)-1]
	c.written++
	if err := b.Store.PutThumbnail(b.Camera, p.ID, c.best.At, c.best.JPEG); err != nil {
		b.log().Error("the picture of a chapter could not be stored", "event", o.ID, "error", err)
		return
	}
	p.Best, c.kept, c.best = c.best.At, c.best.Score, Thumb{}
}
