package retention

import (
	"slices"

	"hearth/nvr/media"
	"hearth/storage/index"
	"hearth/storage/segment"
)

// party is one camera, or several, whose footage goes by its age alone. Of several parties the one that has the most for
// its weight gives first.
type party struct {
	cameras []media.CameraID // none: see any
	any     bool             // all cameras but those in cameras
	weight  float64          // bytes that it should have, in proportion to the other parties
	bytes   int64            // bytes that it has

	lines []*queue
}

func (p *party) has(camera media.CameraID) bool { return slices.Contains(p.cameras, camera) != p.any }

// parties gives every camera with a limit of bytes its own part, and one to all others together: as much for each of them
// as those with limits have in the mean.
func parties(limits map[media.CameraID]Limit, bytes map[media.CameraID]int64) []*party {
	rest := &party{any: true, weight: 1}
	list := []*party{rest}
	var sum float64
	others := 0
	for camera := range bytes {
		if n := limits[camera].Bytes; n > 0 {
			list = append(list, &party{cameras: []media.CameraID{camera}, weight: float64(n), bytes: bytes[camera]})
			rest.cameras = append(rest.cameras, camera)
			sum += float64(n)
			continue
		}
		rest.bytes += bytes[camera]
		others++
	}
	if n := len(list) - 1; n > 0 {
		rest.weight = max(sum/float64(n)*float64(others), 1)
	}
	return list
}

// fullest gives the party that has the most for its weight and has a file to give; nil: none has.
func fullest(list []*party) (best *party) {
	for _, p := range list {
		if p.next() != nil && (best == nil || float64(p.bytes)/p.weight > float64(best.bytes)/best.weight) {
			best = p
		}
	}
	return best
}

// queue is one line's files, oldest first.
type queue struct {
	rows []index.Row
	more func(from int64) ([]index.Row, error)
}

// fill reads on when the queue is empty. It stays so at the end.
func (q *queue) fill(from int64) (err error) {
	if len(q.rows) == 0 {
		q.rows, err = q.more(from)
	}
	return err
}

// next gives the line whose file ended first; nil: there are no more.
func (p *party) next() (best *queue) {
	for _, q := range p.lines {
		if len(q.rows) > 0 && (best == nil || q.rows[0].End < best.rows[0].End) {
			best = q
		}
	}
	return best
}

// take gives the file that ended first. There must be one.
func (p *party) take() (index.Row, error) {
	q := p.next()
	r := q.rows[0]
	q.rows = q.rows[1:]
	return r, q.fill(r.Start + 1)
}

// ahead is how many rows are read at once.
const ahead = 16

// line makes the queue of a line's files on some volumes that ended before a phase's time, from a start on.
func (k *Keeper) line(l segment.Line, on func(uint8) bool, ph phase, from int64) (*queue, error) {
	var known successors
	q := &queue{more: func(from int64) (rows []index.Row, err error) {
		for len(rows) == 0 {
			list, err := k.Index.Written(l, from, ahead)
			if err != nil || len(list) == 0 {
				return nil, err
			}
			for _, r := range list {
				if r.End >= ph.before {
					return rows, nil
				}
				if !on(r.Volume) {
					continue
				}
				if ph.aging && r.Untrusted {
					young, err := known.young(k.Index, r, ph.before)
					if err != nil {
						return nil, err
					}
					if young {
						continue
					}
				}
				rows = append(rows, r)
			}
			from = list[len(list)-1].Start + 1
		}
		return rows, nil
	}}
	return q, q.fill(from)
}
