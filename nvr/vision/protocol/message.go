package protocol

import (
	"errors"

	"hearth/nvr/media"
)

// Version is what this package speaks.
const Version = 2

// Bounds of what is accepted, in bytes or entries.
const (
	MaxBody    = 16 << 20
	MaxHead    = 1<<16 - 1
	MaxJPEG    = 8 << 20
	MaxSets    = 16 << 10 // a parameter set or codec configuration
	MaxRegions = 64
	MaxZones   = 64
	MaxName    = 400
	MaxText    = 2000
	MaxWidth   = 8192 // pixels of a picture asked for
)

// ErrMalformed says that the other side broke the protocol.
var ErrMalformed = errors.New("malformed message")

// Kind tells what a message is.
type Kind byte

// What hearth says to the worker, and what the worker answers.
const (
	KindConfig  Kind = 1
	KindMotion  Kind = 2
	KindUnit    Kind = 3
	KindPicture Kind = 4
	KindTask    Kind = 5
	KindWays    Kind = 6

	KindHello   Kind = 65
	KindDecoder Kind = 66
	KindLook    Kind = 67
	KindThumb   Kind = 68
	KindJPEG    Kind = 69
	KindStats   Kind = 70
	KindError   Kind = 71
)

// Message is one of Task, Config, Ways, Motion, Unit, Picture, Hello, Decoder, Look, Thumb, JPEG, Stats and Error.
type Message interface{ kind() Kind }

// Task says for whom the worker works. It is the first thing that hearth says. Each unit then names its Start, and each
// answer with what was seen names all of it: whoever gets what is of another camera, or of an earlier start, uses
// nothing of it.
type Task struct {
	Camera media.CameraID `json:"camera"`
	Start  media.UUID     `json:"start"` // drawn anew with each process
}

// Config begins a run: the units that follow are coded like this. What was kept of an earlier run is forgotten, the
// background of the look for motion is not.
type Config struct {
	Codec  media.Codec `json:"codec"`
	VPS    []byte      `json:"vps,omitempty"`
	SPS    []byte      `json:"sps,omitempty"`
	PPS    []byte      `json:"pps,omitempty"`
	Config []byte      `json:"config,omitempty"`
	Width  int         `json:"width"`
	Height int         `json:"height"`
	// Ways are what may decode besides software, what costs least first: each has proven itself on this machine, and
	// has to prove itself with this stream.
	Ways []Way `json:"ways,omitempty"`
	// Final says that no hardware will decode this stream, not later either: the worker closes itself off from all.
	Final bool `json:"final,omitempty"`
	// Look says whether to look for motion; without it the worker only answers Pictures.
	Look bool `json:"look"`
}

// Ways says what may decode from now on: at the next key frame at which it is at leisure, the worker chooses anew.
type Ways struct {
	Ways  []Way `json:"ways,omitempty"`
	Final bool  `json:"final,omitempty"` // as in Config
}

// Motion changes what counts as motion, from the next look on.
type Motion struct {
	Settings media.MotionSettings `json:"settings"`
}

// Unit is an access unit of the run.
type Unit struct {
	Start media.UUID // of the Task
	At    int64      // when the picture was taken, microseconds since 1970 UTC
	Key   bool
	Data  []byte // as media.AccessUnit.Data
}

// Picture asks for a JPEG of the newest picture. It is answered by a JPEG or an Error of the same ID.
type Picture struct {
	ID    uint64 `json:"id"`
	Width int    `json:"width"` // pixels; 0 is the picture's own
}

// Hello is the first thing that the worker says.
type Hello struct {
	Version int    `json:"version"`
	FFmpeg  string `json:"ffmpeg"`
	Sandbox string `json:"sandbox"` // in words: what is closed
	// Missing says in words what stays open because this kernel cannot close it.
	Missing string `json:"missing,omitempty"`
}

