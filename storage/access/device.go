package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// ErrNoDevice says that there is no such device, or that it is not this person's.
var ErrNoDevice = errors.New("there is no such device")

const (
	// maxDevices of one person.
	maxDevices = 20
	// MaxDevices of all, as many as there are places in the tunnel.
	MaxDevices = 250
	// firstDevice is the lowest number of a device: the box itself is 1.
	firstDevice = 2

	presharedPurpose = "device-preshared"
)

// Device is a phone or computer of a person that may come in from afar, by a key of its own.
type Device struct {
	ID      media.UUID
	Name    string
	Person  Person
	Number  int  // its place in the tunnel, from 2 on
	Pending bool // until an owner says at home that it may come in
	Coded   bool // false: its code is good no more, and it needs a new one
	Created time.Time
	Seen    time.Time // zero: never
	From    string    // the address that it was last seen at
}

// DeviceKey is what lets a device in.
type DeviceKey struct {
	ID                media.UUID
	Number            int
	Public, Preshared []byte // 32 bytes each
}

// NewDevice is a device to add.
type NewDevice struct {
	Name              string
	Person            media.UUID
	Public, Preshared []byte // 32 bytes each
	Pending           bool
}

func deviceOf(tx *bbolt.Tx, d box.Device) (Device, error) {
	var p person
	err := readPerson(tx, d.Person, &p)
	return Device{
		ID: d.ID, Name: d.Name, Person: p.Person, Number: d.Number, Pending: d.Pending, Coded: len(d.Public) > 0,
		Created: d.Created, Seen: d.Seen, From: d.From,
	}, err
}

// Devices lists those of a person, or of everybody for the zero UUID, oldest first.
func (a *Access) Devices(whose media.UUID) (list []Device, err error) {
	err = a.box.View(func(tx *bbolt.Tx) error {
		return box.EachDevice(tx, func(r box.Device) error {
			if !whose.IsZero() && r.Person != whose {
				return nil
			}
			d, err := deviceOf(tx, r)
			list = append(list, d)
			return err
		})
	})
	slices.SortFunc(list, func(a, b Device) int { return a.Created.Compare(b.Created) })
	return list, err
}

// DeviceKeys gives the keys of all that may come in now.
func (a *Access) DeviceKeys() (keys []DeviceKey, err error) {
	if a.sealer == nil {
		return nil, errNoSealer
	}
	err = a.box.View(func(tx *bbolt.Tx) error {
		return box.EachDevice(tx, func(d box.Device) error {
			if d.Pending || len(d.Public) == 0 {
				return nil
			}
			preshared, err := a.sealer.Open(presharedPurpose, d.ID, d.Preshared)
			if err != nil {
				return err
			}
			keys = append(keys, DeviceKey{d.ID, d.Number, slices.Clone(d.Public), preshared})
			return nil
		})
	})
	return keys, err
}

// AddDevice adds a device. Errors: *BadInput, ErrNoPerson.
func (a *Access) AddDevice(n NewDevice) (d Device, err error) {
	if a.sealer == nil {
		return Device{}, errNoSealer
	}
	name, err := checkName(n.Name)
	if err != nil {
		return Device{}, err
	}
	now := time.Now().UTC()
	r := box.Device{
		ID: media.NewUUID(), Name: name, Person: n.Person, Public: n.Public, Pending: n.Pending, Created: now, Coded: now,
	}
	r.Preshared = a.sealer.Seal(presharedPurpose, r.ID, n.Preshared)
	err = a.box.Update(func(tx *bbolt.Tx) error {
		taken, own := make(map[int]bool), 0
		if err := box.EachDevice(tx, func(o box.Device) error {
			taken[o.Number] = true
			if o.Person == n.Person {
				own++
				if strings.EqualFold(o.Name, name) {
					return &BadInput{"name", "there is a device of this name already"}
				}
			}
			return keyFree(o, r)
		}); err != nil {
			return err
		}
		if own >= maxDevices {
			return &BadInput{"name", fmt.Sprintf("one person has %d devices at most; remove one that is not used", maxDevices)}
		}
		if len(taken) >= MaxDevices {
			return &BadInput{"name", fmt.Sprintf("there are %d devices already; remove one that is not used", MaxDevices)}
		}
		// A place that was just left is taken again last: nothing that is still on its way reaches somebody else.
		for r.Number == 0 || taken[r.Number] {
			next, err := tx.Bucket([]byte(box.DevicesBucket)).NextSequence()
			if err != nil {
				return err
			}
			r.Number = firstDevice + int((next-1)%MaxDevices)
		}
		if d, err = deviceOf(tx, r); err != nil {
			return err
		}
		return box.PutDevice(tx, r)
	})
	return d, err
}

func keyFree(o, r box.Device) error {
	if o.ID != r.ID && len(o.Public) > 0 && slices.Equal(o.Public, r.Public) {
		return &BadInput{"public_key", "another device has this key already; every device needs one of its own"}
	}
	return nil
}

