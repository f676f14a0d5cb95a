package wasm

import (
	"encoding/binary"
	"math"
)

// What the mended code has instead of single instructions of a module.
const (
	opSelect      = 0x1b
	opLocalSet    = 0x21
	opI32Eq       = 0x46
	opI64Eq       = 0x51
	opI32Clz      = 0x67 // then ctz, popcnt
	opI32Sub      = 0x6b // then mul, div_s, div_u, rem_s, rem_u, and, or, xor, shl, shr_s, shr_u
	opI32And      = 0x71
	opI32Or       = 0x72
	opI32ShrU     = 0x76
	opI64Clz      = 0x79 // as opI32Clz
	opI64Sub      = 0x7d // as opI32Sub
	opF32Mul      = 0x94
	opF32Copysign = 0x98
	opF64Mul      = 0xa2
	opF64Copysign = 0xa6
	opI32OfI64    = 0xa7 // wrap
	opI64OfU32    = 0xad // extend
	opI32OfF32    = 0xbc // reinterpret; then i64 of f64, f32 of i32, f64 of i64
	opF32OfU64    = 0xb5 // behind the signed one
	opF64OfU64    = 0xba
	vecI64Splat   = 0x12 // behind prefixVector, as what follows
	vecI64Lane    = 0x1d // extract; then replace
	vecI64Mul     = 0xd5
	vecI32Mask    = 0xa4 // i32x4.bitmask
	vecI64Mask    = 0xc4 // i64x2.bitmask
	vecPage       = 0x01 // the second byte of both
)

var insteadOn = map[string]func(op byte, sub, temps uint32) []byte{"amd64": insteadAMD64, "amd64v2": insteadAMD64v2, "arm64": insteadARM64}

// On arm64 it is remainders, i64x2.bitmask and i32.popcnt, which counts what is left in the upper half of a register.
func insteadARM64(op byte, sub, temps uint32) []byte {
	switch {
	case op == opI32Clz+2:
		return []byte{opI64OfU32, opI64Clz + 2, opI32OfI64}
	case op == opI32Sub+4, op == opI32Sub+5:
		return remainder(op == opI32Sub+4, temps, opI32Sub, opI32Const, opI32Eq)
	case op == opI64Sub+4, op == opI64Sub+5:
		return remainder(op == opI64Sub+4, temps+2, opI64Sub, opI64Const, opI64Eq)
	case op == prefixVector && sub == vecI64Mask:
		// The signs of the upper halves: bits 1 and 3.
		out := []byte{prefixVector, vecI32Mask, vecPage}
		out = binary.AppendUvarint(append(out, opLocalTee), uint64(temps))
		out = append(out, opI32Const, 1, opI32ShrU, opI32Const, 1, opI32And)
		out = binary.AppendUvarint(append(out, opLocalGet), uint64(temps))
		return append(out, opI32Const, 2, opI32ShrU, opI32Const, 2, opI32And, opI32Or)
	}
	return nil
}

// remainder is a - a/b*b. Signed, 1 stands for a b of -1, with which only the division could trap. sub, mul, div_s and div_u follow
// each other.
func remainder(signed bool, a uint32, sub, constant, eq byte) (out []byte) {
	local := func(op byte, i uint32) { out = binary.AppendUvarint(append(out, op), uint64(i)) }
	b, div := a+1, sub+3
	local(opLocalSet, b)
	local(opLocalTee, a)
	local(opLocalGet, a)
	if signed {
		div = sub + 2
		out = append(out, constant, 1)
		local(opLocalGet, b)
		local(opLocalGet, b)
		out = append(out, constant, 0x7f, eq, opSelect)
		local(opLocalTee, b)
	} else {
		local(opLocalGet, b)
	}
	out = append(out, div)
	local(opLocalGet, b)
	return append(out, sub+1, sub)
}

