package camera

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWallClock plays a camera with a crystal that is off, a network that delays, and pictures from its store at
// the beginning, and checks what wallClock promises.
func TestWallClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ppm := rapid.Float64Range(-300, 300).Draw(t, "ppm")
		burst := time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "burst"))
		lag := time.Duration(rapid.Int64Range(0, int64(300*time.Millisecond)).Draw(t, "lag"))
		minutes := rapid.IntRange(5, 20).Draw(t, "minutes")
		stallAt := rapid.IntRange(0, minutes*60).Draw(t, "stall at")
		begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		const frame = 100 * time.Millisecond
		rate := 1 + ppm/1e6 // of the camera's clock
		taken := begin
		var media int64
		var c *wallClock
		var lastWall time.Time
		noise := rapid.SliceOfN(rapid.Int64Range(0, int64(lag)), 97, 97).Draw(t, "noise")
		for i := range minutes * 600 {
			arrived := taken.Add(time.Duration(noise[i%97]))
			if i/10 == stallAt { // what was sent in this second comes at its end
				arrived = begin.Add(time.Duration(stallAt+1) * time.Second).Add(5 * time.Second)
			}
			if arrived.Before(begin.Add(burst)) {
				arrived = begin.Add(burst) // the first pictures were taken before, and come at once
			}
			if c == nil {
				c = newWallClock(media, arrived.UnixNano())
				if !c.at(media).Equal(arrived) {
					t.Fatalf("anchored at %s, arrived %s", c.at(media), arrived)
				}
			}
			before := c.at(media)
			c.observe(media, arrived.UnixNano())
			wall := c.at(media)
			if wall.Before(before.Add(-time.Duration(float64(frame) * slewLimit * 1.01))) {
				t.Fatalf("a step back at %d: %s to %s", i, before, wall)
			}
			if !lastWall.IsZero() {
				d := wall.Sub(lastWall)
				if d <= 0 {
					t.Fatalf("picture %d is of %s, the one before of %s", i, wall, lastWall)
				}
				if low, high := frame*9/10, frame*11/10; d < low || d > high {
					t.Fatalf("picture %d comes %s after the one before, %s were between them", i, d, frame)
				}
			}
			lastWall = wall
			if i > 4*600 && (i/10 < stallAt || i/10 > stallAt+60) {
				if off := wall.Sub(taken); off < -50*time.Millisecond || off > lag+50*time.Millisecond {
					t.Fatalf("after %s the clock is off by %s (lag up to %s)", time.Duration(i)*frame, off, lag)
				}
			}
			taken = taken.Add(frame)
			media += int64(float64(frame) * rate)
		}
	})
}

func TestTimelineUnwraps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]int64{8000, 16000, 48000, 90000}).Draw(t, "rate")
		line := timeline{rate: rate}
		ts := rapid.Uint32().Draw(t, "first")
		now := time.Unix(1e9, 0)
		line.next(ts, now)
		var want int64
		for range rapid.IntRange(1, 200).Draw(t, "units") {
			d := rapid.Int64Range(-rate/2, 4*rate).Draw(t, "step")
			ts += uint32(d)
			want += d
			now = now.Add(time.Second / 20)
			got, jumped := line.next(ts, now)
			if jumped || got != want {
				t.Fatalf("%d (jumped %v), want %d", got, jumped, want)
			}
		}
	})
}

func TestNanosAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Int64Range(8000, 192000).Draw(t, "rate")
		ticks := rapid.Int64Range(-1<<40, 1<<40).Draw(t, "ticks")
		ns := nanos(ticks, rate)
		if back := ticksOf(ns, rate); back < ticks-1 || back > ticks+1 {
			t.Fatalf("%d ticks at %d are %d ns are %d ticks", ticks, rate, ns, back)
		}
	})
}
