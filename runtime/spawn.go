//go:build linux

package runtime

import (
	"errors"
	"fmt"
	"net"
	"os"
	goruntime "runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// spawner starts processes from one thread that lives as long as the engine: the signal that ends workers with their
// parent is sent when the thread that made them ends, and Go's threads may end any time.
type spawner struct {
	requests chan func()
	done     chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{make(chan func()), make(chan struct{})}
	go func() {
		goruntime.LockOSThread()
		defer goruntime.UnlockOSThread()
		defer close(s.done)
		for f := range s.requests {
			f()
		}
	}()
	return s
}

func (s *spawner) close() { close(s.requests); <-s.done }

func (s *spawner) start(path string, attr *os.ProcAttr) (p *os.Process, err error) {
	done := make(chan struct{})
	s.requests <- func() {
		p, err = os.StartProcess(path, []string{"levee-worker"}, attr)
		close(done)
	}
	<-done
	return p, err
}

// keepDescriptors keeps from workers, and from all other processes that this one starts, what it was started with itself beside its
// three streams: a shell's files and pipes, say. What Go opens it keeps anyway.
func keepDescriptors() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, f := range open {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd) // the one of the folder itself is gone, which does no harm
		}
	}
	return nil
}

const helloTime = 20 * time.Second

// spawn starts a blank worker and waits until it is there.
func (e *Engine) spawn() (*worker, error) {
	w, err := e.newWorker()
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	e.wg.Go(w.read)
	timeout := time.NewTimer(helloTime)
	defer timeout.Stop()
	select {
	case err = <-w.hello:
	case <-w.gone:
		err = errors.New("it ended at once; does the program call runtime.WorkerMain first?")
	case <-timeout.C:
		err = errors.New("it did not answer; does the program call runtime.WorkerMain first?")
	}
	if err != nil {
		w.kill(&killReason{code: CodeCrash, detail: err.Error()})
		<-w.gone
		return nil, fmt.Errorf("start worker: %w", err)
	}
	return w, nil
}

func (e *Engine) newWorker() (w *worker, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "worker"), os.NewFile(uintptr(pair[1]), "daemon")
	defer ours.Close()
	defer theirs.Close()
	boardFile, b, err := newBoard()
	if err != nil {
		return nil, err
	}
	shared := os.NewFile(uintptr(boardFile), "board")
	defer shared.Close()
	w = &worker{eng: e, board: b, stderr: -1, hello: make(chan error, 1), loaded: make(chan loadedMsg, 1),
		probed: make(chan []Probe, 1), gone: make(chan struct{})}
	w.in = newInbox()
	w.expect.Store(uint32(frameHello))
	defer func() {
		if err != nil {
			b.close()
			if w.stderr >= 0 {
				_ = unix.Close(w.stderr)
			}
			if w.conn != nil {
				_ = w.conn.Close()
			}
		}
	}()
	if w.stderr, err = unix.MemfdCreate("levee-stderr", unix.MFD_CLOEXEC); err != nil {
		return nil, err
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	w.conn = conn.(*net.UnixConn)
	if w.raw, err = w.conn.SyscallConn(); err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	dup, err := unix.FcntlInt(uintptr(w.stderr), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	errFile := os.NewFile(uintptr(dup), "stderr")
	defer errFile.Close()
	w.proc, err = e.spawner.start(e.cfg.Executable, &os.ProcAttr{
		Dir: "/",
		// Two threads of Go, where there are two: for compiling, and because with one the Go runtime takes the
		// processor away from each blocking read, which makes a round trip a sixth slower.
		Env:   []string{workerEnv + "=1", "GOTRACEBACK=none", "MALLOC_ARENA_MAX=1", lateThreads, "GOMAXPROCS=" + strconv.Itoa(min(2, goruntime.NumCPU()))},
		Files: []*os.File{null, errFile, errFile, theirs, shared},
		// A group of its own: an interrupt typed at the daemon's terminal is for the daemon.
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true},
	})
	return w, err
}
