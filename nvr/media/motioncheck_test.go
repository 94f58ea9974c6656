package media_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hearth/nvr/media"
)

func square() media.Polygon { return media.Polygon{{0.1, 0.1}, {0.4, 0.1}, {0.4, 0.4}, {0.1, 0.4}} }

func zone(name string) media.Zone { return media.Zone{Name: name, Polygon: square()} }

func TestMotionSettingsThatCannotBe(t *testing.T) {
	over := 1.5
	with := func(change func(*media.Zone)) media.MotionSettings {
		z := zone("Door")
		change(&z)
		return media.MotionSettings{Zones: []media.Zone{zone("Gate"), z}}
	}
	shape := func(p media.Polygon) media.MotionSettings {
		return with(func(z *media.Zone) { z.Polygon = p })
	}
	var many media.MotionSettings
	for i := range media.MaxZones + 1 {
		many.Zones = append(many.Zones, zone(fmt.Sprint(i)))
	}
	ring := func(n int) (p media.Polygon) {
		for i := range n {
			sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(n))
			p = append(p, media.Point{0.5 + 0.3*cos, 0.5 + 0.3*sin})
		}
		return p
	}
	for _, c := range []struct {
		what, field string
		s           media.MotionSettings
	}{
		{"sensitivity", "sensitivity", media.MotionSettings{Sensitivity: math.NaN()}},
		{"zones", "zones", many},
		{"masks", "masks", media.MotionSettings{Masks: make([]media.Polygon, media.MaxZones+1)}},
		{"only in none", "only_zones", media.MotionSettings{OnlyZones: true}},
		{"no name", "zones[1].name", with(func(z *media.Zone) { z.Name = "" })},
		{"blanks", "zones[1].name", with(func(z *media.Zone) { z.Name = " Door" })},
		{"long name", "zones[1].name", with(func(z *media.Zone) { z.Name = strings.Repeat("ä", 61) })},
		{"line break", "zones[1].name", with(func(z *media.Zone) { z.Name = "Do\nor" })},
		{"no text", "zones[1].name", with(func(z *media.Zone) { z.Name = "Do\xff" })},
		{"same name", "zones[1].name", with(func(z *media.Zone) { z.Name = "gATE" })},
		{"own sensitivity", "zones[1].sensitivity", with(func(z *media.Zone) { z.Sensitivity = &over })},
		{"least size", "zones[1].min_size", with(func(z *media.Zone) { z.MinSize = -0.1 })},
		{"two points", "zones[1].polygon", shape(square()[:2])},
		{"too many points", "zones[1].polygon", shape(ring(65))},
		{"outside", "zones[1].polygon", shape(media.Polygon{{0.1, 0.1}, {1.1, 0.1}, {0.4, 0.4}})},
		{"no number", "zones[1].polygon", shape(media.Polygon{{0.1, 0.1}, {math.NaN(), 0.1}, {0.4, 0.4}})},
		{"an hourglass", "zones[1].polygon", shape(media.Polygon{{0.1, 0.1}, {0.4, 0.4}, {0.4, 0.1}, {0.1, 0.4}})},
		{"touching itself", "zones[1].polygon", shape(media.Polygon{{0.1, 0.1}, {0.5, 0.1}, {0.5, 0.5}, {0.3, 0.1}, {0.1, 0.5}})},
		{"a spike", "zones[1].polygon", shape(media.Polygon{{0.1, 0.1}, {0.5, 0.1}, {0.3, 0.1}, {0.3, 0.5}})},
		{"a point twice", "zones[1].polygon", shape(media.Polygon{{0.1, 0.1}, {0.1, 0.1}, {0.4, 0.1}, {0.3, 0.5}})},
		{"a line", "zones[1].polygon", shape(media.Polygon{{0.1, 0.1}, {0.2, 0.2}, {0.3, 0.3}})},
		{"a speck", "zones[1].polygon", shape(media.Polygon{{0.1, 0.1}, {0.11, 0.1}, {0.1, 0.11}})},
		{"a mask", "masks[0]", media.MotionSettings{Masks: []media.Polygon{square()[:2]}}},
	} {
		var wrong *media.MotionError
		if err := c.s.Check(); !errors.As(err, &wrong) || wrong.Field != c.field || wrong.Text == "" {
			t.Errorf("%s: %#v, want it about %s", c.what, err, c.field)
		}
	}
	own := 0.0
	fine := media.MotionSettings{Sensitivity: 1, OnlyZones: true, Masks: []media.Polygon{ring(64)}, Zones: []media.Zone{
		{Name: "庭", Polygon: ring(3), Sensitivity: &own, MinSize: 1}, zone("Door"),
	}}
	if err := fine.Check(); err != nil {
		t.Error(err)
	}
}

// A star around its middle does not cross itself. Of points on a circle, every order crosses but the one around it.
func TestCrossing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(4, 12).Draw(t, "points")
		star, circle := make(media.Polygon, n), make(media.Polygon, n)
		order := rapid.Permutation(numbers(n)).Draw(t, "order")
		for i := range n {
			sin, cos := math.Sincos(2 * math.Pi * (float64(i) + rapid.Float64Range(0, 0.4).Draw(t, "turned")) / float64(n))
			far := rapid.Float64Range(0.2, 0.5).Draw(t, "far")
			star[i] = media.Point{0.5 + far*cos, 0.5 + far*sin}
			circle[order[i]] = media.Point{0.5 + 0.4*cos, 0.5 + 0.4*sin}
		}
		if err := (media.MotionSettings{Masks: []media.Polygon{star}}).Check(); err != nil {
			t.Fatalf("a star: %v", err)
		}
		around := true
		for i := range n {
			apart := (order[(i+1)%n] - order[i] + n) % n
			around = around && (apart == 1 || apart == n-1)
		}
		if err := (media.MotionSettings{Masks: []media.Polygon{circle}}).Check(); (err == nil) != around {
			t.Fatalf("order %v: %v", order, err)
		}
	})
}

func numbers(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// Settings that an earlier Hearth wrote are read, and written again as they were.
func TestEarlierSettings(t *testing.T) {
	const earlier = `{"sensitivity":0.5,"zones":[{"name":"Door","polygon":[[0.1,0.1],[0.4,0.1],[0.4,0.4]]}],"masks":[[[0,0],[1,0],[1,0.1]]]}`
	var s media.MotionSettings
	if err := json.Unmarshal([]byte(earlier), &s); err != nil {
		t.Fatal(err)
	}
	if b, err := json.Marshal(s); err != nil || string(b) != earlier {
		t.Errorf("%s, %v", b, err)
	}
	if s.Zones[0].Sensitivity != nil || s.Zones[0].MinSize != 0 || s.OnlyZones {
		t.Errorf("%+v", s)
	}
}