// changeDevice changes a device of a person, or of anybody's for the zero UUID, and gives it as it is then.
func (a *Access) changeDevice(whose, id media.UUID, change func(*bbolt.Tx, *box.Device) error) (d Device, err error) {
	err = a.box.Update(func(tx *bbolt.Tx) error {
		r, ok, err := box.GetDevice(tx, id)
		if err != nil {
			return err
		}
		if !ok || !whose.IsZero() && r.Person != whose {
			return ErrNoDevice
		}
		if err := change(tx, &r); err != nil {
			return err
		}
		if d, err = deviceOf(tx, r); err != nil {
			return err
		}
		return box.PutDevice(tx, r)
	})
	return d, err
}

// RenameDevice gives a device another name. Errors: *BadInput, ErrNoDevice.
func (a *Access) RenameDevice(whose, id media.UUID, name string) (Device, error) {
	name, err := checkName(name)
	if err != nil {
		return Device{}, err
	}
	return a.changeDevice(whose, id, func(tx *bbolt.Tx, r *box.Device) error {
		r.Name = name
		return box.EachDevice(tx, func(o box.Device) error {
			if o.ID != r.ID && o.Person == r.Person && strings.EqualFold(o.Name, name) {
				return &BadInput{"name", "there is a device of this name already"}
			}
			return nil
		})
	})
}

// RecodeDevice gives a device other keys: what had those before is out, with its sessions. Errors: *BadInput, ErrNoDevice.
func (a *Access) RecodeDevice(whose, id media.UUID, public, preshared []byte, pending bool) (Device, error) {
	if a.sealer == nil {
		return Device{}, errNoSealer
	}
	return a.changeDevice(whose, id, func(tx *bbolt.Tx, r *box.Device) error {
		r.Public, r.Preshared = public, a.sealer.Seal(presharedPurpose, id, preshared)
		r.Pending, r.Coded = pending, time.Now().UTC()
		r.Seen, r.From = time.Time{}, ""
		if err := box.EachDevice(tx, func(o box.Device) error { return keyFree(o, *r) }); err != nil {
			return err
		}
		return endDevice(tx, id)
	})
}

// ApproveDevice lets a device in that waited for it. ErrNoDevice.
func (a *Access) ApproveDevice(id media.UUID) (Device, error) {
	return a.changeDevice(media.UUID{}, id, func(_ *bbolt.Tx, r *box.Device) error {
		r.Pending = false
		return nil
	})
}

// SawDevice keeps when and where a device was seen last. Of one that is gone nothing is kept.
func (a *Access) SawDevice(id media.UUID, at time.Time, from string) error {
	_, err := a.changeDevice(media.UUID{}, id, func(_ *bbolt.Tx, r *box.Device) error {
		r.Seen, r.From = at.UTC(), from
		return nil
	})
	if errors.Is(err, ErrNoDevice) {
		return nil
	}
	return err
}

// RemoveDevice removes a device with its sessions, and gives it as it was. ErrNoDevice.
func (a *Access) RemoveDevice(whose, id media.UUID) (d Device, err error) {
	err = a.box.Update(func(tx *bbolt.Tx) error {
		r, ok, err := box.GetDevice(tx, id)
		if err != nil {
			return err
		}
		if !ok || !whose.IsZero() && r.Person != whose {
			return ErrNoDevice
		}
		if d, err = deviceOf(tx, r); err != nil {
			return err
		}
		if err := endDevice(tx, id); err != nil {
			return err
		}
		return box.RemoveDevice(tx, id)
	})
	return d, err
}

// RevokeCodes makes that no device gets in before it has a new code; setting, if it has a name, is kept in the same step.
func (a *Access) RevokeCodes(setting string, value any) error {
	return a.box.Update(func(tx *bbolt.Tx) error {
		var all []box.Device
		if err := box.EachDevice(tx, func(d box.Device) error {
			all = append(all, d)
			return nil
		}); err != nil {
			return err
		}
		for _, d := range all {
			d.Public, d.Preshared = nil, nil
			if err := box.PutDevice(tx, d); err != nil {
				return err
			}
			if err := endDevice(tx, d.ID); err != nil {
				return err
			}
		}
		if setting == "" {
			return nil
		}
		return box.PutSettingIn(tx, setting, value)
	})
}

// endDevice ends all sessions of a device.
func endDevice(tx *bbolt.Tx, id media.UUID) error {
	return dropSecrets(tx, box.SessionsBucket, func(_ sessionKey, r sessionRecord) bool { return r.Via == id })
}

// removeDevicesOf removes all devices of a person.
func removeDevicesOf(tx *bbolt.Tx, user media.UUID) error {
	var gone []media.UUID
	if err := box.EachDevice(tx, func(d box.Device) error {
		if d.Person == user {
			gone = append(gone, d.ID)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, id := range gone {
		if err := box.RemoveDevice(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// comesBy says whether a device that somebody came in by may come in now, and whose it is.
func comesBy(tx *bbolt.Tx, id media.UUID) (owner media.UUID, ok bool, err error) {
	d, there, err := box.GetDevice(tx, id)
	return d.Person, there && !d.Pending && len(d.Public) > 0, err
}

// DeviceOwner is who may come in by a device now; ErrNoDevice if nobody may.
func (a *Access) DeviceOwner(id media.UUID) (p Person, err error) {
	err = a.box.View(func(tx *bbolt.Tx) error {
		who, ok, err := comesBy(tx, id)
		if err != nil {
			return err
		}
		if !ok {
			return ErrNoDevice
		}
		var q person
		err = readPerson(tx, who, &q)
		p = q.Person
		return err
	})
	return p, err
}
