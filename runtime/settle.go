//go:build linux

package runtime

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxRetries bounds how often a call goes back to the queue because its worker died before it began.
const maxRetries = 3

// onResults ends the calls that a worker answered.
func (e *Engine) onResults(w *worker, ms []*resultMsg, fds [][]int) error {
	type ending struct {
		j *job
		m *resultMsg
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
		ended = append(ended, ending{j, m})
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
		res, bad := x.j.result(x.m)
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
