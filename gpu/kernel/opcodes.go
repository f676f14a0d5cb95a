package kernel

import "levee/gpu/op"

// valType is a type of values, as in the module.
type valType byte

const (
	i32     valType = 0x7f
	i64     valType = 0x7e
	f32     valType = 0x7d
	f64     valType = 0x7c
	unknown valType = 0 // of a value in code that is never reached
)

func number(t valType) bool { return t >= f64 && t <= i32 }

// list is types as a signature has them.
func list(types ...valType) string {
	b := make([]byte, len(types))
	for i, t := range types {
		b[i] = byte(t)
	}
	return string(b)
}

func (t valType) dtype() op.DType {
	return [...]op.DType{op.F64, op.F32, op.I64, op.I32}[t-f64]
}

func (t valType) size() int64 { return t.dtype().Size() }

// nan is the bits of the canonical NaN; 0 where there is none.
func (t valType) nan() uint64 {
	switch t {
	case f32:
		return op.NaN32
	case f64:
		return op.NaN64
	}
	return 0
}

// equal is the instruction that compares for equality. Those of floats after it are ne, lt, gt, le and ge.
func (t valType) equal() byte {
	return [...]byte{opF64Eq, opF32Eq, opI64Eq, opI32Eq}[t-f64]
}

// The instructions that are more than a function of numbers.
const (
	opUnreachable = 0x00
	opNop         = 0x01
	opBlock       = 0x02
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrIf        = 0x0d
	opBrTable     = 0x0e
	opReturn      = 0x0f
	opCall        = 0x10
	opDrop        = 0x1a
	opSelect      = 0x1b
	opTypedSelect = 0x1c
	opLocalGet    = 0x20
	opLocalSet    = 0x21
	opLocalTee    = 0x22
	opI32Const    = 0x41
	opI64Const    = 0x42
	opF32Const    = 0x43
	opF64Const    = 0x44
	opMisc        = 0xfc // a prefix: conversions that saturate, and what kernels may not do
)

// Instructions of numbers that somebody treats on their own.
const (
	opI32Eqz       = 0x45
	opI32Eq        = 0x46
	opI64Eqz       = 0x50
	opI64Eq        = 0x51
	opI64LtU       = 0x54
	opI64GeS       = 0x59
	opF32Eq        = 0x5b
	opF64Eq        = 0x61
	opI32Clz       = 0x67
	opI32Popcnt    = 0x69
	opI32Add       = 0x6a
	opI32Mul       = 0x6c
	opI32DivS      = 0x6d
	opI32RemU      = 0x70
	opI32And       = 0x71
	opI32Shl       = 0x74
	opI32Rotr      = 0x78
	opI64Clz       = 0x79
	opI64Add       = 0x7c
	opI64DivS      = 0x7f
	opI64RemU      = 0x82
	opI64Or        = 0x84
	opI64Shl       = 0x86
	opI64Rotr      = 0x8a
	opF32Abs       = 0x8b
	opF32Sqrt      = 0x91
	opF32Div       = 0x95
	opF32Min       = 0x96
	opF32Max       = 0x97
	opF32Copysign  = 0x98
	opF64Abs       = 0x99
	opF64Copysign  = 0xa6
	opI32WrapI64   = 0xa7
	opReinterpretI = 0xbc // f32 to i32
	opReinterpretL = 0xbd // f64 to i64
	opLastNumber   = 0xc4
)

// Instructions that a module has no single byte for.
const (
	opSat     = 0xc5 // first of the eight conversions that saturate
	opLastSat = 0xcc
	opGid     = 0xd0 // a call of gid
	opLoad    = 0xd1 // a call of one of the loads
)

// numeric is what an instruction takes and gives: i, l, f and d for i32, i64, f32 and f64, the result last. Nothing where it is none.
var numeric = makeNumeric()

func makeNumeric() (t [256]string) {
	set := func(types string, from, to int) {
		for c := from; c <= to; c++ {
			t[c] = types
		}
	}
	set("ii", 0x45, 0x45) // i32.eqz
	set("iii", 0x46, 0x4f)
	set("li", 0x50, 0x50)
	set("lli", 0x51, 0x5a)
	set("ffi", 0x5b, 0x60)
	set("ddi", 0x61, 0x66)
	set("ii", 0x67, 0x69) // clz ctz popcnt
	set("iii", 0x6a, 0x78)
	set("ll", 0x79, 0x7b)
	set("lll", 0x7c, 0x8a)
	set("ff", 0x8b, 0x91) // abs neg ceil floor trunc nearest sqrt
	set("fff", 0x92, 0x98)
	set("dd", 0x99, 0x9f)
	set("ddd", 0xa0, 0xa6)
	conversions := "li fi fi di di il il fl fl dl dl if if lf lf df id id ld ld fd fi dl if ld ii ii ll ll ll fi fi di di fl fl dl dl"
	for i := 0; i < len(conversions); i += 3 { // i32.wrap_i64 and what follows
		set(conversions[i:i+2], 0xa7+i/3, 0xa7+i/3)
	}
	return t
}

// sized takes an instruction of arithmetic apart: the one that does the same with 32 bits, and its type.
func sized(op byte) (byte, valType) {
	switch {
	case op >= opI64Clz && op <= opI64Rotr:
		return op - opI64Clz + opI32Clz, i64
	case op >= opF64Abs && op <= opF64Copysign:
		return op - opF64Abs + opF32Abs, f64
	case op >= opF32Abs && op <= opF32Copysign:
		return op, f32
	}
	return op, i32
}

// divides says whether an instruction is a quotient or a remainder of integers.
func divides(op byte) bool {
	op, _ = sized(op)
	return op >= opI32DivS && op <= opI32RemU
}

func mayTrap(op byte) bool { return op == opUnreachable || divides(op) || truncations[op].from != 0 }

func typeOf(letter byte) valType {
	switch letter {
	case 'i':
		return i32
	case 'l':
		return i64
	case 'f':
		return f32
	}
	return f64
}

// forbidden says what an instruction is that no kernel may have.
func forbidden(c byte) string {
	switch {
	case c >= 0x06 && c <= 0x0a, c == 0x18, c == 0x19, c == 0x1f:
		return "an exception"
	case c == 0x11:
		return "a call through a table"
	case c >= 0x12 && c <= 0x15:
		return "a tail call"
	case c == 0x23, c == 0x24:
		return "a global variable"
	case c == 0x25, c == 0x26:
		return "a table"
	case c >= 0x28 && c <= 0x40:
		return "memory"
	case c >= 0xd0 && c <= 0xd6:
		return "a reference"
	case c == 0xfc:
		return "memory or a table"
	case c == 0xfd:
		return "SIMD"
	case c == 0xfe:
		return "an atomic operation"
	}
	return "no instruction that is known"
}

// weight is roughly how many additions an instruction is worth.
func weight(c byte) int64 {
	switch op, _ := sized(c); {
	case divides(op):
		return 16
	case op == opF32Sqrt, op == opF32Div:
		return 8
	case c == opLoad:
		return 4
	case numeric[c] != "":
		return 1
	}
	return 0
}
