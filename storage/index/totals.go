package index

import (
	"bytes"
	"encoding/binary"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
)

// totalKey is camera ‖ volume.
func totalKey(r Row) []byte { return append(bytes.Clone(r.Line.Camera[:]), r.Volume) }

func addTotal(tx *layer.Tx, r Row, n int64) {
	if v := tx.Get(flat(totalsKind), totalKey(r)); len(v) == 8 {
		n += int64(binary.BigEndian.Uint64(v))
	}
	tx.Put(flat(totalsKind), totalKey(r), binary.BigEndian.AppendUint64(nil, uint64(max(n, 0))))
}

// VolumeTotals gives the bytes that the cameras' finished files take, by volume: what was punched out of them does not
// count.
func (x *Index) VolumeTotals() (map[uint8]map[media.CameraID]int64, error) {
	totals := make(map[uint8]map[media.CameraID]int64)
	count := func(volume uint8, camera media.CameraID, n int64) {
		if totals[volume] == nil {
			totals[volume] = make(map[media.CameraID]int64)
		}
		totals[volume][camera] += n
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	err := x.db.View(func(tx *layer.Tx) error {
		c := tx.Cursor(flat(totalsKind))
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if len(k) == 17 && len(v) == 8 {
				count(k[16], media.CameraID(k[:16]), int64(binary.BigEndian.Uint64(v)))
			}
		}
		return nil
	})
	for l, list := range x.fresh {
		for _, a := range list {
			count(a.Volume, l.Camera, a.Kept())
		}
	}
	return totals, err
}

// Totals gives the bytes that the cameras' finished files take on all volumes.
func (x *Index) Totals() (map[media.CameraID]int64, error) {
	volumes, err := x.VolumeTotals()
	totals := make(map[media.CameraID]int64)
	for _, cameras := range volumes {
		for camera, n := range cameras {
			totals[camera] += n
		}
	}
	return totals, err
}
