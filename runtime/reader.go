//go:build linux

package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// readerState says who reads from a worker. Guarded by the engine's lock.
//
// A worker has a goroutine that reads. But a caller whose call went to an idle worker has nothing to do but wait, so
// it reads itself: that saves waking one goroutine by another, a third of the way there and back. While a worker is
// idle nobody reads; that it died then shows itself when it is used next.
type readerState byte

const (
	readerOwn    readerState = iota // the worker's goroutine reads
	readerNone                      // nobody
	readerCaller                    // the caller of Run whose call is the first in flight
)

// inbox is what was read and not yet understood. It belongs to whoever reads.
type inbox struct {
	buf, oob []byte
	have     int
	fds      []int
	err      error         // what ended the reading, for good
	wake     chan struct{} // rouses the worker's goroutine
}

func newInbox() inbox {
	return inbox{buf: make([]byte, 64<<10), oob: make([]byte, unix.CmsgSpace(4*253)), wake: make(chan struct{}, 1)}
}

// rouse makes the worker's goroutine look whether it has to read.
func (w *worker) rouse() {
	select {
	case w.in.wake <- struct{}{}:
	default:
	}
}

// read takes frames until the worker is gone, then settles what it leaves behind.
func (w *worker) read() {
	var err error
	for err == nil {
		if err = w.readOnce(); err == nil || err == errDislodged {
			err = nil
			w.eng.rest(w)
		}
	}
	if err != io.EOF && w.reason() == nil {
		w.kill(&killReason{code: CodeCrash, detail: "its worker sent nonsense: " + err.Error()})
	}
	_ = w.proc.Signal(syscall.SIGKILL)
	state, _ := w.proc.Wait()
	closeAll(w.in.fds)
	w.words = w.lastWords(state)
	w.eng.onDead(w, w.words)
	_ = w.conn.Close()
	_ = unix.Close(w.stderr)
	w.board.close()
	close(w.gone)
}

// rest parks the worker's goroutine while the worker is idle or a caller reads.
func (e *Engine) rest(w *worker) {
	e.mu.Lock()
	r := &w.run
	if r.ready && len(r.inflight) == 0 {
		r.reader = readerNone
	}
	for r.reader != readerOwn {
		if r.reader == readerNone && w.reason() != nil {
			r.reader = readerOwn
			break
		}
		e.mu.Unlock()
		<-w.in.wake
		e.mu.Lock()
	}
	e.mu.Unlock()
}

// readFor reads on behalf of a call until that has ended. Then, or when something is wrong, it leaves the reading to the
// worker's goroutine.
func (e *Engine) readFor(w *worker, j *job) {
	if j.ctx.Done() != nil {
		defer context.AfterFunc(j.ctx, func() { e.cancel(j) })()
	}
	for {
		err := w.readOnce()
		if err == nil && !j.hasEnded() {
			continue
		}
		e.mu.Lock()
		r := &w.run
		r.reader = readerNone
		if err != nil || len(r.inflight) > 0 || w.reason() != nil {
			r.reader = readerOwn
			w.rouse()
		}
		e.mu.Unlock()
		return
	}
}

// dislodge makes a caller that reads leave it, though the worker has nothing to say.
func (w *worker) dislodge() { _ = w.conn.SetReadDeadline(time.Now()) }

// readOnce waits for something from the worker and acts on the whole frames that it has then. After an error it returns
// that error for ever; io.EOF means that the worker is gone or was killed.
func (w *worker) readOnce() error {
	in := &w.in
	if in.err != nil {
		return in.err
	}
	n, oobn, flags, _, err := w.conn.ReadMsgUnix(in.buf[in.have:], in.oob)
	if errors.Is(err, os.ErrDeadlineExceeded) && w.reason() == nil {
		_ = w.conn.SetReadDeadline(time.Time{})
		if w.reason() == nil { // else the deadline that was just taken away was the kill's
			return errDislodged
		}
	}
	if err != nil || n == 0 {
		in.err = io.EOF
		return in.err
	}
	in.have += n
	if in.err = w.take(oobn, flags); in.err != nil {
		return in.err
	}
	var used int
	used, in.fds, in.err = w.handle(in.buf[:in.have], in.fds)
	if in.err != nil {
		return in.err
	}
	in.have = copy(in.buf, in.buf[used:in.have])
	if in.have < len(in.buf) {
		return nil
	}
	if len(in.buf) >= maxFrame+frameHeader {
		in.err = fmt.Errorf("%w: too long", errFrame)
		return in.err
	}
	in.buf = append(in.buf, make([]byte, min(len(in.buf), maxFrame+frameHeader-len(in.buf)))...)
	return nil
}

