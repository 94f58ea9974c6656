package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/bundle"
	"hearth/storage/export"
)

type exportCmd struct {
	dataFlag `embed:""`
	Camera   string    `help:"The camera's name." required:"" placeholder:"NAME"`
	From     time.Time `help:"Begin, as in 2026-11-22T18:00:00Z." required:"" placeholder:"TIME"`
	To       time.Time `help:"End." required:"" placeholder:"TIME"`
	Stream   string    `help:"main or sub." enum:"main,sub" default:"main"`
	Signed   bool      `help:"Write a signed archive, OUT.zip, that can be verified anywhere: see hearth verify."`
	Out      string    `arg:"" help:"The MP4 file to write (with --signed: zip); it may not exist yet. Where the camera's settings change, OUT-2.mp4 and so on follow." placeholder:"OUT.mp4"`
}

// Run writes the file or files. It works on a box that is not running; the page exports from one that is.
func (c *exportCmd) Run(p *program) error {
	stream, err := media.ParseStream(c.Stream)
	if err != nil {
		return err
	}
	key, err := p.tool(c.Data)
	if err != nil {
		return err
	}
	store, err := storage.Open(storage.Options{Dir: c.Data, Log: p.log, BoxKey: key})
	if err != nil {
		return stopFirst(err)
	}
	defer store.Close()
	grant, err := c.grant(store)
	if err != nil {
		return err
	}

	open := func(from, to time.Time) (export.Pieces, error) { return store.Footage(grant, stream, from, to) }
	if c.Signed {
		err = c.signed(p, store, grant, stream)
	} else {
		err = c.plain(p, open)
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", c.Camera, err)
	}
	return nil
}

// plain writes MP4 files: one, or as many as it takes where the camera's settings changed.
func (c *exportCmd) plain(p *program, open func(from, to time.Time) (export.Pieces, error)) (err error) {
	parts, err := export.Parts(p.ctx, open, c.From, c.To, false)
	if err != nil {
		return err
	}
	var written []string
	defer func() {
		if err != nil { // all of it or nothing
			for _, name := range written {
				_ = asCaller(func() error { return os.Remove(name) })
			}
		}
	}()
	for i, part := range parts {
		name := c.Out
		if i > 0 {
			ending := filepath.Ext(name)
			name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ending), i+1, ending)
		}
		if err := writeFile(name, func(w io.Writer) error { return part.Write(p.ctx, w) }); err != nil {
			return err
		}
		written = append(written, name)
		r := part.Report()
		fmt.Fprintf(p.stdout, "%s: %s to %s, %d pictures, %d gaps, %.1f MB\n", name, r.Start.Format(time.RFC3339),
			r.End.Format(time.RFC3339), r.Pictures, len(r.Gaps), float64(r.Bytes)/1e6)
	}
	if len(parts) > 1 {
		fmt.Fprintf(p.stdout, "There are %d files because the camera's settings changed in between, or it paused for too long for one.\n", len(parts))
	}
	return nil
}

// signed writes a signed bundle.
func (c *exportCmd) signed(p *program, store *storage.Store, grant access.Grant, stream media.Stream) error {
	q, err := bundle.Of(store, grant, stream, 0, c.From, c.To, "somebody at the box")
	if err != nil {
		return err
	}
	b, err := bundle.Prepare(p.ctx, q)
	if err != nil {
		return err
	}
	if err := writeFile(c.Out, func(w io.Writer) error { return b.Write(p.ctx, w) }); err != nil {
		return err
	}
	r := b.Report()
	fmt.Fprintf(p.stdout, "%s: %s to %s, %d films, %d gaps, %.1f MB, signed by the key %s\n", c.Out, r.Contained.From.Format(time.RFC3339),
		r.Contained.To.Format(time.RFC3339), len(r.Films), len(r.Gaps), float64(r.Bytes)/1e6, r.Fingerprint)
	return nil
}

// writeFile makes a new file; when that fails there is none.
func writeFile(name string, write func(io.Writer) error) (err error) {
	var out *os.File
	if err := asCaller(func() (err error) {
		out, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	}); err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			_ = asCaller(func() error { return os.Remove(name) })
		}
	}()
	return write(out)
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
