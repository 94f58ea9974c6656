package nvr

import (
	"context"
	"log/slog"
	"time"

	"github.com/thejerf/suture/v4"
)

// part makes a service for the supervisor out of a name and a Run method.
type part struct {
	name string
	run  func(context.Context) error
}

// Serve implements suture.Service. A part that returns on its own is started again.
func (p part) Serve(ctx context.Context) error { return p.run(ctx) }

func (p part) String() string { return p.name }

// supervisor restarts what fails under it, slower when it fails often, and logs each failure on a line.
func supervisor(name string, log *slog.Logger) *suture.Supervisor {
	return suture.New(name, suture.Spec{
		EventHook: func(e suture.Event) {
			switch e := e.(type) {
			case suture.EventServicePanic:
				log.Error("a part crashed and is started again", "part", e.ServiceName, "panic", e.PanicMsg)
				log.Debug("where it crashed", "part", e.ServiceName, "stack", e.Stacktrace)
			case suture.EventServiceTerminate:
				log.Warn("a part ended and is started again", "part", e.ServiceName, "error", e.Err)
			case suture.EventBackoff:
				log.Warn("a part fails often; waiting before the next start", "part", e.SupervisorName)
			case suture.EventStopTimeout:
				log.Error("a part did not stop in time", "part", e.ServiceName)
			}
		},
		FailureThreshold: 5,
		FailureDecay:     30,
		FailureBackoff:   5 * time.Second,
		Timeout:          10 * time.Second,
	})
}