// Decoder says what decodes, after the first picture came out of it.
type Decoder struct {
	Name   string `json:"name"` // "software", "vaapi", "cuda", "v4l2m2m"
	Codec  string `json:"codec"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Why    string `json:"why,omitempty"` // why not hardware, when it was wanted
	// Sandbox and Missing are as in Hello, now that more is closed, or not.
	Sandbox string `json:"sandbox,omitempty"`
	Missing string `json:"missing,omitempty"`
	// Device is which hardware of that name.
	Device string `json:"device,omitempty"`
	// Failed is hardware that decoded until now and does not any more; Why says what it did.
	Failed *Way `json:"failed,omitempty"`
}

// Look is what was seen in one picture.
type Look struct {
	Of      Task           `json:"of"`
	At      int64          `json:"at"`
	Moving  bool           `json:"moving"`
	Score   float64        `json:"score"`
	Regions []media.Region `json:"regions,omitempty"`
	Zones   []string       `json:"zones,omitempty"`
	Spell   uint64         `json:"spell"` // grows with each start of motion, from 0
	// Tamper is what was done to the camera, as motion.Tamper says: "covered", "turned" or "defocused"; "" nothing was.
	Tamper      string `json:"tamper,omitempty"`
	TamperSince int64  `json:"tamper_since,omitempty"` // when it began, at the latest at At
	// Frozen says that the camera shows nothing new.
	Frozen      bool  `json:"frozen,omitempty"`
	FrozenSince int64 `json:"frozen_since,omitempty"` // likewise
	// Reach is at how many media.Levels of sensitivity it would have moved, and Where the frame around that.
	Reach int          `json:"reach,omitempty"`
	Where media.Region `json:"where,omitzero"`
}

// Thumb is a picture of what moves, the best so far of its spell.
type Thumb struct {
	Of     Task         `json:"of"`
	At     int64        `json:"at"`
	Score  float64      `json:"score"`
	Region media.Region `json:"region"`
	Spell  uint64       `json:"spell"`
	JPEG   []byte       `json:"-"`
}

// JPEG answers a Picture.
type JPEG struct {
	Of   Task   `json:"of"`
	ID   uint64 `json:"id"`
	At   int64  `json:"at"`
	JPEG []byte `json:"-"`
}

// Stats is the worker's sign of life, every second or two, also while it works hard.
type Stats struct {
	Mode    string  `json:"mode"` // "waiting", "calm", "watching", "attentive"
	CPU     float64 `json:"cpu"`  // seconds of processor time since it began
	RSS     int64   `json:"rss"`  // bytes at most until now
	Units   uint64  `json:"units"`
	Decoded uint64  `json:"decoded"` // pictures
	Looks   uint64  `json:"looks"`
	Bad     uint64  `json:"bad"`     // units that the decoder could not use
	Skipped uint64  `json:"skipped"` // units passed over because decoding was slower than the camera
	Kept    int     `json:"kept"`    // units kept for a closer look

	Why   string  `json:"why,omitempty"`   // why it is in its mode: one of Whys
	Trust float64 `json:"trust,omitempty"` // how far the sizes of pictures are trusted to foretell motion, 0 to 1
	Hint  string  `json:"hint,omitempty"`  // why they are, or not: one of Hints
	Hints uint64  `json:"hints,omitempty"` // how often one made the worker look
	Right uint64  `json:"right,omitempty"` // and how often something moved then
	Wake  int     `json:"wake,omitempty"`  // units of so many bytes are wanted at once, even while calm; 0: none
}

// Error says in one line what does not work. Without an ID the worker goes on, if it can.
type Error struct {
	ID uint64 `json:"id,omitempty"`
	// Mixed says that something of another camera's worker came in.
	Mixed bool   `json:"mixed,omitempty"`
	Text  string `json:"text"`
	// Failed is hardware that hangs: the worker ends, since nothing else gets it out of there.
	Failed *Way `json:"failed,omitempty"`
}

func (Task) kind() Kind    { return KindTask }
func (Config) kind() Kind  { return KindConfig }
func (Ways) kind() Kind    { return KindWays }
func (Motion) kind() Kind  { return KindMotion }
func (Unit) kind() Kind    { return KindUnit }
func (Picture) kind() Kind { return KindPicture }
func (Hello) kind() Kind   { return KindHello }
func (Decoder) kind() Kind { return KindDecoder }
func (Look) kind() Kind    { return KindLook }
func (Thumb) kind() Kind   { return KindThumb }
func (JPEG) kind() Kind    { return KindJPEG }
func (Stats) kind() Kind   { return KindStats }
func (Error) kind() Kind   { return KindError }
