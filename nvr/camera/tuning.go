package camera

import "time"

// tuning holds the times that a session goes by. Tests shorten them; everybody else uses defaultTuning.
type tuning struct {
	dial      time.Duration // for the TCP connection
	handshake time.Duration // from the TCP connection to the answer to PLAY
	answer    time.Duration // for one answer of the camera; also gortsplib's limit for silence of a connection

	noPicture  time.Duration // a session without a complete picture for this long is over
	noKeyFrame time.Duration // the same for a key frame that is waited for
	hole       time.Duration // a loss that costs pictures for longer than this ends the run
	awaitSound time.Duration // how long the first key frame waits to learn whether there is sound
	tick       time.Duration // how often a session looks after itself

	retryMin, retryMax   time.Duration // bounds of the growing range from which a delay is drawn
	retryReturn          time.Duration // the bound for a while, and when another camera is back
	retryHold            int           // for how many tries it does not grow beyond that
	deniedMin, deniedMax time.Duration // the same after a wrong password
	settled              time.Duration // online for this long, a camera starts again at retryMin
}

var defaultTuning = tuning{
	dial:        5 * time.Second,
	handshake:   15 * time.Second,
	answer:      10 * time.Second,
	noPicture:   10 * time.Second,
	noKeyFrame:  60 * time.Second,
	hole:        5 * time.Second,
	awaitSound:  500 * time.Millisecond,
	tick:        time.Second,
	retryMin:    500 * time.Millisecond,
	retryMax:    30 * time.Second,
	retryReturn: 4 * time.Second,
	retryHold:   64,
	deniedMin:   30 * time.Second,
	deniedMax:   5 * time.Minute,
	settled:     time.Minute,
}
