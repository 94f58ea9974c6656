package segment

import (
	"testing"

	"pgregory.net/rapid"

	"hearth/nvr/media"
)

func TestNames(t *testing.T) {
	for name, want := range map[string]Name{
		"1790000000000000.open":           {Start: 1790000000000000, Open: true},
		"1790000000000000.sub.open":       {Stream: media.Sub, Start: 1790000000000000, Open: true},
		"1790000000000000-600000.seg":     {Start: 1790000000000000, Duration: 600000},
		"1790000000000000-600000.sub.seg": {Stream: media.Sub, Start: 1790000000000000, Duration: 600000},
		"1790000000000000-86400000.pack":  {Stream: Pack, Start: 1790000000000000, Duration: 86400000},
		"1790000000000000.pack.open":      {Stream: Pack, Start: 1790000000000000, Open: true},
	} {
		if got, ok := ParseName(name); !ok || got != want || got.String() != name {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "key", ".seg", "1.seg", "1-2.open", "1-2", "a-1.seg", "1-.seg", "01-2.seg", "1-2.seg.bak", "1-2.seg~", "+1-2.seg"} {
		if got, ok := ParseName(name); ok {
			t.Errorf("%q was taken for %+v", name, got)
		}
	}
}

func TestNamesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Name{
			Stream: media.Stream(rapid.IntRange(0, 2).Draw(t, "stream")),
			Start:  rapid.Int64Range(0, 1<<55).Draw(t, "start"), Open: rapid.Bool().Draw(t, "open"),
		}
		if !n.Open {
			n.Duration = rapid.Int64Range(0, 1<<40).Draw(t, "duration")
		}
		if got, ok := ParseName(n.String()); !ok || got != n {
			t.Fatalf("%+v: %+v, %v", n, got, ok)
		}
	})
}
