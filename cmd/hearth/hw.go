package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"text/tabwriter"
	"time"
)

type hwCmd struct {
	Vision string `help:"The hearth-vision program; empty: beside hearth, then in /usr/lib/hearth." placeholder:"FILE"`
	JSON   bool   `name:"json" help:"Print what was found as JSON."`
}

// Run has the worker try the decoders: FFmpeg is in that program only.
func (c *hwCmd) Run(p *program) error {
	vision, err := findVision(c.Vision)
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(p.ctx, vision, "--probe-hw").Output()
	if err != nil {
		return fmt.Errorf("try the decoders with %s: %w", vision, err)
	}
	if c.JSON {
		_, err := p.stdout.Write(out)
		return err
	}
	var trials []struct {
		Codec  string        `json:"codec"`
		Name   string        `json:"name"`
		Device string        `json:"device"`
		Works  bool          `json:"works"`
		Why    string        `json:"why"`
		Took   time.Duration `json:"took"`
	}
	if err := json.Unmarshal(out, &trials); err != nil {
		return fmt.Errorf("read what %s found: %w", vision, err)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CODEC\tDECODER\tDEVICE\tWORKS\tFIRST PICTURE")
	for _, t := range trials {
		device, works := t.Device, "yes"
		if device == "" {
			device = "-"
		}
		if !t.Works {
			works = "no: " + t.Why
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", t.Codec, t.Name, device, works, t.Took.Round(100*time.Microsecond))
	}
	return w.Flush()
}
