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
	proveEvery      = time.Hour
)

// Run commits, checkpoints and keeps the limits until ctx is done; then it takes nothing more, and all that was taken
// is durable and all files are finished before it returns.
func (s *Store) Run(ctx context.Context) error {
	var wait sync.WaitGroup
	wait.Go(func() { s.upkeep(ctx) })
	wait.Go(func() {
		for _, d := range s.all() {
			if d.trouble.Load() != nil {
				continue // when it is back
			}
			if err := s.recovery(d).Details(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("the details of some files are not indexed", "volume", d.ID, "error", err)
			}
		}
	})
	err := s.runDisks(ctx)
	wait.Wait()
	return errors.Join(err, s.checkpoint())
}

// runDisks runs the volumes, each by itself, and those that are added meanwhile.
func (s *Store) runDisks(ctx context.Context) error {
	var (
		wait sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	start := func(d *disk) {
		wait.Go(func() {
			err := d.run(ctx)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	s.adding.Lock()
	for _, d := range s.all() {
		start(d)
	}
	s.running = true
	s.adding.Unlock()
	for {
		select {
		case d := <-s.added:
			start(d)
		case <-ctx.Done():
			s.adding.Lock()
			s.running = false
			s.adding.Unlock()
			wait.Wait()
			return errors.Join(errs...)
		}
	}
}

// upkeep does what is not the committer's: it checkpoints the index, lets go of footage and finishes abandoned files.
func (s *Store) upkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	checkpointed, proving := time.Now(), time.Now()
	s.keep(ctx)
	s.lookAtAudit() // before anything new is signed
	s.sign()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.short:
			// Files that just finished can only be let go of when they are indexed.
			checkpointed = time.Time{}
		}
		for _, d := range s.all() {
			d.commit.Mend()
		}
		if time.Since(checkpointed) >= checkpointEvery {
			checkpointed = time.Now()
			if err := s.checkpoint(); err != nil {
				s.log.Error("the index cannot be written; it is made again from the files if need be", "error", err)
			}
		}
		s.keep(ctx)
		s.lookAtAudit()
		s.sign()
		_ = s.backUp(ctx) // it tells by itself
		if ran := time.Since(proving); ran >= proveEvery {
			proving = time.Now()
			s.prove(ran)
		}
	}
}

// prove notes that this version ran well for a while longer, as long as what was before it is kept.
func (s *Store) prove(ran time.Duration) {
	s.dropIndexes()
	switch gone, err := s.box.RanWell(ran); {
	case err != nil:
		s.log.Error("what was kept of hearth.db from before an upgrade is still there", "error", err)
	case gone:
		s.log.Info("this version has run well for two weeks: what hearth.db was before it is let go of")
	}
}

func (s *Store) sign() {
	if err := s.signHeads(); err != nil {
		s.log.Error("how far the chains have come is not signed; it is tried again in an hour", "error", err)
	}
}
