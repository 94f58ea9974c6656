package camera

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"unicode"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/headers"

	"hearth/nvr/media"
)

// who is what a session finds out about who answers. It is used by the goroutines of one session, one after the other.
type who struct {
	identity *Identity // nil: whoever answers
	at       string    // host and port, for the owner
	secure   bool      // the address is rtsps
	sub      bool      // of the sub stream, which may be described by another program than the main stream

	mu    sync.Mutex
	found media.Pins
	vague bool  // the card answers for others too: nothing is learned of it
	wrong error // what was found to be against it; it stays
}

// reached takes over a connection that was made. Nothing was sent over it yet, and nothing is if there is an error.
func (w *who) reached(c card) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found, w.vague = media.Pins{MAC: c.MAC}, c.Shared
	if w.secure {
		return w.wrong // the key is asked for too, so that the owner sees both; the handshake ends with it
	}
	return w.judge(secured)
}

// showed takes over the key that the other end shows in a TLS handshake.
func (w *who) showed(spki []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	hash := sha256.Sum256(spki)
	w.found.TLSKey = hex.EncodeToString(hash[:])
	return w.judge(secured)
}

// broke says what there is against the other end though the TLS handshake did not come to its key.
func (w *who) broke() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.judge(connected)
}

// heard takes over an answer, before anything is answered to it. With an error it must not be.
func (w *who) heard(res *base.Response) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrong == nil && w.secure && w.found.TLSKey == "" {
		w.wrong = ErrRedirected // out of TLS
	}
	if v := res.Header["Server"]; len(v) > 0 && w.found.Server == "" {
		w.found.Server = short(v[0])
	}
	if v := res.Header["WWW-Authenticate"]; len(v) > 0 && w.found.Realm == "" {
		var a headers.Authenticate
		if a.Unmarshal(v[:1]) == nil {
			w.found.Realm = short(a.Realm)
		}
	}
	if res.StatusCode != base.StatusOK || len(res.Body) == 0 {
		return w.judge(heard)
	}
	if !w.sub {
		w.found.Tool = cmp.Or(short(toolIn(res.Body)), w.found.Tool)
	}
	return w.judge(described)
}

// judge says what there is against who answers, at a stage; w.mu is held.
func (w *who) judge(s stage) error {
	if w.wrong == nil && w.identity != nil {
		w.wrong = w.identity.check(w.found, s, w.at)
	}
	return w.wrong
}

// against says what was found to be against who answers.
func (w *who) against() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrong
}

// welcome teaches the identity, once the password was taken.
func (w *who) welcome(log *slog.Logger) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrong != nil || w.identity == nil {
		return w.wrong
	}
	found := w.found
	if w.vague && found.MAC != w.identity.Pins().MAC {
		found.MAC = ""
	}
	w.wrong = w.identity.learn(found, w.at, log)
	return w.wrong
}

// toolIn finds the tool in the general part of a session description.
func toolIn(sdp []byte) string {
	head, _ := splitSDP(sdp)
	for line := range strings.Lines(string(head)) {
		if tool, ok := strings.CutPrefix(strings.TrimSpace(line), "a=tool:"); ok {
			return tool
		}
	}
	return ""
}

// short bounds what a camera says of itself, and leaves out what is no text.
func short(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, "")))
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200])
	}
	return s
}
