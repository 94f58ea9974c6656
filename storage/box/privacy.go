package box

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
)

// Privacy says when a camera, or the whole box, does not look. What a person switched holds until its end; then the
// schedule decides. Its meaning lies in nvr/privacy.
type Privacy struct {
	On bool `json:"on"` // as it was switched by hand; false with an Until: switched off against the schedule
	// Until is the end of what was switched; zero: with On it has none, without it nothing is switched.
	Until    time.Time      `json:"until,omitzero"`
	Schedule []PrivateHours `json:"schedule,omitempty"`
}

// PrivateHours are hours of a day in which it is private, by the clock on the wall.
type PrivateHours struct {
	Days []string `json:"days,omitempty"` // "mon" to "sun", of the day on which it begins; none: every day
	From string   `json:"from"`           // "22:00"
	To   string   `json:"to"`             // "06:30"; not after From: on the next day
}

// PrivateStretch is a time in which a camera was private.
type PrivateStretch struct {
	Camera   media.CameraID
	From, To time.Time // To is zero while it goes on
}

// privacySetting is the setting with the whole box's Privacy.
const privacySetting = "privacy"

// maxStretches is how many stretches are kept of one camera, the newest: a year of four a day.
const maxStretches = 1500

// Privacy gives the whole box's.
func (b *Box) Privacy() (p Privacy, err error) {
	_, err = b.Setting(privacySetting, &p)
	return p, err
}

// PrivacyChange is what changes of who is private, all or nothing.
type PrivacyChange struct {
	House   *Privacy                   // nil: it stays
	Cameras map[media.CameraID]Privacy // of those named only
	// Stretches are begun or, where one of that camera and beginning is there, changed. Those in Gone are taken away.
	Stretches, Gone []PrivateStretch
}

// ChangePrivacy makes a change durable. A camera that is not there any more is passed over.
func (b *Box) ChangePrivacy(ch PrivacyChange) error {
	return b.Update(func(tx *bbolt.Tx) error {
		if ch.House != nil {
			if err := Put(tx, settingsBucket, []byte(privacySetting), ch.House); err != nil {
				return err
			}
		}
		for id, p := range ch.Cameras {
			var c Camera
			ok, err := Get(tx, camerasBucket, id[:], &c)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			c.Privacy = &p
			if err := Put(tx, camerasBucket, id[:], c); err != nil {
				return err
			}
		}
		for _, s := range ch.Gone {
			if err := tx.Bucket([]byte(privateBucket)).Delete(stretchKey(s)); err != nil {
				return err
			}
		}
		for _, s := range ch.Stretches {
			if !HasCamera(tx, s.Camera) {
				continue
			}
			if err := putStretch(tx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// stretchEnd is the record of a stretch; camera and beginning are its key.
type stretchEnd struct {
	To time.Time `json:"to,omitzero"`
}

func stretchKey(s PrivateStretch) []byte {
	return binary.BigEndian.AppendUint64(s.Camera[:len(s.Camera):len(s.Camera)], uint64(s.From.UnixMicro()))
}

func putStretch(tx *bbolt.Tx, s PrivateStretch) error {
	if err := Put(tx, privateBucket, stretchKey(s), stretchEnd{s.To}); err != nil {
		return err
	}
	bucket := tx.Bucket([]byte(privateBucket))
	var keys [][]byte
	for k := range prefixed(bucket, s.Camera[:]) {
		keys = append(keys, append([]byte(nil), k...))
	}
	for len(keys) > maxStretches {
		if err := bucket.Delete(keys[0]); err != nil {
			return err
		}
		keys = keys[1:]
	}
	return nil
}

// prefixed goes through what begins with prefix, in order.
func prefixed(b *bbolt.Bucket, prefix []byte) func(yield func(k, v []byte) bool) {
	return func(yield func(k, v []byte) bool) {
		c := b.Cursor()
		for k, v := c.Seek(prefix); len(k) >= len(prefix) && string(k[:len(prefix)]) == string(prefix); k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

// PrivateStretches lists when a camera was private, oldest first.
func (b *Box) PrivateStretches(id media.CameraID) (list []PrivateStretch, err error) {
	err = b.View(func(tx *bbolt.Tx) error {
		for k, v := range prefixed(tx.Bucket([]byte(privateBucket)), id[:]) {
			var end stretchEnd
			if len(k) != len(id)+8 {
				return Damage(tx, privateBucket, k, fmt.Errorf("its key has %d bytes", len(k)))
			}
			if err := json.Unmarshal(v, &end); err != nil {
				return Damage(tx, privateBucket, k, err)
			}
			from := time.UnixMicro(int64(binary.BigEndian.Uint64(k[len(id):]))).UTC()
			list = append(list, PrivateStretch{Camera: id, From: from, To: end.To})
		}
		return nil
	})
	return list, err
}

// forgetStretches removes all of a camera, within a transaction of the caller's.
func forgetStretches(tx *bbolt.Tx, id media.CameraID) error {
	c := tx.Bucket([]byte(privateBucket)).Cursor()
	for k, _ := c.Seek(id[:]); len(k) >= len(id) && string(k[:len(id)]) == string(id[:]); k, _ = c.Seek(id[:]) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}
