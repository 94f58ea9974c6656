package nvr

import (
	"errors"
	"time"
)

// errPassword says that a camera's password could not be opened.
var errPassword = errors.New("open the password")

// StuckError says, in a sentence for the owner, why a camera that is there does not run. It is an ErrNotRunning.
type StuckError struct {
	Since time.Time
	Text  string
}

// Error implements error.
func (e *StuckError) Error() string { return e.Text }

// Unwrap makes it an ErrNotRunning.
func (*StuckError) Unwrap() error { return ErrNotRunning }

// stuckBy says why a camera did not start.
func stuckBy(err error) *StuckError {
	text := "Its key, or the place of its recordings, could not be opened. The log of the box says more."
	if errors.Is(err, errPassword) {
		text = "The password that is kept for it could not be opened. Type it again in the camera's settings."
	}
	return &StuckError{Since: time.Now(), Text: text}
}
