package storage

import (
	"log/slog"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// What callers decide by.
var (
	// ErrInUse says that another process has the data folder.
	ErrInUse = volume.ErrInUse
	// ErrVolumeMissing says that the folder was in use before but its footage is not there: the disk is not mounted,
	// or it is another one.
	ErrVolumeMissing = volume.ErrMissing
	// ErrDiskAway says that what was asked for lies on a disk that is not there now.
	ErrDiskAway = commit.ErrMissing
	// ErrNotWritable says that the data folder cannot be written.
	ErrNotWritable = volume.ErrNotWritable
	// ErrDropped says that a fragment was not taken because the disk is behind; the gap is recorded.
	ErrDropped = commit.ErrDropped
	// ErrClosed says that the writer or the store was closed, or the camera removed.
	ErrClosed = commit.ErrClosed
	// ErrFull says that the disk is full.
	ErrFull = commit.ErrFull
	// ErrDenied says that the grant is none, not for this, or no longer.
	ErrDenied = access.ErrDenied
	// ErrNotFound says that there is no such event or thumbnail for this grant.
	ErrNotFound = index.ErrNotFound
	// ErrCursor says that a cursor is none that Events gave.
	ErrCursor = index.ErrCursor
	// ErrForged says that bytes on the disk are not what this camera's key sealed there: a file or an index row in the
	// wrong place, or changed. It is an alarm, never a picture.
	ErrForged = segment.ErrForged
)

// Options say where a Store lives and what it may use.
type Options struct {
	Dir        string        // the data folder; made if it is not there
	LimitBytes int64         // footage of all cameras together; 0: only the free-space floor limits it
	Log        *slog.Logger  // nil: slog.Default()
	BoxKey     []byte        // the box's key, where the caller has it from systemd; nil: it is looked for
	Tick       time.Duration // how often fragments are made durable; 0: 1 s, or 2 s on a disk that turns

	disk func(*commit.Folder) commit.Disk // tests put a failing one before the real one
}

// Fragment is at most a second of a stream, cut at every key frame, as the recorder hands it over.
type Fragment = commit.Fragment

// StreamWriter takes one stream of one camera. Nothing in it waits for the disk.
type StreamWriter = commit.Writer

// Piece is one fragment as it comes back out.
type Piece struct {
	Init []byte // ftyp+moov: set on the first piece and whenever the run or its parameters change
	Run  media.UUID
	// Tracks are those of the run, video first.
	Tracks        []media.Track
	Start         time.Time // wall clock at DTS, UTC
	DTS, Duration int64     // 90 kHz ticks since the start of the run
	Key           bool
	Data          []byte // moof+mdat; the receiver's to keep
	Origin        Origin
}

// Timeline is what there is of one camera between two times.
type Timeline struct {
	Spans  []Span   `json:"spans"`
	Motion []Motion `json:"motion"`
	Gaps   []Gap    `json:"gaps"`
	// Unsure are the stretches of what was recorded before the box knew the time, as after a start without a network.
	Unsure []Span `json:"unsure,omitempty"`
	// Twice are the stretches that were recorded more than once, because the clock was set back.
	Twice []Twice `json:"twice,omitempty"`
}

// Twice is a stretch that was recorded several times. What was recorded last is what Footage gives; see Beneath.
type Twice struct {
	Span
	Times int `json:"times"`
}

// Span is a stretch with footage.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Motion is a stretch in which something moved; Score is its highest, 0 to 1. Stretches are whole minutes.
type Motion struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Score float64   `json:"score"`
}

// Gap is a stretch without footage between footage, and why.
type Gap struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
}

// Event is something that happened before a camera.
type Event = index.Event

// Chapter is a part of an event.
type Chapter = index.Chapter

// EventFilter says which events to list; zero values do not filter.
type EventFilter = index.EventFilter

// Usage says what the footage takes and how well the disk keeps up.
type Usage struct {
	Cameras map[media.CameraID]CameraUsage
	Bytes   int64         // all footage, thumbnails and event records
	Limit   int64         // Options.LimitBytes
	Free    int64         // on the data folder's volume, for us
	Size    int64         // of that volume
	Floor   int64         // free space that is kept there
	Volumes []VolumeUsage // the data folder first
	Oldest  time.Time
	Days    float64 // of footage that will be kept at the present rate; 0: not known yet
	Full    bool    // recording stands still until there is room

	AtRisk        time.Duration // how old the oldest fragment is that is not on the disk yet
	CommitTime    time.Duration // how long the last commit took, from the first write to the last sync
	CommitTotal   time.Duration
	Commits       uint64
	WriteCalls    uint64
	WrittenBytes  uint64
	Syncs         uint64
	Dropped       uint64 // fragments
	WriteFailures uint64
}

// VolumeUsage is one volume's part of Usage.
type VolumeUsage struct {
	volume.Volume
	// State is "well", "full", or, when nothing can be recorded to it and nothing meant for it goes anywhere else:
	// "missing", "foreign" (another disk lies there) or "read-only".
	State   string
	Problem string    // a sentence with what to do; empty: none
	Since   time.Time // of the trouble
	Bytes   int64     // of footage that the index knows there
	Free    int64
	Size    int64
	Floor   int64
	Full    bool

	AtRisk     time.Duration
	CommitTime time.Duration
}

// CameraUsage is one camera's part of Usage.
type CameraUsage struct {
	Bytes  int64
	Oldest time.Time // zero: nothing kept
	Days   float64   // of footage that will be kept at the present rate; 0: not known yet
	// EventDays is the same for footage around events, which stays as long or longer.
	EventDays float64
	// Dropped counts fragments that were dropped because the disk was behind, since the start of the process.
	Dropped uint64
}
