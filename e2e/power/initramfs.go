package power

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Initramfs is what the machine's memory holds at its start.
type Initramfs struct {
	Kernel  string            // folder with Debian's kernel package unpacked
	Modules []string          // by name; what they need comes with them
	Files   map[string]string // programs: from their path in the machine to their path here; libraries come with them
}

// Image gives the path of the kernel itself.
func (i *Initramfs) Image() (string, error) {
	found, err := filepath.Glob(filepath.Join(i.Kernel, "boot", "vmlinuz-*"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%s holds %d kernels, want one: %w", i.Kernel, len(found), err)
	}
	return found[0], nil
}

// Write writes the archive (cpio, newc). /init is one of Files.
func (i *Initramfs) Write(w io.Writer) error {
	c := &cpio{w: w, made: make(map[string]bool)}
	order, modules, err := i.modules()
	if err != nil {
		return err
	}
	for name, content := range modules {
		c.file("modules/"+name, 0o644, content)
	}
	c.file("modules/order", 0o644, []byte(strings.Join(order, "\n")))

	files := maps.Clone(i.Files)
	for _, from := range i.Files {
		libraries, err := librariesOf(from)
		if err != nil {
			return err
		}
		for _, l := range libraries {
			files[l] = l
		}
	}
	for _, to := range slices.Sorted(maps.Keys(files)) {
		content, err := os.ReadFile(files[to])
		if err != nil {
			return err
		}
		c.file(strings.TrimPrefix(to, "/"), 0o755, content)
	}
	return c.end()
}

// librariesOf gives the shared libraries that a program needs, its loader included.
func librariesOf(program string) ([]string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, fmt.Errorf("%s is no program: %w", program, err)
	}
	f.Close()
	if !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return nil, nil // a static one
	}
	out, err := exec.CommandContext(context.Background(), "ldd", program).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w", program, err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, "/") {
				found = append(found, word)
			}
		}
	}
	return found, nil
}

// modules reads the wanted modules and those that they need, and gives the order in which to load them.
func (i *Initramfs) modules() (order []string, content map[string][]byte, err error) {
	paths := make(map[string]string) // by name
	err = filepath.WalkDir(i.Kernel, func(path string, d fs.DirEntry, err error) error {
		if name, _, ok := strings.Cut(filepath.Base(path), ".ko"); ok {
			paths[moduleName(name)] = path
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	content = make(map[string][]byte)
	var load func(name string) error
	load = func(name string) error {
		name = moduleName(name)
		if content[name] != nil {
			return nil
		}
		path := paths[name]
		if path == "" {
			return nil // it is built in, or the machine will say what it misses
		}
		b, err := readModule(path)
		if err != nil {
			return err
		}
		content[name] = b
		needs, err := needsOf(b)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, n := range needs {
			if err := load(n); err != nil {
				return err
			}
		}
		order = append(order, name)
		return nil
	}
	for _, m := range i.Modules {
		if err := load(m); err != nil {
			return nil, nil, err
		}
	}
	return order, content, nil
}

// moduleName is a module's name: files may have dashes in theirs.
func moduleName(file string) string { return strings.ReplaceAll(file, "-", "_") }

// readModule reads a module, which newer packages compress.
func readModule(path string) ([]byte, error) {
	if strings.HasSuffix(path, ".xz") {
		return exec.CommandContext(context.Background(), "xz", "-dc", path).Output()
	}
	return os.ReadFile(path)
}

// needsOf reads from a module which others have to be loaded before it.
func needsOf(module []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("it has no .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	var needs []string
	for line := range bytes.SplitSeq(info, []byte{0}) {
		list, ok := bytes.CutPrefix(line, []byte("depends="))
		if !ok {
			continue
		}
		for _, n := range strings.Split(string(list), ",") {
			if n != "" {
				needs = append(needs, n)
			}
		}
	}
	return needs, nil
}
