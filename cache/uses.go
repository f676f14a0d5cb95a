package cache

import (
	"context"
	"sync"
	"time"

	"levee/cache/sqlite"
)

// Writing the time of each use at each hit would make a hit 2.5 times slower, so uses are collected and written together,
// and at most once an hour per row.
const (
	flushEvery  = 30 * time.Second
	flushAt     = 1000
	useRowStep  = time.Hour
	maxNoted    = 1 << 16
	trimSlice   = 500
	vacuumSlice = 256
)

// makeRoom, as the size to trim to, stands for three quarters of what there is.
const makeRoom int64 = -1

// uses collects which rows were used. Its fields are guarded by mu.
type uses struct {
	now     func() time.Time
	mu      sync.Mutex
	pending map[int64]int64 // id -> Unix seconds
	noted   map[int64]int64 // what was handed out for writing, so that a hot row is not written again each time
}

func newUses(now func() time.Time) *uses {
	return &uses{now: now, pending: map[int64]int64{}, noted: map[int64]int64{}}
}

// add notes a use and returns how many wait to be written now, or 0 when this one needs no writing.
func (u *uses) add(id int64) int {
	at := u.now().Unix()
	u.mu.Lock()
	defer u.mu.Unlock()
	if last, ok := u.noted[id]; ok && at-last < int64(useRowStep/time.Second) {
		return 0
	}
	if len(u.noted) >= maxNoted {
		clear(u.noted)
	}
	u.noted[id] = at
	u.pending[id] = at
	return len(u.pending)
}

func (u *uses) take() map[int64]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.pending
	u.pending = map[int64]int64{}
	return taken
}

func (u *uses) clear() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.pending)
	clear(u.noted)
}

// used notes the use of a row. One that is younger than the step in which uses are noted has the time of its making, which is as good.
func (c *Cache) used(id int64, e *Entry) {
	if age := c.opts.now().Sub(e.Created); age >= 0 && age < useRowStep {
		return
	}
	switch n := c.uses.add(id); {
	case n == 1:
		c.keep.later()
	case n >= flushAt:
		c.keep.now()
	}
}

func (c *Cache) flushUses(ctx context.Context) {
	taken := c.uses.take()
	if len(taken) == 0 {
		return
	}
	err := c.write(ctx, func(tx *sqlite.Tx) error {
		for id, at := range taken {
			if _, err := tx.Exec(`UPDATE use SET at = ?1 WHERE id = ?2 AND at < ?1 - 3600`, at, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		c.log.Debug("times of use were not written", "why", err)
	}
}

// keeper is the one goroutine that works in the background: it writes down uses and trims.
type keeper struct {
	stop     context.CancelFunc
	stopped  <-chan struct{}
	end      sync.WaitGroup
	flush    chan struct{} // capacity 1: a signal that waits is enough
	trim     chan int64    // the size to trim to, or makeRoom; capacity 1
	measured sync.Once

	mu    sync.Mutex
	timer *time.Timer // runs only while uses wait, so that an idle cache wakes nobody; guarded by mu
}

func (c *Cache) startKeeper() {
	ctx, stop := context.WithCancel(context.Background())
	k := &c.keep
	k.stop, k.stopped = stop, ctx.Done()
	k.flush, k.trim = make(chan struct{}, 1), make(chan int64, 1)
	var lastRoom time.Time
	k.end.Go(func() {
		if c.opts.Check {
			c.quickCheck(ctx)
		}
		for {
			select {
			case <-k.flush:
				c.flushUses(ctx)
			case to := <-k.trim:
				if to == makeRoom {
					// Once a minute: what fills the disk may be somebody else, and then giving up more does not help.
					u, err := c.Usage(ctx)
					if now := c.opts.now(); err != nil || now.Sub(lastRoom) < time.Minute {
						continue
					} else {
						lastRoom, to = now, u.Bytes()/4*3
					}
				}
				if _, err := c.Trim(ctx, to); err != nil && ctx.Err() == nil {
					c.log.Warn("trimming the cache failed", "why", err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
}

func (c *Cache) stopKeeper() {
	c.keep.stop()
	c.keep.mu.Lock()
	if c.keep.timer != nil {
		c.keep.timer.Stop()
	}
	c.keep.mu.Unlock()
	c.keep.end.Wait()
}

func (c *Cache) quickCheck(ctx context.Context) {
	db := c.db.Load()
	if err := c.failed(db, db.QuickCheck(ctx)); err != nil && ctx.Err() == nil {
		c.log.Warn("checking the cache failed", "why", err)
	}
}

func (k *keeper) ended() bool {
	select {
	case <-k.stopped:
		return true
	default:
		return false
	}
}

// later has the uses written after flushEvery.
func (k *keeper) later() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer == nil {
		k.timer = time.AfterFunc(flushEvery, k.now)
		return
	}
	k.timer.Reset(flushEvery)
}

func (k *keeper) now() {
	select {
	case k.flush <- struct{}{}:
	default:
	}
}

func (k *keeper) trimTo(bytes int64) {
	select {
	case k.trim <- bytes:
	default:
	}
}

// grown counts bytes that were stored and starts a trim when they are too many.
func (c *Cache) grown(n int64) {
	if c.opts.MaxBytes <= 0 {
		return
	}
	// Measured when something is first stored: a run of hits only never needs it.
	c.keep.measured.Do(func() { c.keep.trimTo(c.opts.MaxBytes) })
	if c.count.bytes.Add(n) > c.opts.MaxBytes {
		c.keep.trimTo(c.opts.MaxBytes / 10 * 9)
	}
}
