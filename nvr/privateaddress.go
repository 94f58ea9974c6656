package nvr

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"hearth/nvr/camera"
	"hearth/nvr/media"
	"hearth/storage/box"
)

// What /api/v1 calls a camera that does not look, and one that is to look again and has not begun.
const (
	statusPrivate = camera.Private
	statusComing  = camera.Connecting
)

var (
	// ErrPrivate says that the camera does not look now.
	ErrPrivate = errors.New("this camera is private")
	errAddress = &FieldError{"url", "the camera at this address is private: switch that off first"}
	errHouse   = &FieldError{"url", "the house is private, so no camera is asked for a picture: switch that off first"}
)

// UnkeptError says that hearth.db did not take a switch of privacy, and whether it holds all the same until the box
// restarts.
type UnkeptError struct {
	Holds bool
	cause error
}

func (e *UnkeptError) Error() string { return fmt.Sprintf("keep who is private: %v", e.cause) }

// Unwrap gives what was wrong.
func (e *UnkeptError) Unwrap() error { return e.cause }

// probed are the addresses of a probe under way.
type probed struct {
	url, detect string
	number      uint64 // probes of the same address are several
}

// mayAsk says whether a camera may be asked what it offers, and gives a context that ends when it may not any more.
func (c *Cameras) mayAsk(ctx context.Context, url, detect string) (context.Context, context.CancelFunc, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.shades.cameras == nil:
		return nil, nil, ErrNotRunning
	case c.shades.hushed.On:
		return nil, nil, errHouse
	}
	if c.privateAddress(url, detect) {
		return nil, nil, errAddress
	}
	ctx, cancel := context.WithCancelCause(ctx)
	c.asked++
	key := probed{url, detect, c.asked}
	c.probes[key] = func() { cancel(errAddress) }
	return ctx, func() {
		cancel(nil)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.probes, key)
	}, nil
}

// privateAddress says whether one of the addresses is that of a private camera; c.mu is held.
func (c *Cameras) privateAddress(addresses ...string) bool {
	if c.shades.hushed.On {
		return true
	}
	return c.leadsToPrivate(media.CameraID{}, addresses...)
}

// leadsToPrivate says whether one of the addresses is that of a private camera other than self; c.mu is held.
func (c *Cameras) leadsToPrivate(self media.CameraID, addresses ...string) bool {
	for id, s := range c.shades.cameras {
		if id == self || !s.verdict.On {
			continue
		}
		for _, a := range addresses {
			if a != "" && slices.Contains(s.addresses, place(a)) {
				return true
			}
		}
	}
	return false
}

// sameAsPrivate says whether settings would have a camera looked at under another name while it is private. Addresses that
// stay as they were before are not asked about.
func (c *Cameras) sameAsPrivate(after, before box.Camera) bool {
	var news []string
	if after.URL != before.URL {
		news = append(news, after.URL)
	}
	if after.DetectURL != before.DetectURL {
		news = append(news, after.DetectURL)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leadsToPrivate(after.ID, news...)
}

// addressesOf are the places of a camera's streams.
func addressesOf(k box.Camera) []string {
	list := []string{place(k.URL)}
	if k.DetectURL != "" {
		list = append(list, place(k.DetectURL))
	}
	return list
}

// place is where an address leads, in one spelling.
func place(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"rtsps": "322"}[u.Scheme]
	}
	if port == "" {
		port = "554"
	}
	return strings.ToLower(u.Hostname()) + ":" + port + "/" + strings.Trim(u.Path, "/") + "?" + u.RawQuery
}
