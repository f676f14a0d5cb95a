package wasm

// constExpr reads a constant expression: one constant and end. Arithmetic (extended-const) and globals are left out:
// no global can be imported here, and earlier defined ones may be named only under the gc proposal.
func (m *module) constExpr() {
	off := m.pos
	switch op := m.u8(); op {
	case opI32Const:
		m.signed(32)
	case opI64Const:
		m.signed(64)
	case opF32Const:
		m.skip(4, "a constant")
	case opF64Const:
		m.skip(8, "a constant")
	case opRefNull:
		m.refType()
	case opRefFunc:
		m.funcIndex()
	case prefixVector:
		if sub := m.u8(); sub != vecConst && m.err == nil {
			m.malformed(off, "a vector instruction in a constant expression")
		}
		m.skip(16, "a constant")
		m.info.UsesSIMD = true
	case opGlobalGet:
		m.unsupported(off, "a constant expression reads a global; no global can be imported")
	default:
		if m.err == nil {
			m.malformed(off, "instruction 0x%02x in a constant expression", op)
		}
	}
	off = m.pos
	switch op := m.u8(); {
	case m.err != nil || op == opEnd:
	case op == opI32Const, op == opI64Const, op == opGlobalGet: // operands of what calculates
		m.unsupported(off, "a constant expression calculates (extended-const proposal)")
	default:
		m.malformed(off, "instruction 0x%02x where a constant expression should end", op)
	}
}

func (m *module) refType() {
	off := m.pos
	if t := m.valType(); m.err == nil && !t.isRef() {
		m.malformed(off, "%s is no reference type", t)
	}
}

func (m *module) funcIndex() uint32 {
	off := m.pos
	i := m.u32()
	if m.err == nil && int64(i) >= int64(len(m.funcs)) {
		m.malformed(off, "function %d is used, but there are %d", i, len(m.funcs))
		return 0
	}
	return i
}

func (m *module) tableIndex() {
	off := m.pos
	if i := m.u32(); m.err == nil && int64(i) >= int64(len(m.info.Tables)) {
		m.malformed(off, "table %d is used, but there are %d", i, len(m.info.Tables))
	}
}

// elementSection reads the eight forms of element segments. Bit 0 of the form: passive or declarative; bit 1: an
// explicit table, or declarative; bit 2: items are expressions rather than function indexes.
func (m *module) elementSection() {
	n := m.count("element segments", m.lim.Elements, 3)
	m.info.elements = n
	for range n {
		off := m.pos
		form := m.u32()
		if m.err != nil {
			return
		}
		if form > 7 {
			m.malformed(off, "%d is no form of an element segment", form)
			return
		}
		active := form&1 == 0
		if active {
			if form&2 != 0 {
				m.tableIndex()
			} else if len(m.info.Tables) == 0 {
				m.malformed(off, "an element segment, but no table")
			}
			m.constExpr()
		}
		if form&3 != 0 {
			m.elementType(form&4 != 0)
		}
		m.elementItems(form&4 != 0)
		if m.err != nil {
			return
		}
	}
}

func (m *module) elementType(expressions bool) {
	if expressions {
		m.refType()
		return
	}
	off := m.pos
	if kind := m.u8(); kind != 0 && m.err == nil {
		m.malformed(off, "0x%02x is no kind of element", kind)
	}
}

func (m *module) elementItems(expressions bool) {
	size := 1
	if expressions {
		size = 3
	}
	off := m.pos
	n := m.count("items of an element segment", m.lim.ElementItems, size)
	if m.items += n; m.items > m.lim.ElementItems {
		m.over(off, "items of all element segments", uint64(m.items), m.lim.ElementItems)
	}
	for range n {
		if expressions {
			m.constExpr()
		} else {
			m.funcIndex()
		}
		if m.err != nil {
			return
		}
	}
}

func (m *module) dataSection() {
	n := m.count("data segments", m.lim.DataSegments, 2)
	m.info.NumData = n
	for range n {
		off := m.pos
		form := m.u32()
		switch {
		case m.err != nil:
			return
		case form == 2 && m.u32() != 0:
			m.unsupported(off, "a data segment for a second memory")
		case form > 2:
			m.malformed(off, "%d is no form of a data segment", form)
		}
		if form != 1 {
			if m.info.Memory == nil {
				m.malformed(off, "a data segment, but no memory")
			}
			m.constExpr()
		}
		m.skip(m.count("bytes in a data segment", m.lim.ModuleBytes, 1), "a data segment")
		if m.err != nil {
			return
		}
	}
}
