package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/export"
)

type exportCmd struct {
	dataFlag `embed:""`
	Camera   string    `help:"The camera's name." required:"" placeholder:"NAME"`
	From     time.Time `help:"Begin, as in 2026-11-22T18:00:00Z." required:"" placeholder:"TIME"`
	To       time.Time `help:"End." required:"" placeholder:"TIME"`
	Stream   string    `help:"main or sub." enum:"main,sub" default:"main"`
	Out      string    `arg:"" help:"The MP4 file to write; it may not exist yet." placeholder:"OUT.mp4"`
}

// Run writes the file. It works on a box that is not running; the page exports from one that is.
func (c *exportCmd) Run(p *program) (err error) {
	stream, err := media.ParseStream(c.Stream)
	if err != nil {
		return err
	}
	if err := boxIn(c.Data); err != nil {
		return err
	}
	store, err := storage.Open(storage.Options{Dir: c.Data, Log: p.log})
	if errors.Is(err, storage.ErrInUse) {
		return fmt.Errorf("%w; export on its page, or stop it first", err)
	}
	if err != nil {
		return err
	}
	defer store.Close()
	grant, err := c.grant(store)
	if err != nil {
		return err
	}

	out, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			_ = os.Remove(c.Out)
		}
	}()
	report, err := export.MP4(p.ctx, out, func() (export.Pieces, error) {
		return store.Footage(grant, stream, c.From, c.To)
	}, c.From, c.To)
	if err != nil {
		return fmt.Errorf("export %s: %w", c.Camera, err)
	}
	fmt.Fprintf(p.stdout, "%s: %s to %s, %d pictures, %d gaps, %.1f MB\n", c.Out, report.Start.Format(time.RFC3339),
		report.End.Format(time.RFC3339), report.Pictures, len(report.Gaps), float64(report.Bytes)/1e6)
	return nil
}

// grant is that of the box's first owner, in whose name somebody at the box acts; the audit log says so.
func (c *exportCmd) grant(store *storage.Store) (access.Grant, error) {
	cameras, err := store.Box().Cameras()
	if err != nil {
		return access.Grant{}, err
	}
	people, err := store.Access().People()
	if err != nil {
		return access.Grant{}, err
	}
	for _, cam := range cameras {
		if !strings.EqualFold(cam.Name, c.Camera) && cam.ID.String() != c.Camera {
			continue
		}
		for _, who := range people {
			if who.Role != access.Owner {
				continue
			}
			if err := store.Access().Audit(access.Entry{
				Act: "export", Name: "on the box", Camera: cam.ID, From: c.From, To: c.To, Detail: "hearth export",
			}); err != nil {
				return access.Grant{}, err
			}
			return store.Access().Authorize(who.ID, cam.ID, access.Export)
		}
		return access.Grant{}, errors.New("this box has no owner yet")
	}
	return access.Grant{}, fmt.Errorf("there is no camera called %q", c.Camera)
}
