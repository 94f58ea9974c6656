package index

import (
	"encoding/binary"
	"math"
	"slices"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
)

// Marks say of every ten seconds at which sensitivities something would have moved, and where: what lets one ask what other
// settings would have made of a day. They lie behind the minutes of their camera, an hour in a row of MarksSize bytes
// at most; a row without any says that it was looked, and nothing stirred.

// MarkSeconds is how long a stretch is that has one mark.
const MarkSeconds = 10

// MarksSize is how large the marks of an hour get at most, in bytes. Where they would be larger, stretches share a frame.
const MarksSize = 192

const (
	microsPerMark = MarkSeconds * 1_000_000
	marksPerHour  = 3600 / MarkSeconds
	behindMinutes = math.MaxUint32 // in the place of an hour in the key
)

// Mark is a stretch in which something would have moved.
type Mark struct {
	At    int64        // when it begins, microseconds
	Reach int          // at how many of media.Levels, 1 at least
	Where media.Region // the frame around it
}

// hourMarks are the marks of an hour.
type hourMarks [marksPerHour]mark

type mark struct {
	reach uint8    // 0: nothing
	frame [4]uint8 // left, top, right, bottom, in 255ths of the picture
}

// take adds what was seen in the same stretch.
func (m *mark) take(o mark) {
	switch {
	case o.reach > m.reach:
		*m = o
	case o.reach == m.reach && o.reach > 0:
		m.frame = around(m.frame, o.frame)
	}
}

func around(a, b [4]uint8) [4]uint8 {
	return [4]uint8{min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])}
}

func size(f [4]uint8) int { return (int(f[2]) - int(f[0])) * (int(f[3]) - int(f[1])) }

func frameOf(r media.Region) [4]uint8 {
	part := func(v float64) uint8 { return uint8(min(max(v, 0), 255)) }
	return [4]uint8{
		part(math.Floor(r.X * 255)), part(math.Floor(r.Y * 255)), part(math.Ceil((r.X + r.W) * 255)), part(math.Ceil((r.Y + r.H) * 255)),
	}
}

func (m mark) region() media.Region {
	f := m.frame
	return media.Region{
		X: float64(f[0]) / 255, Y: float64(f[1]) / 255, W: float64(f[2]-min(f[0], f[2])) / 255, H: float64(f[3]-min(f[1], f[3])) / 255, Score: 1,
	}
}

// AddMark remembers a look at a time in microseconds: at how many levels it would have moved, and where. It costs no
// write; the next Checkpoint keeps the highest of each stretch.
func (x *Index) AddMark(camera media.CameraID, at int64, reach int, where media.Region) {
	k := hourOf{camera, floorDiv(at, microsPerHour)}
	x.mu.Lock()
	defer x.mu.Unlock()
	h := x.marks[k]
	if reach <= 0 && (h != nil || x.looked[camera] == k.hour) {
		return
	}
	if h == nil {
		h = new(hourMarks)
		x.marks[k] = h
		x.looked[camera] = k.hour
	}
	h[floorDiv(at, microsPerMark)-k.hour*marksPerHour].take(mark{uint8(min(max(reach, 0), media.Levels)), frameOf(where)})
}

func marksKey(k hourOf) []byte {
	return binary.BigEndian.AppendUint32(counted(k.camera, behindMinutes), uint32(k.hour))
}

func putMarks(tx *layer.Tx, k hourOf, marks hourMarks) {
	key := marksKey(k)
	for i, m := range parseMarks(tx.Get(flat(minutesKind), key)) {
		marks[i].take(m)
	}
	tx.Put(flat(minutesKind), key, marks.marshal())
}

// markRun is some stretches that share a frame.
type markRun struct {
	from, to int // stretches, to is one beyond
	frame    [4]uint8
}

