package box

import (
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
)

// Camera is what the box knows about a camera. The URLs carry no name or password.
type Camera struct {
	ID         media.CameraID `json:"id"`
	Name       string         `json:"name"`
	URL        string         `json:"url"`
	DetectURL  string         `json:"detect_url,omitempty"` // the sub stream, when it is not found by itself
	Username   string         `json:"username,omitempty"`
	Password   []byte         `json:"password,omitempty"` // sealed by package keyring
	Transport  string         `json:"transport"`          // tcp, udp or auto
	Record     string         `json:"record"`             // continuous, motion or off
	Audio      bool           `json:"audio"`
	LimitBytes int64          `json:"limit_bytes,omitempty"` // of footage; 0: no limit of its own
	LimitDays  int            `json:"limit_days,omitempty"`  // 0: no limit of its own
	// LimitEventDays is for footage around events, where that may stay longer; less than LimitDays: as long as the rest.
	LimitEventDays int                  `json:"limit_event_days,omitempty"`
	Volume         media.UUID           `json:"volume,omitzero"` // recorded to; zero: the data folder
	Motion         media.MotionSettings `json:"motion"`
	Decoder        string               `json:"decoder,omitempty"` // what decodes its pictures to look at: auto (or empty), or one of its names
	Created        time.Time            `json:"created"`
	// Privacy is when it does not look; nil: nobody said. PutCamera and ChangeCamera leave it as it is: ChangePrivacy changes it.
	Privacy *Privacy `json:"privacy,omitempty"`

	// Pins is what the camera is known again by; nil: nothing was learned yet. SubPins is the same of the sub stream where
	// that comes from another host.
	Pins    *media.Pins `json:"pins,omitempty"`
	SubPins *media.Pins `json:"sub_pins,omitempty"`
	// Strangers is when something else answered in its place, oldest first; the last may be open (To is zero).
	Strangers []Period `json:"strangers,omitempty"`
}

// Period is from one moment to another.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
}

// Cameras lists all cameras, oldest first.
func (b *Box) Cameras() (cameras []Camera, err error) {
	err = b.View(func(tx *bbolt.Tx) error {
		cameras, err = camerasIn(tx)
		return err
	})
	return cameras, err
}

func camerasIn(tx *bbolt.Tx) ([]Camera, error) {
	var cameras []Camera
	err := tx.Bucket([]byte(camerasBucket)).ForEach(func(k, v []byte) error {
		var c Camera
		if err := json.Unmarshal(v, &c); err != nil {
			return Damage(tx, camerasBucket, k, err)
		}
		if string(k) != string(c.ID[:]) {
			return Damage(tx, camerasBucket, k, fmt.Errorf("it is of camera %s", c.ID))
		}
		// Oldest first; there are some dozens at most.
		at := len(cameras)
		for at > 0 && cameras[at-1].Created.After(c.Created) {
			at--
		}
		cameras = append(cameras[:at], append([]Camera{c}, cameras[at:]...)...)
		return nil
	})
	return cameras, err
}

// HasCamera says whether a camera is known, within a transaction of the caller's.
func HasCamera(tx *bbolt.Tx, id media.CameraID) bool {
	return tx.Bucket([]byte(camerasBucket)).Get(id[:]) != nil
}

// CameraIDs lists the known cameras in no particular order, within a transaction of the caller's.
func CameraIDs(tx *bbolt.Tx) []media.CameraID {
	var ids []media.CameraID
	_ = tx.Bucket([]byte(camerasBucket)).ForEach(func(k, _ []byte) error {
		if len(k) == len(media.CameraID{}) {
			ids = append(ids, media.CameraID(k))
		}
		return nil
	})
	return ids
}

// Camera reads one camera, or ErrNotFound.
func (b *Box) Camera(id media.CameraID) (c Camera, err error) {
	err = b.View(func(tx *bbolt.Tx) error {
		ok, err := Get(tx, camerasBucket, id[:], &c)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("camera %s: %w", id, ErrNotFound)
		}
		if c.ID != id {
			return Damage(tx, camerasBucket, id[:], fmt.Errorf("it is of camera %s", c.ID))
		}
		return nil
	})
	return c, err
}

// PutCamera adds or replaces a camera. Of one that is there it leaves Privacy as it is kept: whoever changes something
// else may have read the record before a switch, and must not undo it.
func (b *Box) PutCamera(c Camera) error {
	if c.ID.IsZero() {
		return fmt.Errorf("put camera %q: it has no identity", c.Name)
	}
	if c.Created.IsZero() {
		c.Created = time.Now().UTC()
	}
	return b.Update(func(tx *bbolt.Tx) error {
		var before Camera
		if ok, err := Get(tx, camerasBucket, c.ID[:], &before); err != nil {
			return err
		} else if ok {
			c.Privacy = before.Privacy
		}
		return Put(tx, camerasBucket, c.ID[:], c)
	})
}

// ChangeCamera changes what is kept of a camera in one step, so that nobody else's change is lost; change does not block. Its
// error leaves all as it was. ErrNotFound when there is no such camera.
func (b *Box) ChangeCamera(id media.CameraID, change func(*Camera) error) error {
	return b.Update(func(tx *bbolt.Tx) error {
		var c Camera
		ok, err := Get(tx, camerasBucket, id[:], &c)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("camera %s: %w", id, ErrNotFound)
		}
		private := c.Privacy
		if err := change(&c); err != nil {
			return err
		}
		c.Privacy = private
		if c.ID != id {
			return fmt.Errorf("change camera %s: it would be %s", id, c.ID)
		}
		return Put(tx, camerasBucket, id[:], c)
	})
}

// RemoveCamera forgets a camera; its key is package keyring's to destroy. ErrNotFound when there is none.
func (b *Box) RemoveCamera(id media.CameraID) error {
	return b.Update(func(tx *bbolt.Tx) error {
		if !HasCamera(tx, id) {
			return fmt.Errorf("camera %s: %w", id, ErrNotFound)
		}
		if err := forgetStretches(tx, id); err != nil {
			return err
		}
		return tx.Bucket([]byte(camerasBucket)).Delete(id[:])
	})
}
