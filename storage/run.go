package storage

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	upkeepEvery     = 10 * time.Second
	checkpointEvery = time.Minute
)

// Run commits, checkpoints and keeps the limits until ctx is done; then it takes nothing more, and all that was taken
// is durable and all files are finished before it returns.
func (s *Store) Run(ctx context.Context) error {
	var wait sync.WaitGroup
	wait.Go(func() { s.upkeep(ctx) })
	wait.Go(func() {
		if err := s.recovery().Details(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("the details of some files are not indexed", "error", err)
		}
	})
	err := s.commit.Run(ctx)
	wait.Wait()
	s.commit.Mend()
	return errors.Join(err, s.checkpoint())
}

// upkeep does what is not the committer's: it checkpoints the index, lets go of footage and finishes abandoned files.
func (s *Store) upkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	checkpointed := time.Now()
	s.keep(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.short:
			// Files that just finished can only be let go of when they are indexed.
			checkpointed = time.Time{}
		}
		s.commit.Mend()
		if time.Since(checkpointed) >= checkpointEvery {
			checkpointed = time.Now()
			if err := s.checkpoint(); err != nil {
				s.log.Error("the index cannot be written; it is made again from the files if need be", "error", err)
			}
		}
		s.keep(ctx)
		if err := s.signHeads(); err != nil {
			s.log.Error("how far the chains have come is not signed; it is tried again in an hour", "error", err)
		}
	}
}
