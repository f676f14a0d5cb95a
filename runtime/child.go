//go:build linux

package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	workerEnv  = "LEVEE_WORKER"
	workerFD   = 3 // stream socket to the daemon
	boardFD    = 4 // memory shared with the daemon, see board
	workerNice = 10
)

// WorkerMain turns this process into a worker if the engine started it as one; it then never returns. In every other
// process it returns false at once. x is the extension that modules may use; nil is none. Programs (and TestMain of packages) that use the engine call it first of all.
func WorkerMain(x *Extension) bool {
	if os.Getenv(workerEnv) == "" {
		return false
	}
	os.Exit(workerMain(x))
	return true
}

func workerMain(x *Extension) int {
	if err := checkStartedByEngine(); err != nil {
		fmt.Fprintf(os.Stderr, "%s is set, but %v: only the engine starts workers\n", workerEnv, err)
		return 2
	}
	_ = os.Unsetenv(workerEnv)
	b, err := mapBoard(boardFD)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	lowerPriority()
	makeThreads()
	c := &child{conn: conn{fd: workerFD}, board: b, ext: x}
	if err := c.serve(); !errors.Is(err, io.EOF) { // the daemon let go
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func checkStartedByEngine() error {
	domain, err := unix.GetsockoptInt(workerFD, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || domain != unix.AF_UNIX {
		return errors.New("descriptor 3 is no Unix socket")
	}
	cred, err := unix.GetsockoptUcred(workerFD, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil || int(cred.Uid) != os.Getuid() || int(cred.Pid) != os.Getppid() {
		return errors.New("descriptor 3 does not lead to the parent process")
	}
	return nil
}

// lowerPriority makes the worker yield to the daemon, and be the one who ends when there is no memory left: memory files that a guest who
// broke out fills are in no process's account, so the kernel would rather end the daemon. On Linux niceness belongs to threads; later ones
// inherit it.
func lowerPriority() {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, t := range tasks {
		var tid int
		if _, err := fmt.Sscan(t.Name(), &tid); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, tid, workerNice)
		}
	}
}

// child is the worker's side: one thread of control that takes a frame, acts on it, answers.
type child struct {
	conn  conn
	board *board
	ext   *Extension
	guest *guest
	msg   callMsg
	held  time.Time // since when answers are held back; zero: there are none
}

// serve returns only with an error, io.EOF when the daemon closed the socket.
func (c *child) serve() error {
	hello, start := beginFrame(nil, frameHello)
	hello = endFrame(appendBytes(hello, EngineVersion()), start, 0)
	if err := c.conn.send(hello, nil); err != nil {
		return err
	}
	for {
		f, fds, err := c.conn.next()
		if err != nil {
			return err
		}
		switch f.kind {
		case frameLoad:
			err = c.onLoad(f.payload, fds)
		case frameCall:
			err = c.onCall(f.payload, fds)
		case frameProbe:
			err = c.onProbe()
		default:
			err = fmt.Errorf("unexpected frame %d", f.kind)
		}
		if err != nil {
			return err
		}
	}
}

func (c *child) onLoad(payload []byte, fds []int) error {
	m, err := readLoad(payload)
	if err != nil || len(fds) != 1 || c.guest != nil {
		return fmt.Errorf("load: %w", errFrame)
	}
	g, answer := load(&m, fds[0], c.ext)
	if g != nil {
		g.conn, g.board = &c.conn, c.board
		c.guest = g
	}
	b, start := beginFrame(nil, frameLoaded)
	return c.conn.send(endFrame(answer.append(b), start, 0), nil)
}

func (c *child) onCall(payload []byte, fds []int) error {
	if c.guest == nil {
		return errors.New("call before load")
	}
	if err := c.msg.read(payload, fds); err != nil {
		return fmt.Errorf("call: %w", err)
	}
	if !c.board.start(c.msg.seq) {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
		if c.conn.another() {
			return nil
		}
		c.held = time.Time{}
		return c.conn.flush(nil)
	}
	if c.held.IsZero() {
		c.held = time.Now()
	}
	res := c.guest.run(&c.msg)
	var values []int
	for _, v := range res.outputs {
		if v.how == valueFD {
			values = append(values, v.fd)
		}
	}
	c.conn.put(func(b []byte) []byte {
		b, start := beginFrame(b, frameResult)
		return endFrame(res.append(b), start, len(values))
	})
	var err error
	if len(values) > 0 || !c.conn.another() || len(c.conn.out) > maxHeldBytes || time.Since(c.held) > maxHeld {
		c.held = time.Time{}
		err = c.conn.flush(values)
	}
	for _, fd := range values {
		_ = unix.Close(fd)
	}
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
	c.guest.renew(!c.conn.another())
	return err
}

// Answers to very short calls are held back while the next call is there already, so that many share one write. The
// daemon takes them for lost, and has them done elsewhere, when the next call turns out long.
const (
	maxHeld      = 100 * time.Microsecond
	maxHeldBytes = 32 << 10
)

// conn is the worker's end of the socket: blocking, used by one goroutine.
type conn struct {
	fd       int
	buf      []byte
	r, w     int
	fds      []int
	out      []byte
	deferred []deferredCall // calls that came while an answer was awaited
	oob      []byte
}

type deferredCall struct {
	frame
	descriptors []int
}

const readChunk = 256 << 10

// next returns the next frame, taking calls first that came while an answer was awaited. The payload and the
// descriptors are valid until the following call of next.
func (c *conn) next() (frame, []int, error) {
	if len(c.deferred) > 0 {
		d := c.deferred[0]
		c.deferred = c.deferred[1:]
		return d.frame, d.descriptors, nil
	}
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	return c.read()
}

// answer waits for the daemon's answer to a question. Calls that come before it are kept for later.
func (c *conn) answer() (answerMsg, error) {
	for {
		f, fds, err := c.read()
		if err != nil {
			return answerMsg{}, err
		}
		if f.kind == frameAnswer {
			return readAnswer(f.payload, fds)
		}
		c.deferred = append(c.deferred, deferredCall{f, fds})
	}
}

// read returns the next frame of the socket. It never moves or overwrites bytes that an earlier frame refers to, for
// the inputs of the running call are such bytes: when the buffer is full it goes on in a new one.
func (c *conn) read() (frame, []int, error) {
	for {
		f, n, err := cutFrame(c.buf[c.r:c.w])
		if err != nil {
			return f, nil, err
		}
		if n > 0 {
			if f.fds > len(c.fds) {
				return f, nil, fmt.Errorf("%w: descriptors are missing", errFrame)
			}
			c.r += n
			fds := c.fds[:f.fds:f.fds]
			c.fds = c.fds[f.fds:]
			return f, fds, nil
		}
		if err := c.fill(); err != nil {
			return f, nil, err
		}
	}
}

func (c *conn) fill() error {
	if len(c.buf)-c.w < 4096 {
		size := readChunk
		if have := c.w - c.r; have >= frameHeader {
			// A long frame has begun: make room for all of it at once.
			need := int(uint32(c.buf[c.r]) | uint32(c.buf[c.r+1])<<8 | uint32(c.buf[c.r+2])<<16 | uint32(c.buf[c.r+3])<<24)
			size = max(size, min(need, maxFrame)+readChunk)
		}
		next := make([]byte, size)
		c.w = copy(next, c.buf[c.r:c.w])
		c.buf, c.r = next, 0
	}
	if c.oob == nil {
		c.oob = make([]byte, unix.CmsgSpace(4*253))
	}
	n, oobn, flags, _, err := unix.Recvmsg(c.fd, c.buf[c.w:], c.oob, unix.MSG_CMSG_CLOEXEC)
	switch {
	case err == unix.EINTR:
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	case flags&unix.MSG_CTRUNC != 0:
		return errors.New("descriptors were lost")
	}
	c.w += n
	if oobn == 0 {
		return nil
	}
	fds, err := parseRights(c.oob[:oobn])
	c.fds = append(c.fds, fds...)
	return err
}

func parseRights(oob []byte) (fds []int, err error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range msgs {
		got, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			return fds, err
		}
		fds = append(fds, got...)
	}
	return fds, nil
}

// another says whether the next call is here already.
func (c *conn) another() bool {
	if len(c.deferred) > 0 {
		return true
	}
	_, n, err := cutFrame(c.buf[c.r:c.w])
	return err == nil && n > 0
}

// put appends a frame to what is to be sent.
func (c *conn) put(f func([]byte) []byte) { c.out = f(c.out) }

// send sends a frame behind what was put before it. The descriptors belong to the frame.
func (c *conn) send(b []byte, fds []int) error {
	c.out = append(c.out, b...)
	return c.flush(fds)
}

// flush sends what was put. The descriptors belong to the last frame.
func (c *conn) flush(fds []int) error {
	b := c.out
	c.out = c.out[:0]
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	for len(b) > 0 {
		var n int
		var err error
		if oob == nil {
			n, err = unix.Write(c.fd, b)
		} else {
			n, err = unix.SendmsgN(c.fd, b, oob, nil, 0)
		}
		switch err {
		case nil:
		case unix.EINTR:
			continue
		case unix.EPIPE, unix.ECONNRESET:
			return io.EOF
		default:
			return err
		}
		b, oob = b[n:], nil
	}
	return nil
}

func (c *child) onProbe() error {
	b, start := beginFrame(nil, frameProbed)
	b = appendProbes(b, runProbes())
	return c.conn.send(endFrame(b, start, 0), nil)
}
