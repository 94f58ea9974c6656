package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"hearth/storage/access"
	"hearth/storage/box"
	"hearth/storage/volume"
)

type goBackCmd struct {
	dataFlag `embed:""`
}

// Run puts back what hearth.db was before a later version took it.
func (c *goBackCmd) Run(p *program) error {
	if err := errors.Join(boxIn(c.Data), actAsOwner(c.Data)); err != nil {
		return err
	}
	folder, err := volume.Take(c.Data)
	if err != nil {
		return stopFirst(err)
	}
	w, err := box.GoBack(filepath.Join(c.Data, "hearth.db"))
	if err := errors.Join(err, folder.Release()); err != nil {
		return err
	}
	detail := fmt.Sprintf("to how it was on %s, from format %d to %d", w.Since.Format(time.RFC3339), w.From, w.To)
	if err := people(c.Data, func(a *access.Access) error { return logged(a, "go-back", detail) }); err != nil {
		p.log.Warn("going back is not in the audit log", "error", err)
	}
	fmt.Fprintf(p.stdout, "The box is as it was on %s: its cameras, people, settings and its audit log. What was recorded since is there.\n"+
		"Everybody logs in anew. Who was removed since, or got another password, has to be again.\n"+
		"What it was until now lies in %s for two weeks.\n", w.Since.Local().Format("2006-01-02 15:04"), w.SetAside)
	return nil
}
