package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"hearth/storage/box"
	"hearth/storage/check"
	"hearth/storage/volume"
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

// stopFirst says of a box that runs what to do about it: it alone writes its files.
func stopFirst(err error) error {
	if errors.Is(err, volume.ErrInUse) || errors.Is(err, box.ErrInUse) {
		return fmt.Errorf("%w: use its page, or stop it first (systemctl stop hearth) and start it again afterwards (systemctl start hearth)", err)
	}
	return err
}

type checkCmd struct {
	dataFlag `embed:""`
	Deep     bool `help:"Also open every sealed record, not only headers, footers and the chain."`
	Repair   bool `help:"Mend what can be mended, then check again. Nothing recorded is deleted: what has no place is set aside."`
}

// Run prints a line per finding, then how many there were.
func (c *checkCmd) Run(p *program) error {
	key, err := p.tool(c.Data)
	if err != nil {
		return err
	}
	o := check.Options{Deep: c.Deep, Progress: progress(p), BoxKey: key}
	if !c.Repair {
		findings, err := check.Run(p.ctx, c.Data, o)
		return c.tell(p, findings, stopFirst(err))
	}
	report, err := check.Repair(p.ctx, c.Data, o, p.log)
	for _, line := range report.Done {
		fmt.Fprintln(p.stdout, line)
	}
	return c.tell(p, report.Left, stopFirst(err))
}

func (c *checkCmd) tell(p *program, findings []check.Finding, err error) error {
	if err != nil {
		return err
	}
	for _, f := range findings {
		fmt.Fprintln(p.stdout, f)
	}
	switch {
	case len(findings) == 0:
		fmt.Fprintln(p.stdout, "clean")
		return nil
	case c.Repair:
		fmt.Fprintf(p.stdout, "%d findings are left\n", len(findings))
	default:
		fmt.Fprintf(p.stdout, "%d findings; hearth check --repair mends what can be mended\n", len(findings))
	}
	return errFindings
}

// progress tells, every few seconds, how far a long look has come.
func progress(p *program) func(done, all int64) {
	last := time.Now()
	return func(done, all int64) {
		if time.Since(last) < 3*time.Second || all == 0 {
			return
		}
		last = time.Now()
		fmt.Fprintf(p.stderr, "%d %% of %.1f GB\n", done*100/all, float64(all)/1e9)
	}
}

type rebuildCmd struct {
	dataFlag `embed:""`
}

// Run makes the index again.
func (c *rebuildCmd) Run(p *program) error {
	key, err := p.tool(c.Data)
	if err != nil {
		return err
	}
	files, err := check.RebuildWith(p.ctx, c.Data, key, p.log)
	if err != nil {
		return stopFirst(err)
	}
	fmt.Fprintf(p.stdout, "index.db was made again from %d files\n", files)
	return nil
}
