package wasm

import (
	"encoding/binary"
	goruntime "runtime"

	"golang.org/x/sys/cpu"
)

// Architecture is what the engine compiles for on this machine, as Go calls it; "amd64v2" is one without BMI: the engine asks for what is
// asked for here before it counts zeros by one instruction.
func Architecture() string {
	if x := &cpu.X86; goruntime.GOARCH == "amd64" && !(x.HasBMI1 && x.HasBMI2 && x.HasPOPCNT) {
		return "amd64v2"
	}
	return goruntime.GOARCH
}

// Mend returns b, which must have passed [Preflight], with other instructions for those that the engine compiles wrongly on an
// [Architecture]. They give the same results, and the same traps. Only the code of functions is changed; where it has none of these, or the
// architecture has no such faults, b itself is returned.
func Mend(b []byte, arch string) ([]byte, error) {
	m := mender{reader: reader{b: b, pos: headerSize}, instead: insteadOn[arch], arm64: arch == "arm64", at: stretch{locals: map[uint32]trait{}}}
	if m.instead == nil {
		return b, nil
	}
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
	// instead gives what does the same as an instruction, or nil for one that stays. From the index temps on there are two locals for
	// i32, then two for i64 and two for v128. sub is what follows a prefix.
	instead func(op byte, sub, temps uint32) []byte
	arm64   bool
	at      stretch  // of a function's body
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

// body gives a function that ends at end anew, or nil where nothing is to be mended. It then has six locals more.
func (m *mender) body(end int, params uint32) (out []byte) {
	groups := m.u32()
	decls := m.pos
	locals := params
	for range groups {
		locals += m.u32()
		m.u8()
	}
	from := m.pos
	m.at.follow(opEnd, 0)
	for m.err == nil && m.pos < end {
		at := m.pos
		op, arg := m.instruction()
		instead := m.instead(op, arg, locals)
		if x, y := m.at.follow(op, arg); flagged(op, x, y, m.arm64) {
			instead = unflagged(op)
		}
		if instead == nil {
			continue
		}
		if out == nil {
			out = append(binary.AppendUvarint(nil, uint64(groups)+3), m.b[decls:from]...)
			out = append(out, 2, byte(I32), 2, byte(I64), 2, byte(V128))
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

// instruction reads one that is known to be sound. arg is what follows a prefix, or a local's number, or 0 for a constant that is 0.
func (r *reader) instruction() (op byte, arg uint32) {
	op = r.u8()
	switch classes[op] {
	case classBlock:
		r.signed(33)
	case classLocal:
		arg = r.u32()
	case classLabel, classCall, classGlobal, classTable, classMemory, classRefFunc:
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
		arg = uint32(min(1, uint64(r.signed(32))))
	case classI64:
		arg = uint32(min(1, uint64(r.signed(64))))
	case classF32:
		r.skip(4, "a constant")
	case classF64:
		r.skip(8, "a constant")
	case classRefNull:
		r.u8()
	case classMisc:
		arg = r.u32()
		switch arg {
		case 8, 10, 12, 14: // memory.init, memory.copy, table.init, table.copy
			r.u32()
			r.u32()
		case 9, 11, 13, 15, 16, 17: // data.drop, memory.fill, elem.drop, table.grow, table.size, table.fill
			r.u32()
		}
	case classVector:
		arg = r.vectorInstruction()
	}
	return op, arg
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
