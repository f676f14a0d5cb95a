//go:build linux

package runtime

import (
	"fmt"

	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sys/unix"
)

// The file functions of ABI v1. A worker reaches no file: it asks the daemon, which opens what the call was granted and
// knows afterwards what was read.

// blob is an answer that a guest reads through a handle: bytes, or a descriptor.
type blob struct {
	input
}

const maxBlobs = 512

func fileRead(g *guest, mem api.Memory, s []uint64) { g.askBlob("file_read", askRead, mem, s) }
func fileList(g *guest, mem api.Memory, s []uint64) { g.askBlob("file_list", askList, mem, s) }

func (g *guest) askBlob(what string, op byte, mem api.Memory, s []uint64) {
	name := view(mem, what, u32(s[0]), u32(s[1]))
	if len(g.call.blobs) >= maxBlobs {
		g.call.lastError = fmt.Sprintf("one call may open %d files at most", maxBlobs)
		s[0] = api.EncodeI64(-1)
		return
	}
	answer, ok := g.ask(&askMsg{op: op, name: string(name)}, -1)
	if !ok {
		s[0] = api.EncodeI64(-1)
		return
	}
	// What came inline lies in the receive buffer, which stays as it is until the call is over.
	g.call.blobs = append(g.call.blobs, blob{input{wireValue: &answer.data}})
	s[0] = uint64(len(g.call.blobs) - 1)
}

// ask puts a question to the daemon and waits. fd, unless negative, goes with it.
func (g *guest) ask(m *askMsg, fd int) (answerMsg, bool) {
	if len(m.name) > maxName {
		g.call.lastError = fmt.Sprintf("a path may have %d bytes at most", maxName)
		return answerMsg{}, false
	}
	m.seq = g.call.msg.seq
	b, start := beginFrame(nil, frameAsk)
	b = m.append(b)
	var fds []int
	if fd >= 0 {
		fds = []int{fd}
	}
	err := g.conn.send(endFrame(b, start, len(fds)), fds)
	var answer answerMsg
	if err == nil {
		answer, err = g.conn.answer()
	}
	if err != nil {
		panic(&stop{CodeCrash, "the worker lost its daemon"})
	}
	g.call.lastError = answer.problem
	return answer, answer.problem == ""
}

func (g *guest) blob(what string, h uint64) *blob {
	if h >= uint64(len(g.call.blobs)) {
		bounds("%s: %d is no open handle", what, int64(h))
	}
	return &g.call.blobs[h]
}

func blobLen(g *guest, _ api.Memory, s []uint64) { s[0] = uint64(g.blob("blob_len", s[0]).size) }

func blobRead(g *guest, mem api.Memory, s []uint64) {
	b := g.blob("blob_read", s[0])
	s[0] = uint64(b.readAt(view(mem, "blob_read", u32(s[2]), u32(s[3])), s[1]))
}

func fileWrite(g *guest, mem api.Memory, s []uint64) {
	name := view(mem, "file_write", u32(s[0]), u32(s[1]))
	data := view(mem, "file_write", u32(s[2]), u32(s[3]))
	var o output
	o.reset()
	err := o.spill()
	if err == nil {
		defer unix.Close(o.fd)
		err = writeFull(o.fd, data)
	}
	if err == nil {
		err = seal(o.fd)
	}
	if err != nil {
		g.call.lastError = err.Error()
		s[0] = api.EncodeI32(-1)
		return
	}
	m := &askMsg{op: askWrite, name: string(name), data: wireValue{how: valueFD, size: int64(len(data))}}
	s[0] = result(g.ask(m, o.fd))
}

func fileWriteInput(g *guest, mem api.Memory, s []uint64) {
	name := view(mem, "file_write_input", u32(s[0]), u32(s[1]))
	in := g.call.port("file_write_input", u32(s[2]))
	if in.how == valueAbsent {
		g.call.lastError = "the input is absent"
		s[0] = api.EncodeI32(-1)
		return
	}
	s[0] = result(g.ask(&askMsg{op: askWriteInput, name: string(name), port: int64(u32(s[2]))}, -1))
}

func result(_ answerMsg, ok bool) uint64 {
	if ok {
		return 0
	}
	return api.EncodeI32(-1)
}

func lastError(g *guest, mem api.Memory, s []uint64) {
	text := g.call.lastError
	copy(view(mem, "last_error", u32(s[0]), u32(s[1])), text)
	s[0] = uint64(len(text))
}
