//go:build linux

package runtime

import "time"

// stallAfter is how long a call may run before those that were sent ahead behind it are taken back.
const stallAfter = 10 * time.Millisecond

// holdsUp says that calls wait for this worker's running one, in its socket or in the queue.
func (r *runState) holdsUp() bool {
	return !r.stalled && (len(r.inflight) > 1 || r.bound.queued > 0)
}

// watch sets the worker's timer to when something may have to be done about its running call.
func (e *Engine) watch(w *worker) {
	r := &w.run
	if !r.paused.IsZero() {
		return // its time stands still
	}
	running := w.running()
	limit := running.limit
	if r.holdsUp() || running.job == nil {
		limit = min(limit, stallAfter)
	}
	at := r.since.Add(limit)
	if !r.timerAt.IsZero() && !at.Before(r.timerAt) {
		return // it fires earlier, and then looks again
	}
	r.timerAt = at
	if r.timer == nil {
		r.timer = time.AfterFunc(time.Until(at), func() { e.onTimer(w) })
		return
	}
	r.timer.Reset(time.Until(at))
}

// onTimer kills a worker whose call ran out of time, and takes back calls that wait behind a long one.
func (e *Engine) onTimer(w *worker) {
	e.mu.Lock()
	r := &w.run
	r.timerAt = time.Time{}
	if r.dead || e.pool.closed || len(r.inflight) == 0 || !r.paused.IsZero() {
		e.mu.Unlock() // in a closed engine nobody would take a call that is taken back
		return
	}
	ran := time.Since(r.since)
	running := w.running()
	var dirty []*worker
	switch {
	case ran >= running.limit, running.job == nil && ran >= stallAfter:
		// Too long, or nobody waits for it any more.
		e.stats.Killed++
		w.kill(&killReason{code: CodeTimeout, detail: "it ran longer than it may", seq: running.seq})
		e.mu.Unlock()
		return
	case r.holdsUp() && ran >= stallAfter:
		e.takeBack(w, ran)
		dirty = e.schedule()
		e.hire(dirty)
	}
	if len(r.inflight) > 0 {
		e.watch(w)
	}
	e.mu.Unlock()
	flushAll(dirty)
}

// takeBack returns to the queue the calls that the worker has not started, and those that it has ended without being
// able to say so yet. ran is the age of the first one.
func (e *Engine) takeBack(w *worker, ran time.Duration) {
	r := &w.run
	r.claimed = max(r.claimed, w.board.revoke(r.seq))
	var back []*job
	keep := 0
	for i := range r.inflight {
		s := &r.inflight[i]
		if s.seq <= r.claimed {
			keep++ // it is answered some time, heeded or not
		}
		if s.job == nil || s.seq == r.claimed {
			continue
		}
		if i == 0 { // else a worker that begins nothing would have it again and again
			s.job.spent += ran
		}
		s.job.worker = nil
		r.bytes -= s.job.size
		back = append(back, s.job)
		s.job = nil
	}
	r.inflight = r.inflight[:keep]
	e.queue.pushFront(back)
	if r.reader == readerCaller {
		w.dislodge() // its call may be among those
	}
	if keep > 0 {
		r.stalled = true
		r.bound.observe(ran)
		return
	}
	// The worker did not even get to the first one: the machine is busy elsewhere.
	e.rests(r)
	r.bytes = 0
	e.idle(w)
}

// running says which of the calls in flight the worker is at: the one that it claimed, else the first. The worker may
// lie, to its own harm.
func (w *worker) running() sent {
	r := &w.run
	seq := max(r.claimed, w.board.started())
	for _, s := range r.inflight {
		if s.seq == seq {
			return s
		}
	}
	return r.inflight[0]
}
