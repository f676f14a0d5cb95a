package gpu

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	goruntime "runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"levee/gpu/device"
	"levee/gpu/op"
)

// host is the workers of one owner at one device, one after the other. Guarded by the pool's lock.
type host struct {
	key      hostKey
	now      *process // nil: there is none
	failures int      // workers that died, one soon after the other
	last     time.Time
	until    time.Time            // before that none is started
	reason   string               // why the last one died
	slow     map[string]time.Time // code for which one was given up, and until when it is not tried again
}

// offFor is how long no worker is started after too many have died.
const offFor = 10 * time.Minute

// resting says how long no worker is started yet; an error when that is too long to wait for.
func (h *host) resting(backoff []time.Duration) (time.Duration, error) {
	wait := time.Until(h.until)
	if wait > 0 && h.failures > len(backoff) {
		return 0, op.Errorf(op.Unavailable, "its GPU worker has died %d times, the last time because: %s; the next one is started at %s",
			h.failures, h.reason, h.until.Format(time.TimeOnly))
	}
	return wait, nil
}

// forgotten says whether a host without a worker may go.
func (h *host) forgotten() bool {
	return h.now == nil && time.Since(h.last) > max(slowFor, offFor+time.Minute)
}

const (
	slowFor = time.Hour // a fault of the machine that looked like one of the code's should pass
	maxSlow = 16        // the message to a worker has room for them
)

// tooSlow takes note of code that the driver does not compile in time: each attempt costs a worker, and everybody at it.
func (h *host) tooSlow(code string) {
	if _, err := hex.DecodeString(code); err != nil || len(code) != device.CodeName {
		return // a worker that speaks nonsense
	}
	now := time.Now()
	maps.DeleteFunc(h.slow, func(_ string, until time.Time) bool { return now.After(until) || len(h.slow) >= maxSlow })
	if h.slow == nil {
		h.slow = map[string]time.Time{}
	}
	h.slow[code] = now.Add(slowFor)
}

func (h *host) failed(backoff []time.Duration, reason string) {
	now := time.Now()
	if now.Sub(h.last) > offFor+time.Minute {
		h.failures = 0
	}
	h.failures++
	h.last, h.reason, h.until = now, reason, now.Add(offFor)
	if h.failures <= len(backoff) {
		h.until = now.Add(backoff[h.failures-1])
	}
}

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
	w.idle = time.AfterFunc(p.cfg.Idle, func() {
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
	late := time.AfterFunc(p.cfg.Start, func() {
		p.mu.Lock()
		opened := w.opened
		p.mu.Unlock()
		if !opened {
			w.kill(fmt.Sprintf("it had not opened the device after %v", p.cfg.Start))
		}
	})
	defer late.Stop()
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		w.listen()
	}()
	first := &deviceMsg{Library: p.cfg.Library, Index: r.index(), Stuck: p.cfg.Stuck.Milliseconds(), Compile: p.cfg.Compile.Milliseconds(), Slow: w.slow}
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

// endOf is how a process ended, as far as the system tells.
func endOf(state *os.ProcessState) string {
	if s, ok := state.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGKILL {
		return "it was killed (SIGKILL), as the system does when the machine has no memory left"
	}
	return state.String()
}

// index is the driver's number of the device: where the device has an identity, the worker sees no other.
func (r *Request) index() int {
	if r.visible() != "" {
		return 0
	}
	return r.Index
}

// visible is what the driver is told of the devices that the worker may see.
func (r *Request) visible() string {
	if strings.HasPrefix(r.Device, "GPU-") || strings.HasPrefix(r.Device, "MIG-") {
		return r.Device
	}
	return ""
}

func (w *process) spawn(r Request, stderr int) (*os.Process, int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, err
	}
	theirs := os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, -1, err
	}
	defer null.Close()
	dup, err := unix.FcntlInt(uintptr(stderr), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, -1, err
	}
	words := os.NewFile(uintptr(dup), "stderr")
	defer words.Close()
	proc, err := os.StartProcess(w.pool.cfg.Executable, []string{"levee-gpu"}, &os.ProcAttr{
		Dir: "/", Env: w.pool.environment(r), Files: []*os.File{null, words, words, theirs},
		// A group of its own: an interrupt typed at the daemon's terminal is for the daemon.
		Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true},
	})
	if err != nil {
		_ = unix.Close(pair[0])
		return nil, -1, err
	}
	return proc, pair[0], nil
}

const maxWords = 64 << 10

// newWords is where a worker's standard error goes, which is memory of ours: a driver that complains without end gets no more of it.
func newWords() (fd int, err error) {
	fd, err = unix.MemfdCreate("levee-gpu-stderr", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, err
	}
	if err = unix.Ftruncate(fd, maxWords); err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	if err != nil {
		_ = unix.Close(fd)
	}
	return fd, err
}

