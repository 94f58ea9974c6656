package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"hearth/storage/box"
)

// Hash is the cost of an argon2id hash (RFC 9106). It is stored with each hash, so it can grow: a hash of another
// cost is made anew at the next login.
type Hash struct {
	MemoryKiB uint32
	Passes    uint32
	Threads   uint8
}

// DefaultHash is between OWASP's two lesser argon2id settings in memory and above both in passes: what two logins at
// once may take of the memory of a small box. Its passes are what a Pi 4 does in about a quarter of a second; see tune.
func DefaultHash() Hash { return Hash{MemoryKiB: 24 << 10, Passes: 3, Threads: 1} }

// What a hash is tuned to: as many passes, within bounds, as fit into hashTime on this machine.
const (
	hashTime   = 250 * time.Millisecond
	minPasses  = 2 // of OWASP's settings, those with the least memory
	mostPasses = 12
)

const hashSetting = "password-hash"

// tuned is what is kept of the tuning.
type tuned struct {
	Passes  uint32 `json:"passes"`
	Machine string `json:"machine"` // on another one it is tuned again
}

// tune gives the cost of new hashes on this machine: measured once, when it is first needed there, so that it does not
// change with every start. A box that is moved to another computer tunes anew, and hashes follow at the next logins.
func tune(b *box.Box) (Hash, error) {
	h := DefaultHash()
	machine := fmt.Sprintf("%s, %d cores", runtime.GOARCH, runtime.NumCPU())
	var kept tuned
	if ok, err := b.Setting(hashSetting, &kept); err != nil {
		return h, err
	} else if ok && kept.Machine == machine {
		h.Passes = min(max(kept.Passes, minPasses), mostPasses)
		return h, nil
	}
	h.Passes = passesFor(onePass(h))
	return h, b.PutSetting(hashSetting, tuned{h.Passes, machine})
}

// onePass measures a pass. What else the machine does makes it longer, so the shortest of some counts.
func onePass(h Hash) time.Duration {
	h.Passes = 1
	best := time.Duration(math.MaxInt64)
	for range 4 {
		begin := time.Now()
		h.make("a password")
		best = min(best, time.Since(begin))
	}
	return best
}

// passesFor is how many passes of such a length come nearest to hashTime.
func passesFor(pass time.Duration) uint32 {
	n := (hashTime + pass/2) / max(pass, time.Microsecond)
	return uint32(min(max(n, minPasses), mostPasses))
}

// Bounds of what is hashed: at most this many passwords at the same time, and so many waiting for that. Each takes
// DefaultHash's memory.
const (
	hashesAtOnce  = 2
	hashesWaiting = 8

	minPassword = 8    // characters
	maxPassword = 1024 // bytes

	saltSize, sumSize = 16, 32
	maxMemoryKiB      = 1 << 20
)

// BusyError says that too many logins are under way, or too many were wrong, and when to try again.
type BusyError struct{ RetryAfter time.Duration }

func (e *BusyError) Error() string {
	return fmt.Sprintf("too many tries: wait %d s", int((e.RetryAfter+time.Second-1)/time.Second))
}

var errBadHash = errors.New("not an argon2id hash")

// hashNew checks a new password and hashes it.
func (a *Access) hashNew(ctx context.Context, password string) (string, error) {
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return "", &BadInput{"password", fmt.Sprintf("must have at least %d characters", minPassword)}
	case len(password) > maxPassword:
		return "", &BadInput{"password", fmt.Sprintf("must not be longer than %d bytes", maxPassword)}
	}
	var hash string
	err := a.inTurn(ctx, func() { hash = a.hash.make(password) })
	return hash, err
}

// inTurn runs one costly piece of hashing when there is room for it.
func (a *Access) inTurn(ctx context.Context, work func()) error {
	select {
	case a.waiting <- struct{}{}:
		defer func() { <-a.waiting }()
	default:
		return &BusyError{RetryAfter: 2 * time.Second}
	}
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	work()
	return nil
}

// make hashes with a new salt, into a PHC string.
func (h Hash) make(password string) string {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	return h.phc(salt, argon2.IDKey([]byte(password), salt, h.Passes, h.MemoryKiB, h.Threads, sumSize))
}

// decoy is the hash of no password, which costs nothing to make and as much as another to compare with.
func (h Hash) decoy() string {
	random := make([]byte, saltSize+sumSize)
	rand.Read(random)
	return h.phc(random[:saltSize], random[saltSize:])
}

func (h Hash) phc(salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.MemoryKiB, h.Passes, h.Threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

// matches says whether a password makes this hash, in a time that does not depend on where they differ.
func matches(hash, password string) (bool, error) {
	h, salt, want, err := parseHash(hash)
	if err != nil {
		return false, err
	}
	got := argon2.IDKey([]byte(password), salt, h.Passes, h.MemoryKiB, h.Threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// parseHash reads a PHC string, within bounds that keep a wrong record from costing gigabytes or hours.
func parseHash(hash string) (h Hash, salt, sum []byte, err error) {
	fields := strings.Split(hash, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != "v="+strconv.Itoa(argon2.Version) {
		return h, nil, nil, errBadHash
	}
	costs := strings.Split(fields[3], ",")
	if len(costs) != 3 {
		return h, nil, nil, errBadHash
	}
	memory, ok1 := cost(costs[0], "m=", maxMemoryKiB)
	passes, ok2 := cost(costs[1], "t=", 1000)
	threads, ok3 := cost(costs[2], "p=", 64)
	salt, err1 := base64.RawStdEncoding.Strict().DecodeString(fields[4])
	sum, err2 := base64.RawStdEncoding.Strict().DecodeString(fields[5])
	if !ok1 || !ok2 || !ok3 || memory < 8*threads || err1 != nil || err2 != nil ||
		len(salt) < 8 || len(salt) > 64 || len(sum) < 16 || len(sum) > 64 {
		return h, nil, nil, errBadHash
	}
	return Hash{MemoryKiB: uint32(memory), Passes: uint32(passes), Threads: uint8(threads)}, salt, sum, nil
}

func cost(s, prefix string, limit uint64) (uint64, bool) {
	digits, ok := strings.CutPrefix(s, prefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	return n, ok && err == nil && n >= 1 && n <= limit && strconv.FormatUint(n, 10) == digits
}
