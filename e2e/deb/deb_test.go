package deb

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mostBytes is what a package may have.
const mostBytes = 25 << 20

// suites are the releases that a package is for; some are Ubuntu's.
var suites = []string{"bookworm", "trixie", "jammy", "noble"}

// oldest is the C library of the oldest of them, Ubuntu 22.04.
var oldest = []int{2, 35}

// machines are the architectures, and how ELF names them.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// program is what of the package a test looks into.
type program struct {
	arch, root string // the package unpacked
	control    map[string]string
}

// root gives a path of the repository.
func root(parts ...string) string { return filepath.Join(append([]string{"..", ".."}, parts...)...) }

// unpack unpacks the packages of HEARTH_PACKAGES, a folder, that have the version of these sources.
func unpack(t *testing.T) (all []program) {
	t.Helper()
	folder := os.Getenv("HEARTH_PACKAGES")
	if folder == "" {
		t.Skip("it looks into packages: make test-deb")
	}
	for _, arch := range slices.Sorted(maps.Keys(machines)) {
		path := filepath.Join(folder, "hearth_"+version(t)+"_"+arch+".deb")
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.1f MB", filepath.Base(path), float64(info.Size())/1e6)
		if info.Size() > mostBytes {
			t.Errorf("%s has %d bytes, %d may be", path, info.Size(), mostBytes)
		}
		p := program{arch: arch, root: t.TempDir(), control: make(map[string]string)}
		output(t, "dpkg-deb", "-x", path, p.root)
		for line := range strings.Lines(output(t, "dpkg-deb", "-f", path)) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				p.control[name] = value
			}
		}
		if p.control["Architecture"] != arch {
			t.Errorf("%s is said to be of %s", path, p.control["Architecture"])
		}
		all = append(all, p)
	}
	return all
}

func version(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(output(t, root("packaging", "version.sh")))
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var complaints bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, complaints.String())
	}
	return string(out)
}

