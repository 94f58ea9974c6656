package nvr

import (
	"context"
	"errors"
	"time"

	"hearth/nvr/camera"
	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/vision"
	"hearth/storage/access"
)

// Widths of one-shot pictures, in pixels.
const (
	snapshotWidth = 1280
	probeWidth    = 640
	thumbWidth    = 640
)

// Snapshot gives the newest key frame of a camera as a JPEG, and when it was taken. Each is decoded anew: a picture
// in the clear is not kept in memory to be handed to the next one who asks.
func (c *Cameras) Snapshot(ctx context.Context, g access.Grant) ([]byte, time.Time, error) {
	o, err := c.open(g, access.Live)
	if err != nil {
		return nil, time.Time{}, err
	}
	run, au := o.screens.hubs[media.Main].LastKey()
	if au == nil {
		run, au = o.screens.hubs[media.Sub].LastKey()
	}
	if au == nil && o.camera.State().Status == camera.Quarantined {
		return nil, time.Time{}, ErrQuarantined
	}
	if au == nil {
		return nil, time.Time{}, ErrNoPicture
	}

	if !c.Store.Bell().Same(alarm.Live, g.Camera(), au.Camera, "a snapshot of another camera was about to be made") {
		return nil, time.Time{}, ErrNoPicture
	}
	jpeg, err := c.picture(ctx, run.Tracks[au.Track], *au, snapshotWidth)
	if err != nil {
		return nil, time.Time{}, err
	}
	if _, err := c.open(g, access.Live); err != nil { // it became private meanwhile
		return nil, time.Time{}, err
	}
	return jpeg, au.Wall, nil
}

// Probe asks a camera what it offers before it is added, with a picture of what it sees. The picture is nil where
// none could be made; the offer still stands then.
func (c *Cameras) Probe(ctx context.Context, s CameraSettings) (camera.Offer, []byte, error) {
	a, err := splitAddress(s)
	if err != nil {
		return camera.Offer{}, nil, err
	}
	config := camera.Config{URL: a.URL, DetectURL: a.DetectURL, Username: a.Username, Transport: s.Transport, Audio: true}
	if a.Password != nil {
		config.Password = *a.Password
	}
	ctx, done, err := c.mayAsk(ctx, config.URL, config.DetectURL)
	if err != nil {
		return camera.Offer{}, nil, err
	}
	defer done()
	offer, err := camera.Probe(ctx, config)
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), errAddress) {
		return camera.Offer{}, nil, errAddress
	}
	if err != nil {
		return camera.Offer{}, nil, err
	}
	jpeg, err := c.picture(ctx, offer.Main.Track, offer.Main.Key, probeWidth)
	if err != nil {
		c.Log.Warn("no picture could be made of a probed camera", "error", err)
	}
	return offer, jpeg, nil
}

// picture decodes one key frame in a process of its own, a few at a time in the whole box.
func (c *Cameras) picture(ctx context.Context, t media.Track, au media.AccessUnit, width int) ([]byte, error) {
	select {
	case c.pictures <- struct{}{}:
		defer func() { <-c.pictures }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return vision.Picture(ctx, c.Vision, t, au, width)
}
