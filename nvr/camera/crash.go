package camera

import (
	"fmt"
	"log/slog"
	"runtime/debug"
)

// crashed makes a Problem of a panic. What a camera sends is read in goroutines of gortsplib and of the sessions, out
// of the supervisor's reach: a panic there would end the recording of every other camera too.
func crashed(log *slog.Logger, panicked any) *Problem {
	log.Error("what the camera sends could not be handled; its connection is made anew", "panic", panicked)
	log.Debug("where it crashed", "stack", string(debug.Stack()))
	return &Problem{
		Kind:     ErrProtocol,
		Sentence: "The camera sends something that Hearth cannot handle. Its log says more.",
		Detail:   fmt.Sprint(panicked),
	}
}

// contain is deferred where gortsplib hands packets over: a panic ends this session only.
func (r *receiver) contain() {
	if p := recover(); p != nil {
		r.tally.errors.Add(1)
		r.broken.Store(crashed(r.log, p))
	}
}
