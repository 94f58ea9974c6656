package retention

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

const second = int64(1_000_000)

// table makes a table of fragments of a second: K and k are 8000 bytes (K: a key frame), N a note, C a checkpoint.
func tableOf(kinds string) (table []segment.Entry) {
	offset, at := int64(segment.HeaderSize), int64(0)
	for _, kind := range "I" + kinds {
		e := segment.Entry{Offset: offset, Length: 8000 - segment.RecordHeaderSize}
		e.Time = at
		switch kind {
		case 'K', 'k':
			e.Type, e.Key, e.Duration = segment.FragRecord, kind == 'K', 90000
			at += second
		case 'I':
			e.Type = segment.InitRecord
		case 'N':
			e.Type, e.Length = segment.NoteRecord, 100
		case 'C':
			e.Type, e.Length = segment.CheckRecord, 100
		}
		offset += e.Size()
		table = append(table, e)
	}
	return table
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		what, kinds string
		keep        []span
		want        []cut
	}{
		{"nothing to keep: all fragments, and what lies between them stays by itself", "NKkkCKkkN", nil, []cut{{2, 9}}},
		{"the group that is touched", "NKkkKkkKkk", []span{{4 * second, 4*second + 1}}, []cut{{2, 5}, {8, 11}}},
		{"up to the very edge of a group", "NKkkKkkKkk", []span{{3 * second, 6 * second}}, []cut{{2, 5}, {8, 11}}},
		{"a microsecond over it", "NKkkKkkKkk", []span{{3*second - 1, 6*second + 1}}, nil},
		{"a file that begins without a key frame", "NkkKkk", []span{{second, second + 1}}, []cut{{4, 7}}},
		{"no fragments", "NNN", nil, nil},
		{"notes behind a group are no reason to split", "NKNKNK", []span{}, []cut{{2, 7}}},
	} {
		if got := plan(tableOf(c.kinds), c.keep); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// Of any file and any events: a fragment is cut when, and only when, no picture of its group is to be kept.
func TestPlanAnyFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := tableOf(rapid.StringOfN(rapid.RuneFrom([]rune("KkkkNC")), 0, 60, -1).Draw(t, "records"))
		for i := 1; i < len(table); i++ { // gaps in the recording
			if rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
				for j := i; j < len(table); j++ {
					table[j].Time += 5 * second
				}
			}
		}
		var events []index.EventSpan
		for range rapid.IntRange(0, 3).Draw(t, "events") {
			from := rapid.Int64Range(-30, 90).Draw(t, "from") * second
			events = append(events, index.EventSpan{
				Start: from, End: from + rapid.Int64Range(0, 20).Draw(t, "length")*second, Held: rapid.Bool().Draw(t, "held"),
			})
		}
		heldOnly := rapid.Bool().Draw(t, "held only")
		keep := around(events, heldOnly)
		for i := 1; i < len(keep); i++ {
			if keep[i].from <= keep[i-1].to {
				t.Fatalf("stretches touch: %v", keep)
			}
		}
		cuts := plan(table, keep)
		for i := 1; i < len(cuts); i++ {
			if cuts[i].from <= cuts[i-1].to {
				t.Fatalf("cuts touch: %v", cuts)
			}
		}

		// The groups again, in a plainer way.
		groups := make(map[int][]int)
		group := -1
		for i, e := range table {
			if e.Type != segment.FragRecord {
				continue
			}
			if e.Key || group < 0 {
				group = i
			}
			groups[group] = append(groups[group], i)
		}
		for _, members := range groups {
			wanted := false
			for _, e := range events {
				if heldOnly && !e.Held {
					continue
				}
				first, last := table[members[0]].Time, table[members[len(members)-1]].End()
				wanted = wanted || first < e.End+10*second && last > e.Start-10*second
			}
			for _, i := range members {
				if in := slices.ContainsFunc(cuts, func(c cut) bool { return i >= c.from && i < c.to }); in == wanted {
					t.Fatalf("record %d: cut %v, wanted %v; %v", i, in, wanted, cuts)
				}
			}
		}
		// What is punched is the fragments of the cuts, and nothing else.
		for i, e := range table {
			in := slices.ContainsFunc(cuts, func(c cut) bool { return i >= c.from && i < c.to }) && e.Type == segment.FragRecord
			punched := slices.ContainsFunc(extents(table, cuts), func(x [2]int64) bool { return e.Offset < x[1] && e.Offset+e.Size() > x[0] })
			if in != punched {
				t.Fatalf("record %d: punched %v, cut %v", i, punched, in)
			}
		}
	})
}

func TestFreedIsWholeBlocks(t *testing.T) {
	for _, c := range []struct {
		extents [][2]int64
		want    int64
	}{
		{[][2]int64{{0, 4096}}, 4096},
		{[][2]int64{{1, 4096}}, 0},
		{[][2]int64{{1, 12287}}, 4096},
		{[][2]int64{{4095, 12289}, {20480, 24576}}, 12288},
		{[][2]int64{{5000, 5001}}, 0},
	} {
		if got := freed(c.extents); got != c.want {
			t.Errorf("%v: %d, want %d", c.extents, got, c.want)
		}
	}
}

// An index that is made again says of a punched file what the one before said.
func TestApply(t *testing.T) {
	table := tableOf("NKkkCKkkKkk")
	a := index.Addition{Covered: [][2]int64{{0, 9 * second}}}
	Apply(&a, table, []ledger.Hole{{From: 2, To: 5, Why: ledger.LetGo}, {From: 6, To: 9, Why: "rust", Damaged: true}})
	if want := freed(extents(table, []cut{{2, 5}})); a.Freed != want || want == 0 {
		t.Errorf("freed %d, want %d", a.Freed, want)
	}
	if !slices.Equal(a.Covered, [][2]int64{{3 * second, 9 * second}}) {
		t.Errorf("covered %v", a.Covered)
	}
	if len(a.Gaps) != 1 || a.Gaps[0] != (index.Gap{From: 0, To: 3 * second, Reason: "let go of"}) {
		t.Errorf("gaps %v", a.Gaps)
	}
	whole := index.Addition{Covered: [][2]int64{{0, 9 * second}}}
	Apply(&whole, table, nil)
	if whole.Freed != 0 || len(whole.Gaps) > 0 || len(whole.Covered) != 1 {
		t.Errorf("%+v", whole)
	}
}
