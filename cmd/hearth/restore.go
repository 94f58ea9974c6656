package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"hearth/storage/access"
	"hearth/storage/snapshot"
)

type restoreCmd struct {
	dataFlag     `embed:""`
	Media        string `help:"The folder of the old box's disk: that with media in it, or media itself." required:"" type:"existingdir" placeholder:"DIR"`
	Key          string `help:"File with the recovery key; - reads it from the input." required:"" placeholder:"FILE"`
	EmptyMedia   bool   `help:"The footage of the data folder is lost: begin with none. Without this its disk has to be mounted at DATA/media."`
	SnapshotFile string `name:"snapshot" help:"Restore this snapshot instead of the newest." type:"existingfile" placeholder:"FILE"`
}

// Run restores the newest snapshot that the key opens.
func (c *restoreCmd) Run(p *program) error {
	s, err := c.open(p)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := os.Stat(c.Data); err == nil { // one that is made now is its maker's
		if err := actAsOwner(c.Data); err != nil {
			return err
		}
	}
	if err := s.Restore(c.Data, c.EmptyMedia); err != nil {
		return stopFirst(err)
	}
	detail := "from the snapshot of " + s.Made.Format(time.RFC3339)
	if err := people(c.Data, func(a *access.Access) error { return logged(a, "restore", detail) }); err != nil {
		p.log.Warn("the restore is not in the audit log", "error", err)
	}
	if s.KeyOnly {
		fmt.Fprintf(p.stdout, "%s has its box.key again; its hearth.db was left as it is.\n", c.Data)
		return nil
	}
	fmt.Fprintf(p.stdout, "%s holds the box as it was on %s: %d cameras, and all people.\n",
		c.Data, s.Made.Local().Format("2006-01-02 15:04"), s.Cameras)
	if !c.EmptyMedia {
		fmt.Fprintf(p.stdout, "The disk with its footage belongs to %s. Then start hearth; it makes its index again by itself.\n",
			filepath.Join(c.Data, "media"))
	}
	return nil
}

func (c *restoreCmd) open(p *program) (*snapshot.Snapshot, error) {
	key, boxKey, err := snapshot.ReadKeyFile(c.Key)
	if err != nil {
		return nil, err
	}
	if boxKey != nil {
		return nil, errors.New("this file is a box.key, not the recovery key: put it into the data folder as it is, beside the hearth.db that it is of")
	}
	if c.SnapshotFile != "" {
		return snapshot.Open(c.SnapshotFile, key)
	}
	folder, err := snapshot.MediaFolder(c.Media)
	if err != nil {
		return nil, err
	}
	s, passed, err := snapshot.Newest(folder, key)
	for _, was := range passed {
		p.log.Warn("a newer snapshot is passed over", "error", was)
	}
	return s, err
}
