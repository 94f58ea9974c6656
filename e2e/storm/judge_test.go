package storm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// afterlife is how long a stream may go on after a right was taken.
const afterlife = time.Second

// answer is what came back to one request.
type answer struct {
	viewer string
	sess   *session
	asked  string // method and path
	kind   kind
	camera string // that it is about; "" for lists
	verb   rights

	sent, done moment
	status     int
	body       []byte
	cut        bool // the connection broke before the end
}

// kind is what was asked for.
type kind int

// The kinds of answers.
const (
	liveFragment kind = iota
	liveStream
	footageFile
	frameFile
	snapshotFile
	thumbnailFile
	cameraList
	oneCamera
	eventList
	timelineJSON
	newsItem
	kinds
)

var kindNames = [kinds]string{
	"live fragments", "live streams begun or refused", "footage", "frames", "snapshots", "thumbnails", "lists of cameras", "single cameras",
	"lists of events", "timelines", "items of news",
}

// tally is what was judged.
type tally struct {
	answers, pictures, refusals, busy [kinds]atomic.Int64
	broken                            atomic.Int64 // connections that ended without an answer
	cutOff                            atomic.Int64 // streams that ended because a right was taken
}

// judge holds answers against the model. The first that is wrong stops everything.
type judge struct {
	*model
	tally
	// taken says when a picture was taken, by the simulated camera; ok is false if it never was.
	taken func(number uint16, frame uint32) (time.Time, bool)
	stop  func(verdict string)
	seed  uint64

	mu        sync.Mutex
	survivors struct{ seen, taken moment } // how long after the loss of a right the last picture of a stream came, and was taken
}

// wrong writes down a mismatch with all that is known.
func (j *judge) wrong(a *answer, got string) {
	now := j.now()
	name := "nobody"
	if a.sess != nil {
		name = a.sess.person.name
	}
	j.stop(fmt.Sprintf(`MISMATCH at %.3f s, HEARTH_SEED=%d
who:    %s as %s
asked:  %s (verb %v, camera %q), sent %.3f s, answered %.3f s
got:    %d %s
held:
%sbody:   %.600q`,
		now.Seconds(), j.seed, a.viewer, name, a.asked, a.verb, a.camera, a.sent.Seconds(), a.done.Seconds(), a.status, got,
		j.tell(a.sess, a.camera), a.body))
}

// answered judges any answer. It says whether the content is to be looked at: true is an answer that had to be 2xx.
func (j *judge) answered(a *answer) bool {
	j.answers[a.kind].Add(1)
	mayOpen, mustOpen := j.loggedIn(a.sess, a.sent, a.done)
	must := func() bool { return a.camera != "" && j.must(a.sess, a.camera, a.verb, a.sent, a.done) }
	may := func() bool { return a.camera == "" || j.may(a.sess, a.camera, a.verb, a.sent, a.done) }
	switch {
	case a.status == http.StatusUnauthorized:
		j.refusals[a.kind].Add(1)
		if mustOpen {
			j.wrong(a, "refused as nobody although logged in")
		}
	case !mayOpen:
		j.wrong(a, "an answer although logged out")
	case a.status == http.StatusNotFound && !strings.Contains(string(a.body), "urn:hearth:nothing-recorded"):
		j.refusals[a.kind].Add(1)
		// An event may be discarded, so that its absence says nothing.
		if a.kind != thumbnailFile && must() {
			j.wrong(a, "refused although the right was held")
		}
	case a.status == http.StatusTooManyRequests:
		j.busy[a.kind].Add(1)
	case !may():
		j.wrong(a, "an answer without the right")
	case a.status == http.StatusConflict && j.mayBePrivate(a.camera, a.sent, a.done):
		j.busy[a.kind].Add(1)
	case a.status == http.StatusNotFound, a.status == http.StatusServiceUnavailable:
		j.busy[a.kind].Add(1)
	case a.status/100 != 2 && a.status != http.StatusSwitchingProtocols:
		j.wrong(a, "a failure")
	default:
		return true
	}
	j.mentions(a)
	return false
}

// pictured judges pictures that came in an answer about a camera.
func (j *judge) pictured(a *answer, all []seen, err error) {
	if err != nil {
		j.wrong(a, "not the pictures of a camera: "+err.Error())
		return
	}
	number, _ := j.number(a.camera)
	for _, p := range all {
		if p.camera != number {
			j.wrong(a, fmt.Sprintf("picture %d of camera number %d, asked was number %d", p.frame, p.camera, number))
			return
		}
		at, ok := j.taken(p.camera, p.frame)
		switch {
		case !ok:
			j.wrong(a, fmt.Sprintf("picture %d of camera number %d, which was not taken yet", p.frame, p.camera))
			return
		case j.wasPrivate(a.camera, j.at(at)):
			j.wrong(a, fmt.Sprintf("picture %d, taken at %.3f s, while the camera was private", p.frame, j.at(at).Seconds()))
			return
		}
	}
	j.pictures[a.kind].Add(int64(len(all)))
}

