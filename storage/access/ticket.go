package access

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	ticketLife = 5 * time.Minute
	maxTickets = 4096 // used ones kept in mind
)

// tickets keep what a ceremony of two requests has to remember in between with the one who asks, sealed: whoever begins a
// million of them costs no memory. Only those that led to something are remembered until they are over, so that none
// does twice. They end with the process.
type tickets struct {
	aead cipher.AEAD

	mu   sync.Mutex
	used map[[sha256.Size]byte]time.Time // when it ends
}

type ticket struct {
	Purpose string          `json:"purpose"`
	Ends    time.Time       `json:"ends"`
	About   json.RawMessage `json:"about"`
}

func newTickets() *tickets {
	var key [chacha20poly1305.KeySize]byte
	rand.Read(key[:])
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic(err) // the size of the key is right
	}
	return &tickets{aead: aead, used: make(map[[sha256.Size]byte]time.Time)}
}

// issue seals what a ceremony is about.
func (t *tickets) issue(purpose string, about any) (string, error) {
	raw, err := json.Marshal(about)
	if err != nil {
		return "", err
	}
	if raw, err = json.Marshal(ticket{purpose, time.Now().Add(ticketLife), raw}); err != nil {
		return "", err
	}
	nonce := make([]byte, t.aead.NonceSize(), t.aead.NonceSize()+len(raw)+t.aead.Overhead())
	rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(t.aead.Seal(nonce, nonce, raw, nil)), nil
}

// read opens a ticket of a purpose that is neither over nor used.
func (t *tickets) read(purpose, text string, about any) bool {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(sealed) < t.aead.NonceSize() {
		return false
	}
	raw, err := t.aead.Open(nil, sealed[:t.aead.NonceSize()], sealed[t.aead.NonceSize():], nil)
	if err != nil {
		return false
	}
	var k ticket
	if json.Unmarshal(raw, &k) != nil || k.Purpose != purpose || !time.Now().Before(k.Ends) {
		return false
	}
	t.mu.Lock()
	_, used := t.used[sha256.Sum256(sealed)]
	t.mu.Unlock()
	return !used && json.Unmarshal(k.About, about) == nil
}

// use says whether a ticket that was read is used for the first time.
func (t *tickets) use(text string) bool {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return false
	}
	sum, now := sha256.Sum256(sealed), time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, used := t.used[sum]; used {
		return false
	}
	for k, ends := range t.used {
		if !now.Before(ends) {
			delete(t.used, k)
		}
	}
	if len(t.used) >= maxTickets {
		return false
	}
	t.used[sum] = now.Add(ticketLife)
	return true
}
