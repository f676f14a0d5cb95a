//go:build linux

package runtime

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"levee/graph/value"
)

// onProgress passes a report on to the running call.
func (e *Engine) onProgress(w *worker, m progressMsg) {
	j := e.current(w, m.seq)
	if j == nil {
		return
	}
	defer j.used.Done()
	if j.call.Progress != nil && e.mayReport(w, j) {
		j.call.Progress(m.done, m.total)
	}
}

// mayReport counts the reports of a call. An honest worker holds them back: those of one that does not are dropped, for somebody records
// them all.
func (e *Engine) mayReport(w *worker, j *job) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	most := 2 + int((time.Since(w.run.since)+j.waited)/(progressEvery/2))
	j.reports++
	return j.reports <= most
}

// current returns the call that a worker runs, if it has that number. It may end at any time, but Run does not return before the one who
// uses it is done: until then it has its descriptors, and its caller what its functions use.
func (e *Engine) current(w *worker, seq uint64) *job {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := &w.run
	if len(r.inflight) == 0 || r.inflight[0].seq != seq || r.inflight[0].job == nil {
		return nil
	}
	j := r.inflight[0].job
	j.used.Add(1)
	return j
}

// onAsk answers what a guest wants of the outside, in a goroutine of its own: files may be slow.
func (e *Engine) onAsk(w *worker, m askMsg) error {
	if !w.ask() {
		return errFrame
	}
	j := e.current(w, m.seq)
	e.wg.Go(func() {
		a, fd := answerMsg{problem: "the call is over"}, -1
		if j != nil {
			a, fd = j.answer(&m)
			j.used.Done()
		}
		if m.data.fd >= 0 {
			_ = unix.Close(m.data.fd)
		}
		w.reply(a, fd)
	})
	return nil
}

// ask notes that a worker waits for an answer; false when it does so already.
func (w *worker) ask() bool {
	w.asking.Lock()
	defer w.asking.Unlock()
	busy := w.asks
	w.asks = true
	return !busy
}

// reply sends the answer that a worker waits for.
func (w *worker) reply(a answerMsg, fd int) {
	n := 0
	if fd >= 0 {
		n = 1
	}
	raw, start := beginFrame(nil, frameAnswer)
	raw = endFrame(a.append(raw), start, n)
	w.asking.Lock()
	w.asks = false
	w.asking.Unlock()
	w.post(outFrame{raw: raw, fd: fd})
	w.flush()
}

// answer does what was asked. The descriptor, unless negative, goes with the answer. A guest whose call is over waits for none.
func (j *job) answer(m *askMsg) (answerMsg, int) {
	ctx, over := context.WithCancel(j.ctx)
	defer over()
	go func() {
		select {
		case <-j.ended:
			over()
		case <-ctx.Done():
		}
	}()
	f := j.call.Files
	err := errors.New("not granted")
	switch {
	case m.op == askFilled:
		err = j.filled(ctx, m.port)
	case f == nil:
	case m.op == askRead && f.Read != nil:
		return answerRead(ctx, f, m.name)
	case m.op == askList && f.List != nil:
		var names []string
		if names, err = f.List(ctx, m.name); err == nil {
			items := make([][]byte, len(names))
			for i, n := range names {
				items[i] = []byte(n)
			}
			return bytesAnswer(value.EncodeList(items))
		}
	case m.op == askWrite && f.Write != nil:
		if err = checkSealed(m.data.fd, m.data.size); err == nil {
			var fd int
			if fd, err = unix.FcntlInt(uintptr(m.data.fd), unix.F_DUPFD_CLOEXEC, 0); err == nil {
				err = writeFile(ctx, f, m.name, fd, m.data.size)
			}
		}
	case m.op == askWriteInput && f.Write != nil:
		var fd int
		var size int64
		if fd, size, err = j.openInput(m.port); err == nil {
			err = writeFile(ctx, f, m.name, fd, size)
		}
	}
	if err != nil {
		return answerMsg{problem: err.Error()}, -1
	}
	return answerMsg{}, -1
}

// filled waits until an input is whole.
func (j *job) filled(ctx context.Context, port int64) error {
	if port >= int64(len(j.call.Inputs)) || j.call.Inputs[port].Filled == nil {
		return errors.New("no such input")
	}
	return j.call.Inputs[port].Filled(ctx)
}

func writeFile(ctx context.Context, f *Files, name string, fd int, size int64) error {
	file := os.NewFile(uintptr(fd), "value")
	defer file.Close()
	return f.Write(ctx, name, file, size)
}

// openInput returns a descriptor of an input's bytes, which the caller closes.
func (j *job) openInput(port int64) (int, int64, error) {
	if port >= int64(len(j.msg.inputs)) || j.msg.inputs[port].how == valueAbsent {
		return -1, 0, errors.New("no such input")
	}
	if v := &j.msg.inputs[port]; v.how == valueInline {
		fd, err := sealedCopy(v.bytes)
		return fd, int64(len(v.bytes)), err
	}
	n := 0
	for i := range port {
		if j.msg.inputs[i].how == valueFD {
			n++
		}
	}
	fd, err := unix.FcntlInt(uintptr(j.fds[n]), unix.F_DUPFD_CLOEXEC, 0)
	return fd, j.msg.inputs[port].size, err
}

func answerRead(ctx context.Context, f *Files, name string) (answerMsg, int) {
	file, size, err := f.Read(ctx, name)
	if err != nil {
		return answerMsg{problem: err.Error()}, -1
	}
	defer file.Close()
	if size <= inlineMax {
		b := make([]byte, size)
		n := preadFull(int(file.Fd()), b, 0)
		return answerMsg{data: wireValue{how: valueInline, bytes: b[:n]}}, -1
	}
	fd, err := dupReadOnly(file)
	if err != nil {
		return answerMsg{problem: err.Error()}, -1
	}
	return answerMsg{data: wireValue{how: valueFD, size: size}}, fd
}

func bytesAnswer(b []byte) (answerMsg, int) {
	if len(b) <= inlineMax {
		return answerMsg{data: wireValue{how: valueInline, bytes: b}}, -1
	}
	fd, err := sealedCopy(b)
	if err != nil {
		return answerMsg{problem: err.Error()}, -1
	}
	return answerMsg{data: wireValue{how: valueFD, size: int64(len(b))}}, fd
}
