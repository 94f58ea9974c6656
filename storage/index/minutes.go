package index

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
)

const (
	microsPerMinute = 60_000_000
	microsPerHour   = 60 * microsPerMinute
	microsPerDay    = 24 * microsPerHour
	minutesPerDay   = 24 * 60
	bitmapSize      = minutesPerDay / 8
)

type hourOf struct {
	camera media.CameraID
	hour   int64 // since 1970
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// counted is a key of a camera and a count of hours or days since 1970.
func counted(camera media.CameraID, n int64) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, 20), camera[:]...), uint32(n))
}

// AddMotion remembers that something moved at a time in microseconds, with a score of 0 to 1. It costs no write; the
// next Checkpoint keeps the highest score of each minute.
func (x *Index) AddMotion(camera media.CameraID, at int64, score float64) {
	level := byte(math.Ceil(max(0, min(1, score)) * 255))
	if level == 0 {
		return
	}
	k := hourOf{camera, floorDiv(at, microsPerHour)}
	minute := floorDiv(at, microsPerMinute) - k.hour*60
	x.mu.Lock()
	defer x.mu.Unlock()
	h := x.motion[k]
	if h == nil {
		h = new([60]byte)
		x.motion[k] = h
	}
	h[minute] = max(h[minute], level)
}

// An hour is kept as a byte per minute, or, when that is shorter, as pairs of minute and level.
func marshalHour(levels [60]byte) []byte {
	var pairs []byte
	for i, v := range levels {
		if v > 0 {
			pairs = append(pairs, byte(i), v)
		}
	}
	if len(pairs) < len(levels) {
		return pairs
	}
	return levels[:]
}

func parseHour(b []byte) (levels [60]byte) {
	if len(b) == len(levels) {
		return [60]byte(b)
	}
	for ; len(b) >= 2; b = b[2:] {
		if int(b[0]) < len(levels) {
			levels[b[0]] = b[1]
		}
	}
	return levels
}

func putMotion(tx *layer.Tx, k hourOf, levels [60]byte) {
	key := counted(k.camera, k.hour)
	for i, v := range parseHour(tx.Get(flat(minutesKind), key)) {
		levels[i] = max(levels[i], v)
	}
	tx.Put(flat(minutesKind), key, marshalHour(levels))
}

// A day is kept as a bit per minute, or, when that is shorter, as runs: how far from the end of the run before, and how
// long, as varints.
func marshalDay(bits *[bitmapSize]byte) []byte {
	runs := make([]byte, 0, bitmapSize)
	end := 0
	for m := 0; m < minutesPerDay; {
		if !isSet(bits[:], m) {
			m++
			continue
		}
		from := m
		for m < minutesPerDay && isSet(bits[:], m) {
			m++
		}
		runs = binary.AppendUvarint(binary.AppendUvarint(runs, uint64(from-end)), uint64(m-from))
		end = m
	}
	if len(runs) < bitmapSize {
		return runs
	}
	return bits[:]
}

func parseDay(b []byte) *[bitmapSize]byte {
	if len(b) == bitmapSize {
		bits := [bitmapSize]byte(b)
		return &bits
	}
	var bits [bitmapSize]byte
	p := parser{b: b}
	for at := uint64(0); len(p.b) > 0; {
		from, n := p.uvarint(), p.uvarint()
		if p.bad || from > minutesPerDay || n > minutesPerDay || at+from+n > minutesPerDay {
			break
		}
		for i := at + from; i < at+from+n; i++ {
			set(bits[:], int(i))
		}
		at += from + n
	}
	return &bits
}

func isSet(bits []byte, i int) bool { return bits[i/8]&(0x80>>(i%8)) != 0 }

func set(bits []byte, i int) { bits[i/8] |= 0x80 >> (i % 8) }

func reset(bits []byte, i int) { bits[i/8] &^= 0x80 >> (i % 8) }

