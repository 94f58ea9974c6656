package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"hearth/nvr/hardware"
	"hearth/nvr/vision/protocol"
)

type hwCmd struct {
	dataFlag `embed:""`
	Vision   string `help:"The hearth-vision program; empty: beside hearth, then in /usr/lib/hearth." placeholder:"FILE"`
	Again    bool   `help:"Try everything again, though nothing changed since the last time."`
	JSON     bool   `name:"json" help:"Print what was found as JSON."`
}

// Help says what is done.
func (*hwCmd) Help() string {
	return "Every way to decode (VA-API, V4L2, NVIDIA's NVDEC, software) plays a built-in clip of each codec, 640x360 pixels: H.264, H.265 and AV1 " +
		"of 8 and 10 bits, and MJPEG. Each picture is compared with what software makes of it; hardware that makes others is never used. " +
		"FIRST is the time to the first picture, opening the device included; EACH is that of each picture after it, and CPU the processor's part of it.\n\n" +
		"The result is remembered in the data folder, as hardware.json, until the device, its driver, the kernel or FFmpeg change. " +
		"Exit 0: done; 2: some hardware makes wrong pictures, hangs or crashes."
}

// Run has the worker try the decoders: FFmpeg is in that program only.
func (c *hwCmd) Run(p *program) error {
	vision, err := findVision(c.Vision)
	if err != nil {
		return err
	}
	machine := &hardware.Machine{Program: vision, Log: p.log}
	if _, err := os.Stat(c.Data); err == nil { // a mistyped name does not make a folder
		machine.Dir = c.Data
	}
	tried, err := machine.Know(p.ctx, c.Again)
	if err != nil {
		return err
	}
	found := machine.Trials()
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		err = out.Encode(found)
	} else {
		err = tellHardware(p, found, tried)
	}
	if err != nil {
		return err
	}
	for _, t := range found.Trials {
		if t.Wrong {
			return errFindings
		}
	}
	return nil
}

// tellHardware prints what was found as a table.
func tellHardware(p *program, found *protocol.Trials, tried bool) error {
	fmt.Fprintf(p.stdout, "FFmpeg %s, kernel %s\n", found.FFmpeg, found.Kernel)
	for _, d := range found.Devices {
		fmt.Fprintf(p.stdout, "%s: %s\n", d.Way, orDash(d.Driver))
	}
	if len(found.Devices) == 0 {
		fmt.Fprintln(p.stdout, "no hardware that decodes: no /dev/dri/renderD*, no /dev/video*, no NVIDIA card")
	}
	if !tried {
		fmt.Fprintln(p.stdout, "remembered; --again tries again")
	}
	fmt.Fprintln(p.stdout)
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CODEC\tBITS\tDECODER\tDEVICE\tFIRST\tEACH\tCPU\tRIGHT")
	for _, t := range found.Trials {
		first, each, cpu, right := "-", "-", "-", "no: "+t.Why
		if t.Works {
			first, each, cpu, right = short(t.First), short(t.Picture), short(t.CPU), "yes"
			if t.Apart >= 0.01 {
				right = fmt.Sprintf("yes, %.2f levels apart", t.Apart)
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Codec, t.Bits, t.Name, orDash(t.Device), first, each, cpu, right)
	}
	return w.Flush()
}

func short(d time.Duration) string {
	if d >= 10*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
