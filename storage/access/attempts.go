package access

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	"hearth/nvr/media"
)

// The rate limit of logins. Tries are counted per name and address together, so that nobody can lock the owner out
// by guessing from elsewhere, and per address alone, so that guessing through many names ends too. An address of the
// home waits seconds at most: the owner mistypes there, and whoever guesses there gets a few tries a minute.
const (
	freeTries        = 5  // wrong ones before the first wait, per name and address
	freeAddressTries = 20 // the same per address, whatever the name
	freeCodeTries    = 10 // wrong codes after a right password, per person, from all that is not the home together
	firstWait        = time.Second
	longestWaitHome  = 30 * time.Second
	longestWait      = 15 * time.Minute
	forgetAfter      = time.Hour
	maxAttempts      = 4096 // addresses and names kept in mind
)

type attempts struct {
	mu sync.Mutex
	by map[attemptKey]*attempt
}

// attemptKey is a name at an address, or with no name the address. IPv6 counts by /64: a home has one of those.
type attemptKey struct {
	name string
	from netip.Prefix
}

type attempt struct {
	wrong int
	until time.Time // no try before
	last  time.Time
}

func newAttempts() *attempts { return &attempts{by: make(map[attemptKey]*attempt)} }

func attemptKeys(name string, from netip.Addr) (both, address attemptKey) {
	from = from.Unmap().WithZone("")
	bits := 32
	if from.Is6() {
		bits = 64
	}
	prefix, _ := from.Prefix(bits)
	return attemptKey{strings.ToLower(name), prefix}, attemptKey{"", prefix}
}

// begin counts a try as wrong in advance, so that many at once do not slip through, or says how long to wait.
func (t *attempts) begin(name string, from netip.Addr) (wait time.Duration) {
	both, address := attemptKeys(name, from)
	longest := longestWait
	if IsHome(from) {
		longest = longestWaitHome
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range []attemptKey{both, address} {
		if e := t.by[k]; e != nil && now.Before(e.until) {
			wait = max(wait, e.until.Sub(now))
		}
	}
	if wait > 0 {
		return wait
	}
	t.count(both, freeTries, longest, now)
	t.count(address, freeAddressTries, longest, now)
	return 0
}

// beginCode is begin for a code of a person whose password was right. There are a million codes only, and who knows the
// password may ask from many addresses: those tries count together. At home the limit per name and address is enough,
// and nobody elsewhere can make anybody wait there.
func (t *attempts) beginCode(person media.UUID, from netip.Addr) (wait time.Duration) {
	if IsHome(from) {
		return 0
	}
	k, now := codeKey(person), time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.by[k]; e != nil && now.Before(e.until) {
		return e.until.Sub(now)
	}
	t.count(k, freeCodeTries, longestWait, now)
	return 0
}

func (t *attempts) rightCode(person media.UUID, from netip.Addr) {
	if IsHome(from) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, codeKey(person))
}

// codeKey has no network, as no key of a name or an address is.
func codeKey(person media.UUID) attemptKey { return attemptKey{name: person.String()} }

func (t *attempts) count(k attemptKey, free int, longest time.Duration, now time.Time) {
	e := t.by[k]
	if e == nil || now.Sub(e.last) > forgetAfter {
		t.makeRoom(now)
		e = &attempt{}
		t.by[k] = e
	}
	e.wrong++
	e.last = now
	if over := e.wrong - free; over >= 0 {
		e.until = now.Add(min(firstWait<<min(over, 20), longest))
	}
}

// makeRoom forgets what is old, and what is least recent if that is not enough.
func (t *attempts) makeRoom(now time.Time) {
	if len(t.by) < maxAttempts {
		return
	}
	var oldest attemptKey
	var last time.Time
	for k, e := range t.by {
		if now.Sub(e.last) > forgetAfter {
			delete(t.by, k)
			continue
		}
		if last.IsZero() || e.last.Before(last) {
			oldest, last = k, e.last
		}
	}
	if len(t.by) >= maxAttempts {
		delete(t.by, oldest)
	}
}

// succeeded forgets the wrong tries of this name from this address. Those of the address stay counted, but whoever
// has just been right need not wait for the next try.
func (t *attempts) succeeded(name string, from netip.Addr) {
	both, address := attemptKeys(name, from)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.by, both)
	t.takeBack(address, freeAddressTries)
	if e := t.by[address]; e != nil {
		e.until = time.Time{}
	}
}

// forgive takes back the try that begin counted, because nobody looked at the password.
func (t *attempts) forgive(name string, from netip.Addr) {
	both, address := attemptKeys(name, from)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.takeBack(both, freeTries)
	t.takeBack(address, freeAddressTries)
}

// takeBack leaves a wait that others' wrong tries have earned.
func (t *attempts) takeBack(k attemptKey, free int) {
	e := t.by[k]
	if e == nil || e.wrong == 0 {
		return
	}
	e.wrong--
	if e.wrong < free {
		e.until = time.Time{}
	}
}
