//go:build linux

package runtime

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// children lists the pids of this process's children.
func children(t testing.TB) (pids []int) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func openFiles(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(names)
}

// runningPid waits until a worker runs a call and returns its process.
func runningPid(t *testing.T, e *Engine) int {
	t.Helper()
	return running(t, e, func(*worker) bool { return true }).proc.Pid
}

// running waits for a worker that runs a call, of which ready is true.
func running(t *testing.T, e *Engine, ready func(*worker) bool) (at *worker) {
	t.Helper()
	require.Eventually(t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		for w := range e.pool.workers {
			if len(w.run.inflight) > 0 && w.board.started() == w.run.inflight[0].seq && ready(w) {
				at = w
			}
		}
		return at != nil
	}, patience, time.Millisecond)
	return at
}

// hasRunFor makes the call that a worker runs one that began earlier.
func (w *worker) hasRunFor(d time.Duration) {
	w.eng.mu.Lock()
	w.run.since = w.run.since.Add(-d)
	if !w.run.paused.IsZero() {
		w.run.paused = w.run.paused.Add(-d)
	}
	w.eng.mu.Unlock()
	w.eng.onTimer(w)
}

func TestKilledWorker(t *testing.T) {
	e, m := newEngine(t, func(c *Config) { c.Workers = 1 }), guestModule(t)
	_, err := run(t, e, m, "silent")
	require.NoError(t, err)
	var wg sync.WaitGroup
	var first error
	wg.Go(func() { _, first = run(t, e, m, "say_and_spin") })
	pid := runningPid(t, e)
	others := make([]error, 5)
	for i := range others {
		wg.Go(func() { _, others[i] = run(t, e, m, "silent") })
	}
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	wg.Wait()
	var ge *Error
	require.ErrorAs(t, first, &ge)
	require.Equal(t, CodeCrash, ge.Code)
	require.Contains(t, ge.Detail, "killed")
	for _, err := range others {
		require.NoError(t, err, "calls that had not started are not lost")
	}
	require.Equal(t, int64(1), e.Stats().Crashed)
}

// What levee itself was started with is not for its workers.
func TestWorkersInheritNothing(t *testing.T) {
	var pipe [2]int
	require.NoError(t, unix.Pipe2(pipe[:], 0))
	defer closeAll(pipe[:])
	mine, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(pipe[0]))
	require.NoError(t, err)
	e, m := newEngine(t), guestModule(t)
	_, err = run(t, e, m, "silent")
	require.NoError(t, err)
	for _, pid := range children(t) {
		open, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
		require.NoError(t, err)
		for _, name := range open {
			link, err := os.Readlink(name)
			if err == nil {
				require.NotEqual(t, mine, link, name)
			}
		}
	}
}

// When there is no memory left the kernel ends workers, which give theirs back, and not the daemon.
func TestWorkersEndFirst(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	_, err := run(t, e, m, "silent")
	require.NoError(t, err)
	pids := children(t)
	require.NotEmpty(t, pids)
	for _, pid := range pids {
		require.Eventually(t, func() bool {
			score, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/oom_score_adj")
			return err != nil || string(score) == "1000\n" // it is gone, or about to begin
		}, patience, time.Millisecond)
	}
}

func TestCancel(t *testing.T) {
	e, m := newEngine(t, func(c *Config) { c.Workers = 1 }), guestModule(t)
	_, err := run(t, e, m, "silent")
	require.NoError(t, err)
	running, stopRunning := context.WithCancel(context.Background())
	waiting, stopWaiting := context.WithCancel(context.Background())
	var errRunning, errWaiting error
	var wg sync.WaitGroup
	wg.Go(func() { _, errRunning = e.Run(running, &Call{Module: m, Export: "spin"}) })
	runningPid(t, e)
	other := make(chan struct{})
	wg.Go(func() { defer close(other); _, errWaiting = e.Run(waiting, &Call{Module: m, Export: "silent"}) })
	require.Eventually(t, func() bool { return e.Stats().Queued == 1 }, patience, time.Millisecond)
	stopWaiting()
	<-other
	require.ErrorIs(t, errWaiting, context.Canceled)
	require.Zero(t, e.Stats().Queued)
	require.Equal(t, 1, e.Stats().Running, "the running call goes on")
	stopRunning()
	wg.Wait()
	require.ErrorIs(t, errRunning, context.Canceled)
	_, err = run(t, e, m, "silent")
	require.NoError(t, err)
	_, err = e.Run(running, &Call{Module: m, Export: "silent"})
	require.ErrorIs(t, err, context.Canceled)
}

