package check

import (
	"context"
	"fmt"
	"time"

	"hearth/storage/witness"
)

// log holds the audit log against itself and against what the box signed of it.
func (c *check) log() error {
	w := c.witness()
	r, err := w.Check(c.signet.Public())
	if err != nil {
		return err
	}
	for _, f := range r.Findings {
		var m mend
		if f.Lost {
			m = acknowledgeLines(r.After)
		}
		if m == nil {
			c.found(f.Path, nil, "%s", f.Problem)
		} else {
			c.missing(f.Path, m, "%s", f.Problem)
		}
	}
	return nil
}

func (t *tools) witness() witness.Witness {
	w := witness.Witness{Box: t.box}
	for _, p := range t.places {
		w.Places = append(w.Places, witness.Place{ID: p.ID, Dir: p.Path})
	}
	return w
}

// acknowledgeLines signs that lines of the audit log are lost, so that a later check does not tell it again. Nothing brings
// them back.
func acknowledgeLines(after uint64) mend {
	return func(_ context.Context, r *repair) (string, error) {
		if err := r.witness().Acknowledge(r.signet, after, time.Now()); err != nil {
			return "", err
		}
		return fmt.Sprintf("it is noted, and signed, that the lines after %d of the audit log as it was are lost", after), nil
	}
}
