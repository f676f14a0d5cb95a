package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"levee/daemon/journal"
)

// Whoever asks for the end of a run writes that into the history first; then nobody starts it any more, whatever happens. The process
// that has it in hand looks there while it runs something, and ends it.

// cancelEvery is how often it looks: people wait for it.
const cancelEvery = 250 * time.Millisecond

// stopper ends the runs of this process whose end somebody asked for.
type stopper struct {
	mu      sync.Mutex
	runs    map[string]context.CancelCauseFunc // guarded by mu
	looking bool                               // guarded by mu; a goroutine looks, as long as there are runs
	none    chan struct{}                      // says that the last one has ended
}

// stoppable is a context for a run that ends when somebody asks for it. done must be called when the run has ended.
func (d *Daemon) stoppable(ctx context.Context, run string) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &d.stopper
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs, s.none = make(map[string]context.CancelCauseFunc), make(chan struct{}, 1)
	}
	s.runs[run] = cancel
	if !s.looking {
		s.looking = true
		d.upkeep.Go(d.look)
	}
	return ctx, func() {
		cancel(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		if delete(s.runs, run); len(s.runs) == 0 {
			select {
			case s.none <- struct{}{}:
			default:
			}
		}
	}
}

// look ends runs until there are none.
func (d *Daemon) look() {
	s := &d.stopper
	tick := time.NewTicker(cancelEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.none:
		}
		s.mu.Lock()
		if len(s.runs) == 0 {
			s.looking = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		asked, err := d.journal.CancelAsked(context.Background())
		if err != nil {
			d.log.Warn("whether runs shall end is not known", "err", err)
		}
		s.mu.Lock()
		for _, id := range asked {
			if cancel := s.runs[id]; cancel != nil {
				cancel(errCancelAsked)
			}
		}
		s.mu.Unlock()
	}
}

// poke ends a run of this process whose end somebody asked for, without waiting for the next look.
func (s *stopper) poke(run string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.runs[run]; cancel != nil {
		cancel(errCancelAsked)
	}
}

// Cancel asks for the end of a run, given by the start of its id, and of the runs of its nodes, and waits for it up to a time. It
// works from any process. The run that is returned may still be under way when its process does not answer.
func Cancel(ctx context.Context, cfg Config, prefix string, wait time.Duration) (journal.Run, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return journal.Run{}, err
	}
	j, err := journal.Open(ctx, cfg.StateDir, journal.Options{})
	if err != nil {
		return journal.Run{}, &StartError{fmt.Errorf("run history: %w", err)}
	}
	defer j.Close()
	return endRun(ctx, j, prefix, wait, func(string) {})
}

// endRun asks for the end of a run and waits for it up to a time; poke hurries whoever has it in hand.
func endRun(ctx context.Context, j *journal.Journal, prefix string, wait time.Duration, poke func(run string)) (journal.Run, error) {
	rec, err := j.Run(ctx, prefix)
	if err == nil {
		if err = j.RequestCancel(ctx, rec.ID); err == nil {
			poke(rec.ID)
		}
	}
	for end := time.Now().Add(wait); err == nil; {
		if rec, err = j.Run(ctx, rec.ID); err != nil || rec.Status.Terminal() {
			break
		}
		var orphans []journal.Run
		if orphans, err = j.Orphans(ctx); err != nil {
			break
		}
		if slices.ContainsFunc(orphans, func(o journal.Run) bool { return o.ID == rec.ID }) { // nobody's: ended here
			var won bool
			if won, err = j.Claim(ctx, &rec); err == nil && won {
				return rec, abandon(ctx, j, &rec, errCancelAsked.Error())
			}
			continue
		}
		if time.Now().After(end) {
			break
		}
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-time.After(cancelEvery / 10):
		}
	}
	if errors.Is(err, journal.ErrEnded) {
		err = &ResumeError{fmt.Sprintf("run %s has ended: it was %s", shortID(rec.ID), rec.Status)}
	}
	return rec, err
}
