package wasm

// blockType reads a block's signature and returns how many values a multi-value one can push.
func (m *module) blockType(off int) int {
	t := m.signed(33)
	switch {
	case m.err != nil:
		return 0
	case t >= 0:
		if t >= int64(len(m.types)) {
			m.malformed(off, "type %d is used, but there are %d", t, len(m.types))
			return 0
		}
		f := m.types[t]
		return multi(f.Params) + multi(f.Results)
	case t == -0x40: // no result
		return 0
	}
	switch ValType(t & 0x7f) {
	case I32, I64, F32, F64, V128, FuncRef, ExternRef:
		if t >= -0x40 {
			return 0
		}
	}
	m.unsupported(off, "a block's type belongs to a proposal that nodes may not use")
	return 0
}

func (m *module) label() {
	off := m.pos
	if l := m.u32(); int64(l) >= int64(len(m.frames)) {
		m.malformed(off, "a branch leaves %d blocks, but is within %d", l, len(m.frames))
	}
}

func (m *module) brTable() {
	n := m.count("targets of a br_table", m.lim.BranchTargets, 1)
	m.info.MaxBranchTargets = max(m.info.MaxBranchTargets, n)
	for range n + 1 { // the last one is the default
		m.label()
	}
}

func (m *module) memArg() {
	off := m.pos
	align := m.u32()
	switch {
	case m.info.Memory == nil:
		m.malformed(off, "an access to memory, but there is none")
	case align >= 0x40 && align < 0x80:
		m.unsupported(off, "it names a second memory")
	case align > 4:
		m.malformed(off, "an alignment of 2^%d bytes", align)
	}
	m.u32()
}

// memoryIndex reads the byte that names the memory. The engine takes one byte here, so a padded zero is refused lest
// the two of us see different instructions.
func (m *module) memoryIndex() {
	off := m.pos
	if i := m.u8(); m.err == nil && (i != 0 || m.info.Memory == nil) {
		m.malformed(off, "memory %d is used, but there is no such memory", i)
	}
}

func (m *module) elementIndex() {
	off := m.pos
	if i := m.u32(); int64(i) >= int64(m.info.elements) {
		m.malformed(off, "element segment %d is used, but there are %d", i, m.info.elements)
	}
}

func (m *module) dataIndex() {
	off := m.pos
	if i := m.u32(); int64(i) >= int64(m.dataCount) {
		m.malformed(off, "data segment %d is used, but %d are announced", i, max(0, m.dataCount))
	}
	m.info.ChangesSegments = true
}

// misc reads the instructions behind prefix 0xfc: saturating conversions and bulk operations.
func (m *module) misc(off int) {
	sub := m.u32()
	if sub >= 12 {
		m.info.ChangesTables = m.info.ChangesTables || sub != 16 // table.size only looks
	}
	switch sub {
	case 0, 1, 2, 3, 4, 5, 6, 7:
	case 8: // memory.init
		m.dataIndex()
		m.memoryIndex()
	case 9: // data.drop
		m.dataIndex()
	case 10: // memory.copy
		m.memoryIndex()
		m.memoryIndex()
	case 11: // memory.fill
		m.memoryIndex()
	case 12: // table.init
		m.elementIndex()
		m.tableIndex()
	case 13: // elem.drop
		m.elementIndex()
	case 14: // table.copy
		m.tableIndex()
		m.tableIndex()
	case 15: // table.grow
		m.tableIndex()
		m.info.GrowsTable = true
	case 16, 17: // table.size, table.fill
		m.tableIndex()
	default:
		m.unsupported(off, "instruction 0xfc %d belongs to a proposal that nodes may not use", sub)
	}
}

// vector reads the instructions behind prefix 0xfd. The engine reads the second opcode as one byte and takes the 0x01
// that ends the two-byte numbers of 0x80 and above for a nop: so only the shortest form of the number is let through.
func (m *module) vector(off int) {
	m.info.UsesSIMD = true
	sub := m.u8()
	if sub >= 0x80 {
		if second := m.u8(); second != 1 && m.err == nil {
			m.unsupported(off, "a vector instruction of a later proposal (relaxed SIMD), or with a padded number")
		}
	}
	switch {
	case sub <= 11, sub == 92, sub == 93: // loads and stores
		m.memArg()
	case sub == vecConst:
		m.skip(16, "a constant")
	case sub == 13: // i8x16.shuffle
		m.skip(16, "a shuffle")
	case sub >= 21 && sub <= 34: // lanes
		m.u8()
	case sub >= 84 && sub <= 91: // loads and stores of lanes
		m.memArg()
		m.u8()
	}
}
