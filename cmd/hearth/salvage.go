package main

import (
	"errors"
	"fmt"
	"time"

	"hearth/storage/salvage"
	"hearth/storage/snapshot"
)

type salvageCmd struct {
	Media string `help:"The folder of the dead box's disk: that with media in it, or media itself. Nothing is written there." required:"" type:"existingdir" placeholder:"DIR"`
	Key   string `help:"File with the recovery key, or the box's own box.key; - reads it from the input." required:"" placeholder:"FILE"`
	Sub   bool   `help:"Also the cameras' small streams."`
	Out   string `arg:"" help:"The folder to write to. What is there whole from an earlier run is kept." type:"path" placeholder:"OUT"`
}

// Run writes all that can be read. Findings do not end it.
func (c *salvageCmd) Run(p *program) error {
	key, boxKey, err := snapshot.ReadKeyFile(c.Key)
	if err != nil {
		return err
	}
	s, findings, err := salvage.Open(c.Media, key, boxKey)
	if err != nil {
		return err
	}
	s.Out, s.Sub = c.Out, c.Sub
	s.Progress = func(g salvage.Progress) {
		percent := 0.0
		if g.Size > 0 {
			percent = 100 * float64(g.Bytes) / float64(g.Size)
		}
		fmt.Fprintf(p.stderr, "%3.0f %%  %.1f of %.1f GB  %s, %s\n", percent, float64(g.Bytes)/1e9, float64(g.Size)/1e9,
			g.Camera, g.At.Format("2006-01-02 15:04 MST"))
	}
	r, err := s.Run(p.ctx)
	findings = append(findings, r.Findings...)
	for _, f := range findings {
		fmt.Fprintln(p.stdout, f)
	}
	if err != nil {
		if p.ctx.Err() != nil {
			err = errors.New("interrupted; run the same again to go on")
		}
		return err
	}
	fmt.Fprintf(p.stdout, "%s: %d cameras, %d MP4 files (%d of them were there), %.1f GB, %s of footage, %d pictures of events\n",
		c.Out, r.Cameras, r.Files, r.Kept, float64(r.Bytes)/1e9, r.Footage.Round(time.Second), r.Pictures)
	if len(findings) > 0 {
		fmt.Fprintf(p.stdout, "%d findings; report.txt says them again\n", len(findings))
		return errFindings
	}
	return nil
}
