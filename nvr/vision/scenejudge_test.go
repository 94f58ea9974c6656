package vision

import (
	"slices"
	"time"

	"hearth/nvr/media"
)

// How scenes are judged, in seconds: as the footage's makers ask for it.
const (
	judgeJoin  = 3  // looks that move so near to each other are one event
	judgeSlack = 2  // around a true span nothing is false
	judgeBegin = 20 // of each scene, in which false seconds are counted by themselves
)

// motionEvent is a stretch of looks that move.
type motionEvent struct{ from, to, noticed float64 }

// judge gives what is to be reported, by its unit.
func (p *showing) judge() map[string]float64 {
	last := p.clip.Units[len(p.clip.Units)-1]
	length := (time.Duration(last.DTS)*time.Second/media.VideoClockRate + time.Second/sceneFPS).Seconds()
	events := p.events()
	v := map[string]float64{
		"true":        float64(len(p.scene.spans)),
		"moves":       p.scene.moves() / length,
		"false/h":     float64(p.falseEvents(events)) / length * 3600,
		"looks/min":   float64(len(p.looks)) / length * 60,
		"skipped":     float64(p.end.Skipped + p.end.Dropped + p.end.Bad),
		"MiB-rss":     float64(p.rss) / (1 << 20),
		"MiB-pss":     float64(p.pss) / (1 << 20),
		"cpu-s/min":   p.cpu(),
		"false-s/min": 0,
		"false-s-20":  0,
	}
	begin, rest := p.falseTime()
	v["false-s-20"] = begin
	if still := p.stillTime(length); still > 0 {
		v["false-s/min"] = rest / still * 60
	}
	found, late, noticed := p.found(events)
	v["found"] = float64(found)
	if len(late) > 0 {
		v["late-s"], v["late-worst-s"] = middle(late), slices.Max(late)
		v["noticed-s"], v["noticed-worst-s"] = middle(noticed), slices.Max(noticed)
	}
	return v
}

// events joins looks.
func (p *showing) events() (all []motionEvent) {
	for _, l := range p.looks {
		if !l.moving {
			continue
		}
		if n := len(all); n > 0 && l.at-all[n-1].to <= judgeJoin {
			all[n-1].to = l.at
		} else {
			all = append(all, motionEvent{l.at, l.at, l.noticed})
		}
	}
	return all
}

// found counts the true spans that an event overlaps. For those with which an event began it says how much later that was,
// and how much later it was noticed; in the others something was seen to move already.
func (p *showing) found(events []motionEvent) (n int, late, noticed []float64) {
	for _, s := range p.scene.spans {
		i := slices.IndexFunc(events, func(e motionEvent) bool { return e.from <= s[1] && e.to >= s[0] })
		if i < 0 {
			continue
		}
		n++
		if e := events[i]; e.from > s[0]-judgeSlack {
			late = append(late, max(0, e.from-s[0]))
			noticed = append(noticed, max(0, e.noticed-s[0]))
		}
	}
	return n, late, noticed
}

func (p *showing) falseEvents(events []motionEvent) (n int) {
	for _, e := range events {
		if !slices.ContainsFunc(p.scene.spans, func(s [2]float64) bool { return e.from <= s[1]+judgeSlack && e.to >= s[0]-judgeSlack }) {
			n++
		}
	}
	return n
}

// falseTime is for how long looks said that something moves outside of the true spans: in the beginning, and after it.
func (p *showing) falseTime() (begin, rest float64) {
	for i, l := range p.looks {
		if !l.moving || p.scene.near(l.at) {
			continue
		}
		lasts := 0.2
		if i+1 < len(p.looks) {
			lasts = p.looks[i+1].at - l.at
		}
		if l.at < judgeBegin {
			begin += lasts
		} else {
			rest += lasts
		}
	}
	return begin, rest
}

// stillTime is how long nothing moves after the beginning, in seconds.
func (p *showing) stillTime(length float64) (still float64) {
	const step = 0.1
	for at := float64(judgeBegin); at < length; at += step {
		if !p.scene.near(at) {
			still += step
		}
	}
	return still
}

// cpu is what the worker used in a minute, from the settled worker's first look to the last one.
func (p *showing) cpu() float64 {
	first := p.looks[len(p.looks)-1]
	for _, l := range p.looks {
		if l.at >= sceneSettle.Seconds() {
			first = l
			break
		}
	}
	last := p.looks[len(p.looks)-1]
	if last.at <= first.at {
		return 0
	}
	return (last.cpu - first.cpu) / (last.at - first.at) * 60
}

func (s scene) near(at float64) bool {
	return slices.ContainsFunc(s.spans, func(v [2]float64) bool { return at >= v[0]-judgeSlack && at <= v[1]+judgeSlack })
}

// moves is for how long something moves, in seconds.
func (s scene) moves() (sum float64) {
	for _, v := range s.spans {
		sum += v[1] - v[0]
	}
	return sum
}

func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}
