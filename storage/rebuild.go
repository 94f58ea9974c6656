package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"hearth/storage/box"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/keyring"
)

// tools opens what Check and Rebuild need of a data folder that no hearth is running on. Nothing is made or recovered.
func tools(dir string, log *slog.Logger) (s *Store, err error) {
	s = &Store{o: Options{Dir: dir, Log: log}, log: log}
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	if s.folder, err = takeFolder(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.release()
			s = nil
		}
	}()
	// An empty folder is no data folder; to make it one is not the business of a tool.
	if _, err := os.Stat(s.folder.path("hearth.db")); err != nil {
		return s, fmt.Errorf("%s is not a data folder of Hearth: %w", dir, err)
	}
	if s.box, err = box.Open(s.folder.path("hearth.db")); err != nil {
		return s, err
	}
	if s.keys, err = keyring.Open(dir, s.box); err != nil {
		return s, err
	}
	s.disk, err = commit.OpenFolder(dir)
	return s, err
}

// Rebuild makes index.db again from the files of a data folder that no hearth is running on (ErrInUse), and finishes
// what was left open. The old index stays beside it as index.db.old until the next time. Cut short, it changed nothing.
func Rebuild(ctx context.Context, dir string, log *slog.Logger) (files int, err error) {
	if log == nil {
		log = slog.Default()
	}
	s, err := tools(dir, log)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	fresh := s.folder.path(indexFile + ".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if s.index, err = index.Open(fresh); err != nil {
		return 0, err
	}
	if files, err = s.indexAll(ctx); err != nil {
		return 0, err
	}
	err = s.index.Close()
	s.index = nil
	if err != nil {
		return 0, err
	}
	path := s.folder.path(indexFile)
	if err := os.Rename(path, path+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if err := os.Rename(fresh, path); err != nil {
		return 0, err
	}
	return files, s.disk.SyncDir(".")
}

func (s *Store) indexAll(ctx context.Context) (int, error) {
	all, strange, err := scan(s.o.Dir, "")
	if err != nil {
		return 0, fmt.Errorf("look through the footage: %w", err)
	}
	for _, path := range strange {
		s.log.Warn("a file of unknown origin lies among the footage; it is left alone", "file", path)
	}
	rows, err := s.indexNames(all)
	if err != nil {
		return 0, err
	}
	if err := s.putHeads(rows); err != nil {
		return 0, err
	}
	if err := s.readDetails(ctx); err != nil {
		return 0, err
	}
	return len(rows), s.index.Checkpoint(scannedTo(all))
}

// scannedTo is the start of the newest file: what began before is all known.
func scannedTo(files []found) int64 {
	var last int64
	for _, f := range files {
		last = max(last, f.name.Start)
	}
	return last
}
