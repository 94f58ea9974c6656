package live

import (
	"time"

	"hearth/nvr/media"
)

// Kind says what a Message is.
type Kind uint8

// The kinds of message.
const (
	// Init begins a run: what was before has ended, and the next Media starts with a key frame.
	Init Kind = iota + 1
	// Media is a fragment: one frame with the sound that came before it, sound alone, or the first one's whole GOP.
	Media
	// Notice is a word for the page: NoticeSlow or NoticeOffline.
	Notice
)

// What a Notice can say.
const (
	// NoticeSlow says that this viewer had to skip again and should change to a smaller stream.
	NoticeSlow = "slow"
	// NoticeOffline says that the camera sends nothing at the moment; an Init follows when it does again.
	NoticeOffline = "offline"
)

// Message is one thing for a viewer, to be sent as it is. Its Data are shared by all viewers and never changed.
type Message struct {
	Kind Kind
	// Camera is whose pictures these are, from the units themselves.
	Camera media.CameraID
	// MIME is what MediaSource is asked with; on an Init.
	MIME string
	// Wall is the box's clock at decoding time zero of the run (Init) or at the fragment's first picture (Media).
	Wall time.Time
	// Key says that a decoder can start with this fragment.
	Key bool
	// Data is ftyp and moov (Init), moof and mdat (Media), or the text of a Notice.
	Data []byte
}
