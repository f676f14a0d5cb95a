package wasm

// typeSection copies the section's text once, so that signatures are slices of one string however many there are.
func (m *module) typeSection() {
	base := m.pos
	text := string(m.b[base:])
	n := m.count("types", m.lim.Types, 3)
	m.types = make([]FuncType, n)
	m.info.Types = n
	for i := range m.types {
		off := m.pos
		switch form := m.u8(); {
		case m.err != nil:
		case form == 0x60:
		case form >= 0x4d && form <= 0x5f:
			m.unsupported(off, "type %d uses the gc proposal", i)
		default:
			m.malformed(off, "0x%02x begins no type", form)
		}
		np := m.count("parameters of a function type", m.lim.Params, 1)
		p := m.pos - base
		m.valTypes(np)
		nr := m.count("results of a function type", m.lim.Results, 1)
		r := m.pos - base
		m.valTypes(nr)
		if m.err != nil {
			return
		}
		m.types[i] = FuncType{Params: text[p : p+np], Results: text[r : r+nr]}
	}
}

func (m *module) valTypes(n int) {
	for range n {
		if m.valType() == V128 {
			m.info.UsesSIMD = true
		}
	}
}

func (m *module) typeIndex() uint32 {
	off := m.pos
	i := m.u32()
	if m.err == nil && int64(i) >= int64(len(m.types)) {
		m.malformed(off, "type %d is used, but there are %d", i, len(m.types))
		return 0
	}
	return i
}

// importSection takes functions only: levee's host has no tables, memories or globals to give, and an imported memory
// would be freed under its owner by the engine.
func (m *module) importSection() {
	n := m.count("imports", m.lim.Imports, 4)
	m.info.Imports = make([]Import, 0, n)
	m.funcs = make([]uint32, 0, n)
	for range n {
		start := m.pos
		mod := m.name("an imported module", m.lim.NameBytes)
		name := m.name("an import", m.lim.NameBytes)
		off := m.pos
		kind := m.u8()
		if m.err != nil {
			return
		}
		switch {
		case kind == byte(KindFunc):
		case kind <= byte(KindGlobal):
			m.unsupported(start, "it imports the %s %s.%s; only functions can be imported", Kind(kind), quote(mod), quote(name))
		case kind == 4:
			m.unsupported(start, "it imports the exception tag %s.%s", quote(mod), quote(name))
		default:
			m.malformed(off, "0x%02x is no kind of import", kind)
		}
		t := m.typeIndex()
		if m.err != nil {
			return
		}
		if m.types[t].hasRef() {
			m.unsupported(start, "the imported function %s.%s passes references, which nodes may not exchange with the host", quote(mod), quote(name))
			return
		}
		m.info.Imports = append(m.info.Imports, Import{Module: mod, Name: name, Type: m.types[t]})
		m.funcs = append(m.funcs, t)
	}
}

func (m *module) functionSection() {
	n := m.count("functions", m.lim.Functions, 1)
	all := make([]uint32, len(m.funcs), len(m.funcs)+n)
	copy(all, m.funcs)
	for range n {
		all = append(all, m.typeIndex())
		if m.err != nil {
			return
		}
	}
	m.funcs = all
	m.info.Functions = n
}

// limits reads the minimum and maximum of a table or memory.
func (m *module) limits(what string) (lo, hi uint32, hasMax bool) {
	off := m.pos
	switch flag := m.u8(); {
	case m.err != nil:
	case flag == 0:
	case flag == 1:
		hasMax = true
	case flag < 8:
		m.unsupported(off, "the %s is shared or has 64-bit addresses (limits flag %d)", what, flag)
	default:
		m.malformed(off, "0x%02x is no limits flag of a %s", flag, what)
	}
	lo = m.u32()
	if hasMax {
		hi = m.u32()
		if m.err == nil && hi < lo {
			m.malformed(off, "the %s has a maximum of %d below its minimum of %d", what, hi, lo)
		}
	}
	return lo, hi, hasMax
}

func (m *module) tableSection() {
	n := m.count("tables", m.lim.Tables, 3)
	m.info.Tables = make([]Table, 0, n)
	for range n {
		off := m.pos
		t := m.tableType()
		if m.err == nil && t.Min > m.lim.TableEntries {
			m.over(off, "entries that a table begins with", uint64(t.Min), int(m.lim.TableEntries))
		}
		if m.err != nil {
			return
		}
		m.info.Tables = append(m.info.Tables, t)
	}
}

