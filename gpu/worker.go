package gpu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"levee/gpu/cuda"
	"levee/gpu/device"
	"levee/gpu/op"
)

const (
	workerEnv = "LEVEE_GPU_WORKER"
	cacheEnv  = "CUDA_CACHE_PATH" // the driver's own
	controlFD = 3
)

// WorkerMain turns this process into a GPU worker if a Pool started it as one; it then never returns. In every other process it returns
// false at once. Programs that use a Pool call it first of all.
func WorkerMain() bool {
	if os.Getenv(workerEnv) == "" {
		return false
	}
	os.Exit(workerMain())
	return true
}

func workerMain() int {
	if err := checkParent(); err != nil {
		fmt.Fprintf(os.Stderr, "%s is set, but %v: only levee starts GPU workers\n", workerEnv, err)
		return 2
	}
	unix.CloseOnExec(controlFD) // the driver may start helpers
	_ = os.Unsetenv(workerEnv)
	w := &gpuWorker{control: controlFD, sessions: map[*server]bool{}}
	if err := w.serve(); err != nil && !errors.Is(err, io.EOF) { // the daemon let go
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func checkParent() error {
	cred, err := unix.GetsockoptUcred(controlFD, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil || int(cred.Uid) != os.Getuid() || int(cred.Pid) != os.Getppid() {
		return errors.New("descriptor 3 does not lead to the parent process")
	}
	return nil
}

// gpuWorker is the process that holds one device's context for one owner, and serves its sessions.
type gpuWorker struct {
	control int
	dev     *device.Device
	stuck   time.Duration // what a call of the driver may take

	mu       sync.Mutex
	sessions map[*server]bool // guarded by mu
	watching bool             // guarded by mu
	dying    bool             // guarded by mu
}

// serve opens the device and then sessions as the daemon wants them. It returns only with an error, io.EOF when the daemon let go.
func (w *gpuWorker) serve() error {
	m, _, err := receiveControl(w.control)
	if err != nil {
		return err
	}
	if m.Device == nil {
		return errors.New("the daemon named no device")
	}
	w.stuck = time.Duration(m.Device.Stuck) * time.Millisecond
	if w.dev, err = openDevice(m.Device); err != nil {
		return sendControl(w.control, refusal(err), -1)
	}
	if err := confine(os.Getenv(cacheEnv)); err != nil {
		return err
	}
	if err := sendControl(w.control, control{Ready: true}, -1); err != nil {
		return err
	}
	for {
		m, handed, err := receiveControl(w.control)
		if err != nil {
			return err
		}
		switch {
		case m.Session != nil && handed >= 0:
			go w.session(handed, m.Session)
		case m.Ping != 0 && handed < 0:
			err = sendControl(w.control, control{Ping: m.Ping}, -1)
		default:
			err = errors.New("the daemon speaks nonsense")
		}
		if err != nil {
			return err
		}
	}
}

func openDevice(m *deviceMsg) (*device.Device, error) {
	driver, err := cuda.Load(m.Library)
	if err != nil {
		return nil, err
	}
	d, err := device.Open(driver, m.Index)
	if err == nil {
		d.Compiler.Most, d.Compiler.Until = time.Duration(m.Compile)*time.Millisecond, m.Slow
	}
	return d, err
}

// opened tells the daemon what became of a session that it wanted.
func (w *gpuWorker) opened(number uint64, err error) {
	m := refusal(err)
	m.Opened = number
	w.tell(m)
}

// tell tells the daemon something of a session.
func (w *gpuWorker) tell(m control) {
	if err := sendControl(w.control, m, -1); err != nil {
		w.lose(fmt.Sprintf("the daemon does not listen: %v", err))
	}
}

// hungUp says whether the other side of a session has closed its socket.
func hungUp(fd int) bool {
	list := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(list, 0)
	return err == nil && n > 0
}

// refusal says why there is no device, or no session: what the driver answered, and what can be done about it.
func refusal(err error) control {
	if err == nil {
		return control{}
	}
	fault := &op.Error{Fault: op.Unavailable, Detail: err.Error()}
	if !errors.As(err, &fault) {
		if e, ok := errors.AsType[*cuda.Error](err); ok {
			if fault.Detail += "; " + e.Remedy(); e.Class == cuda.OutOfMemory {
				fault.Fault = op.OverQuota
			}
		}
	}
	return control{Refused: clip(fault.Detail), Fault: fault.Fault}
}

// clip shortens a text so that a control message can hold it.
func clip(s string) string { return s[:min(len(s), maxControl/8)] }

// session serves one session to its end.
func (w *gpuWorker) session(fd int, m *sessionMsg) {
	defer unix.Close(fd)
	s := &server{fd: fd, work: maxWork, pin: w.dev.Pin}
	s.since.Store(time.Now().UnixNano())
	w.watch(s)
	defer w.tell(control{Ended: m.Number})
	defer w.forget(s)
	exec, err := w.dev.Session(m.Memory, maxWork)
	if err != nil {
		w.mind(err)
		w.opened(m.Number, err)
		return
	}
	s.exec, s.patience, exec.Gone = exec, exec.Patience, func() bool { return hungUp(fd) }
	s.launched.Store(&exec.Launched)
	memfd := -1
	s.mem, memfd, err = newStaging()
	w.opened(m.Number, err)
	if err == nil {
		defer unix.Munmap(s.mem)
		err = greet(fd, memfd)
	}
	if err == nil { // else nobody is there any more
		s.since.Store(0)
		w.mind(s.run())
		s.begin() // the end of a session may be stuck too
	}
	w.mind(exec.Close())
	if s.pinned {
		_ = w.dev.Unpin(s.mem) // else its pages stay until the worker leaves
	}
}

// mind ends the process when an error says that the device is lost. What the device still does nobody can stop otherwise, and a poisoned
// context does not get better. Any other error is that of one session, which ends with it.
func (w *gpuWorker) mind(err error) {
	var fault *op.Error
	if errors.As(err, &fault) && fault.Fault == op.Lost {
		w.lose(fault.Detail)
	}
}

// lose ends the process. The daemon hears why, and sees to it that the process really ends; the sessions are told at once, for the
// driver may take its time to let go of the device.
func (w *gpuWorker) lose(why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dying {
		return
	}
	w.dying = true
	_ = sendControl(w.control, control{Lost: clip(why), Slow: w.dev.Compiler.GaveUp()}, -1)
	for s := range w.sessions {
		_ = unix.Shutdown(s.fd, unix.SHUT_RDWR)
	}
	os.Exit(3)
}

func (w *gpuWorker) forget(s *server) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.sessions, s)
}

// watch looks after a session while there are any.
func (w *gpuWorker) watch(s *server) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sessions[s] = true
	if !w.watching {
		w.watching = true
		go w.watchdog()
	}
}

