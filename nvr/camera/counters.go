package camera

import "sync/atomic"

// Counters is what a stream did since the program started; for metrics.
type Counters struct {
	Packets     uint64 `json:"packets"`      // RTP packets received
	Bytes       uint64 `json:"bytes"`        // payload of these
	Units       uint64 `json:"units"`        // pictures passed on
	AudioUnits  uint64 `json:"audio_units"`  // packets of sound passed on
	Lost        uint64 `json:"lost"`         // RTP packets that did not arrive
	Dropped     uint64 `json:"dropped"`      // pictures left out: damaged, or waiting for a key frame after a loss
	Errors      uint64 `json:"errors"`       // packets that could not be read
	AudioErrors uint64 `json:"audio_errors"` // packets of sound that could not be read
	Runs        uint64 `json:"runs"`         // runs begun
	Sessions    uint64 `json:"sessions"`     // RTSP sessions that came to play
	Reads       uint64 `json:"reads"`        // times that data was fetched from the kernel (TCP)
	Failures    uint64 `json:"failures"`     // tries to connect that failed, and sessions that broke
}

// tally is Counters under way. Each field has one writer at a time; readers come from anywhere.
type tally struct {
	packets, bytes, units, audioUnits, lost, dropped, errors, audioErrors, runs, sessions, reads, failures atomic.Uint64
}

func (t *tally) counters() Counters {
	return Counters{
		Packets: t.packets.Load(), Bytes: t.bytes.Load(), Units: t.units.Load(), AudioUnits: t.audioUnits.Load(),
		Lost: t.lost.Load(), Dropped: t.dropped.Load(), Errors: t.errors.Load(), AudioErrors: t.audioErrors.Load(),
		Runs: t.runs.Load(), Sessions: t.sessions.Load(), Reads: t.reads.Load(),
		Failures: t.failures.Load(),
	}
}
