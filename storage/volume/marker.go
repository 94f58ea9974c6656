package volume

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/format"
)

// Marker is volume.json: which volume this is.
type Marker struct {
	Format int        `json:"format,omitempty"` // 0: 1, as it was first
	Volume media.UUID `json:"volume"`
	Made   time.Time  `json:"made"`
}

const (
	// MarkerFile says which volume a folder is.
	MarkerFile    = "volume.json"
	markerFormat  = 1
	volumeSetting = "volume"
)

// Claim makes sure that the data folder is the one that its hearth.db belongs to, and gives the volume's identity.
// volume.json lies in the data folder and in its media folder, which may be a disk of its own: whether that is there is
// for Look to say, again and again. A new folder gets both once.
func (f *Folder) Claim(b *box.Box, log *slog.Logger) (media.UUID, error) {
	var known media.UUID
	if _, err := b.Setting(volumeSetting, &known); err != nil {
		return media.UUID{}, err
	}
	here, err := readMarker(f.Path(MarkerFile))
	if err != nil {
		return media.UUID{}, err
	}
	if !known.IsZero() {
		path := f.Path(MarkerFile)
		if here.IsZero() {
			return media.UUID{}, fmt.Errorf("%w: %s is missing; mount the disk that belongs there, then start again", ErrMissing, path)
		}
		if here != known {
			return media.UUID{}, fmt.Errorf("%w: %s is another disk's; mount the one that belongs there, then start again", ErrMissing, path)
		}
		return known, nil
	}
	there, err := readMarker(f.Path(filepath.Join("media", MarkerFile)))
	if err != nil {
		return media.UUID{}, err
	}
	// A first start, a first start that was cut short, or a hearth.db that begins anew beside footage.
	id := here
	if id.IsZero() {
		id = there
	} else if !there.IsZero() && there != here {
		return media.UUID{}, fmt.Errorf("%w: %s and the media folder in it are of two different disks", ErrMissing, f.dir)
	}
	if id.IsZero() {
		id = media.NewUUID()
	} else {
		log.Warn("taking over a volume that hearth.db does not know", "volume", id)
	}
	if err := os.MkdirAll(f.Path("media"), 0o700); err != nil {
		return media.UUID{}, unwritable(f.dir, err)
	}
	v := Marker{Volume: id, Made: time.Now().UTC().Truncate(time.Second)}
	for _, dir := range []string{f.Path("media"), f.dir} {
		if err := WriteMarker(dir, v); err != nil {
			return media.UUID{}, err
		}
	}
	return id, b.PutSetting(volumeSetting, id)
}

func readMarker(path string) (media.UUID, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return media.UUID{}, nil
	}
	if err != nil {
		return media.UUID{}, fmt.Errorf("read %s: %w", path, err)
	}
	return ParseMarker(path, raw)
}

// ParseMarker reads what a volume.json says. One of a later version is a *format.NewerError: what else is on that disk may
// be of another kind too.
func ParseMarker(path string, raw []byte) (media.UUID, error) {
	// The format alone comes first: whatever else there is may mean something else.
	var of struct{ Format int }
	if json.Unmarshal(raw, &of) == nil && of.Format > markerFormat {
		return media.UUID{}, &format.NewerError{Path: path, Format: of.Format, Reads: markerFormat}
	}
	var v Marker
	if err := json.Unmarshal(raw, &v); err != nil || v.Volume.IsZero() {
		return media.UUID{}, fmt.Errorf("%s does not say which volume this is; put it back from a backup", path)
	}
	return v.Volume, nil
}

// WriteMarker writes volume.json so that it is whole when it is there.
func WriteMarker(dir string, v Marker) error {
	v.Format = markerFormat
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(dir, MarkerFile), append(raw, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(dir, MarkerFile), err)
	}
	return nil
}

func writeWhole(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of that name
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