// streamed judges a part of a stream that was begun at a.sent and arrived at a.done. A picture is judged by when it was
// taken, so that a machine that is busy with this test does not count against the box.
func (j *judge) streamed(a *answer, all []seen, err error) {
	j.answers[a.kind].Add(1)
	j.pictured(a, all, err)
	if err != nil || len(all) == 0 {
		return
	}
	number, newest := all[0].camera, all[0].frame
	for _, p := range all {
		newest = max(newest, p.frame)
	}
	at, _ := j.taken(number, newest)
	taken := min(max(j.at(at), a.sent), a.done)
	// Until it arrived: who gets the right just now begins with the pictures of a moment ago.
	if !j.may(a.sess, a.camera, a.verb, max(a.sent, taken-afterlife), a.done) {
		j.wrong(a, fmt.Sprintf("picture %d, taken %.3f s, more than %s after the right was lost", newest, taken.Seconds(), afterlife))
		return
	}
	if !j.may(a.sess, a.camera, a.verb, a.done, a.done) {
		last := j.lastHeld(a.sess, a.camera, a.verb, a.done)
		j.mu.Lock()
		j.survivors.seen = max(j.survivors.seen, a.done-last)
		j.survivors.taken = max(j.survivors.taken, taken-last)
		j.mu.Unlock()
	}
}

// ended judges that the box ended a stream for want of the right.
func (j *judge) ended(a *answer) {
	j.cutOff.Add(1)
	if j.must(a.sess, a.camera, a.verb, a.sent, a.done) {
		j.wrong(a, "the stream was ended although the right was held all the time")
	}
}

var identity = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// mentions looks through any text for a word of a camera that the asker has no right to.
func (j *judge) mentions(a *answer) {
	check := func(what, id string) {
		if !j.may(a.sess, id, all, a.sent, a.done) {
			about := *a
			about.camera = id
			j.wrong(&about, fmt.Sprintf("%q is a word of a camera that is not theirs", what))
		}
	}
	for _, id := range identity.FindAllString(string(a.body), -1) {
		j.model.mu.RLock()
		known := j.cameras[id] != nil
		j.model.mu.RUnlock()
		if known {
			check(id, id)
		}
	}
	for _, name := range cameraNames.FindAllString(string(a.body), -1) {
		j.model.mu.RLock()
		id, known := j.byName[name]
		j.model.mu.RUnlock()
		if known {
			check(name, id)
		}
	}
}

// cameraJSON is what is looked at in a camera's JSON.
type cameraJSON struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Verbs []string `json:"verbs"`
}

// listed judges a list of cameras: nothing too much, nothing missing.
func (j *judge) listed(a *answer) {
	var list struct {
		Items []cameraJSON `json:"items"`
	}
	if err := json.Unmarshal(a.body, &list); err != nil {
		j.wrong(a, err.Error())
		return
	}
	got := make(map[string]bool)
	for _, c := range list.Items {
		j.described(a, c)
		got[c.ID] = true
	}
	for _, c := range j.present() {
		if !got[c.id] && j.must(a.sess, c.id, all, a.sent, a.done) {
			about := *a
			about.camera = c.id
			j.wrong(&about, "the camera is missing although a right was held all the time")
		}
	}
}

// described judges a camera's JSON: its name, and each verb.
func (j *judge) described(a *answer, c cameraJSON) {
	about := *a
	about.camera = c.ID
	if !j.may(a.sess, c.ID, all, a.sent, a.done) {
		if j.isBeingAdded(a, c) {
			return
		}
		j.wrong(&about, "a camera that is not theirs")
		return
	}
	if !j.calledSo(c.ID, c.Name, a.sent, a.done) {
		j.wrong(&about, fmt.Sprintf("the camera is called %q", c.Name))
	}
	for v := live; v <= manage; v <<= 1 {
		for _, name := range c.Verbs {
			if name == verbNames[v] && !j.may(a.sess, c.ID, v, a.sent, a.done) {
				j.wrong(&about, "says that one may "+name)
			}
		}
	}
}

// isBeingAdded says that this is the camera whose addition has not been answered yet. Nobody has a right to it but by role.
func (j *judge) isBeingAdded(a *answer, c cameraJSON) bool {
	j.model.mu.RLock()
	defer j.model.mu.RUnlock()
	byRole := !a.sess.person.standing.during(a.sent, a.done, func(st standing, _, _ moment) bool { return st.role == "guest" })
	return byRole && a.sess.narrow == nil && j.cameras[c.ID] == nil && j.adding != "" && j.adding == c.Name
}

// eventJSON is what is looked at in an event's JSON.
type eventJSON struct {
	ID     string `json:"id"`
	Camera string `json:"camera"`
	Thumb  bool   `json:"has_thumb"`
}

// happened judges a list of events; only of wanted, unless that is "".
func (j *judge) happened(a *answer, wanted string) {
	var list struct {
		Items []eventJSON `json:"items"`
	}
	if err := json.Unmarshal(a.body, &list); err != nil {
		j.wrong(a, err.Error())
		return
	}
	for _, e := range list.Items {
		j.event(a, e)
		if wanted != "" && e.Camera != wanted {
			j.wrong(a, "an event of "+e.Camera+", asked was "+wanted)
		}
	}
}

// event judges one event's JSON and remembers whose it is.
func (j *judge) event(a *answer, e eventJSON) {
	about := *a
	about.camera = e.Camera
	if !j.may(a.sess, e.Camera, events, a.sent, a.done) {
		j.wrong(&about, "event "+e.ID+" of a camera whose events are not theirs")
	}
	was, known := "", false
	j.change(func() {
		if was, known = j.events[e.ID]; !known {
			j.events[e.ID] = e.Camera
		}
		if e.Thumb && !j.withThumb[e.ID] {
			j.withThumb[e.ID] = true
			j.thumbs = append(j.thumbs, e.ID)
		}
	})
	if known && was != e.Camera {
		j.wrong(&about, "event "+e.ID+" was told as one of "+was)
	}
}
