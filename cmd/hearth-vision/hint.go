//go:build cgo

package main

import (
	"math"

	"hearth/nvr/motion"
	"hearth/nvr/vision/protocol"
)

// The clues, in the order in which they are preferred.
const (
	bySize    = iota // log2 of a picture's bytes
	byQuality        // its quantiser: what a full channel raises instead
	byEffort         // both: what it would have taken at one quality
	clueCount
)

const (
	heeded     = 0.5        // trust from which on a hint makes the worker look
	maxPending = 1024       // pictures that wait to be learned from
	apart      = 4 * second // looks farther apart than this say nothing of what lies between
	near       = 250_000    // and closer than this they say all
	relearn    = second
	margin     = 3 * second / 2
)

// hint learns, for one camera, whether what is known of pictures without decoding them foretells what they show: only
// pictures count that depend on others (key frames are looked at anyway) and that others depend on (encoders make
// the rest as small as they like). Where an encoder works at one quality, a picture's size tells motion from
// stillness; where it fills its bit rate, it tells nothing. So every clue is trusted as far as it has foretold what
// the looks then showed, and forgets slowly. Only the video's own time counts: the same units and looks always
// give the same hints.
type hint struct {
	slices sliceReader
	config protocol.Config
	mute   bool // it learns, and never makes the worker look
	clues  [clueCount]clue

	pending []pendingPicture
	last    int64 // of the newest picture that counted
	learned int64 // when the tallies were last worked out

	looked int64 // moment of the newest look; 0 none
	saw    showed
	moved  int64 // moment of the newest one that saw motion
	spells int   // of motion that were learned from

	heeded, right uint64 // hints that made the worker look, and of them those that led to something
	acted         int64  // the moment of the one that is being followed; 0 none
	actedBy       int
}

type pendingPicture struct {
	at     int64
	length float64 // seconds since the one before
	steps  [clueCount]uint8
	known  [clueCount]bool

	labelled bool
	showed   showed
}

// showed is what a look showed.
type showed uint8

const (
	showedUnsure showed = iota
	showedStill
	showedMotion
)

// begin takes on another run. What was learned holds as long as the pictures are coded alike.
func (h *hint) begin(c protocol.Config) {
	before := h.config
	if c.Codec != before.Codec || c.Width != before.Width || c.Height != before.Height {
		*h = hint{pending: h.pending}
	}
	h.config = c
	h.slices = newSliceReader(c)
	h.skip()
	for i := range h.clues {
		h.clues[i].window, h.clues[i].armed = window{}, false
	}
}

// take reads a unit without decoding it. calm says that nothing moves and nothing is looked at closely.
func (h *hint) take(u protocol.Unit, calm bool) {
	if u.Key {
		return
	}
	s := h.slices.read(u.Data)
	if s.kind != sliceP && s.kind != sliceB || !s.referred {
		return
	}
	if u.At <= h.last && u.At > h.last-apart {
		return // it goes between two that came before it, and is made of both
	}
	p := pendingPicture{at: u.At, length: min(max(float64(u.At-h.last)/float64(second), 0), 0.5)}
	if h.last == 0 {
		p.length = 0
	}
	h.last = u.At
	size := math.Log2(float64(len(u.Data)))
	for i := range h.clues {
		v := size
		if i != bySize {
			if s.qp < 0 {
				continue
			}
			v = float64(s.qp) / 6 // six steps double the quantiser
			if i == byEffort {
				v += size
			}
		}
		value, ok := h.clues[i].put(u.At, v)
		p.steps[i], p.known[i] = stepOf(value), ok
		if ok && h.clues[i].jumps() && calm {
			h.clues[i].foretell(u.At)
		}
	}
	if len(h.pending) == maxPending {
		h.pending = h.pending[:copy(h.pending, h.pending[1:])]
	}
	h.pending = append(h.pending, p)
}

// skip says that units were passed over.
func (h *hint) skip() {
	h.pending = h.pending[:0]
	h.last, h.looked, h.saw, h.acted = 0, 0, showedUnsure, 0
	for i := range h.clues {
		h.clues[i].known, h.clues[i].fired = 0, 0
	}
}

// best is the clue that is trusted most. Sizes are preferred where they do almost as well: hearth sees them too.
func (h *hint) best() int {
	best, most := bySize, h.clues[bySize].trust+0.1
	for i := range h.clues {
		if h.clues[i].trust > most {
			best, most = i, h.clues[i].trust
		}
	}
	return best
}

