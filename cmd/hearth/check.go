package main

import (
	"fmt"
	"os"
	"path/filepath"

	"hearth/storage/check"
)

// dataFlag is for the tools that work on a data folder while no hearth runs on it.
type dataFlag struct {
	Data string `help:"Folder for footage, events and settings. Default: ./hearth-data; /var/lib/hearth as a service." default:"${data}" type:"path" placeholder:"DIR"`
}

// boxIn says that there is a box in a folder, so that a mistyped name does not make one.
func boxIn(data string) error {
	if _, err := os.Stat(filepath.Join(data, "hearth.db")); err != nil {
		return fmt.Errorf("there is no box in %s (%w); say with --data where it is", data, err)
	}
	return nil
}

type checkCmd struct {
	dataFlag `embed:""`
	Deep     bool `help:"Also open every sealed record, not only its checksum."`
}

// Run prints a line per finding, then how many there were.
func (c *checkCmd) Run(p *program) error {
	if err := boxIn(c.Data); err != nil {
		return err
	}
	findings, err := check.Check(p.ctx, c.Data, c.Deep)
	if err != nil {
		return err
	}
	for _, f := range findings {
		fmt.Fprintln(p.stdout, f)
	}
	if len(findings) > 0 {
		fmt.Fprintf(p.stdout, "%d findings\n", len(findings))
		return errFindings
	}
	fmt.Fprintln(p.stdout, "clean")
	return nil
}

type rebuildCmd struct {
	dataFlag `embed:""`
}

// Run makes the index again.
func (c *rebuildCmd) Run(p *program) error {
	if err := boxIn(c.Data); err != nil {
		return err
	}
	files, err := check.Rebuild(p.ctx, c.Data, p.log)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "index.db was made again from %d files\n", files)
	return nil
}
