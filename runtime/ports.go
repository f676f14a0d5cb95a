//go:build linux

package runtime

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// input is a value that a guest reads: bytes of a frame, or a file that is read where the guest asks.
type input struct {
	*wireValue
	head      []byte // not empty: the file is still being filled, and begins so
	window    []byte // a part of the file, for guests that read in small steps
	windowOff int64
}

const windowSize = 64 << 10

// readAt copies what lies at off into p and returns how much that was.
func (in *input) readAt(p []byte, off uint64) int {
	if off >= uint64(in.size) || len(p) == 0 {
		return 0
	}
	if in.how == valueInline {
		return copy(p, in.bytes[off:])
	}
	p = p[:min(int64(len(p)), in.size-int64(off))]
	if len(p) >= windowSize/4 {
		return preadFull(in.fd, p, int64(off))
	}
	at := int64(off) - in.windowOff
	if at < 0 || at+int64(len(p)) > int64(len(in.window)) {
		if in.window == nil {
			in.window = make([]byte, windowSize)
		}
		in.windowOff, at = int64(off), 0
		in.window = in.window[:preadFull(in.fd, in.window[:windowSize], in.windowOff)]
	}
	return copy(p, in.window[min(at, int64(len(in.window))):])
}

func preadFull(fd int, p []byte, off int64) (n int) {
	for n < len(p) {
		k, err := unix.Pread(fd, p[n:], off+int64(n))
		if err == unix.EINTR {
			continue
		}
		if err != nil || k == 0 {
			break
		}
		n += k
	}
	return n
}

// output collects what a guest writes to a port: in memory while it is small, then in a memfd.
type output struct {
	buf     []byte
	fd      int
	size    int64
	written bool
	stream  bool   // what is here is one item; finished ones have been sent
	refers  []byte // the digest and the head of a value that an extension keeps elsewhere; nil: it is here
}

func (o *output) reset() {
	o.buf, o.fd, o.size, o.written, o.stream, o.refers = o.buf[:0], -1, 0, false, false, nil
}

func (o *output) write(p []byte) error {
	o.written = true
	o.size += int64(len(p))
	if o.fd < 0 {
		if o.size <= inlineMax {
			o.buf = append(o.buf, p...)
			return nil
		}
		if err := o.spill(); err != nil {
			return err
		}
	}
	if len(o.buf)+len(p) <= windowSize {
		o.buf = append(o.buf, p...)
		return nil
	}
	if err := o.flush(); err != nil {
		return err
	}
	return writeFull(o.fd, p)
}

// spill moves the output into a memfd.
func (o *output) spill() (err error) {
	if o.fd, err = unix.MemfdCreate("levee-value", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING); err != nil {
		o.fd = -1
		return fmt.Errorf("memfd: %w", err)
	}
	return o.flush()
}

func (o *output) flush() error {
	err := writeFull(o.fd, o.buf)
	o.buf = o.buf[:0]
	return err
}

func writeFull(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("write memfd: %w", err)
		}
		p = p[n:]
	}
	return nil
}

const sealAll = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// seal makes a memfd immutable, for everybody and for ever. The daemon refuses values that are not sealed.
func seal(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, sealAll); err != nil {
		return fmt.Errorf("seal memfd: %w", err)
	}
	return nil
}

// finish turns the outputs into values for the result frame.
func (c *callState) finish() ([]wireValue, error) {
	values := make([]wireValue, len(c.outputs))
	inline := 0
	for i := range c.outputs {
		o, v := &c.outputs[i], &values[i]
		v.size, v.fd = o.size, -1
		switch {
		case !o.written || o.stream:
			v.how = valueAbsent
			continue
		case o.refers != nil:
			v.how, v.bytes = valueRef, o.refers
			continue
		case o.fd < 0 && inline+len(o.buf) <= inlineTotal:
			v.how, v.bytes = valueInline, o.buf
			inline += len(o.buf)
			continue
		}
		if o.fd < 0 {
			if err := o.spill(); err != nil {
				return nil, err
			}
		}
		if err := o.flush(); err != nil {
			return nil, err
		}
		if err := seal(o.fd); err != nil {
			return nil, err
		}
		v.how, v.fd = valueFD, o.fd
	}
	return values, nil
}

func (c *callState) dropOutputs() {
	for i := range c.outputs {
		if o := &c.outputs[i]; o.fd >= 0 {
			_ = unix.Close(o.fd)
			o.fd = -1
		}
	}
}
