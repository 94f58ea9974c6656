package camera

import "errors"

// What can be wrong with a camera. errors.Is finds these in every error of this package that the owner can do
// something about; the sentence for the owner is in Problem.
var (
	ErrBadAddress       = errors.New("bad camera address")
	ErrUnreachable      = errors.New("camera unreachable")
	ErrNotRTSP          = errors.New("no RTSP server")
	ErrWrongPassword    = errors.New("wrong user name or password")
	ErrForbidden        = errors.New("forbidden by the camera")
	ErrNotFound         = errors.New("no such stream")
	ErrBusy             = errors.New("camera busy")
	ErrRedirected       = errors.New("camera redirects to another host")
	ErrTransport        = errors.New("transport refused by the camera")
	ErrUnsupportedCodec = errors.New("unsupported codec")
	ErrNoVideo          = errors.New("no video")
	ErrNoPicture        = errors.New("no picture")
	ErrNoKeyFrame       = errors.New("no key frame")
	ErrConnectionLost   = errors.New("connection lost")
	ErrProtocol         = errors.New("unexpected answer")
	// ErrOtherCamera says that another device answers in the camera's place, or that it cannot be told whether it does.
	ErrOtherCamera = errors.New("another camera")
)

// Problem is an error with a sentence for the camera's owner: what failed, why, what to do. Its text is free of
// credentials. errors.Is finds its Kind.
type Problem struct {
	Kind     error  // one of this package's Err…
	Sentence string // for the owner
	Detail   string // for a log line: the cause in the words of the part that failed; may be empty
}

// Error gives the sentence.
func (p *Problem) Error() string { return p.Sentence }

// Unwrap gives the kind.
func (p *Problem) Unwrap() error { return p.Kind }

func badAddress(sentence string) error {
	return &Problem{Kind: ErrBadAddress, Sentence: sentence}
}
