package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"hearth/storage/bundle"
	"hearth/storage/signet"
	"hearth/storage/witness"
)

type verifyCmd struct {
	Bundle string `arg:"" help:"The signed export, a .zip file, or a log that was saved, a .jsonl file." type:"existingfile" placeholder:"FILE"`
	Key    string `help:"The fingerprint of the box that it has to be signed by, as that box's page shows it under Storage." placeholder:"FINGERPRINT"`
}

// Run checks a signed export. It needs nothing but the file.
func (c *verifyCmd) Run(p *program) error {
	f, err := os.Open(c.Bundle)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	first := make([]byte, 1)
	if n, err := f.ReadAt(first, 0); n == 1 && err == nil && first[0] == '{' {
		return c.log(p, f)
	}
	var res bundle.Result
	if c.Key == "" {
		res, err = bundle.Verify(f, info.Size())
	} else {
		res, err = bundle.VerifyBy(f, info.Size(), c.Key)
	}
	if errors.Is(err, bundle.ErrNoBundle) {
		fmt.Fprintf(p.stdout, "FINDING: %s: %v\n", c.Bundle, err)
		return errFindings
	}
	if err != nil {
		return fmt.Errorf("verify %s: %w", c.Bundle, err)
	}
	tellBundle(p.stdout, res)
	if n := len(res.Findings); n > 0 {
		for _, finding := range res.Findings {
			fmt.Fprintln(p.stdout, "FINDING:", finding)
		}
		fmt.Fprintf(p.stdout, "%d findings: this is not what a box recorded and signed\n", n)
		return errFindings
	}
	if c.Key == "" {
		fmt.Fprintln(p.stdout, "It is as the box of this key signed it. Compare the key with the one that the box's page shows under Storage, or give it with --key.")
	} else {
		fmt.Fprintln(p.stdout, "It is as the box of this key signed it.")
	}
	return nil
}

// log checks a log that was saved.
func (c *verifyCmd) log(p *program, f *os.File) error {
	r, err := witness.VerifyExport(f)
	if errors.Is(err, witness.ErrNoExport) {
		fmt.Fprintf(p.stdout, "FINDING: %s: %v\n", c.Bundle, err)
		return errFindings
	}
	if err != nil {
		return fmt.Errorf("verify %s: %w", c.Bundle, err)
	}
	if c.Key != "" && !signet.SameFingerprint(r.Public, c.Key) {
		r.Findings = append(r.Findings, "another box signed it: its key is "+r.Fingerprint)
	}
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }
	fmt.Fprintf(p.stdout, "key:       %s\nbox:       %q\nlog:       %d lines, %s to %s\nsigned:    %s\n",
		r.Fingerprint, r.Box, r.Lines, at(r.First), at(r.Last), at(r.Signed))
	if n := len(r.Findings); n > 0 {
		for _, finding := range r.Findings {
			fmt.Fprintln(p.stdout, "FINDING:", finding)
		}
		fmt.Fprintf(p.stdout, "%d findings: this is not the log as the box signed it\n", n)
		return errFindings
	}
	if c.Key == "" {
		fmt.Fprintln(p.stdout, "It is the whole log up to then, as the box of this key signed it. Compare the key with the one that the box's page shows under Storage, or give it with --key.")
	} else {
		fmt.Fprintln(p.stdout, "It is the whole log up to then, as the box of this key signed it.")
	}
	return nil
}

// tellBundle says what a bundle is of, as it says itself.
func tellBundle(w io.Writer, res bundle.Result) {
	m := res.Manifest
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }
	span := func(s bundle.Span) string { return at(s.From) + " to " + at(s.To) + " UTC" }
	fmt.Fprintf(w, "key:       %s\n", res.Fingerprint)
	fmt.Fprintf(w, "box:       %q\n", m.Box.Name)
	fmt.Fprintf(w, "camera:    %q (%s, %.10q stream)\n", m.Camera.Name, m.Camera.ID, m.Camera.Stream)
	fmt.Fprintf(w, "made:      %s UTC by %q\n", at(m.Made.At), m.Made.By)
	fmt.Fprintf(w, "asked for: %s\n", span(m.Asked))
	for _, f := range m.Films {
		fmt.Fprintf(w, "film:      %.40q %s, %d pictures\n", f.Name, span(f.Span), f.Pictures)
	}
	for _, g := range m.Gaps {
		fmt.Fprintf(w, "gap:       %s: %q\n", span(g.Span), g.Reason)
	}
	trusted := "known at the beginning of every recording in it"
	for _, r := range m.Runs {
		if !r.Trusted {
			trusted = "not known for sure"
		}
	}
	fmt.Fprintf(w, "time:      %s\n", trusted)
	for _, n := range res.Notes {
		fmt.Fprintln(w, "note:     ", n)
	}
}
