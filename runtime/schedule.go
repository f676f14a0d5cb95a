//go:build linux

package runtime

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// stallAfter is how long a call may run before those that were sent ahead behind it are taken back.
const stallAfter = 10 * time.Millisecond

// maxRetries bounds how often a call goes back to the queue because its worker died before it began.
const maxRetries = 3

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

// onResults ends the calls that a worker answered.
func (e *Engine) onResults(w *worker, ms []*resultMsg, fds [][]int) error {
	type ending struct {
		j   *job
		m   *resultMsg
		fds []int
	}
	var ended []ending
	var err error
	e.mu.Lock()
	r := &w.run
	for i, m := range ms {
		if len(r.inflight) == 0 || m.seq != r.inflight[0].seq {
			err = fmt.Errorf("%w: answer to call %d out of turn", errFrame, m.seq)
			for _, rest := range fds[i:] {
				closeAll(rest)
			}
			break
		}
		j := r.inflight[0].job
		r.inflight = r.inflight[1:]
		e.stats.Ran++
		if m.code != "" {
			e.stats.Failed++
		}
		if j == nil { // cancelled meanwhile
			closeAll(fds[i])
			continue
		}
		j.worker = nil
		r.bytes -= j.size
		r.bound.observe(m.elapsed)
		ended = append(ended, ending{j, m, fds[i]})
	}
	r.since = time.Now()
	r.stalled = false
	if len(r.inflight) == 0 {
		r.inflight, r.bytes = nil, 0
		e.rests(r)
		e.idle(w)
	} else {
		e.watch(w)
	}
	dirty := e.schedule()
	e.hire(dirty)
	e.mu.Unlock()
	flushAll(dirty)
	for _, x := range ended {
		res, bad := x.j.result(x.m, x.fds)
		var guest *Error
		if bad != nil && !errors.As(bad, &guest) {
			if res != nil {
				res.Close()
			}
			err, res, bad = bad, nil, x.j.fault(CodeCrash, "its worker sent nonsense: "+bad.Error())
		}
		if res != nil {
			e.keep(res)
		}
		x.j.end(res, bad)
	}
	return err
}

// onDead settles what a worker leaves behind.
func (e *Engine) onDead(w *worker, words string) {
	reason := w.reason()
	e.mu.Lock()
	r := &w.run
	r.dead = true
	if r.timer != nil {
		r.timer.Stop()
	}
	delete(e.pool.workers, w)
	if e.pool.spare == w {
		e.pool.spare = nil
	}
	if r.bound != nil {
		r.bound.drop(w)
	}
	jobs := r.inflight
	if reason == nil {
		e.stats.Crashed++
	}
	if len(jobs) > 0 {
		e.rests(r)
		e.stats.Ran++
		e.stats.Failed++
	}
	blamed := e.blame(w, reason)
	var back, lost []*job
	for _, s := range jobs {
		j := s.job
		if j == nil {
			continue
		}
		j.worker = nil
		if reason == nil {
			j.retries++
		}
		if s.seq == blamed || e.pool.closed || j.retries > maxRetries {
			lost = append(lost, j)
		} else {
			back = append(back, j)
		}
	}
	r.inflight = nil
	e.queue.pushFront(back)
	dirty := e.schedule()
	e.hire(dirty)
	e.mu.Unlock()
	flushAll(dirty)
	for _, j := range lost {
		j.end(nil, e.lossOf(j, w, reason, words))
	}
}

// blame says which of the calls in flight ends with the worker; 0 means none of them. One that the worker had not
// started has lost nothing, and one that came after the call on whose account the worker was killed neither.
func (e *Engine) blame(w *worker, reason *killReason) uint64 {
	r := &w.run
	switch {
	case len(r.inflight) == 0:
		return 0
	case reason != nil && reason.seq != 0:
		return reason.seq
	case reason == nil && max(r.claimed, w.board.started()) < r.inflight[0].seq:
		return 0
	}
	return w.running().seq
}

// lossOf is what a call ends with that was running when its worker died.
func (e *Engine) lossOf(j *job, w *worker, reason *killReason, words string) error {
	if reason != nil && reason.code == "" {
		return e.endedWith(j)
	}
	var err *Error
	switch {
	case reason != nil:
		err = j.fault(reason.code, reason.detail)
	case outOfMemory(words):
		err = j.fault(CodeMemory, "its worker ran out of memory")
	default:
		err = j.fault(CodeCrash, "its worker died: "+firstLine(words))
	}
	s := w.board.saved()
	err.Log, err.Stdout, err.Stderr, err.Dropped = s.lines(), s.stdout, s.stderr, s.dropped
	return err
}

// outOfMemory recognises the last words of a Go program that was refused memory.
func outOfMemory(words string) bool {
	return strings.Contains(words, "out of memory") || strings.Contains(words, "cannot allocate memory")
}

func (b *bound) drop(w *worker) {
	for i := range b.workers {
		if b.workers[i] == w {
			b.workers = append(b.workers[:i], b.workers[i+1:]...)
			return
		}
	}
}
