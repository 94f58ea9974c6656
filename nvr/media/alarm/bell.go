package alarm

import (
	"log/slog"
	"maps"
	"sync"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/sabotage"
)

// Place is where a mix-up was found.
type Place string

// The places that look for mix-ups.
const (
	Disk      Place = "disk"      // a file, an index row or a thumbnail
	Footage   Place = "footage"   // what was read for playback or an export
	Events    Place = "events"    // an event, or a list of them
	Key       Place = "key"       // a camera's key
	Recording Place = "recording" // what comes from a camera, on its way to the disk
	Live      Place = "live"      // the same, on its way to who watches
	Worker    Place = "worker"    // the same on its way to the look for motion, and what comes back
	News      Place = "news"      // what is told to open pages
	Door      Place = "door"      // a request and who it is from
	Password  Place = "password"  // a camera's sealed password
)

// Alarm is one find. Camera is whose place it was found in.
type Alarm struct {
	Place  Place
	Camera media.CameraID
	What   string
}

const (
	// again is how soon the same of a camera makes another line. All are counted.
	again   = time.Second
	maxLast = 1024
)

// Bell is where alarms are told. The zero Bell and nil are ready; nil does not count.
type Bell struct {
	Log *slog.Logger // nil: slog.Default()

	mu     sync.Mutex
	counts map[Place]uint64
	last   map[key]time.Time // of the last line
	listen func(Alarm)
}

type key struct {
	place  Place
	camera media.CameraID
	what   string
}

// Same says whether got, the camera that something says it is of, is the one whose place it is in. If not it rings.
func (b *Bell) Same(place Place, want, got media.CameraID, what string) bool {
	if got == want || sabotage.Blind(string(place)) {
		return true
	}
	b.Ring(place, want, what, "is_of", got)
	return false
}

// Ring tells that what, in words, happened in a place of a camera. args are for the log line.
func (b *Bell) Ring(place Place, camera media.CameraID, what string, args ...any) {
	log := slog.Default()
	if b != nil {
		if b.Log != nil {
			log = b.Log
		}
		tell, listen := b.count(key{place, camera, what})
		if !tell {
			return
		}
		if listen != nil {
			defer listen(Alarm{Place: place, Camera: camera, What: what})
		}
	}
	log.Error("ALARM: "+what+"; it is not shown", append([]any{"place", place, "camera_id", camera}, args...)...)
}

// count counts an alarm, and says whether it makes a line.
func (b *Bell) count(k key) (tell bool, listen func(Alarm)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts == nil {
		b.counts, b.last = make(map[Place]uint64), make(map[key]time.Time)
	}
	b.counts[k.place]++
	now := time.Now()
	if t, ok := b.last[k]; ok && now.Sub(t) < again && !now.Before(t) {
		return false, nil
	}
	if len(b.last) >= maxLast {
		clear(b.last)
	}
	b.last[k] = now
	return true, b.listen
}

// Listen has f told of each alarm that makes a line, in the goroutine that found it: f must not wait.
func (b *Bell) Listen(f func(Alarm)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listen = f
}

// Counts gives how many alarms each place has found since the start of the process.
func (b *Bell) Counts() map[Place]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.counts)
}
