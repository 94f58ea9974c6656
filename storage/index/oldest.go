package index

import (
	"hearth/nvr/media"
	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

const (
	// longestFile is what a file of footage stays far below; only the one before a time may reach over it from further away.
	longestFile = microsPerHour
	oldestAhead = 16 // rows of a line that are read at once
)

// queue is what comes next of a line.
type queue struct {
	line segment.Line
	from int64 // start of what is to be read next
	rows []Row
	done bool // there is nothing more to be read
}

// Oldest gives footage, oldest first: of one camera, or, with the zero ID, of all, from what ended at a time in
// microseconds on. Each line is in the order of starts; of the lines, the one comes next whose next file ended first. It
// goes on until each returns false. Files that were not checkpointed yet are not among it. each runs outside of any
// transaction and may write.
func (x *Index) Oldest(camera media.CameraID, since int64, each func(Row) bool) error {
	var queues []*queue
	err := x.db.View(func(tx *layer.Tx) error {
		for _, l := range linesOf(tx) {
			if l.Stream == segment.Pack || !camera.IsZero() && l.Camera != camera {
				continue
			}
			q := &queue{line: l, from: max(since, -1<<62) - longestFile}
			if r, ok := walkRows(tx, l).upTo(since); ok {
				q.from = min(q.from, r.Start)
			}
			queues = append(queues, q)
		}
		return nil
	})
	for err == nil {
		if err = x.fill(queues, since); err != nil {
			break
		}
		for {
			var next *queue
			for _, q := range queues {
				if len(q.rows) > 0 && (next == nil || q.rows[0].End < next.rows[0].End) {
					next = q
				}
			}
			if next == nil {
				return nil
			}
			r := next.rows[0]
			next.rows = next.rows[1:]
			if !each(r) {
				return nil
			}
			if len(next.rows) == 0 && !next.done {
				break
			}
		}
	}
	return err
}

// fill reads what comes next of the lines of which nothing is left.
func (x *Index) fill(queues []*queue, since int64) error {
	return x.db.View(func(tx *layer.Tx) error {
		for _, q := range queues {
			if len(q.rows) > 0 || q.done {
				continue
			}
			w := walkRows(tx, q.line)
			r, ok := w.from(q.from)
			for ; ok && len(q.rows) < oldestAhead; r, ok = w.next(r) {
				if q.from = r.Start + 1; r.End >= since {
					q.rows = append(q.rows, r)
				}
			}
			q.done = !ok
		}
		return nil
	})
}
