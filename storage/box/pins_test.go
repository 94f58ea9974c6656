package box

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
)

// A camera of an older hearth.db has no pins, and gets them without losing anything.
func TestCameraWithoutPins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hearth.db")
	b := open1(t, path)
	id := media.NewCameraID()
	must(t, b.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(camerasBucket)).Put(id[:], []byte(`{"id":"`+id.String()+`","name":"Yard","url":"rtsp://10.0.0.2/s","transport":"tcp",`+
			`"record":"continuous","audio":true,"motion":{"sensitivity":0.5},"created":"2026-01-02T03:04:05Z"}`))
	}))
	must(t, b.Close())
	b = open1(t, path)
	c, err := b.Camera(id)
	must(t, err)
	if c.Pins != nil || c.SubPins != nil || c.Strangers != nil {
		t.Fatalf("read %+v", c)
	}
	must(t, b.ChangeCamera(id, func(c *Camera) error {
		c.Pins = &media.Pins{MAC: "02:00:00:00:00:01"}
		return nil
	}))
	c, err = b.Camera(id)
	must(t, err)
	if c.Pins == nil || c.Pins.MAC != "02:00:00:00:00:01" || c.Name != "Yard" || c.Created.Year() != 2026 {
		t.Errorf("read %+v", c)
	}
}

func TestChangeCamera(t *testing.T) {
	b := open1(t, filepath.Join(t.TempDir(), "hearth.db"))
	id := media.NewCameraID()
	must(t, b.PutCamera(Camera{ID: id, Name: "Yard"}))
	var all sync.WaitGroup
	for range 20 { // none of them is lost
		all.Go(func() {
			if err := b.ChangeCamera(id, func(c *Camera) error { c.LimitDays++; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wrong := errors.New("no")
	if err := b.ChangeCamera(id, func(c *Camera) error { c.Name = "x"; return wrong }); !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
	if err := b.ChangeCamera(id, func(c *Camera) error { c.ID = media.NewCameraID(); return nil }); err == nil || !strings.Contains(err.Error(), "it would be") {
		t.Errorf("got %v", err)
	}
	if c, err := b.Camera(id); err != nil || c.LimitDays != 20 || c.Name != "Yard" {
		t.Errorf("%+v, %v", c, err)
	}
	if err := b.ChangeCamera(media.NewCameraID(), func(*Camera) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
