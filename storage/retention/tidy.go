package retention

import (
	"fmt"
	"math"
	"time"

	"hearth/nvr/media"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

// tidy lets events, thumbnails and the rest of the index go with the footage that they belong to, and folds the ledger's
// pages of days that are gone. A camera without footage keeps its events.
func (k *Keeper) tidy() error {
	if k.trimmed == nil {
		k.trimmed, k.folded = make(map[media.CameraID]int64), make(map[media.CameraID]int64)
	}
	cameras, err := k.bytes(k.own, false)
	if err != nil {
		return err
	}
	for camera := range cameras {
		if err := k.trim(camera); err != nil {
			return fmt.Errorf("trim what is kept of camera %s: %w", camera, err)
		}
		now := time.Now().Unix() / 3600
		if k.folded[camera] == now {
			continue
		}
		if err := k.fold(camera); err != nil {
			return fmt.Errorf("fold the ledger of camera %s: %w", camera, err)
		}
		k.folded[camera] = now
	}
	return nil
}

func (k *Keeper) trim(camera media.CameraID) error {
	since, ok, err := k.Index.Since(camera)
	if err != nil {
		return err
	}
	// An event may have no footage because there was none yet, or the disk was full: it does not go at once.
	before := since.Add(-eventSlack).UnixMicro()
	hour := before / time.Hour.Microseconds()
	if !ok || k.trimmed[camera] == hour { // it costs a transaction
		return nil
	}
	for more := true; more; {
		if more, err = k.Index.Trim(camera, before, 1000); err != nil {
			return err
		}
	}
	if err := k.packs(camera, before); err != nil {
		return err
	}
	k.trimmed[camera] = hour
	return nil
}

// eventSlack is how long an event stays after the footage that was recorded at its time.
const eventSlack = time.Hour

// packSlack is how far an event may lie from the pack that keeps its thumbnail: a pack lasts a day, and the events in it
// began then or shortly before.
const packSlack = 24 * time.Hour

// packs lets go of a camera's packs that ended before a time, in microseconds, unless a held event needs them.
func (k *Keeper) packs(camera media.CameraID, before int64) error {
	line := segment.Line{Camera: camera, Stream: segment.Pack}
	for from := int64(math.MinInt64); ; {
		rows, err := k.Index.Written(line, from, batch)
		if err != nil || len(rows) == 0 || rows[0].Start >= before {
			return err
		}
		from = rows[len(rows)-1].Start + 1
		var old []decision
		for _, r := range rows {
			if r.End >= before || r.Volume != k.Volume {
				continue
			}
			events, err := k.Index.EventSpans(camera, r.Start-packSlack.Microseconds(), r.End+packSlack.Microseconds())
			if err != nil {
				return err
			}
			if len(around(events, true)) == 0 {
				old = append(old, decision{row: r, whole: true})
			}
		}
		if _, err := k.act(old, &Freed{}); err != nil {
			return err
		}
	}
}

// settled is how old a day is before its folder may go: nothing is recorded into it any more.
const settled = 48 * time.Hour

// fold moves what the ledger says of days without files to the camera's own page.
func (k *Keeper) fold(camera media.CameraID) error {
	files, key, err := k.Pages(camera)
	if err != nil || key == nil {
		return err
	}
	days, err := files.Days()
	if err != nil {
		return err
	}
	var l *ledger.Ledger
	for _, day := range days {
		begin, err := time.Parse(time.DateOnly, day)
		if err != nil || time.Since(begin) < settled {
			continue
		}
		if any, err := k.any(camera, begin); err != nil {
			return err
		} else if any {
			continue
		}
		if l == nil {
			if l, err = k.ledger(camera); err != nil {
				return err
			}
		}
		if err := k.mend(l, func() error { return l.Fold(day) }); err != nil {
			return err
		}
	}
	since, ok, err := k.Index.Since(camera)
	if err != nil || !ok || l == nil {
		return err
	}
	if err := l.Trim(since.UnixMicro()); err != nil {
		return err
	}
	return l.Write()
}

// any says whether a camera has a file on this volume that began on a day.
func (k *Keeper) any(camera media.CameraID, begin time.Time) (bool, error) {
	from, to := begin.UnixMicro(), begin.AddDate(0, 0, 1).UnixMicro()
	for _, s := range []media.Stream{media.Main, media.Sub, segment.Pack} {
		rows, err := k.Index.Rows(segment.Line{Camera: camera, Stream: s}, from, to)
		if err != nil {
			return false, err
		}
		for _, r := range rows {
			if r.Start >= from && r.Volume == k.Volume {
				return true, nil
			}
		}
	}
	return false, nil
}

var _ Index = (*index.Index)(nil)
