package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
)

// Report is what Repair did and what it could not.
type Report struct {
	Done []string  // a line for each thing that was mended
	Left []Finding // nobody can mend these, or it failed
}

// repair is one repair of a data folder.
type repair struct {
	*tools
	remake   bool              // the index is to be made again
	homeless map[string]string // where files lie now whose place was taken, and where that is
}

// passes is how often a repair looks again: what is mended may bring other things to light.
const passes = 6

// Repair checks a data folder that no hearth is running on, mends what it can and checks again. What was recorded is never
// deleted: what has no place is set aside, what is lost is noted as lost, so that a later check does not tell it again.
func Repair(ctx context.Context, dir string, o Options, log *slog.Logger) (report Report, err error) {
	if log == nil {
		log = slog.Default()
	}
	for range passes {
		findings, err := Run(ctx, dir, o)
		report.Left = findings
		if err != nil || len(findings) == 0 {
			return report, err
		}
		done, err := mendAll(ctx, dir, findings, o.BoxKey, log)
		report.Done = append(report.Done, done...)
		if err != nil {
			return report, err
		}
		if len(done) == 0 {
			return report, nil
		}
	}
	report.Left, err = Run(ctx, dir, o)
	return report, err
}

// mendAll mends findings of one pass. What fails is logged and left.
func mendAll(ctx context.Context, dir string, findings []Finding, boxKey []byte, log *slog.Logger) (done []string, err error) {
	t, err := openTools(dir, boxKey, log)
	if err != nil {
		return nil, err
	}
	r := &repair{tools: t, homeless: make(map[string]string)}
	last := !slices.ContainsFunc(findings, func(f Finding) bool { return f.mend != nil && !f.last })
	for _, f := range findings {
		if f.mend == nil || f.last != last {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		what, err := f.mend(ctx, r)
		if err != nil {
			log.Error("cannot repair", "path", f.Path, "problem", f.Problem, "error", err)
			continue
		}
		if line := f.Path + ": " + what; what != "" && !slices.Contains(done, line) {
			done = append(done, line)
		}
	}
	for from, to := range r.homeless {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) && os.Rename(from, to) == nil {
			done = append(done, fmt.Sprintf("%s: its place is free now, and it lies there again", to))
		}
	}
	if err := errors.Join(ctx.Err(), t.release()); err != nil {
		return done, err
	}
	if r.remake {
		files, err := RebuildWith(ctx, dir, boxKey, log)
		if err != nil {
			return done, fmt.Errorf("make the index again: %w", err)
		}
		done = append(done, fmt.Sprintf("index.db: made again from %d files", files))
	}
	return done, nil
}
