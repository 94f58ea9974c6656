package sim

import (
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"hearth/nvr/media"
)

// Camera is one simulated camera. Fill in the exported fields before Server.Run and leave them alone then; Trouble may
// be switched, and the methods called, at any time.
type Camera struct {
	// Name is the path of its address: rtsp://host/Name and rtsp://host/Name/sub. "" is the scene's title in small
	// letters with dashes.
	Name   string
	Number uint16 // in the mark of each picture; 0: its place among the server's cameras, from 1

	// Scene is what it sees; nil is one of the yards, chosen by Number.
	Scene *Scene
	FPS   int // pictures per second of both streams; 0 is 15
	GOP   int // pictures from one key frame to the next; 0 is two seconds
	// BPictures makes every other picture a B-picture (H.264 Main profile).
	BPictures bool
	Main, Sub Video // zero: 1280x720 and 640x360
	NoSub     bool

	// Clip, when set, is played over and over instead of a scene; SubClip likewise for the sub stream, which does
	// not exist without it.
	Clip, SubClip *Clip

	User, Password string // no User: everybody may watch
	Auth           Auth
	Sound          Sound
	NoTCP, NoUDP   bool // refuse a transport with 461

	// Address is one of its own, host:port, where no other camera is: 127.0.1.3:8554, or port 0 for a free one. The path is
	// /stream there, and /stream/sub, so that another camera can answer in its place (Server.Answer); only TCP is offered.
	Address string
	// TLS makes it speak rtsps, at an Address of its own only, with a certificate whose key follows from Serial ("": Name).
	TLS    bool
	Serial string
	// Make is what it says in the Server header; "" is what the library says.
	Make string

	Trouble Trouble

	// OnSent, when set, is told of every picture once its last packet was handed to the network. It does not block.
	OnSent func(Sent)
	// OnLogin, when set, is told of every name that somebody shows with a password, right or wrong. It does not block.
	OnLogin func(user string)

	streams [2]*stream
	home    string      // Address as it is listened on
	tls     *tls.Config // when TLS
}

// Video says how a drawn stream looks.
type Video struct {
	Width, Height int // pixels, even
	QP            int // quantiser; 0 is 27, see h264.Config
	Bitrate       int // bits per second to come near; 0 keeps QP
}

// Sent is a picture that went to at least one watcher.
type Sent struct {
	Stream media.Stream
	Number uint32 // as in its mark
	First  bool   // nobody watched the one before it: a key frame
	At     time.Time
}

// Auth is how a camera checks who watches.
type Auth uint8

// The ways to log in that a camera offers.
const (
	Digest       Auth = iota // Digest with MD5, what nearly every camera does
	Basic                    // password in the clear
	DigestSHA256             // RFC 7616
	BasicOrDigest
)

// Sound is a camera's sound track.
type Sound uint8

// The sound tracks.
const (
	Silent Sound = iota // no track at all
	PCMU                // G.711 μ-law, 8 kHz, a soft tone
	PCMA                // G.711 A-law
	AAC                 // AAC-LC, 16 kHz mono, silence
)

// fill puts defaults in; i is the camera's place in the server.
func (c *Camera) fill(i int) {
	if c.Number == 0 {
		c.Number = uint16(i + 1)
	}
	if c.FPS == 0 {
		c.FPS = 15
	}
	if c.GOP == 0 {
		c.GOP = 2 * c.FPS
	}
	if c.Main.Width == 0 {
		c.Main.Width, c.Main.Height = 1280, 720
	}
	if c.Sub.Width == 0 {
		c.Sub.Width, c.Sub.Height = 640, 360
	}
	if c.Clip != nil && c.SubClip == nil {
		c.NoSub = true
	}
	if c.Scene == nil {
		c.Scene = Yard(int(c.Number) - 1)
	}
	if c.Name == "" {
		c.Name = strings.ReplaceAll(strings.ToLower(c.Scene.Title), " ", "-")
		if c.Clip != nil {
			c.Name = fmt.Sprintf("clip-%d", c.Number)
		}
	}
}

// Count says how many pictures of a stream were sent to at least one watcher.
func (c *Camera) Count(s media.Stream) int64 {
	if st := c.streams[s]; st != nil {
		return st.count.Load()
	}
	return 0
}

// Watchers says how many sessions are playing a stream.
func (c *Camera) Watchers(s media.Stream) int {
	if st := c.streams[s]; st != nil {
		return st.watchers()
	}
	return 0
}

// SentAt says when the last packet of a picture was handed to the network; ok is false when that was not, or too long
// ago (some 4000 pictures).
func (c *Camera) SentAt(s media.Stream, frame uint32) (at time.Time, ok bool) {
	if st := c.streams[s]; st != nil {
		return st.sentAt(frame)
	}
	return time.Time{}, false
}

// TakenAt says when a drawn picture is taken, by the box's clock: what sender reports say while no clock jumps. It is the
// zero time before the server is ready.
func (c *Camera) TakenAt(frame uint32) time.Time {
	st := c.streams[media.Main]
	if st == nil {
		return time.Time{}
	}
	return st.start.Add(st.source.taken(int64(frame)))
}

// Visits lists who passes through a drawn camera's picture from one time to another: the truth that a look for motion
// can be compared with. Ask after Server.Ready. A clip has none.
func (c *Camera) Visits(from, to time.Time) []TimedVisit {
	st := c.streams[media.Main]
	if st == nil || c.Clip != nil {
		return nil
	}
	var visits []TimedVisit
	for _, v := range c.Scene.Spans(from.Sub(st.start), to.Sub(st.start)) {
		visits = append(visits, TimedVisit{Kind: v.Kind, From: st.start.Add(v.From), To: st.start.Add(v.To)})
	}
	return visits
}

// TimedVisit is a Visit by the box's clock.
type TimedVisit struct {
	Kind     string
	From, To time.Time
}
