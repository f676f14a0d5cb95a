//go:build linux

package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync"
	"time"
)

// ErrClosed is returned by Run when the engine is closed or closes meanwhile.
var ErrClosed = errors.New("the engine is closed")

// Engine runs invocations in worker processes.
type Engine struct {
	cfg     Config
	native  *nativeStore
	spawner *spawner
	sandbox SandboxReport
	wg      sync.WaitGroup // goroutines that Close waits for
	busy    time.Duration  // how many times its processor time a compilation may take by the clock

	mu    sync.Mutex
	kept  int64 // bytes of memory files in results that are not closed yet
	most  int64 // of those, before no more calls begin
	queue queue
	pool  pool
	stats Stats
}

// pool is the workers and what they are bound to. Guarded by the engine's lock.
type pool struct {
	bounds   map[boundKey]*bound
	first    map[[32]byte]bool // modules whose first worker is being started; others wait for its native code
	known    map[[32]byte]bool // modules with native code that was vouched for
	refusals refusals
	workers  map[*worker]struct{}
	spare    *worker
	spawning int // workers on their way, the spare included
	running  int // workers that run or load
	paused   int // workers whose guest waits for its items to be taken; they count as running for nobody
	reaper   *time.Timer
	reaping  bool
	closed   bool
}

// New makes an engine. It starts one worker and lets it try to break out; when the machine cannot hold it the error is
// a [*SandboxError], unless cfg.Isolation names the weaker mode.
func New(cfg Config) (*Engine, error) {
	if os.Getenv(workerEnv) != "" {
		return nil, errors.New("a worker cannot have an engine; the program must call runtime.WorkerMain first")
	}
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if err := keepDescriptors(); err != nil {
		return nil, fmt.Errorf("descriptors: %w", err)
	}
	store, err := openNative(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("native code: %w", err)
	}
	e := &Engine{cfg: cfg, native: store, spawner: newSpawner(), most: maxKept, busy: busyFactor}
	e.pool = pool{bounds: map[boundKey]*bound{}, first: map[[32]byte]bool{}, known: map[[32]byte]bool{}, refusals: refusals{},
		workers: map[*worker]struct{}{}}
	e.pool.reaper = time.AfterFunc(time.Hour, e.reap)
	e.pool.reaper.Stop()
	if err := e.selfTest(); err != nil {
		_ = e.Close()
		return nil, err
	}
	e.wantSpare()
	return e, nil
}

func (c *Config) complete() error {
	if c.Dir == "" {
		return errors.New("Config.Dir is empty")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	c.Dir = dir
	if c.Workers <= 0 {
		c.Workers = goruntime.NumCPU()
	}
	switch c.Isolation {
	case "":
		c.Isolation = IsolationProcess
	case IsolationProcess, IsolationWeak:
	default:
		return fmt.Errorf("isolation %q is neither %q nor %q", c.Isolation, IsolationProcess, IsolationWeak)
	}
	if c.IdleAfter <= 0 {
		c.IdleAfter = 30 * time.Second
	}
	if c.CompileTime <= 0 {
		c.CompileTime = compilerSlowdown * 10 * time.Second
	}
	if c.Executable == "" {
		// Not by name: the file may have been replaced since this process was started.
		c.Executable = "/proc/self/exe"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// maxKept is how much memory the outputs of ended calls may take that their callers still look at: workers make outputs
// faster than anybody checks them, and hundreds of calls may wait.
const maxKept = 2 << 30

// keep counts the outputs of a call until its result is closed.
func (e *Engine) keep(r *Result) {
	var size int64
	for _, o := range r.Outputs {
		if o.File != nil {
			size += o.Size
		}
	}
	if size == 0 {
		return
	}
	e.mu.Lock()
	e.kept += size
	e.mu.Unlock()
	r.free = func() {
		e.mu.Lock()
		e.kept -= size
		dirty := e.schedule()
		e.hire(dirty)
		e.mu.Unlock()
		flushAll(dirty)
	}
}

// Close ends all workers. Calls that wait or run end with ErrClosed.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.pool.closed {
		e.mu.Unlock()
		return nil
	}
	e.pool.closed = true
	e.pool.reaper.Stop()
	var jobs []*job
	for _, b := range e.pool.bounds {
		jobs = append(jobs, e.queue.take(b)...)
	}
	for w := range e.pool.workers {
		w.kill(&killReason{})
	}
	e.mu.Unlock()
	for _, j := range jobs {
		j.end(nil, ErrClosed)
	}
	e.wg.Wait()
	e.spawner.close()
	return nil
}

// Sandbox says what the self-test found.
func (e *Engine) Sandbox() SandboxReport { return e.sandbox }

// Stats returns the present counters.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.stats
	s.Workers, s.Running, s.Queued = len(e.pool.workers), e.pool.running, e.queue.length
	return s
}

