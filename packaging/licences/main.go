// Licences writes down whose work is in the programs of Hearth, and under what licence: `make deb` ships it. It looks at what
// is linked, reads the licence files beside it, and fails where one is missing, unknown, or none that Hearth may ship.
//
//	licences [-page licences.json] [NAME=FOLDER …]
//
// -page is what Vite says of the page's packages. NAME=FOLDER is something else that is in a program, with a folder of its licence
// files, which are believed: FFmpeg and what is built into it, whose parts are chosen when they are built.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	page := flag.String("page", "", "what Vite says of the page's packages")
	flag.Parse()
	if err := run(*page, flag.Args()); err != nil {
		fmt.Fprintf(os.Stderr, "licences: %v\n", err)
		os.Exit(1)
	}
}

func run(page string, others []string) error {
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
		w, err := given(name, folder)
		if err != nil {
			return err
		}
		all = append(all, w)
	}
	return write(os.Stdout, all)
}

// work is something that others made.
type work struct {
	name     string // with its version
	licences []string
	texts    []text
}

// text is a licence, or a notice that goes with it.
type text struct {
	file string // its name
	body string
}

// given reads a folder of licence files without a judgement.
func given(name, folder string) (work, error) {
	w := work{name: name}
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
