package sim

import (
	"sync"
	"time"

	"hearth/nvr/media"
)

// Trouble switches a camera's misbehaviour while it runs. Its zero value is a camera that behaves. What is switched takes
// effect with the next picture; logins at once.
type Trouble struct {
	mu  sync.Mutex
	now troubles
}

// troubles is the state of all switches.
type troubles struct {
	drops          int // how often connections were dropped
	stall, offline bool
	refuse         bool
	bPictures      bool
	reorder, lose  int
	clock, ntp     time.Duration
	size           [2][2]int
	sound          *Sound
}

// Drop closes all connections and sessions of the camera, once. It can be connected to again.
func (t *Trouble) Drop() { t.change(func(n *troubles) { n.drops++ }) }

// Stall keeps connections open and sends nothing more, neither pictures nor sound nor reports.
func (t *Trouble) Stall(on bool) { t.change(func(n *troubles) { n.stall = on }) }

// Offline drops all connections and answers 404 from then on.
func (t *Trouble) Offline(on bool) { t.change(func(n *troubles) { n.offline = on }) }

// RefusePassword answers 401 whatever the password. Sessions that run go on.
func (t *Trouble) RefusePassword(on bool) { t.change(func(n *troubles) { n.refuse = on }) }

// Reorder sends every n-th packet of video after the one that follows it; 0 stops that.
func (t *Trouble) Reorder(n int) { t.change(func(s *troubles) { s.reorder = n }) }

// Lose keeps every n-th packet of video back for good; 0 stops that.
func (t *Trouble) Lose(n int) { t.change(func(s *troubles) { s.lose = n }) }

// Resize changes the size of a drawn stream's pictures from the next one on, which is a key frame with new parameter
// sets; 0, 0 goes back to what the camera was made with. Connections stay.
func (t *Trouble) Resize(s media.Stream, width, height int) {
	t.change(func(n *troubles) { n.size[s] = [2]int{width, height} })
}

// JumpClock moves the camera's clock by d: RTP timestamps, sender reports and the clock in the picture.
func (t *Trouble) JumpClock(d time.Duration) {
	t.change(func(n *troubles) { n.clock += d; n.ntp += d })
}

// JumpNTP moves only the wall clock, in sender reports and in the picture; RTP timestamps run on.
func (t *Trouble) JumpNTP(d time.Duration) { t.change(func(n *troubles) { n.ntp += d }) }

// BPictures makes drawn streams use B-pictures, with a key frame and new parameter sets at the change.
func (t *Trouble) BPictures(on bool) { t.change(func(n *troubles) { n.bPictures = on }) }

// Sound changes the sound track. As with a real camera, whoever is connected is dropped.
func (t *Trouble) Sound(s Sound) { t.change(func(n *troubles) { n.sound = &s }) }

func (t *Trouble) change(f func(*troubles)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.now)
}

func (t *Trouble) current() troubles {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}
