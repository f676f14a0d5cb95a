package runtime

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Daemon and worker speak in frames over a stream socket: a length of 4 bytes (little endian, itself not counted), a
// type, the number of descriptors that belong to the frame, then the payload. Descriptors travel by SCM_RIGHTS in the
// order of the frames. Numbers are varints, byte strings have their length in front.

type frameType byte

const (
	frameHello    frameType = iota + 1 // worker: ready; engine version
	frameLoad                          // daemon: take this module and shut yourself in
	frameLoaded                        // worker: answer to frameLoad
	frameCall                          // daemon: one invocation
	frameResult                        // worker: its end
	frameAsk                           // worker: a file is wanted on behalf of the running call
	frameAnswer                        // daemon: answer to frameAsk
	frameProgress                      // worker: one way
	frameProbe                         // daemon: try to break out; for the self-test
	frameProbed                        // worker: answer to frameProbe
	frameItem                          // worker: an item of a stream; where it waits, frameAnswer is the answer
)

const (
	frameHeader = 6
	// maxFrame bounds what either side takes in one frame. Larger values travel as descriptors.
	maxFrame = 2 << 20
	// inlineMax is the size up to which one value travels inside a frame, inlineTotal that of all values of a frame.
	inlineMax   = 128 << 10
	inlineTotal = 512 << 10
	// streamMax bounds each of log, stdout and stderr of one call.
	streamMax = 64 << 10
	maxPorts  = 4096
	// maxFrameFDs is below SCM_MAX_FD (253), so that the descriptors of one frame fit one message.
	maxFrameFDs = 200
)

var errFrame = errors.New("malformed frame")

// frame is one received frame. Its payload is valid until the next read of its connection.
type frame struct {
	kind    frameType
	fds     int
	payload []byte
}

// cutFrame takes the first frame off b. It returns how many bytes it took, 0 when b holds no whole frame yet.
func cutFrame(b []byte) (f frame, n int, err error) {
	if len(b) < frameHeader {
		return f, 0, nil
	}
	size := binary.LittleEndian.Uint32(b)
	if size < frameHeader-4 || size > maxFrame {
		return f, 0, fmt.Errorf("%w: length %d", errFrame, size)
	}
	n = 4 + int(size)
	f.kind, f.fds = frameType(b[4]), int(b[5])
	if f.fds > maxFrameFDs {
		return f, 0, fmt.Errorf("%w: %d descriptors", errFrame, f.fds)
	}
	if len(b) < n {
		return f, 0, nil
	}
	f.payload = b[frameHeader:n]
	return f, n, nil
}

// beginFrame appends a frame's header, endFrame fills in what was not known then.
func beginFrame(b []byte, kind frameType) ([]byte, int) {
	return append(b, 0, 0, 0, 0, byte(kind), 0), len(b)
}

func endFrame(b []byte, start, fds int) []byte {
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	b[start+5] = byte(fds)
	return b
}

func appendBytes[T string | []byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// decoder reads a payload. After an error it yields zeros, and done reports the error.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.bad, d.b = true, nil }

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// size reads a number that must lie in 0..limit.
func (d *decoder) size(limit int64) int64 {
	v := d.uvarint()
	if v > uint64(limit) {
		d.fail()
		return 0
	}
	return int64(v)
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) bool() bool { return d.byte() == 1 }

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

// bytes returns a part of the payload itself.
func (d *decoder) bytes() []byte { return d.take(int(d.size(maxFrame))) }

func (d *decoder) string() string { return string(d.bytes()) }

// count reads how many items of at least one byte each follow.
func (d *decoder) count() int {
	n := d.size(int64(len(d.b)))
	return int(n)
}

func (d *decoder) done() error {
	if d.bad || len(d.b) != 0 {
		return errFrame
	}
	return nil
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}
