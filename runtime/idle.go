//go:build linux

package runtime

import "time"

// evict ends the worker that has been idle longest, of another module if there is one. It says whether there was one.
func (e *Engine) evict(b *bound) bool {
	var oldest *worker
	for w := range e.pool.workers {
		r := &w.run
		if r.bound == nil || r.bound == b || !r.ready || len(r.inflight) > 0 {
			continue
		}
		if oldest == nil || r.since.Before(oldest.run.since) {
			oldest = w
		}
	}
	if oldest == nil {
		return false
	}
	e.dismiss(oldest)
	return true
}

// dismiss ends an idle worker.
func (e *Engine) dismiss(w *worker) {
	delete(e.pool.workers, w)
	w.run.ready = false
	if w.run.bound != nil {
		w.run.bound.drop(w)
	}
	w.kill(&killReason{})
}

// wantSpare starts a blank worker if none waits, so that the next module need not wait for a process.
func (e *Engine) wantSpare() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pool.closed || e.pool.spare != nil || e.pool.spawning > 0 ||
		len(e.pool.workers) >= 2*e.cfg.Workers+1 {
		return
	}
	e.pool.spawning++
	e.wg.Go(func() {
		w, err := e.spawn()
		e.mu.Lock()
		defer e.mu.Unlock()
		e.pool.spawning--
		if err != nil {
			e.cfg.Log.Warn("no spare worker", "why", err)
			return
		}
		if e.admit(w) {
			e.pool.spare = w
		}
	})
}

// idle notes that a worker has nothing to do, and sees to it that it leaves in time.
func (e *Engine) idle(w *worker) {
	w.run.since = time.Now()
	if !e.pool.reaping {
		e.pool.reaping = true
		e.pool.reaper.Reset(e.cfg.IdleAfter)
	}
}

// reap ends workers that have been idle for long enough, and forgets modules that nobody uses.
func (e *Engine) reap() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pool.closed {
		return
	}
	next := time.Duration(0)
	now := time.Now()
	for w := range e.pool.workers {
		if w.run.bound == nil || !w.run.ready {
			continue
		}
		left := e.cfg.IdleAfter - now.Sub(w.run.since)
		if len(w.run.inflight) > 0 {
			left = e.cfg.IdleAfter
		}
		if left <= 0 {
			e.dismiss(w)
			continue
		}
		if next == 0 || left < next {
			next = left
		}
	}
	for key, b := range e.pool.bounds {
		if len(b.workers) == 0 && b.queued == 0 && b.starting == 0 {
			delete(e.pool.bounds, key)
		}
	}
	e.pool.reaping = next > 0
	if next > 0 {
		e.pool.reaper.Reset(next)
	}
}
