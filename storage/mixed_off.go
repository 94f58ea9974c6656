//go:build !sabotage

package storage

import (
	"os"

	"hearth/nvr/media"
	"hearth/nvr/media/sabotage"
	"hearth/storage/keyring"
	"hearth/storage/segment"
)

// Where tests plant faults; here are none.

func mixed(_ sabotage.Fault, id media.CameraID) media.CameraID { return id }

func mixedLine(l segment.Line) segment.Line { return l }

func (s *Store) mixedKey(k keyring.CameraKey) (keyring.CameraKey, error) { return k, nil }

func (s *Store) mixedFile(l segment.Line, key segment.Key, _ place, f *os.File) (segment.Line, segment.Key, *os.File) {
	return l, key, f
}

func (s *Store) mixedThumb(l segment.Line, event media.UUID, key segment.Key) (segment.Line, media.UUID, segment.Key) {
	return l, event, key
}

func (f *Footage) mixedPiece(p Piece) Piece { return p }
