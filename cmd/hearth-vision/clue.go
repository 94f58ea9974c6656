//go:build cgo

package main

import "math"

// How a clue is judged.
const (
	windowTime  = 60 * second // what a picture is compared with: the last minute
	windowMost  = 2048        // pictures of it, at most
	windowRoom  = 640         // steps of a reading, of a sixteenth of an octave
	windowLeast = 10 * second // of it before there is something to compare with

	foretold    = 88   // steps of a value
	perOctave   = 8    // of them
	lowest      = -3   // octaves
	stillMost   = 3600 // seconds of stillness remembered; then half of it is forgotten
	movingMost  = 240  // of motion
	stillLeast  = 30   // below this much little is known
	movingLeast = 6
	spellsLeast = 2

	chance = 0.85 // an AUC that is worth nothing; from sure on it is worth everything
	sure   = 0.95

	rare       = 0.02              // of the still time a clue's level is passed
	strictMost = 6                 // how often that is halved at most
	rightHalf  = 6 * 3600 * second // after which half of what was right is forgotten
	wrongHalf  = 1200 * second
	verdict    = 2 * second // within which what was foretold must be seen
)

// window is the last minute of one reading, for its 25th percentile.
type window struct {
	ring  [windowMost]reading
	next  int
	n     int
	count [windowRoom]uint16
	low   float64 // the percentile
	lowAt int64   // when it was taken
}

type reading struct {
	at   int64
	step uint16
}

// put adds a reading, in octaves, and gives it relative to the 25th percentile of the last minute; false while that is
// too young.
func (w *window) put(at int64, v float64) (float64, bool) {
	if w.n > 0 && at <= w.ring[(w.next+windowMost-1)%windowMost].at {
		*w = window{} // the clock was set
	}
	for w.n == windowMost || w.n > 0 && w.oldest().at < at-windowTime {
		w.count[w.oldest().step]--
		w.n--
	}
	step := uint16(min(max(v*16, 0), windowRoom-1))
	w.ring[w.next] = reading{at, step}
	w.next = (w.next + 1) % windowMost
	w.n++
	w.count[step]++
	if w.lowAt == 0 || at-w.lowAt >= second {
		w.low, w.lowAt = w.percentile(25), at
	}
	return v - w.low, at-w.oldest().at >= windowLeast
}

func (w *window) oldest() reading { return w.ring[(w.next+windowMost-w.n)%windowMost] }

// percentile is the reading, in octaves, that so many percent of the last minute's are below.
func (w *window) percentile(p int) float64 {
	left := w.n * p / 100
	for step, n := range w.count {
		if left -= int(n); left < 0 {
			return (float64(step) + 0.5) / 16
		}
	}
	return 0
}

// tally is how long a clue had which value, in seconds.
type tally struct {
	in  [foretold]float64
	sum float64
}

func stepOf(v float64) uint8 { return uint8(min(max((v-lowest)*perOctave, 0), foretold-1)) }

// add counts time; beyond most, half of all is forgotten.
func (t *tally) add(step uint8, seconds, most float64) {
	t.in[step] += seconds
	if t.sum += seconds; t.sum > most {
		t.sum = 0
		for i := range t.in {
			t.in[i] /= 2
			t.sum += t.in[i]
		}
	}
}

// clue is one thing that is known of a picture without decoding it, and what it has foretold so far.
type clue struct {
	window window
	newest [2]float64 // the values of the newest two pictures, octaves above the 25th percentile of the last minute
	known  int        // of how many of them it is

	still, moving tally

	auc    float64 // how often a moving picture's value is above a still one's
	level  float64 // above it something is foretold; 0 not yet
	strict int

	armed        bool  // it was below its level since something moved
	fired        int64 // the moment for which something was foretold and not yet seen; 0 none
	right, wrong float64
	faded        int64 // moment up to which they were forgotten
	trust        float64
}

// put takes the next picture's reading, and gives its value.
func (c *clue) put(at int64, v float64) (value float64, ok bool) {
	value, ok = c.window.put(at, v)
	if !ok {
		c.known = 0
		return value, false
	}
	c.newest[0], c.newest[1] = c.newest[1], value
	c.known = min(c.known+1, 2)
	return value, true
}

// jumps says whether both of the newest pictures are above the clue's level, for the first time since one was not.
func (c *clue) jumps() bool {
	if c.known < 2 || c.level == 0 {
		return false
	}
	above := min(c.newest[0], c.newest[1]) > c.level
	jumped := above && c.armed
	c.armed = !above && (c.armed || c.newest[1] <= c.level)
	return jumped
}

// foretell takes note that the clue foretells motion.
func (c *clue) foretell(at int64) {
	if c.fired == 0 {
		c.fired = at
	}
}

// saw compares what was foretold with what a picture showed.
func (c *clue) saw(at int64, moving bool) (came, failed bool) {
	if c.fired == 0 || at < c.fired-second/2 {
		return false, false
	}
	switch {
	case moving:
		c.fade(at)
		c.right++
		c.strict = max(c.strict-1, 0)
		came = true
	case at-c.fired >= verdict:
		c.fade(at)
		c.wrong++
		c.strict = min(c.strict+1, strictMost)
		failed = true
	default:
		return false, false
	}
	c.fired = 0
	return came, failed
}

// fade forgets slowly how often it was right, and sooner how often it was wrong: a few needless looks an hour cost
// little.
func (c *clue) fade(at int64) {
	if passed := float64(at - c.faded); c.faded != 0 && passed > 0 {
		c.right *= math.Exp2(-passed / float64(rightHalf))
		c.wrong *= math.Exp2(-passed / float64(wrongHalf))
	}
	c.faded = at
}

// learn works out anew what the tallies say.
func (c *clue) learn(at int64, spells int) {
	c.level, c.trust, c.auc = 0, 0, 0.5
	if c.still.sum < stillLeast {
		return
	}
	over := c.still.sum * rare / float64(int(1)<<c.strict)
	step := foretold - 1
	for ; step > 0; step-- {
		if over -= c.still.in[step]; over < 0 {
			break
		}
	}
	c.level = max(float64(step+1)/perOctave+lowest, 0.25)
	if c.moving.sum == 0 {
		return
	}
	below, won := 0.0, 0.0
	for i := range c.still.in {
		won += c.moving.in[i] * (below + c.still.in[i]/2)
		below += c.still.in[i]
	}
	c.auc = won / c.moving.sum / c.still.sum
	c.fade(at)
	sharp := bound((c.auc - chance) / (sure - chance))
	evidence := min(c.moving.sum/movingLeast, float64(spells)/spellsLeast, 1)
	record := (c.right + 2) / (c.right + c.wrong + 2)
	c.trust = sharp * evidence * record
}
