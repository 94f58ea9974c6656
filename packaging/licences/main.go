// Licences writes down whose work is in the programs of Hearth, and under what licence: `make deb` ships it. It looks at what
// is linked, reads the licence files beside it, and fails where one is missing, unknown, or none that Hearth may ship.
//
//	licences [-page licences.json] [-sbom VERSION] [NAME_VERSION=FOLDER …]
//
// -page is what Vite says of the page's packages. NAME_VERSION=FOLDER is something else that is in a program, with a folder of its
// licence files, which are believed: FFmpeg and what is built into it, whose parts are chosen when they are built. With -sbom the list
// alone is written, as a bill of materials of that version (CycloneDX, JSON; dated by SOURCE_DATE_EPOCH), of all architectures.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	page := flag.String("page", "", "what Vite says of the page's packages")
	bill := flag.String("sbom", "", "write a bill of materials for this version of Hearth instead")
	flag.Parse()
	if err := run(*page, *bill, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "licences: %v\n", err)
		os.Exit(1)
	}
}

func run(page, bill string, others []string) error {
	all, err := linked(context.Background(), ".")
	if err != nil {
		return err
	}
	if page != "" {
		packages, err := bundled(page)
		if err != nil {
			return err
		}
		all = append(all, packages...)
	}
	for _, o := range others {
		name, folder, _ := strings.Cut(o, "=")
		name, version, _ := strings.Cut(name, "_")
		w, err := given(name, version, folder)
		if err != nil {
			return err
		}
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b work) int { return strings.Compare(a.title(), b.title()) })
	if bill != "" {
		return writeBill(os.Stdout, bill, os.Getenv("SOURCE_DATE_EPOCH"), all)
	}
	return write(os.Stdout, all)
}

// work is something that others made.
type work struct {
	kind          string // of the place where it is found: golang, npm, deb
	name, version string
	licences      []string // SPDX
	texts         []text
}

func (w work) title() string {
	if w.kind == "npm" {
		return w.name + " " + w.version + " (in the page)"
	}
	return w.name + " " + w.version
}

// text is a licence, or a notice that goes with it.
type text struct {
	file string // its name
	body string
}

// believed are the licences of what is built in C, as it is built in packaging/ffmpeg.
var believed = map[string]string{"ffmpeg": "LGPL-2.1-or-later", "dav1d": "BSD-2-Clause", "nv-codec-headers": "MIT"}

// given reads a folder of licence files without a judgement.
func given(name, version, folder string) (work, error) {
	w := work{kind: "deb", name: name, version: version}
	if believed[name] == "" {
		return w, fmt.Errorf("what licence has %s? Say so in packaging/licences/main.go", name)
	}
	w.licences = []string{believed[name]}
	found, err := os.ReadDir(folder)
	if err != nil {
		return w, err
	}
	for _, f := range found {
		body, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			return w, err
		}
		w.texts = append(w.texts, text{f.Name(), string(body)})
	}
	if len(w.texts) == 0 {
		return w, fmt.Errorf("%s: there is no licence in %s", name, folder)
	}
	return w, nil
}