func TestCloseLeavesNothing(t *testing.T) {
	afterARun(t, t.TempDir(), guestModule(t), func(*Engine) {}) // what a process opens once and keeps
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	files, pids := openFiles(t), len(children(t))
	m := guestModule(t)
	e, err := New(Config{Dir: t.TempDir()})
	require.NoError(t, err)
	_, err = run(t, e, m, "silent")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			_, err := run(t, e, m, "spin")
			require.ErrorIs(t, err, ErrClosed)
		})
	}
	runningPid(t, e)
	require.NoError(t, e.Close())
	wg.Wait()
	require.NoError(t, e.Close(), "twice is harmless")
	_, err = run(t, e, m, "silent")
	require.ErrorIs(t, err, ErrClosed)
	require.Equal(t, files, openFiles(t))
	require.Len(t, children(t), pids)
}

// A worker that is being killed with its engine may have calls that its timer would take back: into a queue that nobody serves any more.
func TestNothingIsTakenBackOnceClosed(t *testing.T) {
	e, m := newEngine(t, func(c *Config) { c.Workers = 1 }), guestModule(t)
	w, _ := fakeWorker(t, e)
	w.bind(e, m)
	e.mu.Lock()
	for range 3 { // the first one runs, the others were sent ahead
		j, err := newJob(t.Context(), &Call{Module: m, Export: "silent", Outputs: 1})
		require.NoError(t, err)
		e.assign(w, j)
	}
	require.True(t, w.run.holdsUp())
	e.pool.closed = true // as Close begins
	w.run.since = time.Now().Add(-stallAfter)
	e.mu.Unlock()
	e.onTimer(w)
	e.mu.Lock()
	queued := e.queue.length
	e.pool.closed = false
	e.mu.Unlock()
	require.NoError(t, e.Close())
	require.Zero(t, queued)
}

func TestIdleWorkersLeave(t *testing.T) {
	e, m := newEngine(t, func(c *Config) { c.IdleAfter = 20 * time.Millisecond }), guestModule(t)
	_, err := run(t, e, m, "silent")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.pool.bounds) == 0 && len(e.pool.workers) <= 1
	}, patience, time.Millisecond)
	_, err = run(t, e, m, "silent")
	require.NoError(t, err)
	require.Equal(t, int64(1), e.Stats().Compiled)
	require.Equal(t, int64(1), e.Stats().Loaded, "the second worker found native code")
}

func TestWorkersAreBounded(t *testing.T) {
	e := newEngine(t, func(c *Config) { c.Workers = 1 })
	b, err := os.ReadFile("testdata/guest.wasm")
	require.NoError(t, err)
	for i := range 6 {
		// A custom section makes each a module of its own.
		m, err := NewModule("guest", append(append([]byte{}, b...), 0, 3, 1, 'x', byte(i)), nil)
		require.NoError(t, err)
		_, err = run(t, e, m, "silent")
		require.NoError(t, err)
		require.LessOrEqual(t, e.Stats().Workers, 3)
	}
	require.Equal(t, int64(6), e.Stats().Compiled)
}

func TestSandbox(t *testing.T) {
	r := newEngine(t).Sandbox()
	require.Positive(t, r.Landlock)
	require.True(t, r.Seccomp)
	require.Contains(t, r.Engine, "compiler")
	require.Len(t, r.Probes, len(probes))
	for _, p := range r.Probes {
		require.True(t, p.Blocked, "%s: %s", p.Name, p.Detail)
	}
	// What the probes would show without the walls: otherwise they prove nothing.
	open := 0
	for _, p := range []int{0, 1} {
		err := probes[p].try()
		require.False(t, isDenied(err), "%s: %v", probes[p].name, err)
		open++
	}
	require.Equal(t, 2, open)
}

func TestStartedByHand(t *testing.T) {
	p, err := os.StartProcess("/proc/self/exe", []string{"levee"}, &os.ProcAttr{Env: []string{workerEnv + "=1"}})
	require.NoError(t, err)
	st, err := p.Wait()
	require.NoError(t, err)
	require.Equal(t, 2, st.ExitCode())
	t.Setenv(workerEnv, "1")
	_, err = New(Config{Dir: t.TempDir()})
	require.Error(t, err)
	require.False(t, errors.Is(err, ErrClosed))
}
