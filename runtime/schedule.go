//go:build linux

package runtime

import "time"

// schedule gives queued calls to workers and starts workers where that pays. It returns the workers that have
// something to send, which the caller does after it gave back the engine's lock.
func (e *Engine) schedule() (dirty []*worker) {
	if e.pool.closed || e.queue.length == 0 || e.kept >= e.most {
		return nil
	}
	starved := e.starved()
	for w := range e.pool.workers {
		w.run.filling = false
	}
	place := func(b *bound, j *job) *worker { return e.place(b, j, starved) }
	for e.queue.length > 0 {
		j, w := e.queue.pop(place)
		if j == nil {
			break
		}
		if e.assign(w, j) {
			dirty = append(dirty, w)
		}
	}
	return dirty
}

// starved says that some module has calls but neither a worker that is at it nor a slot for one. Then workers get no
// calls ahead beyond a short turn, so that slots come free.
func (e *Engine) starved() bool {
	if e.pool.running < e.cfg.Workers {
		return false
	}
	for _, b := range e.pool.bounds {
		if b.queued == 0 || b.starting > 0 || e.pool.first[b.key.hash] {
			continue
		}
		busy := false
		for _, w := range b.workers {
			busy = busy || len(w.run.inflight) > 0
		}
		if !busy {
			return true
		}
	}
	return false
}

// place finds a worker for the next call of a module, or starts one and returns nil.
func (e *Engine) place(b *bound, j *job, starved bool) *worker {
	var least *worker
	for _, w := range b.workers {
		if !w.run.ready || w.run.dead {
			continue
		}
		if least == nil || len(w.run.inflight) < len(least.run.inflight) {
			least = w
		}
	}
	if least != nil && len(least.run.inflight) == 0 {
		if e.pool.running >= e.cfg.Workers {
			return nil
		}
		return least
	}
	e.grow(b)
	if least == nil {
		return nil
	}
	r := &least.run
	depth := b.depth()
	if r.stalled || len(r.inflight) >= depth || r.bytes+j.size > pipelineBytes || starved && r.quantum <= 0 {
		e.watch(least)
		return nil
	}
	// Refill when half is done, so that many calls share one write.
	if len(r.inflight) > depth/2 && !r.filling {
		return nil
	}
	r.filling = true
	return least
}

// hire lets the goroutines of workers that got calls read, where no caller does.
func (e *Engine) hire(dirty []*worker) {
	for _, w := range dirty {
		if w.run.reader == readerNone {
			w.run.reader = readerOwn
			w.rouse()
		}
	}
}

// assign sends a job to a worker. It says whether the worker had nothing to send before.
func (e *Engine) assign(w *worker, j *job) bool {
	r := &w.run
	if len(r.inflight) == 0 {
		e.pool.running++
		r.since = time.Now()
		r.quantum = r.bound.depth()
	}
	r.seq++
	r.quantum--
	r.inflight = append(r.inflight, sent{j, r.seq, j.limit.Time - j.spent})
	r.bytes += j.size
	j.worker = w
	if waited := r.compiledAt.Sub(j.came); waited > 0 {
		j.compiling = min(waited, r.compileTime)
	}
	w.post(outFrame{job: j, seq: r.seq, fd: -1})
	e.watch(w)
	return true
}
