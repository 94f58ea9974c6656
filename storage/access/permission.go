package access

import (
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// Permission adds verbs on one camera to what a person's role allows.
type Permission struct {
	Camera media.CameraID `json:"camera"`
	Verbs  []Verb         `json:"verbs"`
	Until  time.Time      `json:"until,omitzero"` // zero: without end
}

func (m Permission) allows(v Verb, now time.Time) bool {
	return slices.Contains(m.Verbs, v) && (m.Until.IsZero() || now.Before(m.Until))
}

// maxPermissions is how many permissions one person can hold.
const maxPermissions = 256

// Permissions lists what is permitted to a person beyond their role, also what has ended, but nothing about cameras
// that are not there any more: the list can be changed and set again. ErrNoPerson.
func (a *Access) Permissions(user media.UUID) (list []Permission, err error) {
	err = a.box.View(func(tx *bbolt.Tx) error {
		var p person
		if err := readPerson(tx, user, &p); err != nil {
			return err
		}
		if list, err = readPermissions(tx, user); err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(m Permission) bool { return !box.HasCamera(tx, m.Camera) })
		return nil
	})
	return list, err
}

func readPermissions(tx *bbolt.Tx, user media.UUID) (list []Permission, err error) {
	_, err = box.Get(tx, box.GrantsBucket, user[:], &list)
	return list, err
}

// SetPermissions replaces what is permitted to a person beyond their role. Who loses something loses it at once:
// grants are asked for again at least each second. Errors: *BadInput, ErrNoPerson.
func (a *Access) SetPermissions(user media.UUID, list []Permission) error {
	if err := checkPermissions(list, time.Time{}); err != nil {
		return err
	}
	return a.box.Update(func(tx *bbolt.Tx) error {
		var p person
		if err := readPerson(tx, user, &p); err != nil {
			return err
		}
		for _, m := range list {
			if !box.HasCamera(tx, m.Camera) {
				return &BadInput{"camera", "there is no such camera"}
			}
		}
		return box.Put(tx, box.GrantsBucket, user[:], list)
	})
}

// checkPermissions looks at what can be said about a list without knowing the cameras. With now, none may have ended.
func checkPermissions(list []Permission, now time.Time) error {
	if len(list) > maxPermissions {
		return &BadInput{"grants", fmt.Sprintf("must not be more than %d", maxPermissions)}
	}
	for _, m := range list {
		if len(m.Verbs) == 0 {
			return &BadInput{"verbs", "must name at least one of live, events, footage, export and manage"}
		}
		for _, v := range m.Verbs {
			if !slices.Contains(Verbs(), v) {
				return &BadInput{"verbs", "must be of live, events, footage, export and manage"}
			}
		}
		if !now.IsZero() && !m.Until.IsZero() && !now.Before(m.Until) {
			return &BadInput{"until", "must be in the future"}
		}
	}
	return nil
}
