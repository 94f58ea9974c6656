package event

import (
	"math"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/index"
)

// Forecast is what settings would have made of the looks of some time.
type Forecast struct {
	Events int               // at the settings' own sensitivity
	Levels [media.Levels]int // at each of the others, media.LevelSensitivity, all else being the same
}

// Foretell says how many events other settings would have made of what was seen. Marks are in the order of time. What was
// masked then was not seen, and is none now.
func Foretell(marks []storage.Mark, s media.MotionSettings) Forecast {
	m := newMap(s)
	least := make([]float64, len(marks)) // the least sensitivity of the picture at which each counts; 2: none
	for i, mark := range marks {
		least[i] = m.least(mark)
	}
	count := func(sensitivity float64) (n int) {
		const exact = 1e-9
		var begun, last storage.Mark
		for i, mark := range marks {
			if least[i] > sensitivity+exact {
				continue
			}
			if n == 0 || !together(last, mark) || mark.At.Sub(begun.At) >= MaxLength {
				n++
				begun = mark
			}
			last = mark
		}
		return n
	}
	f := Forecast{Events: count(s.Sensitivity)}
	for i := range f.Levels {
		f.Levels[i] = count(media.LevelSensitivity(i))
	}
	return f
}

// together says whether two marks are of one visit: as Book does, but to ten seconds.
func together(a, b storage.Mark) bool {
	const one = index.MarkSeconds * time.Second
	switch gap := b.At.Sub(a.At); {
	case gap <= one: // on average what moves in neighbouring stretches is ten seconds apart
		return true
	case gap < BackWithin+one:
		return near(a.Where, b.Where)
	case gap < StayWithin+one:
		return inside(a.Where) && near(a.Where, b.Where)
	}
	return false
}

// The picture as a forecast sees it: cells small enough for what an owner draws.
const (
	mapW = 64
	mapH = 36
)

// picture says of each cell what the settings make of it.
type picture struct {
	settings media.MotionSettings
	masked   [mapW * mapH]bool
	zones    [mapW * mapH]uint64
}

func newMap(s media.MotionSettings) *picture {
	m := &picture{settings: s}
	for _, p := range s.Masks {
		m.fill(p, func(i int) { m.masked[i] = true })
	}
	for n, z := range s.Zones[:min(len(s.Zones), media.MaxZones)] {
		m.fill(z.Polygon, func(i int) { m.zones[i] |= 1 << n })
	}
	return m
}

func (m *picture) fill(p media.Polygon, set func(int)) {
	for y := range mapH {
		for x := range mapW {
			if p.Holds(media.Point{(float64(x) + 0.5) / mapW, (float64(y) + 0.5) / mapH}) {
				set(y*mapW + x)
			}
		}
	}
}

// least is the least sensitivity of the whole picture at which a mark counts; 2 where it never does.
func (m *picture) least(k storage.Mark) float64 {
	const never = 2
	var zones uint64
	cells, seen, inside := 0, 0, 0
	x0, x1 := int(k.Where.X*mapW), int(math.Ceil((k.Where.X+k.Where.W)*mapW))
	y0, y1 := int(k.Where.Y*mapH), int(math.Ceil((k.Where.Y+k.Where.H)*mapH))
	for y := max(y0, 0); y < min(max(y1, y0+1), mapH); y++ {
		for x := max(x0, 0); x < min(max(x1, x0+1), mapW); x++ {
			cells++
			if i := y*mapW + x; !m.masked[i] {
				seen++
				if zones |= m.zones[i]; m.zones[i] != 0 {
					inside++
				}
			}
		}
	}
	if seen == 0 || 5*seen < cells { // what little of it a mask leaves is but the frame's corners
		return never
	}
	needs := media.LevelSensitivity(k.Reach - 1)
	size := k.Where.W * k.Where.H
	outside := 2*inside < seen // most of it lies in no zone
	counts := zones == 0 || outside
	if m.settings.OnlyZones && len(m.settings.Zones) > 0 {
		counts = false
	}
	own := math.Inf(-1)
	for i, z := range m.settings.Zones[:min(len(m.settings.Zones), media.MaxZones)] {
		if zones&(1<<i) == 0 || size < z.MinSize {
			continue
		}
		counts = true
		if z.Sensitivity != nil {
			own = max(own, *z.Sensitivity)
		}
	}
	switch {
	case !counts:
		return never
	case own >= needs:
		return 0
	case !math.IsInf(own, -1) && !outside: // a zone that is less sensitive than this needs
		return never
	}
	return needs
}
