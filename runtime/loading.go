//go:build linux

package runtime

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// errNative says that loading failed for the native code's sake.
var errNative = errors.New("native code")

// loadInto sends the module to a worker and waits until it is ready. staging is where the worker put native code, when
// it had to compile.
func (e *Engine) loadInto(w *worker, b *bound) (staging string, err error) {
	code := b.mod.code
	m := loadMsg{weak: e.cfg.Isolation == IsolationWeak, ahead: !b.mod.Info.HasStart}
	for _, im := range b.mod.Info.Imports {
		m.funcs = append(m.funcs, [2]string{im.Module, im.Name})
	}
	m.funcs = unique(m.funcs)
	var vouched chan error
	if e.native.has(b.key.hash) {
		if code, err = b.mod.stub(); err != nil {
			return "", err
		}
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
	m.size = int64(len(code))
	if err := e.sendLoad(w, &m, code); err != nil {
		return staging, err
	}
	answer, err := e.awaitLoad(w, m.compile, e.compileTime(len(code)))
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

// busyFactor is how many times its processor time a compilation may take by the clock, on a machine that is busy with other things.
const busyFactor = 6

// compileTime is what a module may take by the worker's clock: a quarter more for each MiB. What would take for ever is mostly small, and
// what is large and sound has to compile on slow machines, too.
func (e *Engine) compileTime(size int) time.Duration {
	return e.cfg.CompileTime + time.Duration(float64(e.cfg.CompileTime)*float64(size)/(4<<20)).Round(100*time.Millisecond)
}

func (e *Engine) awaitLoad(w *worker, compile bool, most time.Duration) (loadedMsg, error) {
	begin := time.Now()
	timeout := time.NewTimer(most)
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
		left := most - w.cpuTime()
		if left <= 0 || time.Since(begin) >= e.busy*most {
			w.kill(&killReason{code: CodeCompileTimeout, detail: "compiling it took longer than it may"})
			<-w.gone
			slow := &Error{Code: CodeCompileTimeout, Detail: "compiling it took longer than it may", Limit: compileLimit(most)}
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
