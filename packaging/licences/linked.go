package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// programs are those of the package, and whether they are built with cgo.
var programs = map[string]string{"./cmd/hearth": "0", "./cmd/hearth-vision": "1"}

// architectures are those that packages are made for: what is linked differs a little.
var architectures = []string{"amd64", "arm64"}

// licenceFile and noticeFile are the names of what grants rights, and of what has to be passed on with it.
var (
	licenceFile = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying)([-._]\w+)*$`)
	noticeFile  = regexp.MustCompile(`(?i)^(notice|patents)(\.(md|txt))?$`)
)

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	Standard   bool
	Module     *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// linked finds Go itself and the modules that are in the programs of the module at root, and judges their licences.
func linked(ctx context.Context, root string) ([]work, error) {
	// By the folder of the module, and in it by the path of the file.
	files := make(map[string]map[string]bool)
	names := make(map[string]work)
	goroot := ""
	for _, arch := range architectures {
		for program, cgo := range programs {
			list, err := packages(ctx, root, program, arch, cgo)
			if err != nil {
				return nil, err
			}
			for _, p := range list {
				top, name := "", work{kind: "golang"}
				switch {
				case p.Standard: // all of it has one licence, but for an object of BoringSSL that only GOEXPERIMENT=boringcrypto links
					if goroot == "" {
						if goroot, err = goRoot(ctx, root); err != nil {
							return nil, err
						}
					}
					p.Dir, top = goroot, goroot
					name.name, name.version = "std", strings.TrimPrefix(runtime.Version(), "go")
				case p.Module == nil:
					return nil, fmt.Errorf("%s is in no module", p.ImportPath)
				case p.Module.Main:
					continue
				default:
					top = p.Module.Dir
					name.name, name.version = p.Module.Path, p.Module.Version
				}
				names[top] = name
				if files[top] == nil {
					files[top] = make(map[string]bool)
				}
				if err := beside(p.Dir, top, files[top]); err != nil {
					return nil, err
				}
			}
		}
	}
	var all []work
	var errs []error
	for _, top := range slices.Sorted(maps.Keys(files)) {
		w, err := read(names[top], slices.Sorted(maps.Keys(files[top])))
		if err != nil {
			errs = append(errs, err)
		}
		all = append(all, w)
	}
	return all, errors.Join(errs...)
}

// packages lists what a program is made of.
func packages(ctx context.Context, root, program, arch, cgo string) ([]pkg, error) {
	out, err := goTool(ctx, root, []string{"GOOS=linux", "GOARCH=" + arch, "CGO_ENABLED=" + cgo},
		"list", "-deps", "-json=ImportPath,Dir,Standard,Module", program)
	if err != nil {
		return nil, err
	}
	var list []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if p.ImportPath != "unsafe" && p.ImportPath != "C" {
			list = append(list, p)
		}
	}
}

func goRoot(ctx context.Context, root string) (string, error) {
	out, err := goTool(ctx, root, nil, "env", "GOROOT")
	return strings.TrimSpace(string(out)), err
}

func goTool(ctx context.Context, root string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, exit.Stderr)
	}
	return out, err
}

// beside finds the licence files and notices in a folder and in those above it, up to top.
func beside(dir, top string, found map[string]bool) error {
	for {
		list, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, f := range list {
			if f.Type().IsRegular() && filepath.Ext(f.Name()) != ".go" && (licenceFile.MatchString(f.Name()) || noticeFile.MatchString(f.Name())) {
				found[filepath.Join(dir, f.Name())] = true
			}
		}
		if below, err := filepath.Rel(top, dir); err != nil || below == "." || strings.HasPrefix(below, "..") {
			return err
		}
		dir = filepath.Dir(dir)
	}
}

// read reads and judges a work's files.
func read(w work, files []string) (work, error) {
	for _, path := range files {
		body, err := os.ReadFile(path)
		if err != nil {
			return w, err
		}
		w.texts = append(w.texts, text{filepath.Base(path), string(body)})
		if noticeFile.MatchString(filepath.Base(path)) {
			continue
		}
		granted, err := judge(string(body))
		if err != nil {
			return w, fmt.Errorf("%s: %s: %w", w.title(), filepath.Base(path), err)
		}
		w.grant(granted)
	}
	if len(w.licences) == 0 {
		return w, fmt.Errorf("%s: it has no licence", w.title())
	}
	return w, nil
}

func (w *work) grant(names []string) {
	for _, n := range names {
		if !slices.Contains(w.licences, n) {
			w.licences = append(w.licences, n)
		}
	}
}