// errDislodged is no fault of the worker.
var errDislodged = errors.New("dislodged")

// take takes the descriptors of a message.
func (w *worker) take(oobn, flags int) error {
	if oobn > 0 {
		got, err := parseRights(w.in.oob[:oobn])
		w.in.fds = append(w.in.fds, got...)
		if err != nil {
			return err
		}
	}
	if flags&unix.MSG_CTRUNC != 0 || len(w.in.fds) > 2*maxFrameFDs {
		return fmt.Errorf("%w: too many descriptors", errFrame)
	}
	return nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// answers are results of one read, handed on together.
type answers struct {
	msgs []*resultMsg
	fds  [][]int
}

// handle acts on the whole frames in b, in their order.
func (w *worker) handle(b []byte, fds []int) (used int, rest []int, err error) {
	var a answers
	pass := func() error {
		if len(a.msgs) == 0 {
			return nil
		}
		err := w.eng.onResults(w, a.msgs, a.fds)
		a = answers{a.msgs[:0], a.fds[:0]}
		return err
	}
	for {
		f, n, err := cutFrame(b[used:])
		if err != nil || n == 0 {
			return used, fds, errors.Join(err, pass())
		}
		if f.fds > len(fds) {
			return used, fds, fmt.Errorf("%w: descriptors are missing", errFrame)
		}
		used += n
		own := fds[:f.fds:f.fds]
		fds = fds[f.fds:]
		if f.kind == frameResult {
			m, err := readResult(f.payload, own)
			if err != nil {
				closeAll(own)
				return used, fds, errors.Join(err, pass())
			}
			a.msgs, a.fds = append(a.msgs, &m), append(a.fds, own)
			continue
		}
		if err = pass(); err == nil {
			err = w.other(f, own)
		}
		if err != nil {
			closeAll(own)
			return used, fds, err
		}
	}
}

func (w *worker) other(f frame, fds []int) error {
	if f.kind != frameAsk && f.kind != frameItem && len(fds) > 0 {
		return fmt.Errorf("%w: unexpected descriptors", errFrame)
	}
	switch f.kind {
	case frameHello:
		d := decoder{b: f.payload}
		var err error
		if v := d.string(); d.done() != nil || v != EngineVersion() {
			err = fmt.Errorf("the worker is of another version: %q", v)
		}
		return offer(w, frameHello, w.hello, err)
	case frameLoaded:
		m, err := readLoaded(f.payload)
		if err != nil {
			return err
		}
		return offer(w, frameLoaded, w.loaded, m)
	case frameProbed:
		ps, err := readProbes(f.payload)
		if err != nil {
			return err
		}
		return offer(w, frameProbed, w.probed, ps)
	case frameProgress:
		m, err := readProgress(f.payload)
		if err != nil {
			return err
		}
		w.eng.onProgress(w, m)
		return nil
	case frameAsk:
		m, err := readAsk(f.payload, fds)
		if err != nil {
			return err
		}
		return w.eng.onAsk(w, m)
	case frameItem:
		m, err := readItem(f.payload, fds)
		if err != nil {
			return err
		}
		return w.eng.onItem(w, m)
	}
	return fmt.Errorf("%w: type %d", errFrame, f.kind)
}

// offer hands an answer to whoever waits for it. One that nobody waits for is nonsense.
func offer[T any](w *worker, kind frameType, c chan T, v T) error {
	if !w.expect.CompareAndSwap(uint32(kind), 0) {
		return fmt.Errorf("%w: answer to nothing", errFrame)
	}
	c <- v
	return nil
}
