package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sums are the SHA-256 of footage files, by their path below the folder.
type sums map[string][sha256.Size]byte

// twice recovers a copy of the folder, then the folder itself, and compares.
func (b *box) twice() error {
	files, err := footage(b.data)
	if err != nil {
		return err
	}
	spare := &box{data: filepath.Join("/disk", "copy")}
	if err := os.RemoveAll(spare.data); err != nil { // of a boot that was cut short
		return err
	}
	if err := os.CopyFS(spare.data, os.DirFS(b.data)); err != nil {
		return fmt.Errorf("copy the folder: %w", err)
	}
	if err := os.Chmod(filepath.Join(spare.data, "box.key"), 0o600); err != nil {
		return err
	}
	if err := spare.recover("copy"); err != nil {
		return fmt.Errorf("the copy: %w", err)
	}
	if err := b.recover("recover"); err != nil {
		return err
	}
	one, err := footage(spare.data)
	if err != nil {
		return err
	}
	two, err := footage(b.data)
	if err != nil {
		return err
	}
	finished, left := 0, 0
	for path, sum := range files {
		if stem, open := strings.CutSuffix(path, ".open"); open {
			left++
			compare(stem, one, two)
			continue
		}
		finished++
		for what, now := range map[string]sums{"the copy": one, "the folder": two} {
			if now[path] != sum {
				say("changed %s in %s", path, what)
			}
		}
	}
	say("twice with %d files left open, %d finished", left, finished)
	return os.RemoveAll(spare.data)
}

// compare says whether what became of an unfinished file differs.
func compare(stem string, one, two sums) {
	a, b := one.of(stem), two.of(stem)
	switch {
	case a == b && a != "" && one[a] != two[b]:
		say("differs: %s has other bytes after another recovery", a)
	case a != b:
		say("differs: %s became %q and %q", stem, a, b)
	}
}

// of is the finished file that became of an unfinished one, "" for none.
func (s sums) of(stem string) string {
	// <start>.open becomes <start>-<ms>.seg, <start>.sub.open becomes <start>-<ms>.sub.seg, and so on.
	start, kind, _ := strings.Cut(filepath.Base(stem), ".")
	for path := range s {
		name := filepath.Base(path)
		if filepath.Dir(path) != filepath.Dir(stem) || !strings.HasPrefix(name, start+"-") {
			continue
		}
		if _, ending, _ := strings.Cut(name, "."); ending == "seg" && kind == "" || strings.HasPrefix(ending, kind) && kind != "" {
			return path
		}
	}
	return ""
}

// footage sums all files of footage below a folder.
func footage(data string) (sums, error) {
	all := make(sums)
	media := filepath.Join(data, "media")
	err := filepath.WalkDir(media, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) { // there is no footage yet
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".open", ".seg", ".pack":
		default:
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(data, path)
		all[below] = sha256.Sum256(content)
		return err
	})
	return all, err
}
