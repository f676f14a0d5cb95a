package kernel

import (
	"encoding/binary"
	"math"
)

// What a kernel may be. Far above what people write, far below what hurts a compiler.
const (
	maxBody    = 64 << 10 // bytes
	maxInstrs  = 8_192
	maxForks   = 2_048 // places where control divides, checks for traps included: compilers take the square of them
	maxLocals  = 1_024 // parameters included
	maxBlocks  = 1_024
	maxDepth   = 64
	maxStack   = 512
	maxArity   = 8     // values that go into a block or come out
	maxTargets = 1_024 // of all br_table together
	maxParams  = 8
	maxResults = 4
	maxSlots   = 8
)

// instr is an instruction that is reached and has been checked.
type instr struct {
	op    byte
	t     valType // of a local, a select, a load
	n     uint32  // a local, a slot, a label counted from the inside
	bits  uint64  // a constant
	falls bool    // of else and end: control comes from above
	*more
}

// more is what few instructions have.
type more struct {
	sig   signature // of a block
	table []uint32  // labels, the default last
}

// frame is a block that is open.
type frame struct {
	op          byte
	sig         signature
	height      int  // of the stack below its values
	unreachable bool // its values are any, in the words of the specification
	entered     bool // it is itself in code that is reached
	live        bool // what comes next is reached
	left        bool // something branches to its end
}

func (f *frame) label() string {
	if f.op == opLoop {
		return f.sig.params
	}
	return f.sig.results
}

// checker validates a function as the specification's appendix does, and keeps the instructions that are reached.
type checker struct {
	reader
	m       *module
	f       *Func
	stack   []valType
	frames  []frame
	instrs  int
	blocks  int
	targets int
	at      int // the instruction that is being checked
}

func (c *checker) top() *frame { return &c.frames[len(c.frames)-1] }

func (c *checker) emit(i instr) {
	if c.top().live {
		c.f.code = append(c.f.code, i)
		c.f.count(i.op, c.loops())
	}
}

// loops is how many loops are open.
func (c *checker) loops() (n int) {
	for i := range c.frames {
		if c.frames[i].op == opLoop {
			n++
		}
	}
	return n
}

func (c *checker) push(t valType) {
	if len(c.stack) >= maxStack {
		c.fail(c.at, "more than %d values on the stack", maxStack)
		return
	}
	c.stack = append(c.stack, t)
}

func (c *checker) pushAll(types string) {
	for i := range len(types) {
		c.push(valType(types[i]))
	}
}

func (c *checker) pop() valType {
	f := c.top()
	if len(c.stack) == f.height {
		if !f.unreachable {
			c.fail(c.at, "a value is missing on the stack")
		}
		return unknown
	}
	t := c.stack[len(c.stack)-1]
	c.stack = c.stack[:len(c.stack)-1]
	return t
}

func (c *checker) want(t valType) {
	if got := c.pop(); got != t && got != unknown {
		c.fail(c.at, "%v where %v is needed", got.dtype(), t.dtype())
	}
}

func (c *checker) wantAll(types string) {
	for i := len(types) - 1; i >= 0; i-- {
		c.want(valType(types[i]))
	}
}

// dead is called after what never goes on.
func (c *checker) dead() {
	f := c.top()
	c.stack = c.stack[:f.height]
	f.unreachable, f.live = true, false
}

// body checks the whole function.
func (c *checker) body() {
	c.locals()
	c.frames = append(c.frames, frame{op: opBlock, sig: signature{results: c.f.sig.results}, entered: true, live: true})
	for c.err == nil && len(c.frames) > 0 {
		c.at = c.pos
		if c.instrs++; c.instrs > maxInstrs {
			c.fail(c.at, "more than %d instructions", maxInstrs)
			return
		}
		c.instr(c.u8())
	}
	if c.err == nil && c.left() > 0 {
		c.fail(c.pos, "bytes after the end of the function")
	}
	if c.f.forks > maxForks {
		c.fail(c.at, "%d instructions that branch, load or may trap, the limit is %d", c.f.forks, maxForks)
	}
}

