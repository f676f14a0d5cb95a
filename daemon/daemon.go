// Package daemon joins the parts of levee: it loads workflows, runs them with the engine, the cache and the journal, watches
// a folder for them, and resumes what a crash cut short. It is the only package that knows all the others.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"levee/cache"
	"levee/daemon/journal"
	"levee/gpu"
	"levee/runtime"
)

// Daemon owns the engine, the cache, the journal and the registry, and everything that runs.
type Daemon struct {
	*Checker
	log     *slog.Logger
	engine  *runtime.Engine
	cache   *cache.Cache
	journal *journal.Journal
	now     func() time.Time
	ring    func(at time.Time, ring func()) (stop func()) // ringAt

	pool *gpu.Pool

	digests digestMemo
	held    heldMemory
	stopper stopper
	queue   *queue

	feedWait time.Duration // the constant of that name

	publishing chan struct{} // holds one for each value that is being brought from a GPU to memory

	streaming atomic.Int32 // invocations that hand on items while they run

	broken    chan struct{} // closed when the history can not be written any more: an unattended daemon ends, and is started again
	breakOnce sync.Once
	whyBroken error
	active    sync.WaitGroup // runs
	stop      context.CancelFunc
	upkeep    sync.WaitGroup
}

// Open starts a daemon; nothing runs yet. The error is a *StartError, unless ctx ended.
func Open(ctx context.Context, cfg Config) (*Daemon, error) {
	checker, err := NewChecker(cfg)
	if err != nil {
		return nil, &StartError{err}
	}
	d, err := open(ctx, checker)
	switch {
	case err == nil:
		return d, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, &StartError{err}
}

func open(ctx context.Context, checker *Checker) (_ *Daemon, err error) {
	ballast()
	cfg := checker.cfg
	d := &Daemon{
		Checker: checker, log: cfg.Log, now: time.Now, ring: ringAt, broken: make(chan struct{}), queue: newQueue(cfg.Runs), feedWait: feedWait,
		publishing: make(chan struct{}, 2),
	}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	for _, own := range []struct{ dir, what, flag string }{{cfg.StateDir, "the run history", "--state"}, {cfg.CacheDir, "stored results", "--cache"}} {
		if err := makePrivate(own.dir); err != nil {
			return nil, fmt.Errorf("the folder of %s: %w (%s names another)", own.what, err, own.flag)
		}
	}
	d.pool = gpu.NewPool(gpu.PoolConfig{
		Cache: filepath.Join(cfg.CacheDir, "cuda"), Log: cfg.Log,
		OnLost: func(string, string) { d.upkeep.Go(d.devices.gpus.renew) },
	})
	d.engine, err = runtime.New(runtime.Config{Dir: cfg.CacheDir, Workers: cfg.Workers, Isolation: cfg.Isolation, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	if d.journal, err = journal.Open(ctx, cfg.StateDir, journal.Options{}); err != nil {
		return nil, fmt.Errorf("run history: %w", err)
	}
	for _, note := range d.journal.Notes() {
		d.log.Error(note)
	}
	if d.cache, err = cache.Open(cfg.CacheDir, cache.Options{MaxBytes: cfg.CacheMax, KeepSince: func() time.Time { return keepSince(d.journal) }, Check: true, Log: cfg.Log}); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	bg, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	d.upkeep.Go(func() { d.maintain(bg) })
	return d, nil
}

// makePrivate makes a folder of the daemon's own. It refuses one in which somebody else could put other files in the place of ours.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user", dir)
	}
	if info.Mode()&0o022 != 0 {
		return fmt.Errorf("%s can be written by others; run chmod 700 on it", dir)
	}
	return nil
}

// Close waits for the runs in hand and lets go of everything.
func (d *Daemon) Close() error {
	d.active.Wait()
	if d.pool != nil {
		d.pool.Close()
	}
	if d.stop != nil {
		d.stop()
	}
	d.upkeep.Wait()
	if d.journal != nil && d.now().Sub(d.journal.BackedUp()) > backupAtLeast {
		d.tidy(context.Background()) // where nothing is served, no process lives for an hour
	}
	var errs []error
	if d.engine != nil {
		errs = append(errs, d.engine.Close())
	}
	if d.cache != nil {
		errs = append(errs, d.cache.Close())
	}
	if d.journal != nil {
		errs = append(errs, d.journal.Close())
	}
	return errors.Join(errs...)
}

// Upkeep of an unattended box: forget old runs, back the history up, give up what nobody takes up.
const (
	backupEvery   = time.Hour
	backupAtLeast = 24 * time.Hour
	keepHistory   = 4 << 30 // bytes of history
	staleAfter    = 7 * 24 * time.Hour
)

func (d *Daemon) maintain(ctx context.Context) {
	tick := time.NewTicker(backupEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.tidy(ctx)
		}
	}
}

func (d *Daemon) tidy(ctx context.Context) {
	if err := d.abandonStale(ctx); err != nil {
		d.log.Warn("runs that nobody takes up were not ended", "err", err)
	}
	if err := d.journal.Retain(ctx, d.cfg.KeepRuns, keepHistory); err != nil {
		d.log.Warn("old runs not forgotten", "err", err)
	}
	if err := d.journal.Backup(ctx); err != nil {
		d.log.Warn("history not backed up", "err", err)
	}
}

// keepTrying repeats a write to the journal while the disk is full: a result in hand is not thrown away because of it.
func (d *Daemon) keepTrying(ctx context.Context, write func() error) error {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := write()
		if errors.Is(err, journal.ErrBroken) {
			d.breakOnce.Do(func() { d.whyBroken = err; close(d.broken) })
		}
		if !errors.Is(err, journal.ErrFull) {
			return err
		}
		d.log.Error("the disk is full: waiting for room to record results", "dir", d.cfg.StateDir, "again in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Sandbox is what holds the nodes back on this machine.
func (d *Daemon) Sandbox() runtime.SandboxReport { return d.engine.Sandbox() }

// Paths are where this daemon keeps things.
func (d *Daemon) Paths() Paths { return d.cfg.paths() }

// Counters are what the engine and the cache did since the start.
func (d *Daemon) Counters() (runtime.Stats, cache.Stats) { return d.engine.Stats(), d.cache.Stats() }
