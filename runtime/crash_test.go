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
	pid := 0
	require.Eventually(t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		for w := range e.pool.workers {
			if len(w.run.inflight) > 0 && w.board.started() == w.run.inflight[0].seq {
				pid = w.proc.Pid
			}
		}
		return pid != 0
	}, 10*time.Second, time.Millisecond)
	return pid
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
		}, 10*time.Second, time.Millisecond)
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
	require.Eventually(t, func() bool { return e.Stats().Queued == 1 }, 10*time.Second, time.Millisecond)
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
	for range 3 { // until it is known to be short, so that calls are sent ahead
		_, err := run(t, e, m, "silent")
		require.NoError(t, err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { _, _ = run(t, e, m, "spin") })
	}
	var busy *worker
	var before int
	require.Eventually(t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		before = e.queue.length
		for w := range e.pool.workers {
			if len(w.run.inflight) > 0 && w.run.holdsUp() {
				e.pool.closed, busy = true, w // as Close begins
				w.run.since = time.Now().Add(-stallAfter)
			}
		}
		return busy != nil
	}, 10*time.Second, 50*time.Microsecond)
	e.onTimer(busy)
	e.mu.Lock()
	queued := e.queue.length
	e.pool.closed = false
	e.mu.Unlock()
	require.NoError(t, e.Close())
	wg.Wait()
	require.Equal(t, before, queued)
}

func TestIdleWorkersLeave(t *testing.T) {
	e, m := newEngine(t, func(c *Config) { c.IdleAfter = 20 * time.Millisecond }), guestModule(t)
	_, err := run(t, e, m, "silent")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.pool.bounds) == 0 && len(e.pool.workers) <= 1
	}, 10*time.Second, time.Millisecond)
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

func TestCompileOnce(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := run(t, e, m, "silent")
			require.NoError(t, err)
		})
	}
	wg.Wait()
	require.Equal(t, int64(1), e.Stats().Compiled)
}

// slowModule takes the compiler longer than anybody waits: nested loops over many locals.
func slowModule(t testing.TB, depth int) *Module {
	t.Helper()
	leb := func(n int) []byte {
		var b []byte
		for {
			c := byte(n & 0x7f)
			n >>= 7
			if n == 0 {
				return append(b, c)
			}
			b = append(b, c|0x80)
		}
	}
	var body []byte
	body = append(body, 1)
	body = append(append(body, leb(depth)...), 0x7f)
	for range depth {
		body = append(body, 0x03, 0x40)
	}
	for i := range depth {
		body = append(append(body, 0x20), leb(i)...)
		body = append(body, 0x41, 1, 0x6a, 0x22)
		body = append(body, leb(i)...)
		body = append(body, 0x0d, 0, 0x0b)
	}
	body = append(body, 0x0b)
	code := append(append([]byte{1}, leb(len(body))...), body...)
	b := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a")
	b = append(append(b, leb(len(code))...), code...)
	m, err := NewModule("slow", b, nil)
	require.NoError(t, err)
	return m
}

func TestCompileTimeout(t *testing.T) {
	e := newEngine(t, func(c *Config) { c.CompileTime = 300 * time.Millisecond })
	slow := slowModule(t, 500)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			_, err := run(t, e, slow, "f")
			var ge *Error
			require.ErrorAs(t, err, &ge)
			require.Equal(t, CodeCompileTimeout, ge.Code)
			require.Equal(t, "compile time 300ms", ge.Limit)
			require.Equal(t, "n", ge.Node)
		})
	}
	_, err := run(t, e, guestModule(t), "silent")
	require.NoError(t, err, "another module is not held up")
	wg.Wait()
}

// What cannot be compiled costs all that compiling may cost: once, and not for each call.
func TestFailureToCompileIsRemembered(t *testing.T) {
	dir := t.TempDir()
	e := newEngine(t, func(c *Config) { c.CompileTime, c.Dir = 300*time.Millisecond, dir })
	slow := slowModule(t, 500)
	invalid, err := NewModule("invalid", []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x05\x01\x03\x00\x6a\x0b"), nil) // adds what is not there
	require.NoError(t, err)
	codes := map[*Module]string{slow: CodeCompileTimeout, invalid: CodeCompile}
	for m, code := range codes {
		_, err := run(t, e, m, "f")
		var ge *Error
		require.ErrorAs(t, err, &ge)
		require.Equal(t, code, ge.Code, ge.Detail)
	}
	require.Eventually(t, func() bool {
		left, err := os.ReadDir(filepath.Join(dir, "staging"))
		return err == nil && len(left) == 0
	}, time.Minute, time.Millisecond, "what they left behind")
	require.NoError(t, os.Remove(filepath.Join(dir, "staging")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "staging"), nil, 0o600)) // another attempt would end otherwise
	for m, code := range codes {
		_, err := run(t, e, m, "f")
		var ge *Error
		require.ErrorAs(t, err, &ge)
		require.Equal(t, code, ge.Code, ge.Detail)
	}
}

// The engine's folder lies in a cache, which people delete.
func TestFolderIsDeletedWhileInUse(t *testing.T) {
	dir := t.TempDir()
	e := newEngine(t, func(c *Config) { c.Dir = dir })
	require.NoError(t, os.RemoveAll(dir))
	_, err := run(t, e, guestModule(t), "silent")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return e.native.has(guestModule(t).Hash) }, time.Minute, time.Millisecond)
}

