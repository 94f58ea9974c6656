package web

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestTurnstile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(turnstile, 2)
		leave, err := gate.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gate.enter(t.Context()); err != nil {
			t.Fatal(err)
		}

		began := time.Now()
		if _, err := gate.enter(t.Context()); problemStatus(err) != http.StatusTooManyRequests || time.Since(began) != exportWait {
			t.Errorf("a third: %v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := gate.enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gives up: %v", err)
		}
		time.AfterFunc(5*time.Second, leave)
		if _, err := gate.enter(t.Context()); err != nil {
			t.Errorf("after one left: %v", err)
		}
	})
}