// eachDay changes the minutes first..last-1, counted since 1970, of a camera's map, day by day.
func eachDay(tx *layer.Tx, camera media.CameraID, first, last int64, change func(bits []byte, minute int)) {
	for m := first; m < last; {
		day := floorDiv(m, minutesPerDay)
		end := min(last, (day+1)*minutesPerDay)
		key := counted(camera, day)
		bits := parseDay(tx.Get(flat(daysKind), key))
		for ; m < end; m++ {
			change(bits[:], int(m-day*minutesPerDay))
		}
		if *bits == [bitmapSize]byte{} {
			tx.Delete(flat(daysKind), key)
		} else {
			tx.Put(flat(daysKind), key, marshalDay(bits))
		}
	}
}

func putCovered(tx *layer.Tx, camera media.CameraID, from, to int64) {
	if to > from {
		eachDay(tx, camera, floorDiv(from, microsPerMinute), floorDiv(to-1, microsPerMinute)+1, set)
	}
}

// resetCovered takes the minutes from..to, both at the full minute, out of a camera's map but for those of the spans.
func resetCovered(tx *layer.Tx, camera media.CameraID, from, to int64, kept [][2]int64) {
	eachDay(tx, camera, floorDiv(from, microsPerMinute), floorDiv(to, microsPerMinute), reset)
	for _, span := range kept {
		putCovered(tx, camera, span[0], span[1])
	}
}

// Day gives a camera's minutes of a day since 1970, UTC: 180 bytes each, a bit per minute, the first minute the
// highest bit, for footage and for motion.
func (x *Index) Day(camera media.CameraID, day int64) (footage, motion []byte, err error) {
	footage, motion = make([]byte, bitmapSize), make([]byte, bitmapSize)
	err = x.db.View(func(tx *layer.Tx) error {
		copy(footage, parseDay(tx.Get(flat(daysKind), counted(camera, day)))[:])
		eachHour(tx, camera, day*24, day*24+23, func(hour int64, levels [60]byte) {
			for i, v := range levels {
				if v > 0 {
					set(motion, int(hour-day*24)*60+i)
				}
			}
		})
		return nil
	})
	return footage, motion, err
}

// eachHour calls each for the hours first..last of which there is motion, in order.
func eachHour(tx *layer.Tx, camera media.CameraID, first, last int64, each func(hour int64, levels [60]byte)) {
	c := tx.Cursor(flat(minutesKind))
	for k, v := c.Seek(counted(camera, max(first, 0))); len(k) == 20 && media.CameraID(k[:16]) == camera; k, v = c.Next() {
		hour := int64(binary.BigEndian.Uint32(k[16:]))
		if hour > last {
			return
		}
		each(hour, parseHour(v))
	}
}

// Motion calls each for every minute with motion in from..to, in order; minute begins at a time in microseconds.
func (x *Index) Motion(camera media.CameraID, from, to int64, each func(minute int64, score float64)) error {
	hours := make(map[int64][60]byte)
	first, last := max(floorDiv(from, microsPerHour), 0), floorDiv(to, microsPerHour)
	x.mu.RLock()
	err := x.db.View(func(tx *layer.Tx) error {
		eachHour(tx, camera, first, last, func(hour int64, levels [60]byte) { hours[hour] = levels })
		return nil
	})
	for k, v := range x.motion {
		if k.camera != camera || k.hour < first || k.hour > last {
			continue
		}
		levels := hours[k.hour]
		for i := range levels {
			levels[i] = max(levels[i], v[i])
		}
		hours[k.hour] = levels
	}
	x.mu.RUnlock()
	if err != nil {
		return err
	}
	for _, h := range slices.Sorted(maps.Keys(hours)) {
		for i, v := range hours[h] {
			at := h*microsPerHour + int64(i)*microsPerMinute
			if v > 0 && at < to && at+microsPerMinute > from {
				each(at, float64(v)/255)
			}
		}
	}
	return nil
}