func TestNativeCodeIsBounded(t *testing.T) {
	s, err := openNative(t.TempDir())
	require.NoError(t, err)
	put := func(n byte) [32]byte {
		staging, err := s.stage()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(staging, "code"), make([]byte, 1000), 0o600))
		require.NoError(t, s.adopt([32]byte{n}, staging))
		at := time.Unix(int64(n), 0)
		require.NoError(t, os.Chtimes(s.place([32]byte{n}), at, at))
		return [32]byte{n}
	}
	a, b, c := put(1), put(2), put(3)
	s.used(a)
	left, err := os.MkdirTemp(s.path("native"), "new-*")
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(left, time.Unix(0, 0), time.Unix(0, 0)))
	require.NoError(t, s.trim(2500, c))
	require.Equal(t, []bool{true, false, true}, []bool{s.has(a), s.has(b), s.has(c)})
	require.NoDirExists(t, left)
	require.NoError(t, s.trim(0, c))
	require.Equal(t, []bool{false, true}, []bool{s.has(a), s.has(c)})
	require.NoError(t, s.verify(c))
}

// A worker that was taken over while it compiled leaves what it likes.
func TestForeignNativeCodeIsBounded(t *testing.T) {
	s, err := openNative(t.TempDir())
	require.NoError(t, err)
	for _, leave := range []func(name string) error{
		func(name string) error { return os.WriteFile(name, nil, 0o600) },
		func(name string) error { return os.Mkdir(name, 0o700) },
	} {
		staging, err := s.stage()
		require.NoError(t, err)
		for i := range maxNativeFile + 1 {
			require.NoError(t, leave(filepath.Join(staging, strconv.Itoa(i))))
		}
		require.ErrorContains(t, s.adopt([32]byte{1}, staging), "too many")
		require.NoDirExists(t, staging)
		require.False(t, s.has([32]byte{1}))
	}
}

// afterARun looks at an engine of its own, whose folder is dir, once a module has run in it.
func afterARun(t *testing.T, dir string, m *Module, look func(e *Engine)) {
	t.Helper()
	e, err := New(Config{Dir: dir})
	require.NoError(t, err)
	defer e.Close()
	_, err = run(t, e, m, "silent")
	require.NoError(t, err)
	look(e)
}

func TestChangedNativeCode(t *testing.T) {
	dir, m := t.TempDir(), guestModule(t)
	in := func(f func(e *Engine)) { afterARun(t, dir, m, f) }
	code := func() string {
		names, err := filepath.Glob(dir + "/native/*/*/*")
		require.NoError(t, err)
		require.Len(t, names, 1)
		return names[0]
	}
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Compiled)
		require.Eventually(t, func() bool { return e.native.has(m.Hash) }, 10*time.Second, time.Millisecond)
	})
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Loaded)
		require.Zero(t, e.Stats().Compiled)
	})
	st, err := os.Stat(code())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o400), st.Mode().Perm())

	b, err := os.ReadFile(code())
	require.NoError(t, err)
	b[len(b)/2] ^= 1
	require.NoError(t, os.Chmod(code(), 0o600))
	require.NoError(t, os.WriteFile(code(), b, 0o600))
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Compiled, "changed code is not run")
		require.Eventually(t, func() bool { return e.native.verify(m.Hash) == nil }, 10*time.Second, time.Millisecond)
	})

	// A hard link is somebody else's handle on the file.
	require.NoError(t, os.Link(code(), dir+"/link"))
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Compiled)
		require.Eventually(t, func() bool { return e.native.verify(m.Hash) == nil }, 10*time.Second, time.Millisecond)
	})

	// Another key vouches for nothing.
	require.NoError(t, os.Chmod(dir+"/"+keyName, 0o644))
	in(func(e *Engine) { require.Equal(t, int64(1), e.Stats().Compiled) })
}

func TestForeignDirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err := New(Config{Dir: dir})
	require.ErrorContains(t, err, "written by others")
	_, err = New(Config{})
	require.Error(t, err)
	_, err = New(Config{Dir: t.TempDir(), Isolation: "none"})
	require.Error(t, err)
	_, err = New(Config{Dir: t.TempDir(), Executable: "/bin/true"})
	require.ErrorContains(t, err, "runtime.WorkerMain")
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

func TestTwoEnginesShareADirectory(t *testing.T) {
	dir, m := t.TempDir(), guestModule(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			e, err := New(Config{Dir: dir})
			require.NoError(t, err)
			defer e.Close()
			for range 3 {
				_, err = run(t, e, m, "silent")
				require.NoError(t, err)
			}
		})
	}
	wg.Wait()
}

func TestEngineVersionIsThatOfTheModule(t *testing.T) {
	b, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	require.Contains(t, string(b), "github.com/tetratelabs/wazero "+wazeroVersion)
}

// Native code that is not found with the stub of a module is made again: the stub alone would be a module that traps.
func TestStubWithoutItsNativeCode(t *testing.T) {
	dir, m := t.TempDir(), guestModule(t)
	in := func(f func(e *Engine)) { afterARun(t, dir, m, f) }
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Compiled)
		require.Eventually(t, func() bool { return e.native.has(m.Hash) }, 10*time.Second, time.Millisecond)
		place := e.native.place(m.Hash)
		names, err := filepath.Glob(place + "/*/*")
		require.NoError(t, err)
		require.Len(t, names, 1)
		require.NoError(t, os.Rename(names[0], names[0]+"0")) // as on a processor of another kind
		sum, err := e.native.mac(m.Hash, place, nil)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(filepath.Join(place, macName), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(place, macName), sum, 0o600))
	})
	in(func(e *Engine) {
		require.Equal(t, int64(1), e.Stats().Compiled)
		require.Zero(t, e.Stats().Crashed)
		require.Eventually(t, func() bool { return e.native.verify(m.Hash) == nil }, 10*time.Second, time.Millisecond)
	})
	in(func(e *Engine) { require.Equal(t, int64(1), e.Stats().Loaded) })
}