// Run executes one call and waits for its end. A failure of the guest is an [*Error]; when ctx ends first, a waiting
// call is taken back, the worker of a running one is killed, and the error is the context's.
func (e *Engine) Run(ctx context.Context, c *Call) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(c.Streams) > 0 {
		return e.runStreams(ctx, c)
	}
	return e.run(ctx, c, nil)
}

func (e *Engine) run(ctx context.Context, c *Call, items *delivery) (*Result, error) {
	j, err := newJob(ctx, c)
	if err != nil {
		return nil, err
	}
	j.items = items
	defer j.release()
	w, err := e.submit(j)
	if err != nil {
		return nil, err
	}
	if w != nil {
		e.readFor(w, j)
	}
	select {
	case <-j.ended:
	case <-ctx.Done():
		e.cancel(j)
		<-j.ended
	}
	j.used.Wait()
	return j.res, j.err
}

// submit puts a call into the queue and the queue into motion. If the call went to an idle worker, the caller is to read
// from that.
func (e *Engine) submit(j *job) (*worker, error) {
	e.mu.Lock()
	if e.pool.closed {
		e.mu.Unlock()
		return nil, ErrClosed
	}
	key := boundKey{j.call.Module.id, j.call.grants()}
	if err := e.pool.refusals.of(key); err != nil {
		e.mu.Unlock()
		return nil, j.startFailure(err)
	}
	b := e.pool.bounds[key]
	if b == nil {
		b = &bound{key: key, mod: j.call.Module}
		e.pool.bounds[key] = b
	}
	j.bound = b
	e.queue.push(j)
	dirty := e.schedule()
	w := j.worker
	if w != nil && w.run.reader == readerNone && w.run.inflight[0].job == j {
		w.run.reader = readerCaller
	} else {
		w = nil
	}
	e.hire(dirty)
	e.mu.Unlock()
	flushAll(dirty)
	return w, nil
}

func flushAll(ws []*worker) {
	for _, w := range ws {
		w.flush()
	}
}

// cancel ends a job whose caller does not want it any more. One that was sent ahead is left to run unheeded.
func (e *Engine) cancel(j *job) {
	e.mu.Lock()
	w := j.worker
	switch {
	case j.list != nil:
		e.queue.remove(j)
	case w == nil:
		// It has ended, or is about to.
		e.mu.Unlock()
		return
	default:
		running := w.running().seq
		for i := range w.run.inflight {
			s := &w.run.inflight[i]
			switch {
			case s.job != j:
			case s.seq == running:
				w.kill(j.items.killReason(s.seq))
				e.stats.Killed++
				e.mu.Unlock()
				return
			default:
				s.job = nil
			}
		}
		j.worker = nil
		if w.run.reader == readerCaller {
			w.dislodge()
		}
	}
	e.mu.Unlock()
	j.end(nil, j.ctx.Err())
}

// endedWith is what a job ends with whose worker was killed without a reason of the job's own.
func (e *Engine) endedWith(j *job) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	return ErrClosed
}
