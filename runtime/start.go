//go:build linux

package runtime

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"
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

// errNative says that loading failed for the native code's sake.
var errNative = errors.New("native code")

// loadInto sends the module to a worker and waits until it is ready. staging is where the worker put native code, when
// it had to compile.
func (e *Engine) loadInto(w *worker, b *bound) (staging string, err error) {
	m := loadMsg{size: int64(len(b.mod.code)), weak: e.cfg.Isolation == IsolationWeak}
	for _, im := range b.mod.Info.Imports {
		m.funcs = append(m.funcs, [2]string{im.Module, im.Name})
	}
	m.funcs = unique(m.funcs)
	var vouched chan error
	if e.native.has(b.key.hash) {
		m.dir = e.native.place(b.key.hash)
		e.native.used(b.key.hash)
		vouched = make(chan error, 1)
		// While the worker loads, which is not running: it gets its first call only after the check.
		e.wg.Go(func() { vouched <- e.native.verify(b.key.hash) })
	} else {
		if staging, err = e.native.stage(); err != nil {
			return "", err
		}
		m.dir, m.compile = staging, true
	}
	if err := e.sendLoad(w, &m, b.mod.code); err != nil {
		return staging, err
	}
	answer, err := e.awaitLoad(w, m.compile)
	if vouched != nil {
		if verr := <-vouched; verr != nil {
			w.kill(&killReason{})
			return "", fmt.Errorf("%w: %w", errNative, verr)
		}
		if err == nil && answer.code != "" {
			w.kill(&killReason{})
			return "", fmt.Errorf("%w: %s", errNative, answer.detail)
		}
	}
	if err == nil && answer.code != "" {
		w.kill(&killReason{})
		err = &lasting{&Error{Code: answer.code, Detail: answer.detail}}
	}
	return staging, err
}

func unique(funcs [][2]string) [][2]string {
	seen := map[[2]string]bool{}
	out := funcs[:0]
	for _, f := range funcs {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}

func (e *Engine) sendLoad(w *worker, m *loadMsg, code []byte) error {
	fd, err := sealedCopy(code)
	if err != nil {
		return err
	}
	raw, start := beginFrame(nil, frameLoad)
	raw = endFrame(m.append(raw), start, 1)
	w.expect.Store(uint32(frameLoaded))
	w.post(outFrame{raw: raw, fd: fd})
	w.flush()
	return nil
}

// busyFactor is how many times CompileTime a compilation may take by the clock on a machine that is busy with other things.
const busyFactor = 6

func (e *Engine) awaitLoad(w *worker, compile bool) (loadedMsg, error) {
	begin := time.Now()
	timeout := time.NewTimer(e.cfg.CompileTime)
	defer timeout.Stop()
	for {
		select {
		case m := <-w.loaded:
			return m, nil
		case <-w.gone:
			return loadedMsg{}, e.diedLoading(w, compile)
		case <-timeout.C:
		}
		// A sound module must not look endless because others have the processors: the worker's own time counts.
		left := e.cfg.CompileTime - w.cpuTime()
		if left <= 0 || time.Since(begin) >= busyFactor*e.cfg.CompileTime {
			w.kill(&killReason{code: CodeCompileTimeout, detail: "compiling it took longer than it may"})
			<-w.gone
			slow := &Error{Code: CodeCompileTimeout, Detail: "compiling it took longer than it may", Limit: compileLimit(e.cfg.CompileTime)}
			if left <= 0 {
				return loadedMsg{}, &lasting{slow}
			}
			return loadedMsg{}, slow
		}
		timeout.Reset(max(left, 10*time.Millisecond))
	}
}

// diedLoading says why a worker ended before it had its module.
func (e *Engine) diedLoading(w *worker, compile bool) error {
	if r := w.reason(); r != nil && r.code == "" {
		return ErrClosed
	}
	detail := "the worker that compiled it died: " + firstLine(w.words)
	err := &Error{Code: CodeCompile, Detail: detail}
	if outOfMemory(w.words) {
		err.Detail, err.Limit = "compiling it needs more memory than it may have", memoryLimit(compileMemory)
	}
	switch {
	case !compile:
		return fmt.Errorf("%w: %s", errNative, detail)
	case err.Limit != "":
		return &lasting{err}
	}
	return err
}

// cpuTime is how much processor time the worker has used, on all its threads.
func (w *worker) cpuTime() time.Duration {
	// The clock of another process, as clock_getcpuclockid(3) makes it.
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^w.proc.Pid<<3|2), &ts); err != nil {
		return math.MaxInt64
	}
	return time.Duration(ts.Nano())
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
