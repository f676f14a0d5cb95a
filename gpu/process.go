package gpu

import (
	"errors"
	"fmt"
	"maps"
	"os"
	goruntime "runtime"
	"time"

	"golang.org/x/sys/unix"

	"levee/gpu/op"
)

// process is one worker, as the daemon sees it. Guarded by the pool's lock where nothing else is said.
type process struct {
	pool    *Pool
	host    *host
	proc    *os.Process   // nil until it was started
	control int           // our end of its socket, until it is gone
	ready   chan struct{} // closed when it is, or never will be
	opened  bool          // ready is closed
	refused *op.Error     // why it is of no use
	lost    string        // why it dies, as it said itself or we did
	leases  int
	idle    *time.Timer
	begun   time.Time
	yields  bool // it gets no more sessions, and leaves when it has none: others have their turn
	leaving bool // it was told to go
	doomed  bool // it gets no more sessions: its end is near
	gone    bool

	watched    bool
	ping, pong uint64

	asked, told uint64 // see Settle

	number uint64                   // of the last session
	begins map[uint64]chan error    // sessions of which it has not said yet whether they have begun
	ends   map[uint64]chan struct{} // sessions of which it has not said yet that they have ended

	slow map[string]time.Time // of the host, when it was started
}

// start starts a worker. Called with the lock held.
func (p *Pool) start(h *host, r *Request) *process {
	w := &process{pool: p, host: h, control: -1, ready: make(chan struct{}), begun: time.Now(), slow: maps.Clone(h.slow),
		begins: map[uint64]chan error{}, ends: map[uint64]chan struct{}{}}
	w.idle = time.AfterFunc(p.cfg.idle, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if w.leases == 0 {
			w.leave()
		}
	})
	w.idle.Stop()
	p.running++
	go func() {
		w.run(*r)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.running--
		p.changed()
	}()
	return w
}

// run is a worker's life. It stays on one thread: the signal that ends the worker with us comes when the thread that made it ends.
func (w *process) run(r Request) {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	p := w.pool
	stderr, err := newWords()
	if err != nil {
		w.died(fmt.Sprintf("it could not be started: %v", err))
		return
	}
	defer unix.Close(stderr)
	proc, fd, err := w.spawn(r, stderr)
	if err != nil {
		w.died(fmt.Sprintf("it could not be started: %v", err))
		return
	}
	defer unix.Close(fd)
	p.mu.Lock()
	w.proc, w.control = proc, fd
	leaving := w.leaving
	p.mu.Unlock()
	if leaving {
		w.kill("") // it was told to go before it was there
	}
	late := time.AfterFunc(p.cfg.start, func() {
		p.mu.Lock()
		opened := w.opened
		p.mu.Unlock()
		if !opened {
			w.kill(fmt.Sprintf("it had not opened the device after %v", p.cfg.start))
		}
	})
	defer late.Stop()
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		w.listen()
	}()
	first := &deviceMsg{Library: p.cfg.library, Index: r.index(), Stuck: p.cfg.stuck.Milliseconds(), Compile: p.cfg.compile.Milliseconds(), Slow: w.slow}
	_ = sendControl(fd, control{Device: first}, -1) // if it has died already we hear of it
	state, err := w.wait(proc)
	_ = unix.Shutdown(fd, unix.SHUT_RDWR) // what was said is still heard
	<-heard
	words := fmt.Sprint(err)
	if err == nil {
		words = endOf(state)
	}
	if said := lastWords(stderr); said != "" {
		words += ": " + said
	}
	w.died(words)
}

// wait waits for the worker's end, and ends the helpers that its driver left behind: they may have its end of the socket.
func (w *process) wait(proc *os.Process) (*os.ProcessState, error) {
	for unix.Waitid(unix.P_PID, proc.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	_ = unix.Kill(-proc.Pid, unix.SIGKILL) // its number is nobody else's until it was waited for
	return proc.Wait()
}

// listen takes what the worker says, to its end.
func (w *process) listen() {
	for reset := false; ; {
		m, handed, err := receiveControl(w.control)
		if errors.Is(err, unix.ECONNRESET) && !reset { // it ended with something unread, which is told before what it said last
			reset = true
			continue
		}
		if err != nil {
			return
		}
		if handed >= 0 {
			_ = unix.Close(handed)
		}
		w.heard(&m)
	}
}

func (w *process) heard(m *control) {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	switch {
	case m.Ping&settling != 0:
		w.told = m.Ping &^ settling
		w.pool.changed()
	case m.Ping != 0:
		w.pong = m.Ping
	case m.Lost != "":
		w.lost, w.doomed = m.Lost, true
		w.host.tooSlow(m.Slow)
		w.dies()
		w.pool.changed()
	case m.Opened != 0:
		if begun := w.begins[m.Opened]; begun != nil {
			delete(w.begins, m.Opened)
			begun <- m.refusal()
		}
	case m.Ended != 0:
		if ended := w.ends[m.Ended]; ended != nil {
			delete(w.ends, m.Ended)
			close(ended)
		}
	case m.Refused != "":
		w.refused, w.lost, w.doomed = op.Errorf(m.fault(), "%s", m.Refused), m.Refused, true
		w.dies()
	}
	if !w.opened && (m.Ready || w.refused != nil) {
		w.opened = true
		close(w.ready)
	}
}

// dies kills a worker that has said that it dies, unless it does so soon. Called with the lock held.
func (w *process) dies() {
	time.AfterFunc(w.pool.cfg.dying, func() { w.kill("") })
}

// leave tells a worker to go. Called with the lock held.
func (w *process) leave() {
	if w.leaving || w.gone {
		return
	}
	w.leaving = true
	if w.proc != nil {
		_ = unix.Shutdown(w.control, unix.SHUT_WR)
		w.dies()
	}
}

// kill ends a worker. Where even that does not, the device is given up until it has ended.
func (w *process) kill(reason string) {
	p := w.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.gone {
		return
	}
	if w.lost == "" {
		w.lost = reason
	}
	w.doomed = true
	_ = w.proc.Kill()
	time.AfterFunc(5*p.cfg.dying, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !w.gone {
			p.undead[w] = true
			w.endsAll()
			p.cfg.Log.Error("a GPU worker was killed and does not end: its GPU gets no more work", "device", w.host.key.device, "why", w.lost)
			p.changed()
		}
	})
}

// died takes note of a worker's end.
func (w *process) died(words string) {
	p, h := w.pool, w.host
	p.mu.Lock()
	w.gone, h.now = true, nil
	delete(p.undead, w)
	said := w.lost != ""
	if !said {
		w.lost = words
	}
	reason := w.lost
	short := w.refused != nil && w.refused.Fault == op.OverQuota         // which passes, and is nobody's failure
	bad := !short && (!w.leaving || (w.leases > 0 || said) && !p.closed) // it may be told to leave while it dies
	if bad {
		h.failed(p.cfg.backoff, reason)
	} else if h.failures == 0 {
		delete(p.hosts, h.key)
	}
	if !w.opened {
		w.opened = true
		if w.refused == nil && bad {
			w.refused = op.Errorf(op.Unavailable, "%s", reason)
		}
		close(w.ready)
	}
	w.idle.Stop()
	w.endsAll()
	p.changed()
	p.mu.Unlock()
	if short {
		p.cfg.Log.Warn("a GPU has no memory for a worker", "device", h.key.device, "owner", h.key.owner, "why", reason)
	}
	if bad {
		p.cfg.Log.Warn("a GPU worker died", "device", h.key.device, "owner", h.key.owner, "why", reason)
		p.cfg.OnLost(h.key.device, reason)
	}
}
