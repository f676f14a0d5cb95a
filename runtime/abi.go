//go:build linux

package runtime

import (
	"time"

	"github.com/tetratelabs/wazero/api"
)

// The host functions of ABI v1; docs/node-abi.md is their reference. Every argument comes from the guest: i32 arguments
// carry garbage in their upper half until they are decoded, and pointers are checked against the memory's present size.

func u32(v uint64) uint32 { return api.DecodeU32(v) }

// view returns the guest's bytes [ptr, ptr+size) or ends the call.
func view(mem api.Memory, what string, ptr, size uint32) []byte {
	b, ok := mem.Read(ptr, size)
	if !ok {
		bounds("%s: %d bytes at %d lie outside its memory of %d", what, size, ptr, mem.Size())
	}
	return b
}

// noPort ends the call.
func noPort(what, kind string, n uint32, have int) {
	bounds("%s: there is no %s port %d: the manifest has %d, numbered from 0", what, kind, n, have)
}

func (c *callState) port(what string, n uint32) *input {
	if int64(n) >= int64(len(c.inputs)) {
		noPort(what, "input", n, len(c.inputs))
	}
	return &c.inputs[n]
}

func inputLen(g *guest, _ api.Memory, s []uint64) {
	in := g.call.port("input_len", u32(s[0]))
	if in.how == valueAbsent {
		s[0] = api.EncodeI64(-1)
		return
	}
	s[0] = uint64(in.size)
}

func inputRead(g *guest, mem api.Memory, s []uint64) {
	in := g.call.port("input_read", u32(s[0]))
	dst := view(mem, "input_read", u32(s[2]), u32(s[3]))
	if in.how == valueAbsent {
		s[0] = 0
		return
	}
	s[0] = uint64(g.readInput(u32(s[0]), dst, s[1]))
}

// readInput reads from an input that is there. What is still being filled is waited for, unless only its beginning is wanted.
func (g *guest) readInput(port uint32, p []byte, off uint64) int {
	in := &g.call.inputs[port]
	if n := uint64(len(in.head)); n > 0 {
		if off < n && uint64(len(p)) <= n-off {
			return copy(p, in.head[off:])
		}
		if _, whole := g.ask(&askMsg{op: askFilled, port: int64(port)}, -1); !whole {
			panic(&stop{CodeLost, "an input is gone: " + g.call.lastError})
		}
		in.head = nil
	}
	return in.readAt(p, off)
}

func inputType(g *guest, mem api.Memory, s []uint64) {
	port := u32(s[0])
	g.call.port("input_type", port)
	name := g.call.msg.types[port]
	copy(view(mem, "input_type", u32(s[1]), u32(s[2])), name)
	s[0] = uint64(len(name))
}

func outputWrite(g *guest, mem api.Memory, s []uint64) {
	port := u32(s[0])
	if int64(port) >= int64(len(g.call.outputs)) {
		noPort("output_write", "output", port, len(g.call.outputs))
	}
	g.call.write(port, view(mem, "output_write", u32(s[1]), u32(s[2])))
}

// write appends to an output, within the limit that all outputs of a call share.
func (c *callState) write(port uint32, p []byte) {
	if c.outputs[port].refers != nil {
		bounds("output %d is whole already", port)
	}
	if c.total += int64(len(p)); c.total > c.msg.limits.Output {
		panic(&stop{CodeOutput, "it wrote more output than it may"})
	}
	if err := c.outputs[port].write(p); err != nil {
		panic(&stop{CodeOutput, err.Error()})
	}
}

func fail(_ *guest, mem api.Memory, s []uint64) {
	text := view(mem, "fail", u32(s[0]), u32(s[1]))
	panic(&stop{CodeFailed, validText(text[:min(len(text), maxMessage)])})
}

func logLine(g *guest, mem api.Memory, s []uint64) {
	text := view(mem, "log", u32(s[1]), u32(s[2]))
	g.call.streams.addLog(u32(s[0]), text, g.call.msg.limits.Log)
	g.board.note(&g.call.streams)
}

// progress holds back reports that come faster than anybody looks.
type progress struct {
	done, total int64
	sent        time.Time
	pending     bool
}

const progressEvery = 100 * time.Millisecond

func reportProgress(g *guest, _ api.Memory, s []uint64) {
	p := &g.call.progress
	p.done, p.total, p.pending = int64(s[0]), int64(s[1]), true
	if now := time.Now(); now.Sub(p.sent) >= progressEvery {
		p.sent = now
		p.flush(g)
	}
}

// flush sends the newest report. A broken connection shows itself at the next frame.
func (p *progress) flush(g *guest) {
	if !p.pending {
		return
	}
	p.pending = false
	m := progressMsg{g.call.msg.seq, p.done, p.total}
	b, start := beginFrame(nil, frameProgress)
	_ = g.conn.send(endFrame(m.append(b), start, 0), nil)
}
