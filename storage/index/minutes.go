package index

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
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

func putMotion(tx *bbolt.Tx, k hourOf, levels [60]byte) error {
	b := tx.Bucket([]byte(minutesBucket))
	key := counted(k.camera, k.hour)
	if old := b.Get(key); len(old) == 60 {
		for i, v := range old {
			levels[i] = max(levels[i], v)
		}
	}
	if err := b.Put(key, levels[:]); err != nil {
		return err
	}
	day := floorDiv(k.hour, 24)
	return putBits(tx, k.camera, day, func(bits []byte) {
		for i, v := range levels {
			if v > 0 {
				set(bits[bitmapSize:], int(k.hour-day*24)*60+i)
			}
		}
	})
}

func putCovered(tx *bbolt.Tx, camera media.CameraID, from, to int64) error {
	if to <= from {
		return nil
	}
	first, last := floorDiv(from, microsPerMinute), floorDiv(to-1, microsPerMinute)
	for m := first; m <= last; {
		day := floorDiv(m, minutesPerDay)
		end := min(last+1, (day+1)*minutesPerDay)
		if err := putBits(tx, camera, day, func(bits []byte) {
			for i := m; i < end; i++ {
				set(bits[:bitmapSize], int(i-day*minutesPerDay))
			}
		}); err != nil {
			return err
		}
		m = end
	}
	return nil
}

// resetCovered takes the minutes from..to, both at the full minute, out of a camera's map but for those of the spans.
func resetCovered(tx *bbolt.Tx, camera media.CameraID, from, to int64, kept [][2]int64) error {
	first, last := floorDiv(from, microsPerMinute), floorDiv(to, microsPerMinute)
	for m := first; m < last; {
		day := floorDiv(m, minutesPerDay)
		end := min(last, (day+1)*minutesPerDay)
		if tx.Bucket([]byte(daysBucket)).Get(counted(camera, day)) != nil {
			if err := putBits(tx, camera, day, func(bits []byte) {
				for i := m; i < end; i++ {
					reset(bits[:bitmapSize], int(i-day*minutesPerDay))
				}
			}); err != nil {
				return err
			}
		}
		m = end
	}
	for _, span := range kept {
		if err := putCovered(tx, camera, span[0], span[1]); err != nil {
			return err
		}
	}
	return nil
}

func reset(bits []byte, i int) { bits[i/8] &^= 0x80 >> (i % 8) }

func set(bits []byte, i int) { bits[i/8] |= 0x80 >> (i % 8) }

func putBits(tx *bbolt.Tx, camera media.CameraID, day int64, change func(bits []byte)) error {
	b := tx.Bucket([]byte(daysBucket))
	bits := make([]byte, 2*bitmapSize)
	copy(bits, b.Get(counted(camera, day)))
	change(bits)
	return b.Put(counted(camera, day), bits)
}

// Day gives a camera's minutes of a day since 1970, UTC: 180 bytes each, a bit per minute, the first minute the
// highest bit, for footage and for motion.
func (x *Index) Day(camera media.CameraID, day int64) (footage, motion []byte, err error) {
	bits := make([]byte, 2*bitmapSize)
	err = x.db.View(func(tx *bbolt.Tx) error {
		copy(bits, tx.Bucket([]byte(daysBucket)).Get(counted(camera, day)))
		return nil
	})
	return bits[:bitmapSize], bits[bitmapSize:], err
}

// Motion calls each for every minute with motion in from..to, in order; minute begins at a time in microseconds.
func (x *Index) Motion(camera media.CameraID, from, to int64, each func(minute int64, score float64)) error {
	hours := make(map[int64][60]byte)
	first, last := max(floorDiv(from, microsPerHour), 0), floorDiv(to, microsPerHour)
	err := x.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(minutesBucket)).Cursor()
		for k, v := c.Seek(counted(camera, first)); len(k) == 20 && media.CameraID(k[:16]) == camera; k, v = c.Next() {
			hour := int64(binary.BigEndian.Uint32(k[16:]))
			if hour > last {
				break
			}
			if len(v) == 60 {
				hours[hour] = [60]byte(v)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	x.mu.RLock()
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
