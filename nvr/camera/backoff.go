package camera

import (
	"errors"
	"math/rand/v2"
	"time"
)

// backoff says how long to wait before the next try: a delay drawn evenly from nothing to a bound that doubles with
// each failure ("full jitter"; M. Brooker, Exponential Backoff And Jitter, AWS 2015), so that cameras that failed
// together do not come back together.
type backoff struct {
	tune   *tuning
	random func(n int64) int64 // 0 ≤ result < n; nil is math/rand

	failures, denials int
}

// after gives the delay after a session that ended with err and had pictures for online.
func (b *backoff) after(err error, online time.Duration) time.Duration {
	if online >= b.tune.settled {
		b.failures, b.denials = 0, 0
	}
	if errors.Is(err, ErrWrongPassword) {
		// Cameras lock an account after a handful of wrong passwords: never faster than deniedMin.
		bound := grow(b.tune.deniedMin, b.tune.deniedMax, b.denials)
		b.denials++
		return bound + b.draw(bound/10)
	}
	b.denials = 0
	bound := b.bound()
	b.failures++
	return b.draw(bound)
}

// bound doubles with each failure, stays at retryReturn for retryHold more of them, in which a camera restarts or the power
// is back, and doubles again.
func (b *backoff) bound() time.Duration {
	bound := grow(b.tune.retryMin, b.tune.retryMax, b.failures)
	if bound > b.tune.retryReturn {
		bound = max(b.tune.retryReturn, grow(b.tune.retryMin, b.tune.retryMax, b.failures-b.tune.retryHold))
	}
	return bound
}

// returned gives the delay from when another camera is back that was away as well. What comes after it, if that was not all,
// grows from there again.
func (b *backoff) returned() time.Duration {
	for b.failures > 0 && grow(b.tune.retryMin, b.tune.retryMax, b.failures) > b.tune.retryReturn {
		b.failures--
	}
	return b.draw(b.tune.retryReturn)
}

// away says that the camera failed to come back several times.
func (b *backoff) away() bool { return b.failures >= 3 }

func (b *backoff) draw(bound time.Duration) time.Duration {
	if b.random != nil {
		return time.Duration(b.random(int64(bound) + 1))
	}
	return time.Duration(rand.Int64N(int64(bound) + 1))
}

// grow doubles from low once per step and stops at high.
func grow(low, high time.Duration, steps int) time.Duration {
	d := low
	for range steps {
		if d >= high {
			break
		}
		d *= 2
	}
	return min(d, high)
}
