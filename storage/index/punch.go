package index

import (
	"hearth/nvr/media"
	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

// Punched says what was punched out of a file.
type Punched struct {
	Row   Row
	Freed int64 // bytes, more than what the row says already
	Gaps  []Gap // the stretches without footage that this made; From < To
	Pared bool  // the row says so from now on
}

// Punch notes that holes were punched into a file: see PunchAll.
func (x *Index) Punch(r Row, freed int64, gaps []Gap) error {
	return x.PunchAll([]Punched{{Row: r, Freed: freed, Gaps: gaps}})
}

// PunchAll notes in one transaction that holes were punched into files: their rows and the totals say how many bytes
// are left, the gaps are on the timeline, and minutes of which neither stream has footage any more are no minutes with
// footage. Rows that are not checkpointed, or not there any more, are passed over.
func (x *Index) PunchAll(list []Punched) error {
	return x.db.Update(func(tx *layer.Tx) error {
		for _, p := range list {
			punch(tx, p)
		}
		return nil
	})
}

func punch(tx *layer.Tx, p Punched) {
	l := p.Row.Line
	r, ok := getRow(tx, l, p.Row.Start)
	if !ok { // let go of in the meantime
		return
	}
	before := r.Kept()
	r.Freed = min(r.Freed+p.Freed, r.Size) / freedUnit * freedUnit
	r.Pared = r.Pared || p.Pared
	setRow(tx, l, r.Start, &r)
	addTotal(tx, r, r.Kept()-before)
	var spans [][2]int64
	for _, g := range p.Gaps {
		putGap(tx, l, g)
		spans = append(spans, [2]int64{g.From, g.To})
	}
	clearCovered(tx, l.Camera, spans)
}

// clearCovered takes minutes out of a camera's map that touch the spans and of which no file has footage any more.
func clearCovered(tx *layer.Tx, camera media.CameraID, spans [][2]int64) {
	for _, span := range spans {
		from, to := floorDiv(span[0], microsPerMinute)*microsPerMinute, (floorDiv(span[1]-1, microsPerMinute)+1)*microsPerMinute
		if to <= from {
			continue
		}
		var kept [][2]int64
		for _, s := range []media.Stream{media.Main, media.Sub} {
			kept = append(kept, covered(tx, segment.Line{Camera: camera, Stream: s}, from, to)...)
		}
		resetCovered(tx, camera, from, to, kept)
	}
}

// covered gives the spans within from..to of which a line has footage, by its rows and gaps.
func covered(tx *layer.Tx, l segment.Line, from, to int64) (spans [][2]int64) {
	rows := rowsWithin(tx, l, from, to)
	if len(rows) == 0 {
		return nil
	}
	for _, r := range rows {
		spans = append(spans, [2]int64{max(r.Start, from), min(r.End, to)})
	}
	// A gap is noted in the file that it lies in or that begins behind it.
	for _, g := range gapsWithin(tx, l, min(rows[0].Start, from), to) {
		if g.To <= g.From {
			continue
		}
		var left [][2]int64
		for _, s := range spans {
			if g.From > s[0] {
				left = append(left, [2]int64{s[0], min(g.From, s[1])})
			}
			if g.To < s[1] {
				left = append(left, [2]int64{max(g.To, s[0]), s[1]})
			}
		}
		spans = left
	}
	return spans
}