func open(t *testing.T, path string) *elf.File {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestPrograms looks at what is in the packages.
func TestPrograms(t *testing.T) {
	for _, p := range unpack(t) {
		t.Run(p.arch, func(t *testing.T) {
			hearth := open(t, filepath.Join(p.root, "usr/bin/hearth"))
			if libraries, err := hearth.ImportedLibraries(); err != nil || len(libraries) > 0 || hearth.Section(".interp") != nil {
				t.Errorf("hearth is not static: it needs %v (%v)", libraries, err)
			}
			vision := open(t, filepath.Join(p.root, "usr/lib/hearth/hearth-vision"))
			for _, f := range []*elf.File{hearth, vision} {
				if f.Machine != machines[p.arch] {
					t.Errorf("a program is for %s", f.Machine)
				}
			}
			p.libc(t, vision)
			p.notices(t)
		})
	}
}

// libc holds the versions of the C library's symbols that are needed against the oldest library.
func (p program) libc(t *testing.T, f *elf.File) {
	t.Helper()
	symbols, err := f.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	glibc := regexp.MustCompile(`^GLIBC_(\d+)\.(\d+)`)
	newest, what := []int{0, 0}, ""
	for _, s := range symbols {
		if m := glibc.FindStringSubmatch(s.Version); m != nil {
			major, _ := strconv.Atoi(m[1])
			minor, _ := strconv.Atoi(m[2])
			if slices.Compare([]int{major, minor}, newest) > 0 {
				newest, what = []int{major, minor}, s.Name
			}
		}
	}
	t.Logf("the newest of the C library that hearth-vision needs is %s, of %v; it depends on %s", what, newest, p.control["Depends"])
	if slices.Compare(newest, oldest) > 0 || newest[0] == 0 {
		t.Errorf("hearth-vision needs %s of a C library %v, Ubuntu 22.04 has %v", what, newest, oldest)
	}
}

// notices holds those whose work is linked against those that the package names.
func (p program) notices(t *testing.T) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.root, "usr/share/doc/hearth/copyright"))
	if err != nil {
		t.Fatal(err)
	}
	notices := string(raw)
	for _, name := range []string{"usr/bin/hearth", "usr/lib/hearth/hearth-vision"} {
		info, err := buildinfo.ReadFile(filepath.Join(p.root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range info.Deps {
			if !strings.Contains(notices, "  "+m.Path+" "+m.Version+": ") {
				t.Errorf("%s %s is in %s, and the package does not name it", m.Path, m.Version, name)
			}
		}
	}
	for _, want := range []string{"  svelte ", "  std ", "  ffmpeg ", "  dav1d ", "GNU LESSER GENERAL PUBLIC LICENSE", "Two Orioles"} {
		if !strings.Contains(notices, want) {
			t.Errorf("the package's copyright has no %q", want)
		}
	}
}

// TestLibraries holds the libraries of each release against what hearth-vision imports: symbol by symbol, and the versions that the
// package depends on.
func TestLibraries(t *testing.T) {
	for _, p := range unpack(t) {
		for _, suite := range suites {
			t.Run(suite+" "+p.arch, func(t *testing.T) { p.fits(t, suite) })
		}
	}
}

func (p program) fits(t *testing.T, suite string) {
	dir := t.TempDir()
	cmd := exec.Command(root("packaging", "cross", "libraries.sh"), suite, p.arch, dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		t.Skipf("%s (its C library's version is checked all the same: TestPrograms)", strings.TrimSpace(string(out)))
	} else if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "versions"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		name, has, _ := strings.Cut(strings.TrimSpace(line), " ")
		m := regexp.MustCompile(regexp.QuoteMeta(name) + ` \(>= ([^)]+)\)`).FindStringSubmatch(p.control["Depends"])
		if m == nil {
			t.Errorf("the package does not depend on %s: %s", name, p.control["Depends"])
			continue
		}
		if exec.Command("dpkg", "--compare-versions", has, "ge", m[1]).Run() != nil {
			t.Errorf("the package needs %s %s, %s has %s", name, m[1], suite, has)
		}
	}

	vision := open(t, filepath.Join(p.root, "usr/lib/hearth/hearth-vision"))
	needed, err := vision.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	offers := make(map[string]bool) // symbols with their versions, and without, of all the libraries
	for _, name := range needed {
		found, err := filepath.Glob(filepath.Join(dir, "root", "*", "*", name))
		more, err2 := filepath.Glob(filepath.Join(dir, "root", "usr", "*", "*", name))
		loader, err3 := filepath.Glob(filepath.Join(dir, "root", "lib*", name))
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		found = append(append(found, more...), loader...)
		if len(found) == 0 {
			t.Errorf("%s has no %s", suite, name)
			continue
		}
		symbols, err := open(t, found[0]).DynamicSymbols()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range symbols {
			if s.Section != elf.SHN_UNDEF {
				offers[s.Name] = true
				offers[s.Name+"@"+s.Version] = true
			}
		}
	}
	imported, err := vision.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, s := range imported {
		if s.Section != elf.SHN_UNDEF || elf.ST_BIND(s.Info) == elf.STB_WEAK {
			continue
		}
		count++
		name := s.Name
		if s.Version != "" {
			name += "@" + s.Version
		}
		if !offers[name] {
			t.Errorf("%s has no %s", suite, name)
		}
	}
	t.Logf("%s has all of %d symbols in %s", suite, count, strings.Join(needed, ", "))
	if count < 100 {
		t.Errorf("only %d symbols were looked at", count)
	}
}

// TestSameBytes makes the packages anew from a copy of what was committed, in another folder and with nothing compiled but FFmpeg.
func TestSameBytes(t *testing.T) {
	folder := os.Getenv("HEARTH_PACKAGES")
	if folder == "" {
		t.Skip("it makes packages: make test-deb")
	}
	if out := output(t, "git", "status", "--porcelain"); out != "" {
		t.Skipf("the package is of what was committed, and this is not:\n%s", out)
	}
	here, err := filepath.Abs(root())
	if err != nil {
		t.Fatal(err)
	}
	folder, err = filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(t.TempDir(), "elsewhere")
	output(t, "git", "clone", "-q", here, there)
	output(t, "mkdir", filepath.Join(there, ".cache"))
	for _, dir := range []string{".cache/ffmpeg", ".cache/tools", "web/ui/node_modules"} {
		output(t, "cp", "-a", "--reflink=auto", filepath.Join(here, dir), filepath.Join(there, dir))
	}
	cmd := exec.Command("make", "deb")
	cmd.Dir = there
	cmd.Env = append(os.Environ(), "GOCACHE="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make deb: %v\n%s", err, out)
	}
	for arch := range machines {
		name := "hearth_" + version(t) + "_" + arch + ".deb"
		one, two := sum(t, filepath.Join(folder, name)), sum(t, filepath.Join(there, "dist", name))
		if one != two {
			t.Errorf("%s has other bytes when it is made elsewhere", name)
		} else {
			t.Logf("%s has the same bytes when it is made elsewhere: SHA-256 %x", name, one)
		}
	}
}

func sum(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(b)
}