func lastWords(fd int) string {
	b := make([]byte, 1024)
	n, _ := unix.Pread(fd, b, 0)
	said, _, _ := bytes.Cut(b[:max(n, 0)], []byte{0})
	line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
	return line
}

// listen takes what the worker says, to its end.
func (w *process) listen() {
	for {
		m, handed, err := receiveControl(w.control)
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
	time.AfterFunc(w.pool.cfg.Dying, func() { w.kill("") })
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
	time.AfterFunc(5*p.cfg.Dying, func() {
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
		h.failed(p.cfg.Backoff, reason)
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

// begin asks for a session at the other end of a socket. What becomes of it comes later: nil, or why there is none.
func (w *process) begin(memory int64, socket int) (begun <-chan error, ended <-chan struct{}, number uint64, err error) {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	switch {
	case w.refused != nil:
		return nil, nil, 0, w.refused
	case w.gone || w.doomed:
		return nil, nil, 0, errGone
	}
	w.number++
	if err := sendControl(w.control, control{Session: &sessionMsg{Number: w.number, Memory: memory}}, socket); err != nil {
		w.deaf(err)
		return nil, nil, 0, errGone
	}
	one := make(chan error, 1)
	w.begins[w.number], w.ends[w.number] = one, make(chan struct{})
	w.watch()
	return one, w.ends[w.number], w.number, nil
}

// forget waits for a session no more.
func (w *process) forget(number uint64) {
	w.pool.mu.Lock()
	defer w.pool.mu.Unlock()
	delete(w.begins, number)
}

// endsAll tells those who wait for a session, or for its end, that the worker is gone, or as good as. Called with the lock held.
func (w *process) endsAll() {
	for _, begun := range w.begins {
		begun <- errGone
	}
	for _, ended := range w.ends {
		close(ended)
	}
	clear(w.begins)
	clear(w.ends)
}

// refusal is the error of a session that has not begun.
func (m *control) refusal() error {
	switch {
	case m.Refused == "":
		return nil
	case m.Fault == op.Lost: // the worker is about to end
		return errGone
	}
	return op.Errorf(m.fault(), "%s", m.Refused)
}

// fault is the class of a refusal; a worker may say what it likes.
func (m *control) fault() op.Fault {
	if m.Fault == op.OverQuota {
		return op.OverQuota
	}
	return op.Unavailable
}

// watch asks a worker now and then whether it is still there, while it has sessions. Called with the lock held.
func (w *process) watch() {
	if !w.watched {
		w.watched = true
		time.AfterFunc(w.pool.cfg.Stuck/2, w.look)
	}
}

func (w *process) look() {
	p := w.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case w.gone || w.leases == 0:
		w.watched = false
		return
	case w.ping != w.pong:
		go w.kill("it does not answer any more")
		return
	}
	w.ping++
	_ = sendControl(w.control, control{Ping: w.ping}, -1)
	time.AfterFunc(p.cfg.Stuck/2, w.look)
}

// settling marks the pings of Settle.
const settling = 1 << 63

// Settle waits until it is known what the worker said before now, and gives why it is lost: "" while it goes on. Whoever has lost a session
// calls it before it asks for another one: the worker says that it dies before it ends its sessions, but that is heard on another way.
func (l *Lease) Settle(ctx context.Context) (lost string) {
	p, w := l.pool, l.on
	p.mu.Lock()
	defer p.mu.Unlock()
	if !w.gone && !w.doomed {
		w.asked++
		n := w.asked
		if err := sendControl(w.control, control{Ping: settling | n}, -1); err != nil {
			w.deaf(err)
		}
		for w.told < n && !w.gone && !w.doomed {
			if w.await(ctx, 0) != nil {
				return ""
			}
		}
	}
	// One that said nothing has ended, or is about to: how, its end tells. What does not end has been killed by then.
	for until := time.Now().Add(6 * p.cfg.Dying); w.doomed && w.lost == "" && time.Now().Before(until); {
		if w.await(ctx, time.Until(until)) != nil {
			break
		}
	}
	return w.lost
}

// await waits for a change in the pool, at most so long. Called with the lock held, which it lets go meanwhile.
func (w *process) await(ctx context.Context, most time.Duration) error {
	wait := pause{after: most, change: w.pool.change}
	w.pool.mu.Unlock()
	defer w.pool.mu.Lock()
	return wait.over(ctx)
}

// deaf takes note of a worker that could not be sent a message: it has ended, which we are about to hear, or it does not listen. Called with
// the lock held.
func (w *process) deaf(err error) {
	w.doomed = true
	reason := ""
	if err == unix.EAGAIN {
		reason = "it does not listen"
	}
	go w.kill(reason)
}
