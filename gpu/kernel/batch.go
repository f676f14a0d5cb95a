package kernel

// instr appends an instruction of the kernel, with the checks that end the batch where it would trap.
func (b *batcher) instr(i *instr) {
	switch op := i.op; {
	case op == opUnreachable:
		b.giveUp(Unreachable)
	case op == opLoop:
		b.plain(i, b.types)
		b.burn()
	case op == opGid:
		b.get(b.element)
	case op == opLoad:
		b.loadSlot(i)
	case op >= opLocalGet && op <= opLocalTee:
		b.branch(op, b.kernel+i.n)
	case divides(op):
		b.divide(op)
	case op == opF32Copysign, op == opF64Copysign, op == opReinterpretI, op == opReinterpretL:
		b.canonical(typeOf(numeric[op][0]))
		b.op(op)
	case truncations[op].from != 0:
		b.truncate(op)
	default:
		b.plain(i, b.types)
	}
}

// giveUp appends a return that names the trap.
func (b *batcher) giveUp(t Trap) {
	b.get(b.element)
	b.i64(8)
	b.op(opI64Shl)
	b.i64(int64(t))
	b.op(opI64Or, opReturn)
}

// trapIf appends: if the i32 on the stack is not 0, give up.
func (b *batcher) trapIf(t Trap) {
	b.op(opIf, 0x40)
	b.giveUp(t)
	b.op(opEnd)
}

// burn takes one from the fuel at the head of a loop.
func (b *batcher) burn() {
	b.get(b.fuel)
	b.op(opI32Eqz)
	b.trapIf(OutOfFuel)
	b.get(b.fuel)
	b.i32(-1)
	b.op(opI32Add)
	b.set(b.fuel)
}

// loadSlot appends a load that gives 0 where the index on the stack is out of range.
func (b *batcher) loadSlot(i *instr) {
	index := b.tmp[i64][0]
	b.tee(index)
	b.get(b.elements[i.n])
	b.op(opI64LtU)
	b.block(opIf, signature{results: list(i.t)}, b.types)
	b.get(b.slot[i.n])
	b.get(index)
	b.op(opI32WrapI64)
	b.i32(int32(i.t.size()))
	b.op(opI32Mul, opI32Add)
	address := b.tmp[i32][0]
	b.set(address)
	b.load(i.t, address, 0)
	b.op(opElse)
	b.constant(i.t, 0)
	b.op(opEnd)
}

// divide appends a division of integers with its checks.
func (b *batcher) divide(op byte) {
	div, t := sized(op)
	by := b.tmp[t][0]
	b.tee(by)
	b.op(t.equal() - 1) // eqz
	b.trapIf(DivisionByZero)
	if div == opI32DivS {
		over := b.tmp[t][1]
		b.tee(over)
		b.constant(t, 1<<(8*t.size()-1))
		b.op(t.equal())
		b.get(by)
		b.constant(t, 1<<64-1)
		b.op(t.equal(), opI32And)
		b.trapIf(Overflow)
		b.get(over)
	}
	b.get(by)
	b.op(op)
}

// truncation is a conversion of a float to an integer: it takes what is more than low (or, closed, low itself) and less than high.
type truncation struct {
	from      valType // 0 where it is none
	low, high uint64  // bits of from
	closed    bool
}

// truncations are those that trap, by instruction. Those that saturate have the same ranges.
var truncations = [256]truncation{
	0xa8: {f32, 0xcf000000, 0x4f000000, true},                  // i32 of f32: -2^31 to 2^31
	0xa9: {f32, 0xbf800000, 0x4f800000, false},                 // u32 of f32: -1 to 2^32
	0xaa: {f64, 0xc1e0000000200000, 0x41e0000000000000, false}, // i32 of f64: -2^31-1 to 2^31
	0xab: {f64, 0xbff0000000000000, 0x41f0000000000000, false}, // u32 of f64
	0xae: {f32, 0xdf000000, 0x5f000000, true},                  // i64 of f32: -2^63 to 2^63
	0xaf: {f32, 0xbf800000, 0x5f800000, false},                 // u64 of f32: -1 to 2^64
	0xb0: {f64, 0xc3e0000000000000, 0x43e0000000000000, true},  // i64 of f64
	0xb1: {f64, 0xbff0000000000000, 0x43f0000000000000, false}, // u64 of f64
}

// truncate appends a conversion to an integer with its checks.
func (b *batcher) truncate(op byte) {
	t := truncations[op]
	x := b.tmp[t.from][0]
	equal := t.from.equal()
	unequal, less, greater := equal+1, equal+2, equal+3
	if t.closed {
		greater = equal + 5 // or equal
	}
	b.tee(x)
	b.get(x)
	b.op(unequal)
	b.trapIf(NaNToInteger)
	b.get(x)
	b.constant(t.from, t.low)
	b.op(greater)
	b.get(x)
	b.constant(t.from, t.high)
	b.op(less, opI32And, opI32Eqz)
	b.trapIf(Overflow)
	b.get(x)
	b.op(op)
}
