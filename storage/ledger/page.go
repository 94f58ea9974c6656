package ledger

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

var (
	// ErrDamaged says that a page cannot be read: it is no page, or was cut short.
	ErrDamaged = errors.New("damaged")
	// ErrForged says that a page was not sealed for this camera and day, or was changed.
	ErrForged = errors.New("sealed for another camera or day, or changed")
)

const (
	magic    = "HEARTHG1"
	saltSize = 32
	// maxPage bounds what is unpacked: a page of a day with a hole in each of its files has some 40 KB.
	maxPage = 64 << 20
)

// page is one file of the ledger. Its fields are what lies in it as JSON.
type page struct {
	Tombs []Tomb `json:"tombs,omitempty"`
	Files []file `json:"files,omitempty"`
	// Folded are days whose tombs were moved to this page; what may still lie on their own pages counts no more.
	Folded []string `json:"folded,omitempty"`

	dirty   bool
	settled bool // the tombs that were fresh when the page was read are joined with the others
}

// file is what is known of one file that is still there.
type file struct {
	Stream  media.Stream `json:"stream"`
	Start   int64        `json:"start"`
	Segment media.UUID   `json:"segment"`
	Holes   []Hole       `json:"holes"`
}

// bound is what a page's seal is bound to. The day of the camera's own page is "".
func bound(head []byte, camera media.CameraID, day string) []byte {
	return append(append(bytes.Clone(head), camera[:]...), day...)
}

// seal packs and seals a page. Its key is of a fresh salt each time, so that the nonce, zero, is used once.
func seal(key segment.Key, day string, p *page) ([]byte, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	head := append(make([]byte, 0, len(magic)+saltSize), magic...)
	head = head[:len(magic)+saltSize]
	rand.Read(head[len(magic):])
	aead, err := key.AEAD(head[len(magic):], media.UUID{})
	if err != nil {
		return nil, err
	}
	return aead.Seal(head, make([]byte, aead.NonceSize()), packed.Bytes(), bound(head, key.Camera(), day)), nil
}

func unseal(key segment.Key, day string, b []byte) (*page, error) {
	if len(b) < len(magic)+saltSize || string(b[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin as a ledger does", ErrDamaged)
	}
	head := b[:len(magic)+saltSize]
	aead, err := key.AEAD(head[len(magic):], media.UUID{})
	if err != nil {
		return nil, err
	}
	packed, err := aead.Open(nil, make([]byte, aead.NonceSize()), b[len(head):], bound(head, key.Camera(), day))
	if err != nil {
		return nil, ErrForged
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxPage))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	p := &page{}
	if err := json.Unmarshal(plain, p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return p, nil
}