// On amd64 it is copysign, floats of unsigned i64 and i64x2.mul.
func insteadAMD64(op byte, sub, temps uint32) []byte {
	switch {
	case op == opF32Copysign:
		return copysign(temps, opI32OfF32, opI32Sub, opI32Const, math.MinInt32, math.MaxInt32)
	case op == opF64Copysign:
		return copysign(temps+2, opI32OfF32+1, opI64Sub, opI64Const, math.MinInt64, math.MaxInt64)
	case op == opF32OfU64, op == opF64OfU64:
		return ofU64(temps+2, op)
	case op == prefixVector && sub == vecI64Mul:
		return multiply(temps + 4)
	}
	return nil
}

// ofU64 halves what has the sign's bit set, keeping whether there is a rest, and doubles the float. The operation that takes it as signed
// stands before that which does not.
func ofU64(x uint32, op byte) (out []byte) {
	local := func(op byte, i uint32) { out = binary.AppendUvarint(append(out, op), uint64(i)) }
	const and, or, shrU = opI64Sub + 6, opI64Sub + 7, opI64Sub + 11
	half, mul := x+1, byte(opF32Mul)
	if op == opF64OfU64 {
		mul = opF64Mul
	}
	local(opLocalTee, x)
	local(opLocalGet, x)
	out = append(out, opI64Const, 63, shrU)
	local(opLocalTee, half)
	out = append(out, shrU)
	local(opLocalGet, x)
	local(opLocalGet, half)
	out = append(out, and, or, op-1)
	local(opLocalGet, half)
	return append(out, opI64Const, 1, opI64Sub-1, op-1, mul)
}

// multiply takes both lanes apart.
func multiply(a uint32) (out []byte) {
	local := func(op byte, i uint32) { out = binary.AppendUvarint(append(out, op), uint64(i)) }
	b := a + 1
	local(opLocalSet, b)
	local(opLocalSet, a)
	for lane := range byte(2) {
		local(opLocalGet, a)
		out = append(out, prefixVector, vecI64Lane, lane)
		local(opLocalGet, b)
		out = append(out, prefixVector, vecI64Lane, lane, opI64Sub+1)
		if lane == 0 {
			out = append(out, prefixVector, vecI64Splat)
		}
	}
	return append(out, prefixVector, vecI64Lane+1, 1)
}

// copysign takes the sign's bit of one float and the others of the other, as integers: opcodes from sub on, their constants after the opcode
// constant. integer makes one of a float, the opcode two further a float of one.
func copysign(temp uint32, integer, sub, constant byte, sign, others int64) []byte {
	and, or := sub+6, sub+7
	out := append(appendSigned([]byte{integer, constant}, sign), and, opLocalSet)
	out = append(binary.AppendUvarint(out, uint64(temp)), integer, constant)
	out = append(appendSigned(out, others), and, opLocalGet)
	return append(binary.AppendUvarint(out, uint64(temp)), or, integer+2)
}

// On amd64 without instructions that count zeros it is that, too.
func insteadAMD64v2(op byte, sub, temps uint32) []byte {
	switch op {
	case opI32Clz, opI32Clz + 1:
		return countZeros(op == opI32Clz, 32, temps, opI32Clz, opI32Sub, opI32Const)
	case opI64Clz, opI64Clz + 1:
		return countZeros(op == opI64Clz, 64, temps+2, opI64Clz, opI64Sub, opI64Const)
	}
	return insteadAMD64(op, sub, temps)
}

// countZeros counts those before the first one, or else those behind the last one, as ones: of what the ones were spread to the right in,
// inverted; or of what changes to ones when 1 is taken away.
func countZeros(leading bool, bits byte, temp uint32, clz, sub, constant byte) (out []byte) {
	local := func(op byte) { out = binary.AppendUvarint(append(out, op), uint64(temp)) }
	popcnt, and, or, xor, shrU := clz+2, sub+6, sub+7, sub+8, sub+11
	if leading {
		for by := byte(1); by < bits; by *= 2 {
			local(opLocalTee)
			local(opLocalGet)
			out = append(out, constant, by, shrU, or)
		}
		return append(out, constant, 0x7f, xor, popcnt)
	}
	local(opLocalTee)
	out = append(out, constant, 1, sub)
	local(opLocalGet)
	return append(out, constant, 0x7f, xor, and, popcnt)
}