// fires says whether the picture at this moment makes it worth while to look, and by which clue.
func (h *hint) fires(at int64) (by int, ok bool) {
	by = h.best()
	c := &h.clues[by]
	if c.trust < heeded || c.fired != at || h.mute {
		return by, false
	}
	h.heeded++
	h.acted, h.actedBy = at, by
	return by, true
}

// persists says whether the clue that made the worker look still says that something moves.
func (h *hint) persists() bool {
	c := &h.clues[h.actedBy]
	return c.level != 0 && max(c.newest[0], c.newest[1]) > c.level
}

// look learns from what a picture showed. Looks come in the order in which the pictures were taken.
func (h *hint) look(at int64, r motion.Result) {
	now := showedStill
	switch {
	case r.Moving:
		now = showedMotion
	case r.Doubt, r.WarmUp, r.Changed:
		now = showedUnsure
	}
	label := showedUnsure
	if gap := at - h.looked; h.looked != 0 && gap > 0 && (now == h.saw && gap <= apart || gap <= near) {
		label = now
	}
	if now == showedMotion {
		if h.moved == 0 || at-h.moved > calmAfter {
			h.spells++
		}
		h.moved = at
	}
	h.label(at, label)
	h.looked, h.saw = at, now
	if now != showedUnsure || r.Doubt {
		for i := range h.clues {
			came, failed := h.clues[i].saw(at, now == showedMotion)
			if h.acted != 0 && i == h.actedBy && (came || failed) {
				h.acted = 0
				if came {
					h.right++
				}
			}
		}
	}
	if at-h.learned >= relearn || at < h.learned {
		h.learned = at
		for i := range h.clues {
			h.clues[i].learn(at, h.spells)
		}
	}
}

// label says what the pictures up to a look showed, and learns from them. What comes right before motion or after it is
// neither one nor the other: it may have begun outside of what can be seen, and ends in a shadow.
func (h *hint) label(at int64, as showed) {
	for i := range h.pending {
		p := &h.pending[i]
		switch {
		case p.at > at:
		case !p.labelled:
			p.labelled, p.showed = true, as
			if as == showedStill && h.moved != 0 && p.at-h.moved < margin {
				p.showed = showedUnsure
			}
		case p.showed == showedStill && as == showedMotion && at-p.at < margin:
			p.showed = showedUnsure
		}
	}
	n := 0
	for ; n < len(h.pending) && h.pending[n].labelled && at-h.pending[n].at >= margin; n++ {
		h.count(h.pending[n])
	}
	h.pending = h.pending[:copy(h.pending, h.pending[n:])]
}

func (h *hint) count(p pendingPicture) {
	for i := range h.clues {
		switch {
		case !p.known[i]:
		case p.showed == showedStill:
			h.clues[i].still.add(p.steps[i], p.length, stillMost)
		case p.showed == showedMotion:
			h.clues[i].moving.add(p.steps[i], p.length, movingMost)
		}
	}
}

// trust says how far the hint is trusted, 0 to 1, and why not further.
func (h *hint) trust() (float64, string) {
	c := &h.clues[h.best()]
	switch {
	case !h.slices.reads():
		return 0, protocol.HintNone
	case c.still.sum < stillLeast || c.moving.sum < movingLeast || h.spells < spellsLeast:
		return c.trust, protocol.HintYoung
	case c.auc < (chance+sure)/2:
		return c.trust, protocol.HintChance
	case c.trust < heeded:
		return c.trust, protocol.HintWrong
	case h.best() == byQuality:
		return c.trust, protocol.HintCoarse
	}
	return c.trust, protocol.HintGood
}

// wake is how many bytes a unit must have for hearth to hand it over at once; 0 none. Where another clue than the size is
// trusted, hearth cannot tell which unit it is: the largest tenth of them will do to be in time.
func (h *hint) wake() int {
	by, size := h.best(), &h.clues[bySize].window
	c := &h.clues[by]
	if c.trust < heeded || c.level == 0 || size.n == 0 {
		return 0
	}
	octaves := size.low + c.level
	if by != bySize {
		octaves = size.percentile(90)
	}
	return int(min(math.Exp2(octaves), protocol.MaxBody))
}
