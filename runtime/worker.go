//go:build linux

package runtime

import (
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// worker is the daemon's side of one worker process.
type worker struct {
	eng    *Engine
	proc   *os.Process
	conn   *net.UnixConn
	raw    syscall.RawConn // conn's
	board  *board
	stderr int           // memfd
	expect atomic.Uint32 // the type of frame that is awaited, if any
	hello  chan error
	loaded chan loadedMsg
	probed chan []Probe
	gone   chan struct{} // closed when the process was waited for
	words  string        // what it said last; to be read after gone

	in     inbox
	out    outbox
	asking sync.Mutex
	asks   bool // a question is being answered; a worker has one at a time
	run    runState
}

// runState is what the scheduler knows of a worker. Guarded by the engine's lock.
type runState struct {
	bound    *bound
	ready    bool      // the module is loaded and its native code vouched for
	inflight []sent    // the first one runs
	seq      uint64    // of the call that was sent last
	claimed  uint64    // the call that is known to have been started last
	bytes    int       // of the frames in flight
	quantum  int       // calls that may still be sent ahead though others wait for a slot
	filling  bool      // the present round of scheduling sends calls ahead
	stalled  bool      // the running call is long: nothing is sent behind it
	since    time.Time // when inflight[0] was started, or the worker became idle
	paused   time.Time // since when the running guest waits for its items to be taken; zero when it does not
	timer    *time.Timer
	timerAt  time.Time // when the timer fires; zero when it is not set
	reader   readerState
	dead     bool

	compiledAt  time.Time // when the module was compiled by this worker; zero if native code was there
	compileTime time.Duration
}

// sent is a call in flight; its job is nil when its caller left.
type sent struct {
	job   *job
	seq   uint64
	limit time.Duration
}

// killReason says why we killed a worker, and thus what becomes of the call that it ran.
type killReason struct {
	code, detail string
	seq          uint64 // of the call on whose account; 0: whichever ran
}

// outbox sends frames in the order in which they were put in. Whoever finds it idle sends; others leave their frames.
type outbox struct {
	mu      sync.Mutex
	frames  []outFrame
	spare   []outFrame
	buf     []byte
	fds     []int
	sending bool
	reason  *killReason // why the worker was killed
}

// outFrame is a call, or any other frame with at most one descriptor, which the outbox closes.
type outFrame struct {
	job *job
	seq uint64
	raw []byte
	fd  int
}

func (w *worker) post(f outFrame) {
	if f.job != nil {
		f.job.hold()
	}
	w.out.mu.Lock()
	w.out.frames = append(w.out.frames, f)
	w.out.mu.Unlock()
}

// flush sends what is in the outbox, without blocking: what the socket does not take at once a goroutine sends.
func (w *worker) flush() {
	o := &w.out
	o.mu.Lock()
	if o.sending || len(o.frames) == 0 {
		o.mu.Unlock()
		return
	}
	o.sending = true
	o.mu.Unlock()
	if w.drain(false) {
		return
	}
	w.eng.wg.Go(func() { w.drain(true) })
}

// drain sends until the outbox is empty. It returns false when it would have had to block but may not; bytes that are
// left then stay in the buffer.
func (w *worker) drain(block bool) bool {
	o := &w.out
	for {
		if !w.writeOut(block) {
			return false
		}
		o.mu.Lock()
		if len(o.frames) == 0 {
			o.sending = false
			o.mu.Unlock()
			return true
		}
		frames := o.frames
		o.frames, o.spare = o.spare[:0], nil
		o.mu.Unlock()
		w.encode(frames)
		clear(frames)
		o.mu.Lock()
		o.spare = frames[:0]
		o.mu.Unlock()
	}
}

// encode puts frames into the buffer, and writes where descriptors would become too many for one message.
func (w *worker) encode(frames []outFrame) {
	o := &w.out
	for i := range frames {
		f := &frames[i]
		n := 0
		if f.job != nil {
			n = len(f.job.fds)
		}
		if len(o.fds)+n+1 > maxFrameFDs {
			// Rare: a block is taken here rather than frames split.
			w.writeOut(true)
		}
		if f.job == nil {
			o.buf = append(o.buf, f.raw...)
			if f.fd >= 0 {
				o.fds = append(o.fds, f.fd)
			}
			continue
		}
		o.buf = f.job.append(o.buf, f.seq)
		for _, fd := range f.job.fds {
			d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				w.kill(&killReason{code: CodeCrash, detail: "no descriptors left: " + err.Error()})
				break
			}
			o.fds = append(o.fds, d)
		}
		f.job.release()
	}
}

// writeOut writes the buffer. It returns false when that would block but may not. A broken connection counts as
// written: the reader notices it.
func (w *worker) writeOut(block bool) bool {
	o := &w.out
	var err error
	for err == nil && len(o.buf) > 0 {
		var oob []byte
		if len(o.fds) > 0 {
			oob = unix.UnixRights(o.fds...)
		}
		var n int
		var werr error
		err = w.raw.Write(func(fd uintptr) bool {
			n, werr = unix.SendmsgN(int(fd), o.buf, oob, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
			return werr != unix.EAGAIN || !block
		})
		switch {
		case err != nil || werr == unix.EINTR:
			continue
		case werr == unix.EAGAIN:
			return false
		case werr != nil:
			err = werr
			continue
		}
		o.buf = o.buf[:copy(o.buf, o.buf[n:])]
		for _, fd := range o.fds {
			_ = unix.Close(fd)
		}
		o.fds = o.fds[:0]
	}
	if err != nil {
		for _, fd := range o.fds {
			_ = unix.Close(fd)
		}
		o.buf, o.fds = o.buf[:0], o.fds[:0]
	}
	if cap(o.buf) > maxFrame {
		o.buf = nil
	}
	return true
}

// kill ends the worker. The first reason counts. It may be called with or without the engine's lock held.
func (w *worker) kill(why *killReason) {
	w.out.mu.Lock()
	if w.out.reason == nil {
		w.out.reason = why
	}
	w.out.mu.Unlock()
	_ = w.proc.Signal(syscall.SIGKILL)
	// The connection ends with the process, unless the worker gave its end of it away: to us, for example.
	_ = w.conn.SetReadDeadline(time.Now())
	w.rouse()
}

func (w *worker) reason() *killReason {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	return w.out.reason
}

// lastWords says how the process ended, and what it wrote last.
func (w *worker) lastWords(state *os.ProcessState) string {
	b := make([]byte, 4096)
	n, _ := unix.Pread(w.stderr, b, 0)
	text := strings.TrimSpace(string(b[:max(n, 0)]))
	how := "ended"
	if state != nil {
		how = state.String()
	}
	if text != "" {
		how += ": " + text
	}
	return how
}
