package box

import (
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
)

// Device is somebody's phone or computer that may come in from afar. Its private key is nowhere here.
type Device struct {
	ID     media.UUID `json:"id"`
	Name   string     `json:"name"`
	Person media.UUID `json:"person"`
	// Number says where it is in the tunnel. It is nobody else's as long as the device is there.
	Number    int       `json:"number"`
	Public    []byte    `json:"public,omitempty"`    // its public key, 32 bytes; none: it waits for a new code
	Preshared []byte    `json:"preshared,omitempty"` // sealed by package keyring
	Pending   bool      `json:"pending,omitempty"`   // until an owner says at home that it may come in
	Created   time.Time `json:"created"`
	Coded     time.Time `json:"coded"` // when it got its keys
	Seen      time.Time `json:"seen,omitzero"`
	From      string    `json:"from,omitempty"` // the address that it was last seen at
}

// EachDevice reads all devices, within a transaction of the caller's.
func EachDevice(tx *bbolt.Tx, do func(Device) error) error {
	return tx.Bucket([]byte(DevicesBucket)).ForEach(func(k, v []byte) error {
		var d Device
		if err := json.Unmarshal(v, &d); err != nil {
			return Damage(tx, DevicesBucket, k, err)
		}
		if string(k) != string(d.ID[:]) {
			return Damage(tx, DevicesBucket, k, fmt.Errorf("it is of device %s", d.ID))
		}
		return do(d)
	})
}

// GetDevice reads one device, within a transaction of the caller's. ok is false when there is none.
func GetDevice(tx *bbolt.Tx, id media.UUID) (d Device, ok bool, err error) {
	ok, err = Get(tx, DevicesBucket, id[:], &d)
	return d, ok, err
}

// PutDevice keeps a device, within a transaction of the caller's.
func PutDevice(tx *bbolt.Tx, d Device) error { return Put(tx, DevicesBucket, d.ID[:], d) }

// RemoveDevice forgets a device, within a transaction of the caller's.
func RemoveDevice(tx *bbolt.Tx, id media.UUID) error {
	return tx.Bucket([]byte(DevicesBucket)).Delete(id[:])
}
