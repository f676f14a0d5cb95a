package wasm

import "encoding/binary"

// What the mended code has instead of single instructions of a module.
const (
	opSelect    = 0x1b
	opLocalSet  = 0x21
	opI32Eq     = 0x46
	opI64Eq     = 0x51
	opI32Sub    = 0x6b // then mul, div_s, div_u, rem_s, rem_u
	opI32And    = 0x71
	opI32Or     = 0x72
	opI32ShrU   = 0x76
	opI64Sub    = 0x7d // as opI32Sub
	vecI32Mask  = 0xa4 // i32x4.bitmask, behind prefixVector, as is
	vecI64Mask  = 0xc4 // i64x2.bitmask
	vecPageMark = 0x01 // the second byte of both
)

// MendARM64 returns b, which must have passed [Preflight], with other instructions for those that the engine compiles wrongly on arm64:
// remainders and i64x2.bitmask. They give the same results, and the same traps. Only the code of functions is changed; where it has
// none of these, b itself is returned.
func MendARM64(b []byte) ([]byte, error) {
	m := mender{reader: reader{b: b, pos: headerSize}}
	for m.err == nil && m.pos < len(b) {
		start := m.pos
		id := m.u8()
		size := int(m.u32())
		content := m.pos
		if m.skip(size, "a section"); m.err != nil {
			break
		}
		end := m.pos
		m.pos = content
		switch id {
		case secType:
			m.parameters()
		case secFunction:
			for range m.u32() {
				m.funcs = append(m.funcs, m.u32())
			}
		case secCode:
			code := m.code()
			if m.err != nil || !m.changed {
				break
			}
			out := append(make([]byte, 0, len(b)-size+len(code)+8), b[:start]...)
			out = append(binary.AppendUvarint(append(out, id), uint64(len(code))), code...)
			return append(out, b[end:]...), nil
		}
		m.pos = end
	}
	if m.err != nil {
		return nil, m.err
	}
	return b, nil
}

type mender struct {
	reader
	params  []uint32 // by type
	funcs   []uint32 // type of each function that has code
	changed bool
}

func (m *mender) parameters() {
	for range m.u32() {
		m.u8()
		n := m.u32()
		m.params = append(m.params, n)
		m.skip(int(n), "parameters")
		m.skip(int(m.u32()), "results")
	}
}

// code gives the content of the code section anew.
func (m *mender) code() (out []byte) {
	n := m.u32()
	out = binary.AppendUvarint(out, uint64(n))
	for i := range n {
		size := int(m.u32())
		start := m.pos
		body := m.body(start+size, m.params[m.funcs[i]])
		if m.err != nil {
			return nil
		}
		if body == nil {
			body = m.b[start : start+size]
		}
		out = append(binary.AppendUvarint(out, uint64(len(body))), body...)
	}
	return out
}

// body gives a function that ends at end anew, or nil where nothing is to be mended. It then has four locals more.
func (m *mender) body(end int, params uint32) (out []byte) {
	groups := m.u32()
	decls := m.pos
	locals := params
	for range groups {
		locals += m.u32()
		m.u8()
	}
	from := m.pos
	for m.err == nil && m.pos < end {
		at := m.pos
		op, sub := m.instruction()
		instead := instead(op, sub, locals)
		if instead == nil {
			continue
		}
		if out == nil {
			out = append(binary.AppendUvarint(nil, uint64(groups)+2), m.b[decls:from]...)
			out = append(out, 2, byte(I32), 2, byte(I64))
		}
		out = append(append(out, m.b[from:at]...), instead...)
		from = m.pos
	}
	if out == nil {
		return nil
	}
	m.changed = true
	return append(out, m.b[from:end]...)
}

// instead gives what does the same as an instruction, or nil for one that stays. From the index temps on there are two locals for i32,
// and then two for i64.
func instead(op byte, sub, temps uint32) []byte {
	switch {
	case op == opI32Sub+4, op == opI32Sub+5:
		return remainder(op == opI32Sub+4, temps, opI32Sub, opI32Const, opI32Eq)
	case op == opI64Sub+4, op == opI64Sub+5:
		return remainder(op == opI64Sub+4, temps+2, opI64Sub, opI64Const, opI64Eq)
	case op == prefixVector && sub == vecI64Mask:
		// The signs of the upper halves: bits 1 and 3.
		out := []byte{prefixVector, vecI32Mask, vecPageMark}
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

// instruction reads one that is known to be sound. sub is what follows a prefix.
func (r *reader) instruction() (op byte, sub uint32) {
	op = r.u8()
	switch classes[op] {
	case classBlock:
		r.signed(33)
	case classLabel, classCall, classLocal, classGlobal, classTable, classMemory, classRefFunc:
		r.u32()
	case classCallIndirect, classMemArg:
		r.u32()
		r.u32()
	case classBrTable:
		for n := r.u32(); r.err == nil && n > 0; n-- {
			r.u32()
		}
		r.u32()
	case classTypedSelect:
		r.skip(int(r.u32()), "types")
	case classI32:
		r.signed(32)
	case classI64:
		r.signed(64)
	case classF32:
		r.skip(4, "a constant")
	case classF64:
		r.skip(8, "a constant")
	case classRefNull:
		r.u8()
	case classMisc:
		sub = r.u32()
		switch sub {
		case 8, 10, 12, 14: // memory.init, memory.copy, table.init, table.copy
			r.u32()
			r.u32()
		case 9, 11, 13, 15, 16, 17: // data.drop, memory.fill, elem.drop, table.grow, table.size, table.fill
			r.u32()
		}
	case classVector:
		sub = r.vectorInstruction()
	}
	return op, sub
}

func (r *reader) vectorInstruction() (sub uint32) {
	sub = uint32(r.u8())
	switch {
	case sub >= 0x80:
		r.u8()
	case sub <= 11, sub == 92, sub == 93: // loads and stores
		r.u32()
		r.u32()
	case sub == vecConst, sub == 13: // i8x16.shuffle
		r.skip(16, "a constant")
	case sub >= 21 && sub <= 34: // lanes
		r.u8()
	case sub >= 84 && sub <= 91: // loads and stores of lanes
		r.u32()
		r.u32()
		r.u8()
	}
	return sub
}
