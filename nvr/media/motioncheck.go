package media

import (
	"fmt"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// leastArea is the least part of the picture that a zone or a mask covers: about a finger's tip.
const leastArea = 0.0005

// MotionError says which part of MotionSettings cannot be, as a path of their JSON names, and why, as a sentence.
type MotionError struct{ Field, Text string }

func (e *MotionError) Error() string { return e.Text }

// Check says what about the settings cannot be, as a *MotionError, or gives nil.
func (s MotionSettings) Check() error {
	if !part(s.Sensitivity) {
		return &MotionError{"sensitivity", "the sensitivity goes from 0 to 1"}
	}
	if len(s.Zones) > MaxZones {
		return &MotionError{"zones", fmt.Sprintf("a camera can have %d zones at most", MaxZones)}
	}
	if len(s.Masks) > MaxZones {
		return &MotionError{"masks", fmt.Sprintf("a camera can have %d masks at most", MaxZones)}
	}
	if s.OnlyZones && len(s.Zones) == 0 {
		return &MotionError{"only_zones", "draw a zone first: without one, nothing would ever count"}
	}
	names := make(map[string]bool)
	for i, z := range s.Zones {
		if err := z.check(fmt.Sprintf("zones[%d]", i)); err != nil {
			return err
		}
		if names[strings.ToLower(z.Name)] {
			return &MotionError{fmt.Sprintf("zones[%d].name", i), "another zone of this camera has that name already"}
		}
		names[strings.ToLower(z.Name)] = true
	}
	for i, m := range s.Masks {
		if text := m.wrong(); text != "" {
			return &MotionError{fmt.Sprintf("masks[%d]", i), text}
		}
	}
	return nil
}

func (z Zone) check(at string) error {
	if n := utf8.RuneCountInString(z.Name); n < 1 || n > MaxName || strings.TrimSpace(z.Name) != z.Name || !utf8.ValidString(z.Name) {
		return &MotionError{at + ".name", "give the zone a name of 1 to 60 characters, without blanks around it"}
	}
	if strings.ContainsFunc(z.Name, unicode.IsControl) {
		return &MotionError{at + ".name", "the zone's name must not hold control characters"}
	}
	if z.Sensitivity != nil && !part(*z.Sensitivity) {
		return &MotionError{at + ".sensitivity", "the zone's sensitivity goes from 0 to 1"}
	}
	if !part(z.MinSize) {
		return &MotionError{at + ".min_size", "the least size is a part of the picture, from 0 to 1"}
	}
	if text := z.Polygon.wrong(); text != "" {
		return &MotionError{at + ".polygon", text}
	}
	return nil
}

func part(v float64) bool { return v >= 0 && v <= 1 }

// wrong says in words why a polygon encloses no area that could be looked at; "" if it does.
func (p Polygon) wrong() string {
	if len(p) < 3 {
		return "an area needs three points at least"
	}
	if len(p) > MaxPoints {
		return fmt.Sprintf("an area can have %d points at most", MaxPoints)
	}
	for _, c := range p {
		if !part(c[0]) || !part(c[1]) {
			return "a point lies outside of the picture: x and y go from 0 to 1"
		}
	}
	if p.crosses() {
		return "the lines around the area cross or touch each other"
	}
	if p.Area() < leastArea {
		return "the area is too small: it covers next to nothing of the picture"
	}
	return ""
}

// Area is the part of the picture that a polygon which does not cross itself encloses, 0 to 1.
func (p Polygon) Area() float64 {
	sum := 0.0
	for i, a := range p {
		b := p[(i+1)%len(p)]
		sum += a[0]*b[1] - b[0]*a[1]
	}
	return math.Abs(sum) / 2
}

// crosses says whether two edges have a point in common, but for the one where neighbours meet.
func (p Polygon) crosses() bool {
	n := len(p)
	for i := range n {
		a, b := p[i], p[(i+1)%n]
		if a == b {
			return true
		}
		for k := i + 1; k < n; k++ {
			c, d := p[k], p[(k+1)%n]
			switch {
			case k == i+1: // b is c: only if d lies on a-b, or a on c-d
				if on(d, a, b) || on(a, c, d) {
					return true
				}
			case i == 0 && k == n-1: // d is a
				if on(c, a, b) || on(b, c, d) {
					return true
				}
			case meet(a, b, c, d):
				return true
			}
		}
	}
	return false
}

// turn is twice the area of the triangle a b c: above zero when it turns right on a screen, below when left.
func turn(a, b, c Point) float64 { return (b[0]-a[0])*(c[1]-a[1]) - (b[1]-a[1])*(c[0]-a[0]) }

// on says whether c lies on the line from a to b.
func on(c, a, b Point) bool {
	return turn(a, b, c) == 0 &&
		min(a[0], b[0]) <= c[0] && c[0] <= max(a[0], b[0]) && min(a[1], b[1]) <= c[1] && c[1] <= max(a[1], b[1])
}

// meet says whether the lines a-b and c-d have a point in common.
func meet(a, b, c, d Point) bool {
	if on(a, c, d) || on(b, c, d) || on(c, a, b) || on(d, a, b) {
		return true
	}
	return turn(a, b, c) > 0 != (turn(a, b, d) > 0) && turn(c, d, a) > 0 != (turn(c, d, b) > 0)
}

// Holds says whether a point lies inside: an odd number of edges lies to its left.
func (p Polygon) Holds(c Point) bool {
	inside := false
	for i, a := range p {
		b := p[(i+1)%len(p)]
		if (a[1] > c[1]) != (b[1] > c[1]) && c[0] < (b[0]-a[0])*(c[1]-a[1])/(b[1]-a[1])+a[0] {
			inside = !inside
		}
	}
	return inside
}