func (c *checker) locals() {
	for i := range len(c.f.sig.params) {
		c.f.locals = append(c.f.locals, valType(c.f.sig.params[i]))
	}
	for range c.count("groups of locals", maxLocals) {
		at := c.pos
		n := c.u32()
		if int64(n) > int64(maxLocals-len(c.f.locals)) {
			c.fail(at, "more than %d parameters and locals", maxLocals)
			return
		}
		at = c.pos
		t := valType(c.u8())
		if !number(t) {
			c.fail(at, "a local that is no number")
			return
		}
		for range n {
			c.f.locals = append(c.f.locals, t)
		}
	}
}

func (c *checker) instr(op byte) {
	if c.err != nil {
		return
	}
	switch op {
	case opUnreachable:
		c.emit(instr{op: op})
		c.dead()
	case opNop:
	case opBlock, opLoop, opIf:
		c.block(op)
	case opElse:
		c.elseBranch()
	case opEnd:
		c.end()
	case opBr, opReturn, opBrIf, opBrTable:
		c.branch(op)
	case opCall:
		c.call()
	case opDrop:
		c.emit(instr{op: op, t: c.pop()})
	case opSelect, opTypedSelect:
		c.selectOne(op)
	case opLocalGet, opLocalSet, opLocalTee:
		c.local(op)
	case opI32Const:
		c.constant(op, i32, uint64(uint32(c.signed(32))))
	case opI64Const:
		c.constant(op, i64, uint64(c.signed(64)))
	case opF32Const:
		if b := c.bytes(4); b != nil {
			c.constant(op, f32, uint64(binary.LittleEndian.Uint32(b)))
		}
	case opF64Const:
		if b := c.bytes(8); b != nil {
			c.constant(op, f64, binary.LittleEndian.Uint64(b))
		}
	default:
		c.number(op)
	}
}

func (c *checker) constant(op byte, t valType, bits uint64) {
	c.emit(instr{op: op, t: t, bits: bits})
	c.push(t)
}

// number checks an instruction that is a function of numbers; all others that come here are refused.
func (c *checker) number(op byte) {
	types := ""
	if op == opMisc {
		sub := c.u32()
		if sub > opLastSat-opSat {
			c.fail(c.at, "instruction 0xfc %d is %s, which a kernel may not use", sub, forbidden(opMisc))
			return
		}
		op = opSat + byte(sub)
		types = numeric[op]
	} else if op <= opLastNumber {
		types = numeric[op]
	}
	if types == "" {
		c.fail(c.at, "instruction 0x%02x is %s, which a kernel may not use", op, forbidden(op))
		return
	}
	last := len(types) - 1
	for i := last - 1; i >= 0; i-- {
		c.want(typeOf(types[i]))
	}
	c.emit(instr{op: op})
	c.push(typeOf(types[last]))
}

func (c *checker) local(op byte) {
	n := c.u32()
	if c.err != nil || int64(n) >= int64(len(c.f.locals)) {
		c.fail(c.at, "local %d is used, but the function has %d", n, len(c.f.locals))
		return
	}
	t := c.f.locals[n]
	if op != opLocalGet {
		c.want(t)
	}
	c.emit(instr{op: op, t: t, n: n})
	if op != opLocalSet {
		c.push(t)
	}
}

func (c *checker) selectOne(op byte) {
	want := unknown
	if op == opTypedSelect {
		if n := c.u32(); n != 1 {
			c.fail(c.at, "select with %d types", n)
		}
		if want = valType(c.u8()); !number(want) {
			c.fail(c.at, "instruction 0x1c selects what is no number")
		}
	}
	c.want(i32)
	a, b := c.pop(), c.pop()
	for _, t := range [...]valType{a, b} {
		if want == unknown {
			want = t
		} else if t != unknown && t != want {
			c.fail(c.at, "select between different types")
		}
	}
	c.emit(instr{op: opSelect, t: want})
	c.push(want)
}

// count adds an instruction to the estimate. How often a loop runs is not known: 16 times, and no more than two loops are counted.
func (f *Func) count(op byte, loops int) {
	f.flops += weight(op) << (4 * min(loops, 2))
	if op == opLoop || op == opIf || op == opBrIf || op == opBrTable || op == opLoad || mayTrap(op) {
		f.forks++
	}
	f.loops = f.loops || op == opLoop
	f.flops = min(f.flops, math.MaxInt32)
}
