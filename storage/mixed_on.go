//go:build sabotage

package storage

import (
	"os"
	"sync"

	"hearth/nvr/media"
	"hearth/nvr/media/sabotage"
	"hearth/storage/keyring"
	"hearth/storage/segment"
)

// Where tests plant faults.

func mixed(f sabotage.Fault, id media.CameraID) media.CameraID { return sabotage.Camera(f, id) }

// mixedLine has the index asked for the other camera.
func mixedLine(l segment.Line) segment.Line {
	l.Camera = sabotage.Camera(sabotage.IndexRow, l.Camera)
	return l
}

// mixedKey gives the other camera's key, as a cache that is keyed wrongly would.
func (s *Store) mixedKey(k keyring.CameraKey) (keyring.CameraKey, error) {
	other := sabotage.Camera(sabotage.KeyCache, k.Camera())
	if other == k.Camera() {
		return k, nil
	}
	return s.keys.ForRecording(other)
}

// follow gives the key of whose a file is, and not of who was asked for.
func (s *Store) follow(key segment.Key, camera media.CameraID) segment.Key {
	if !sabotage.Planted(sabotage.KeyFollows) || key.Camera() == camera {
		return key
	}
	k, err := s.keys.ForRecording(camera)
	if err != nil {
		return key
	}
	return k
}

// cachedFiles is a cache that knows files by their time only.
var cachedFiles sync.Map // start in microseconds: path

func (s *Store) mixedFile(l segment.Line, key segment.Key, p place, f *os.File) (segment.Line, segment.Key, *os.File) {
	if sabotage.Planted(sabotage.FileCache) {
		if path, known := cachedFiles.LoadOrStore(p.start(), f.Name()); known && path != f.Name() {
			if other, err := os.Open(path.(string)); err == nil {
				f.Close()
				f = other
			}
		}
	}
	if sabotage.Planted(sabotage.KeyFollows) {
		if h, err := segment.ReadHeader(f); err == nil {
			l.Camera, key = h.Camera, s.follow(key, h.Camera)
		}
	}
	return l, key, f
}

// mixedThumbs says which event's thumbnail another event points at.
var mixedThumbs sync.Map // media.UUID: media.UUID

func (s *Store) mixedThumb(l segment.Line, event media.UUID, key segment.Key) (segment.Line, media.UUID, segment.Key) {
	if other := sabotage.Camera(sabotage.ThumbPointer, l.Camera); other != l.Camera {
		l.Camera = other
		if id, ok := mixedThumbs.Load(event); ok {
			event = id.(media.UUID)
		}
	}
	return l, event, s.follow(key, l.Camera)
}

// lastPieces are the last ones of each camera.
var lastPieces sync.Map // media.CameraID: Piece

// mixedPiece gives the other camera's last piece in place of this one's.
func (f *Footage) mixedPiece(p Piece) Piece {
	if p.Data == nil || !sabotage.Planted(sabotage.PieceMixed) {
		return p
	}
	lastPieces.Store(p.Origin.Header.Camera, p)
	if other, ok := lastPieces.Load(sabotage.Camera(sabotage.PieceMixed, p.Origin.Header.Camera)); ok {
		return other.(Piece)
	}
	return p
}
