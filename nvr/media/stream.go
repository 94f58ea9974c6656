package media

import (
	"fmt"
	"time"
)

// Stream names which of a camera's streams something belongs to.
type Stream uint8

// A camera's streams. Main is the full picture; Sub is the small one that walls of cameras, phones and the look
// for motion use.
const (
	Main Stream = 0
	Sub  Stream = 1
)

func (s Stream) String() string {
	if s == Sub {
		return "sub"
	}
	return "main"
}

// ParseStream reads "main" or "sub"; "" is Main.
func ParseStream(s string) (Stream, error) {
	switch s {
	case "", "main":
		return Main, nil
	case "sub":
		return Sub, nil
	}
	return 0, fmt.Errorf("stream %q: want main or sub", s)
}

// Codec is a way to code pictures or sound. Its text is what the API and the page show.
type Codec string

// The codecs that Hearth knows. A camera's G.711 is decoded and kept as FLAC, so PCMA and PCMU appear only
// between the camera and package camera.
const (
	H264  Codec = "h264"
	H265  Codec = "h265"
	AV1   Codec = "av1"
	MJPEG Codec = "mjpeg"
	AAC   Codec = "aac"
	Opus  Codec = "opus"
	FLAC  Codec = "flac"
	PCMA  Codec = "pcma"
	PCMU  Codec = "pcmu"
)

// IsVideo says whether the codec makes pictures.
func (c Codec) IsVideo() bool { return c == H264 || c == H265 || c == AV1 || c == MJPEG }

// VideoClockRate is the clock of every video track, in ticks per second (RFC 3551).
const VideoClockRate = 90000

// Track describes one elementary stream within a run. It does not change while the run lasts.
type Track struct {
	Codec     Codec
	ClockRate int // ticks per second of DTS and PTS: 90000 for video, the sample rate for sound

	// Parameter sets without start codes: H.264 has SPS and PPS, H.265 all three.
	VPS, SPS, PPS []byte
	// Config is the AudioSpecificConfig (AAC), the STREAMINFO block body (FLAC) or the sequence header OBU (AV1).
	Config []byte

	Width, Height int // video, pixels as shown
	Channels      int // sound
}

// Run is one uninterrupted stretch of a stream: same session, same parameters, same clock anchor. Its access
// units' DTS start near zero and only rise. A lost connection, a change of parameters, a jump of the camera's clock or a
// step of the box's ends it, and what follows is another run.
type Run struct {
	ID     UUID
	Camera CameraID
	Stream Stream
	Start  time.Time // wall clock (UTC) at DTS 0
	// Trusted says that the box knew the time when the run began.
	Trusted bool
	// ClockWas is what the box's clock would have shown at Start, had nobody set it since the run before; zero if nobody did.
	ClockWas time.Time
	Tracks   []Track // video first; exactly one video track, at most one of sound
}

// AccessUnit is one picture, or one packet of sound, as a camera sent it. Whoever receives one only reads it:
// the same unit goes to the recorder, to the viewers and to the worker.
type AccessUnit struct {
	Camera   CameraID // that sent it; who takes it in for another camera is wrong
	Track    int      // index into Run.Tracks
	DTS, PTS int64    // ticks of the track's clock since Run.Start; PTS >= DTS
	Key      bool     // a decoder can start here; every unit of sound is one
	// Wall is when the picture was taken by the box's clock: Run.Start plus DTS, slewed, never going back in a run.
	Wall time.Time
	// Data is an MP4 sample: H.264 and H.265 as NAL units with a 4-byte big-endian length before each, without
	// parameter sets that the Track already has; otherwise the codec's raw frame (an AV1 temporal unit without delimiter).
	Data []byte
}

// Sink takes a stream as it comes in. The camera calls it from one goroutine and never waits: an implementation
// that falls behind drops, counts and says so, but does not block.
type Sink interface {
	StartRun(run *Run)
	WriteUnit(run *Run, au *AccessUnit)
	// EndRun says why the run ended, in a few words for a gap on the timeline ("connection lost").
	EndRun(run *Run, reason string)
}

// Sinks passes everything on to several sinks, in order.
type Sinks []Sink

// StartRun implements Sink.
func (s Sinks) StartRun(run *Run) {
	for _, k := range s {
		k.StartRun(run)
	}
}

// WriteUnit implements Sink.
func (s Sinks) WriteUnit(run *Run, au *AccessUnit) {
	for _, k := range s {
		k.WriteUnit(run, au)
	}
}

// EndRun implements Sink.
func (s Sinks) EndRun(run *Run, reason string) {
	for _, k := range s {
		k.EndRun(run, reason)
	}
}
