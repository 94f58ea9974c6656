package vision

import (
	"time"

	"hearth/nvr/vision/protocol"
)

// WhyStopped is a Status's Why while no process looks.
const WhyStopped = "no pictures come, or it is being started"

const (
	costOver  = 5 * time.Minute
	costEvery = 5 * time.Second // signs of life closer together than this are counted together
)

// Cost is what looking has cost over the last minutes.
type Cost struct {
	Seconds  float64 `json:"seconds" doc:"How long that is: five minutes at most, less after a start"`
	CPU      float64 `json:"cpu" doc:"Seconds of processor time per minute"`
	Received uint64  `json:"received" doc:"Pictures that came"`
	Decoded  uint64  `json:"decoded" doc:"And of them those that were decoded; one that was decoded twice counts twice"`
}

// costs remembers the last minutes of what a process says of itself.
type costs struct{ signs []sign }

type sign struct {
	at                time.Time
	cpu               float64
	received, decoded uint64
}

// add takes a sign of life.
func (c *costs) add(now time.Time, m protocol.Stats) {
	s := sign{now, m.CPU, m.Units, m.Decoded}
	n := len(c.signs)
	if n > 0 {
		if last := c.signs[n-1]; s.cpu < last.cpu || s.received < last.received || s.decoded < last.decoded {
			c.restart() // no process says that of itself twice
			n = 0
		}
	}
	if n > 1 && now.Sub(c.signs[n-2].at) < costEvery {
		n--
	}
	c.signs = append(c.signs[:n], s)
	for len(c.signs) > 2 && now.Sub(c.signs[0].at) > costOver {
		c.signs = append(c.signs[:0], c.signs[1:]...)
	}
}

// restart forgets all, since a new process counts from 0.
func (c *costs) restart() { c.signs = c.signs[:0] }

func (c *costs) cost() Cost {
	if len(c.signs) < 2 {
		return Cost{}
	}
	from, to := c.signs[0], c.signs[len(c.signs)-1]
	passed := to.at.Sub(from.at).Seconds()
	if passed <= 0 {
		return Cost{}
	}
	return Cost{
		Seconds: passed, CPU: (to.cpu - from.cpu) * 60 / passed,
		Received: to.received - from.received, Decoded: to.decoded - from.decoded,
	}
}
