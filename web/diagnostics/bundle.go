package diagnostics

import (
	"archive/zip"
	"bytes"
	"sync"
	"time"

	"hearth/nvr/media"
)

// How long what was shown can be saved, and how much is kept for that.
const (
	keptFor     = 15 * time.Minute
	keptOfOne   = 2
	keptInAll   = 8
	maxArchive  = 4 << 20
	archiveMode = 0o644
)

// File is one text.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Pack makes the archive of files, in their order, all of the same time.
func Pack(files []File, made time.Time) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: made.UTC().Truncate(time.Second)}
		h.SetMode(archiveMode)
		to, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := to.Write([]byte(f.Text)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Shelf keeps what was shown until it is saved, for who it was shown to: an archive for each identity, some minutes long,
// some at a time. The zero Shelf is ready.
type Shelf struct {
	mu   sync.Mutex
	kept []shown // oldest first
}

type shown struct {
	id, whose media.UUID
	archive   []byte
	made      time.Time
}

// Put keeps an archive for whose session it was shown in, and gives its identity. The oldest makes room.
func (s *Shelf) Put(whose media.UUID, archive []byte) media.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	of := 0
	for i := len(s.kept) - 1; i >= 0; i-- {
		if s.kept[i].whose == whose {
			if of++; of >= keptOfOne {
				s.drop(i)
			}
		}
	}
	for size := len(archive); len(s.kept) > 0 && (len(s.kept) >= keptInAll || size+s.size() > maxArchive); {
		s.drop(0)
	}
	id := media.NewUUID()
	s.kept = append(s.kept, shown{id, whose, archive, time.Now()})
	return id
}

// Get gives what was shown in a session; ok is false when there is no such thing, or it was another's.
func (s *Shelf) Get(whose, id media.UUID) (archive []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	for _, k := range s.kept {
		if k.id == id && k.whose == whose {
			return k.archive, true
		}
	}
	return nil, false
}

// Sweep lets go of what is old.
func (s *Shelf) Sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
}

func (s *Shelf) sweep() {
	for len(s.kept) > 0 && time.Since(s.kept[0].made) >= keptFor {
		s.drop(0)
	}
}

func (s *Shelf) drop(i int) {
	s.kept = append(append([]shown(nil), s.kept[:i]...), s.kept[i+1:]...)
}

func (s *Shelf) size() (n int) {
	for _, k := range s.kept {
		n += len(k.archive)
	}
	return n
}
