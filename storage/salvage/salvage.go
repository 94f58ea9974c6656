package salvage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hearth/nvr/media"
	"hearth/storage/keyring"
	"hearth/storage/snapshot"
)

// Salvage is one disk to be read. Its fields are set before Run.
type Salvage struct {
	Media string // the media folder
	Keys  *keyring.Reader
	Names map[media.CameraID]string // of the cameras; those that are not in it are called by their UUID
	Out   string                    // the folder to write to, made if it is not there
	Sub   bool                      // the cameras' small streams too
	Zone  *time.Location            // of days, hours and names; nil: local
	// Progress is told now and then how far it is; nil: nobody is.
	Progress func(Progress)

	result Result
	bytes  int64 // read so far
	total  int64
	told   time.Time
}

// Progress is how far a salvage is.
type Progress struct {
	Camera      string
	At          time.Time // of the footage
	Bytes, Size int64     // read, of how many
}

// Finding is something that could not be read, or is not as it should be.
type Finding struct {
	Path    string // below the media folder; "" for what is of no one file
	Problem string
}

func (f Finding) String() string {
	if f.Path == "" {
		return f.Problem
	}
	return f.Path + ": " + f.Problem
}

// Result is what came of it.
type Result struct {
	Cameras  int
	Files    int // MP4 files there now
	Kept     int // of which were there already
	Bytes    int64
	Footage  time.Duration // of main streams
	Pictures int           // of events
	Findings []Finding
}

// ErrInside says that the output would lie on the disk that is read.
var ErrInside = errors.New("the output would be written to the disk that is read; choose a folder elsewhere")

// Open makes ready to read a disk: dir is a volume's folder or its media folder. It takes a recovery key, for which it
// looks for the newest snapshot that opens, or, where boxKey is not nil, the box's key itself. In findings are snapshots
// that were passed over.
func Open(dir string, k snapshot.Key, boxKey []byte) (*Salvage, []Finding, error) {
	folder, err := snapshot.MediaFolder(dir)
	if err != nil {
		return nil, nil, err
	}
	s := &Salvage{Media: folder, Names: make(map[media.CameraID]string)}
	var findings []Finding
	if boxKey == nil {
		shot, passed, err := snapshot.Newest(folder, k)
		if err != nil {
			return nil, nil, err
		}
		defer shot.Close()
		for _, err := range passed {
			findings = append(findings, Finding{Problem: oneLine(err)})
		}
		boxKey = append(boxKey, shot.BoxKey...)
		b, err := shot.Box()
		if err != nil {
			return nil, nil, err
		}
		defer b.Close()
		err = s.name(b)
		if err != nil {
			return nil, nil, err
		}
	} else if f, err := os.Open(filepath.Join(filepath.Dir(folder), "hearth.db")); err == nil {
		// The data folder itself: names are nice to have, and hearth.db may be what is broken.
		defer f.Close()
		if b, err := snapshot.ReadBox(f); err == nil {
			defer b.Close()
			_ = s.name(b)
		}
	}
	s.Keys, err = keyring.WithKey(boxKey, folder)
	return s, findings, err
}

func (s *Salvage) name(b *snapshot.Reading) error {
	cameras, err := b.Cameras()
	for _, c := range cameras {
		s.Names[c.ID] = c.Name
	}
	return err
}

// Run reads all and writes all. What cannot be read is in the result and no error; an error is of the output, or that ctx
// ended, and the same can be run again then.
func (s *Salvage) Run(ctx context.Context) (Result, error) {
	if s.Zone == nil {
		s.Zone = time.Local
	}
	if err := s.outside(); err != nil {
		return Result{}, err
	}
	if err := os.MkdirAll(s.Out, 0o700); err != nil {
		return Result{}, err
	}
	if err := s.sweep(); err != nil {
		return Result{}, err
	}
	cameras := s.walk()
	for _, c := range cameras {
		for _, f := range c.files {
			if s.wants(f.name.Stream) {
				s.total += f.size
			}
		}
	}
	for _, c := range cameras {
		if err := s.camera(ctx, c); err != nil {
			return s.result, err
		}
	}
	return s.result, s.report()
}

// outside refuses to write to what is read.
func (s *Salvage) outside() error {
	from, err := filepath.EvalSymlinks(s.Media)
	if err != nil {
		return err
	}
	if from, err = filepath.Abs(from); err != nil {
		return err
	}
	to, err := filepath.Abs(s.Out)
	if err != nil {
		return err
	}
	for rest := ""; ; { // what is not there yet will lie where its parent is
		there, err := filepath.EvalSymlinks(to)
		if err == nil {
			to = filepath.Join(there, rest)
			break
		}
		rest, to = filepath.Join(filepath.Base(to), rest), filepath.Dir(to)
	}
	if rel, err := filepath.Rel(from, to); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return fmt.Errorf("%s: %w", s.Out, ErrInside)
	}
	return nil
}

// sweep removes what an earlier run was in the midst of when it was ended.
func (s *Salvage) sweep() error {
	return filepath.WalkDir(s.Out, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.HasPrefix(e.Name(), ".") && strings.Contains(e.Name(), unfinished) {
			err = os.Remove(path)
		}
		return err
	})
}

func (s *Salvage) found(path, problem string, a ...any) {
	s.result.Findings = append(s.result.Findings, Finding{path, oneLine(fmt.Errorf(problem, a...))})
}

// tell says how far it is, every few seconds.
func (s *Salvage) tell(camera string, at int64) {
	if s.Progress == nil || time.Since(s.told) < 5*time.Second {
		return
	}
	s.told = time.Now()
	s.Progress(Progress{Camera: camera, At: time.UnixMicro(at).In(s.Zone), Bytes: min(s.bytes, s.total), Size: s.total})
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