func (m *module) tableType() (t Table) {
	off := m.pos
	if m.left() > 0 && m.b[off] == 0x40 {
		m.unsupported(off, "a table has an initial value (function references proposal)")
	}
	t.Type = m.valType()
	if m.err == nil && !t.Type.isRef() {
		m.malformed(off, "a table of %s", t.Type)
	}
	t.Min, t.Max, t.HasMax = m.limits("table")
	return t
}

func (m *module) memorySection() {
	off := m.pos
	n := m.u32()
	if m.err != nil || n == 0 {
		return
	}
	if n > 1 {
		m.unsupported(off, "it has %d memories; nodes have one at most", n)
		return
	}
	off = m.pos
	var mem Memory
	mem.Min, mem.Max, mem.HasMax = m.limits("memory")
	const pages = 1 << 16 // of a 32-bit address space
	switch {
	case m.err != nil:
		return
	case mem.Min > pages || mem.Max > pages:
		m.malformed(off, "the memory has more than 65536 pages")
	case mem.Min > m.lim.MemoryPages:
		m.over(off, "pages of 64 KiB that the memory begins with", uint64(mem.Min), int(m.lim.MemoryPages))
	}
	m.info.Memory = &mem
}

func (m *module) globalSection() {
	n := m.count("globals", m.lim.Globals, 4)
	m.info.Globals = n
	for range n {
		if m.valType() == V128 {
			m.info.UsesSIMD = true
		}
		off := m.pos
		if mut := m.u8(); mut > 1 && m.err == nil {
			m.malformed(off, "0x%02x is no mutability of a global", mut)
		}
		m.constExpr()
		if m.err != nil {
			return
		}
	}
}

func (m *module) exportSection() {
	n := m.count("exports", m.lim.Exports, 3)
	m.info.Exports = make([]Export, 0, n)
	seen := make(map[string]struct{}, n)
	for range n {
		start := m.pos
		e := Export{Name: m.name("an export", m.lim.NameBytes)}
		off := m.pos
		e.Kind, e.Index = Kind(m.u8()), m.u32()
		if m.err != nil {
			return
		}
		if _, dup := seen[e.Name]; dup {
			m.malformed(start, "two exports are named %s", quote(e.Name))
			return
		}
		seen[e.Name] = struct{}{}
		m.checkExport(&e, start, off)
		if m.err != nil {
			return
		}
		m.info.Exports = append(m.info.Exports, e)
	}
}

func (m *module) checkExport(e *Export, start, off int) {
	var have int
	switch e.Kind {
	case KindFunc:
		have = len(m.funcs)
	case KindTable:
		have = len(m.info.Tables)
	case KindMemory:
		if m.info.Memory != nil {
			have = 1
		}
	case KindGlobal:
		have = m.info.Globals
	default:
		if e.Kind == 4 {
			m.unsupported(off, "it exports an exception tag")
		}
		m.malformed(off, "0x%02x is no kind of export", byte(e.Kind))
		return
	}
	if int64(e.Index) >= int64(have) {
		m.malformed(start, "export %s names %s %d, but there are %d", quote(e.Name), e.Kind, e.Index, have)
		return
	}
	if e.Name == "memory" && e.Kind != KindMemory {
		m.unsupported(start, "the export \"memory\" is a %s; by that name the host looks for the memory", e.Kind)
		return
	}
	if e.Kind != KindFunc {
		return
	}
	e.Type = m.types[m.funcs[e.Index]]
	if e.Type.hasRef() {
		m.unsupported(start, "the exported function %s passes references, which nodes may not exchange with the host", quote(e.Name))
	}
}

func (m *module) startSection() {
	off := m.pos
	f := m.u32()
	if m.err != nil {
		return
	}
	if int64(f) >= int64(len(m.funcs)) {
		m.malformed(off, "the start function is %d, but there are %d functions", f, len(m.funcs))
		return
	}
	if t := m.types[m.funcs[f]]; t != (FuncType{}) {
		m.malformed(off, "the start function has the signature %s instead of ()", t)
	}
	m.info.HasStart = true
}
