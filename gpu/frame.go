package gpu

import (
	"encoding/binary"
	"fmt"
	"time"

	"levee/gpu/op"
)

// A session speaks with its GPU worker over a stream socket: requests of one fixed size one way, replies the other way, in the order of
// the requests that have one. Whatever is longer lies in the session's staging memory, which both sides map: a request names a part of
// it. The worker copies a graph out before it looks at it; nothing else of the staging memory is interpreted.

// verb says what a request is.
type verb uint8

const (
	doInfo     verb = iota + 1 // -> a greeting in the text
	doSync                     // -> nothing, when all before it was done
	doAlloc                    // the staged bytes are a description -> handle
	doFree                     // a: handle; no reply
	doUpload                   // a: handle, b: offset, the staged bytes; no reply
	doDownload                 // a: handle, b: offset, the staged bytes are filled -> nothing
	doKernel                   // a: n, the staged bytes are a name of n bytes and a module that exports kernelExport -> handle
	doSubmit                   // the staged bytes are a graph, a: the fence that it is to get; no reply
	doWait                     // a: fence, b: nanoseconds, negative: as long as it takes -> nothing
	doFind                     // a: n, the staged bytes are a digest, a head of n bytes and a description -> handle, 0: no such value is kept
	doKeep                     // a: handle, the staged bytes stand before its elements in its value; no reply
	doOffer                    // as doKeep -> the digest in the text; none: it cannot be kept
	doFetch                    // b: offset; the staged bytes begin with a digest, and are filled from that value -> how many, 0: at its end
	doRelease                  // the staged bytes are a digest; no reply
	verbs
)

// kernelExport is under which name a kernel travels.
const kernelExport = "kernel"

// request is one message of a session to the worker.
type request struct {
	verb     verb
	a, b     uint64
	at, size uint32 // of the staged bytes
}

const requestSize = 28

func (r *request) append(b []byte) []byte {
	b = append(b, byte(r.verb), 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, r.a)
	b = binary.LittleEndian.AppendUint64(b, r.b)
	b = binary.LittleEndian.AppendUint32(b, r.at)
	return binary.LittleEndian.AppendUint32(b, r.size)
}

// readRequest takes a request apart, and refuses what no client sends: staged bytes outside of the staging memory, above all.
func readRequest(b *[requestSize]byte) (r request, err error) {
	r = request{verb: verb(b[0]), a: binary.LittleEndian.Uint64(b[4:]), b: binary.LittleEndian.Uint64(b[12:]),
		at: binary.LittleEndian.Uint32(b[20:]), size: binary.LittleEndian.Uint32(b[24:])}
	switch {
	case r.verb == 0 || r.verb >= verbs || b[1] != 0 || b[2] != 0 || b[3] != 0:
		return r, fmt.Errorf("a request of kind %d, flags % x", b[0], b[1:4])
	case r.at > stagingSize || r.size > stagingSize-r.at:
		return r, fmt.Errorf("a request for %d bytes at %d of the staging memory", r.size, r.at)
	}
	return r, nil
}

// replies says whether the worker answers a request.
func (r *request) replies() bool {
	return r.verb != doFree && r.verb != doUpload && r.verb != doSubmit && r.verb != doKeep && r.verb != doRelease
}

// most is how long a wait may take.
func (r *request) most() time.Duration { return time.Duration(r.b) }

// about is what a session is told about itself, as JSON.
type about struct {
	Name   string `json:"name"`   // of the device
	Memory int64  `json:"memory"` // bytes that it may hold
	Work   int64  `json:"work"`   // of one graph: see op.Limits
}

// reply is one message of the worker to a session.
type reply struct {
	fault op.Fault // 0: it went well
	class op.Class // of all that the session ran
	ended bool     // every later request gets the same fault
	value uint64
	text  string
}

const (
	replyHead = 16
	maxText   = 4 << 10
)

func (r *reply) append(b []byte) []byte {
	text := r.text[:min(len(r.text), maxText)]
	b = append(b, byte(r.fault), byte(r.class))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	ended := byte(0)
	if r.ended {
		ended = 1
	}
	b = append(b, ended, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, r.value)
	return append(b, text...)
}

// readReply takes the head of a reply apart; n bytes of text follow.
func readReply(b *[replyHead]byte) (r reply, n int, err error) {
	n = int(binary.LittleEndian.Uint16(b[2:]))
	if n > maxText || b[1] > byte(op.Device) {
		return r, 0, fmt.Errorf("a reply with %d bytes of text and class %d", n, b[1])
	}
	return reply{fault: op.Fault(b[0]), class: op.Class(b[1]), ended: b[4] == 1, value: binary.LittleEndian.Uint64(b[8:])}, n, nil
}

// A description on its way: element type, rank, dimensions.
func appendDesc(b []byte, d op.Desc) []byte {
	return appendShape(append(b, byte(d.DType)), d.Shape)
}

func readDesc(b []byte) (d op.Desc, err error) {
	if len(b) < 5 {
		return d, fmt.Errorf("a description of %d bytes", len(b))
	}
	d.DType = op.DType(b[0])
	rank := binary.LittleEndian.Uint32(b[1:])
	if b = b[5:]; rank > op.MaxRank || len(b) != 8*int(rank) {
		return d, fmt.Errorf("a description of rank %d in %d bytes", rank, len(b))
	}
	for ; len(b) > 0; b = b[8:] {
		d.Shape = append(d.Shape, int64(binary.LittleEndian.Uint64(b)))
	}
	return d, d.Check()
}
