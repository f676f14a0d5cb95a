//go:build linux

package runtime

import (
	"errors"
	"time"
)

// grow starts one more worker for a module when a slot is free and its calls are worth it.
func (e *Engine) grow(b *bound) {
	if b.starting > 0 || e.pool.first[b.key.hash] || e.pool.running >= e.cfg.Workers {
		return
	}
	able := 0
	for _, w := range b.workers {
		if !w.run.stalled {
			able++
		}
	}
	if able > 0 && b.mean > 0 {
		// What waits now is done by the workers that are there before another one would be.
		waiting := b.mean * time.Duration(b.queued) / time.Duration(able)
		if waiting < 2*max(b.loadTime, 2*time.Millisecond) {
			return
		}
	}
	if len(e.pool.workers)-e.pool.paused+e.pool.spawning >= 2*e.cfg.Workers+1 && !e.evict(b) {
		return
	}
	b.starting++
	e.pool.running++
	if !e.pool.known[b.key.hash] {
		e.pool.first[b.key.hash] = true
	}
	w := e.pool.spare
	e.pool.spare = nil
	if w == nil {
		e.pool.spawning++
	}
	e.wg.Go(func() { e.start(b, w) })
}

// start makes a worker hold a module. It runs in a goroutine of its own.
func (e *Engine) start(b *bound, w *worker) {
	begin := time.Now()
	fresh := w == nil
	var err error
	if fresh {
		w, err = e.spawn()
		e.mu.Lock()
		e.pool.spawning--
		if err == nil && !e.admit(w) {
			err = ErrClosed
		}
		e.mu.Unlock()
	}
	staging := ""
	if err == nil {
		staging, err = e.loadInto(w, b)
	}
	if errors.Is(err, errNative) {
		// Damaged or foreign native code: once more, from the module itself.
		e.cfg.Log.Warn("native code is unusable and is made again", "module", b.mod.String(), "why", err)
		e.native.remove(b.key.hash)
		if w, err = e.spawn(); err == nil {
			e.mu.Lock()
			if !e.admit(w) {
				err = ErrClosed
			}
			e.mu.Unlock()
		}
		if err == nil {
			staging, err = e.loadInto(w, b)
		}
	}
	e.started(b, w, time.Since(begin), staging, err)
	switch {
	case staging == "":
	case err != nil:
		if w != nil {
			<-w.gone // it may still be writing there
		}
		e.native.discard(staging)
	default:
		if aerr := e.native.adopt(b.key.hash, staging); aerr != nil {
			e.cfg.Log.Warn("native code is not kept", "module", b.mod.String(), "why", aerr)
		}
		e.settled(b)
	}
	e.wantSpare()
}

// admit takes a new worker into the pool, unless the engine is closed. The lock is held.
func (e *Engine) admit(w *worker) bool {
	if e.pool.closed {
		w.kill(&killReason{})
		return false
	}
	e.pool.workers[w] = struct{}{}
	return true
}

// started takes a worker that was started, or what hindered it, into the books.
func (e *Engine) started(b *bound, w *worker, took time.Duration, staging string, err error) {
	e.mu.Lock()
	b.starting--
	e.pool.running--
	var lost []*job
	if err == nil && w.run.dead {
		err = &Error{Code: CodeCrash, Detail: "its worker died at once"}
	}
	if err != nil {
		e.pool.refusals.note(b.key, err)
		delete(e.pool.first, b.key.hash)
		// Every call that waits would wait for the same failure.
		if len(b.workers) == 0 {
			lost = e.queue.take(b)
		}
	} else {
		b.loadTime = took
		w.run.bound, w.run.ready = b, true
		w.run.since = time.Now()
		if staging != "" {
			w.run.compiledAt, w.run.compileTime = w.run.since, took
		}
		b.workers = append(b.workers, w)
		if staging != "" {
			e.stats.Compiled++
		} else {
			e.stats.Loaded++
			delete(e.pool.first, b.key.hash)
			e.pool.known[b.key.hash] = true
		}
		e.idle(w)
	}
	dirty := e.schedule()
	e.hire(dirty)
	e.mu.Unlock()
	flushAll(dirty)
	for _, j := range lost {
		j.end(nil, j.startFailure(err))
	}
	if err != nil && w != nil {
		w.kill(&killReason{})
	}
}

func (j *job) startFailure(err error) error {
	var known *Error
	if errors.As(err, &known) {
		own := j.fault(known.Code, known.Detail)
		own.Limit = known.Limit
		return own
	}
	if errors.Is(err, ErrClosed) {
		return err
	}
	return j.fault(CodeCrash, err.Error())
}

// settled lets other workers of the module be started, now that its native code is kept.
func (e *Engine) settled(b *bound) {
	e.mu.Lock()
	delete(e.pool.first, b.key.hash)
	if e.native.has(b.key.hash) {
		e.pool.known[b.key.hash] = true
	}
	dirty := e.schedule()
	e.hire(dirty)
	e.mu.Unlock()
	flushAll(dirty)
}