// alive says since when a request, if one is in hand, has not got on: with each launch that the driver takes it does. While the driver
// compiles, which has a time of its own, nobody has to: other calls may wait for that.
func (s *server) alive(now time.Time, compiles bool) (since int64) {
	since = s.since.Load()
	launched := s.launched.Load()
	if !compiles && (launched == nil || launched.Load() == s.seen) {
		return since
	}
	if launched != nil {
		s.seen = launched.Load()
	}
	if since != 0 && s.since.CompareAndSwap(since, now.UnixNano()) {
		return now.UnixNano()
	}
	return since
}

// watchdog ends the process when a request of a session takes longer than the driver may, from when the device must be done with what
// any session submitted: some calls of the driver wait for all of it. What the device never finishes the session notices itself; this
// is for calls of the driver that never return.
func (w *gpuWorker) watchdog() {
	tick := time.NewTicker(max(w.stuck/8, time.Millisecond))
	defer tick.Stop()
	for now := range tick.C {
		w.mu.Lock()
		if len(w.sessions) == 0 {
			w.watching = false
			w.mu.Unlock()
			return
		}
		late, due, compiles := false, int64(0), w.dev.Compiler.Busy()
		for s := range w.sessions {
			due = max(due, s.due.Load())
		}
		for s := range w.sessions {
			since := s.alive(now, compiles)
			late = late || since != 0 && now.UnixNano()-max(since, due) > int64(w.stuck)
		}
		w.mu.Unlock()
		if late {
			w.lose(fmt.Sprintf("a call of the driver has not returned after %v", w.stuck))
		}
	}
}
