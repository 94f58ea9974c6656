package camera

import (
	"cmp"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"hearth/nvr/media"
)

// Identity is what one camera is known again by. All its sessions ask it before they send a password, and before they
// pass on a picture; the first that was let in teaches it. Its methods may be called from anywhere.
type Identity struct {
	// keep makes durable what was learned; before is what it was until now. After an error nothing was learned.
	keep func(before, after media.Pins) error

	mu    sync.Mutex
	pins  media.Pins
	found *Finding
}

// Finding is what answered in a camera's place.
type Finding struct {
	Pins    media.Pins // as far as it was found out before the connection was ended
	Doubt   Doubt
	Differs []string // the names (JSON) of the pins that differ, or that cannot be seen
	At      time.Time
}

// Doubt is why what answers is not taken for the camera.
type Doubt string

// The doubts.
const (
	AnotherDevice Doubt = "device" // its key or its card is another
	AnotherMake   Doubt = "make"   // it calls itself otherwise, and there is nothing else to know it by
	Unseen        Doubt = "unseen" // what it was known by cannot be seen from here any more
)

// NewIdentity makes the identity of a camera that is pinned to pins, which may be zero.
func NewIdentity(pins media.Pins, keep func(before, after media.Pins) error) *Identity {
	return &Identity{pins: pins, keep: keep}
}

// Pins gives what the camera is pinned to.
func (i *Identity) Pins() media.Pins {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.pins
}

// Found gives what answered last in the camera's place; nil when the camera itself did.
func (i *Identity) Found() *Finding {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.found == nil {
		return nil
	}
	f := *i.found
	return &f
}

// stage says how much a session knows of who answers.
type stage uint8

const (
	connected stage = iota // the network card
	secured                // the key, if there is one: all that belongs to one device
	heard                  // some of what it says of itself
	described              // all of it
)

// check says whether what a session found so far may be the camera; its error is a *Problem.
func (i *Identity) check(found media.Pins, s stage, at string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.checkLocked(found, s, at)
}

func (i *Identity) checkLocked(found media.Pins, s stage, at string) error {
	doubt, differs := compare(i.pins, found, s)
	if doubt == "" {
		return nil
	}
	i.found = &Finding{Pins: found, Doubt: doubt, Differs: differs, At: time.Now().UTC()}
	return &Problem{Kind: ErrOtherCamera, Sentence: doubt.sentence(at), Detail: "differs: " + strings.Join(differs, ", ")}
}

// learn takes what a session found on a camera that was let in, and that took the password. What is pinned already stays;
// only what the camera says of itself is renewed, while its key or its card vouches for it.
func (i *Identity) learn(found media.Pins, at string, log *slog.Logger) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.checkLocked(found, described, at); err != nil { // the other stream may have taught it something meanwhile
		return err
	}
	i.found = nil
	after := grown(i.pins, found)
	if after == i.pins {
		return nil
	}
	if i.keep != nil {
		if err := i.keep(i.pins, after); err != nil {
			log.Warn("what the camera is known by is not kept; it is tried again with the next connection", "error", err)
			return nil
		}
	}
	i.pins = after
	return nil
}

// compare says why found is not the pinned device, as far as that can be said at a stage, and what differs.
func compare(pins, found media.Pins, s stage) (doubt Doubt, differs []string) {
	vouched := false
	for _, p := range []struct{ name, pinned, found string }{{"tls_key", pins.TLSKey, found.TLSKey}, {"mac", pins.MAC, found.MAC}} {
		switch {
		case p.pinned == "" || p.found == "":
		case p.pinned == p.found:
			vouched = true
		default:
			differs = append(differs, p.name)
		}
	}
	if len(differs) > 0 {
		return AnotherDevice, differs
	}
	if vouched || s < secured {
		return "", nil
	}
	if pins.TLSKey != "" {
		differs = append(differs, "tls_key")
	}
	if pins.MAC != "" {
		differs = append(differs, "mac")
	}
	if len(differs) > 0 {
		return Unseen, differs
	}
	if s < heard {
		return "", nil
	}
	for _, p := range []struct {
		name, pinned, found string
		same, always        bool // always: a camera says it in each session or in none
	}{
		{"server", pins.Server, found.Server, makeOf(pins.Server) == makeOf(found.Server), true},
		{"realm", pins.Realm, found.Realm, pins.Realm == found.Realm, true},
		{"tool", pins.Tool, found.Tool, makeOf(pins.Tool) == makeOf(found.Tool), false},
	} {
		if p.pinned != "" && !p.same && (p.found != "" || p.always && s == described) {
			differs = append(differs, p.name)
		}
	}
	if len(differs) > 0 {
		return AnotherMake, differs
	}
	return "", nil
}

// grown is pins with what they lack, and with what found says of itself now. It is asked for only once compare has
// nothing against found.
func grown(pins, found media.Pins) media.Pins {
	pins.TLSKey = cmp.Or(pins.TLSKey, found.TLSKey)
	pins.MAC = cmp.Or(pins.MAC, found.MAC)
	pins.Server = cmp.Or(found.Server, pins.Server)
	pins.Realm = cmp.Or(found.Realm, pins.Realm)
	pins.Tool = cmp.Or(found.Tool, pins.Tool)
	return pins
}

// makeOf is what of a program's name stays the same when its version changes: "Rtsp Server/3.0" and "Rtsp Server/3.1" are of
// one make, and so are "LIVE555 Streaming Media v2010.08.22" and the same of another day.
func makeOf(name string) string {
	var words []string
	for _, w := range strings.Fields(strings.ToLower(name)) {
		w, _, _ = strings.Cut(w, "/")
		if bare := strings.TrimPrefix(w, "v"); bare != "" && strings.Trim(bare, "0123456789.,-_()") == "" {
			continue
		}
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// sentence says it to the owner.
func (d Doubt) sentence(at string) string {
	const until = "Nothing is recorded or shown under this name until the right camera answers there again or you say on the camera's page that this is the one."
	switch d {
	case AnotherMake:
		return fmt.Sprintf("What answers at %s calls itself otherwise than this camera did: it may be another one. %s", at, until)
	case Unseen:
		return fmt.Sprintf("Hearth cannot tell whether this camera answers at %s: what it was known by cannot be seen from here any more. %s", at, until)
	}
	return fmt.Sprintf("Another device answers at %s than this camera. %s", at, until)
}
