package vision

import (
	"math"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

func TestCostIsOfTheLastMinutes(t *testing.T) {
	var c costs
	begun := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	// Ten dear minutes, then ten cheap ones, with a sign of life every 1.8 s.
	var m protocol.Stats
	now := begun
	for ; now.Sub(begun) < 20*time.Minute; now = now.Add(1800 * time.Millisecond) {
		c.add(now, m)
		rate := 0.1
		if now.Sub(begun) >= 10*time.Minute {
			rate = 0.01
		}
		m.CPU += 1.8 * rate
		m.Units += 27
		m.Decoded++
	}
	got := c.cost()
	if math.Abs(got.CPU-0.6) > 0.01 || math.Abs(got.Seconds-300) > 10 || math.Abs(float64(got.Received)/float64(got.Decoded)-27) > 0.01 {
		t.Errorf("a cost of %+v", got)
	}
	if n := len(c.signs); n > 100 {
		t.Errorf("%d signs of life are kept", n)
	}
	// A process that begins anew counts from 0, and so does one that lies about what it said before.
	c.add(now, protocol.Stats{CPU: 0.1, Units: 1, Decoded: 1})
	if got := c.cost(); got != (Cost{}) {
		t.Errorf("after one sign of life of another process: %+v", got)
	}
	c.add(now.Add(time.Minute), protocol.Stats{CPU: 1.1, Units: 901, Decoded: 31})
	if got := c.cost(); math.Abs(got.CPU-1) > 1e-9 || got.Received != 900 || got.Decoded != 30 {
		t.Errorf("after two: %+v", got)
	}
}

// While calm, what is not a key frame waits; what is as large as the worker said does not.
func TestALargeUnitIsHandedOverAtOnce(t *testing.T) {
	var q queue
	run := &media.Run{}
	woken := func() bool {
		select {
		case <-q.signal():
			return true
		default:
			return false
		}
	}
	put := func(size int, key bool) bool {
		q.put(run, &media.AccessUnit{Key: key, Data: make([]byte, size)})
		return woken()
	}
	if !put(10, true) || put(9000, false) {
		t.Error("without a size, key frames wake and nothing else")
	}
	q.wakeAt(4000)
	if put(3999, false) || !put(4000, false) {
		t.Error("4000 bytes wake, 3999 do not")
	}
	q.wakeAt(0)
	if put(9000, false) {
		t.Error("nothing is wanted at once any more")
	}
}