// marshal makes runs of stretches: how far from the end of the run before, how long, its frame, and half a byte for the
// reach of each stretch. When that is too long, runs are joined, those first that lie close and whose frames are alike:
// what suffers is where it was and not how much.
func (h *hourMarks) marshal() []byte {
	var runs []markRun
	for i, m := range h {
		if m.reach == 0 {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1].to == i && runs[n-1].frame == m.frame {
			runs[n-1].to++
			continue
		}
		runs = append(runs, markRun{i, i + 1, m.frame})
	}
	b := h.encode(runs)
	for len(b) > MarksSize && len(runs) > 1 { // a run over the whole hour takes 188
		best, least := 0, math.MaxInt
		for i := range len(runs) - 1 {
			a, c := runs[i], runs[i+1]
			cost := size(around(a.frame, c.frame)) - max(size(a.frame), size(c.frame)) + (c.from-a.to)*255*255/marksPerHour
			if a.frame == c.frame {
				cost = 0 // joined before, when this hour was written the last time: nothing is lost
			}
			if cost < least {
				best, least = i, cost
			}
		}
		runs[best] = markRun{runs[best].from, runs[best+1].to, around(runs[best].frame, runs[best+1].frame)}
		runs = slices.Delete(runs, best+1, best+2)
		b = h.encode(runs)
	}
	return b
}

func (h *hourMarks) encode(runs []markRun) []byte {
	b := make([]byte, 0, 2*MarksSize)
	end := 0
	for _, r := range runs {
		b = binary.AppendUvarint(b, uint64(r.from-end))
		b = binary.AppendUvarint(b, uint64(r.to-r.from))
		b = append(b, r.frame[:]...)
		for i := r.from; i < r.to; i += 2 {
			v := h[i].reach << 4
			if i+1 < r.to {
				v |= h[i+1].reach
			}
			b = append(b, v)
		}
		end = r.to
	}
	return b
}

func parseMarks(b []byte) (h hourMarks) {
	p := parser{b: b}
	for at := 0; len(p.b) > 0; {
		skip, n := p.uvarint(), p.uvarint()
		if p.bad || skip > marksPerHour || n > marksPerHour || at+int(skip+n) > marksPerHour {
			break
		}
		frame := p.take(4)
		reaches := p.take(int(n+1) / 2)
		if p.bad {
			break
		}
		at += int(skip)
		for i := range int(n) {
			reach := reaches[i/2] >> 4
			if i%2 == 1 {
				reach = reaches[i/2] & 15
			}
			if reach > 0 {
				h[at+i] = mark{min(reach, media.Levels), [4]uint8(frame)}
			}
		}
		at += int(n)
	}
	return h
}

// Marks gives the marks of a camera that begin in from..to, in microseconds, in order, and the beginning of the first hour in it
// of which anything is known; 0: of none.
func (x *Index) Marks(camera media.CameraID, from, to int64) (marks []Mark, since int64, err error) {
	first, last := max(floorDiv(from, microsPerHour), 0), floorDiv(to, microsPerHour)
	hours := make(map[int64]hourMarks)
	x.mu.RLock()
	err = x.db.View(func(tx *layer.Tx) error {
		c := tx.Cursor(flat(minutesKind))
		for k, v := c.Seek(marksKey(hourOf{camera, first})); len(k) == 24 && media.CameraID(k[:16]) == camera; k, v = c.Next() {
			hour := int64(binary.BigEndian.Uint32(k[20:]))
			if hour > last {
				break
			}
			hours[hour] = parseMarks(v)
		}
		return nil
	})
	for k, v := range x.marks {
		if k.camera != camera || k.hour < first || k.hour > last {
			continue
		}
		h := hours[k.hour]
		for i := range h {
			h[i].take(v[i])
		}
		hours[k.hour] = h
	}
	x.mu.RUnlock()
	if err != nil {
		return nil, 0, err
	}
	for hour := first; hour <= last && len(hours) > 0; hour++ {
		h, known := hours[hour]
		if !known {
			continue
		}
		if since == 0 {
			since = hour * microsPerHour
		}
		for i, m := range h {
			if at := hour*microsPerHour + int64(i)*microsPerMark; m.reach > 0 && at >= from && at < to {
				marks = append(marks, Mark{at, int(m.reach), m.region()})
			}
		}
	}
	return marks, since, nil
}
