package kernel

import (
	"bytes"

	"levee/gpu/op"
)

// Sections of a module, and kinds of exports.
const (
	sectionType   = 1
	sectionImport = 2
	sectionFunc   = 3
	sectionMemory = 5
	sectionExport = 7
	sectionCode   = 10
	exportFunc    = 0
	exportMemory  = 2
)

// A module's size and counts. They are those of a module that a node may be.
const (
	maxModule  = 32 << 20
	maxTypes   = 100_000
	maxImports = 1_000
	maxFuncs   = 100_000
	maxExports = 10_000
	maxName    = 8_192
)

// Imports is the name of the module whose functions kernels may call.
const Imports = "levee_kernel_v1"

var magic = []byte("\x00asm\x01\x00\x00\x00")

// span is a piece of the module.
type span struct{ from, to int }

// module is what is known of a module before any of its functions is looked at. What was not needed was not read.
type module struct {
	b       []byte
	types   []int   // where each type begins
	imports []named // the imported functions
	funcs   []uint32
	bodies  []span
	exports []named // the exported functions, in the order of the module
}

// named is an imported function with its type, or an exported one with its index.
type named struct {
	module, name string
	index        uint32
	at           int
}

// open finds the parts of a module. It does work and allocates in proportion to the module's bytes.
func open(b []byte) (*module, error) {
	if len(b) > maxModule {
		return nil, op.Errorf(op.BadKernel, "a module of %d bytes, at most %d", len(b), maxModule)
	}
	if !bytes.HasPrefix(b, magic) {
		return nil, op.Errorf(op.BadKernel, "this is no core WebAssembly module of version 1")
	}
	m := &module{b: b}
	r := &reader{b: b, pos: len(magic)}
	seen := [sectionCode + 1]bool{}
	for r.err == nil && r.left() > 0 {
		at := r.pos
		id := int(r.u8())
		size := r.count("bytes of a section", maxModule)
		s := &reader{b: b[:r.pos+size], pos: r.pos, err: r.err}
		r.bytes(size)
		if id <= sectionCode {
			if id != 0 && seen[id] {
				r.fail(at, "two sections %d", id)
				break
			}
			seen[id] = true
		}
		if m.section(s, id); r.err == nil {
			r.err = s.err
		}
	}
	if r.err == nil && len(m.funcs) != len(m.bodies) {
		r.fail(len(b), "%d functions, and code for %d", len(m.funcs), len(m.bodies))
	}
	return m, r.err
}

func (m *module) section(r *reader, id int) {
	switch id {
	case sectionType:
		n := r.count("types", maxTypes)
		m.types = make([]int, 0, n)
		for range n {
			m.types = append(m.types, r.pos)
			at := r.pos
			if r.u8() != 0x60 {
				r.fail(at, "no function type")
			}
			r.bytes(r.count("parameters", 1_000))
			r.bytes(r.count("results", 1_000))
		}
	case sectionImport:
		for range r.count("imports", maxImports) {
			m.importItem(r)
		}
	case sectionFunc:
		n := r.count("functions", maxFuncs)
		m.funcs = make([]uint32, 0, n)
		for range n {
			m.funcs = append(m.funcs, r.u32())
		}
	case sectionExport:
		for range r.count("exports", maxExports) {
			e := named{at: r.pos, name: r.name()}
			kind := r.u8()
			if e.index = r.u32(); kind == exportFunc && r.err == nil {
				m.exports = append(m.exports, e)
			}
		}
	case sectionCode:
		n := r.count("function bodies", maxFuncs)
		m.bodies = make([]span, 0, n)
		for range n {
			size := r.count("bytes of a function body", maxModule)
			m.bodies = append(m.bodies, span{r.pos, r.pos + size})
			r.bytes(size)
		}
	}
}

// importItem keeps an import when it is a function; what is said of others is read over.
func (m *module) importItem(r *reader) {
	f := named{at: r.pos, module: r.name(), name: r.name()}
	at := r.pos
	switch r.u8() {
	case 0:
		if f.index = r.u32(); r.err == nil {
			m.imports = append(m.imports, f)
		}
	case 1:
		r.u8()
		skipLimits(r)
	case 2:
		skipLimits(r)
	case 3:
		r.bytes(2)
	default:
		r.fail(at, "an import of an unknown kind")
	}
}

func skipLimits(r *reader) {
	flags := r.u8()
	if r.u32(); flags&1 != 0 {
		r.u32()
	}
}

// export finds an exported function by its name.
func (m *module) export(name string) (named, error) {
	for _, e := range m.exports {
		if e.name == name {
			return e, nil
		}
	}
	return named{}, op.Errorf(op.BadKernel, "the module exports no function %.80q", name)
}

// signature is a function type of numbers: a byte for each.
type signature struct{ params, results string }

// typeAt reads a type, and refuses one with other than numbers and with more values than a block or a kernel can have.
func (m *module) typeAt(index uint32, at int) (signature, error) {
	r := &reader{b: m.b, pos: at}
	if int64(index) >= int64(len(m.types)) {
		r.fail(at, "there is no type %d", index)
		return signature{}, r.err
	}
	r.pos = m.types[index] + 1
	s := signature{string(r.bytes(r.count("parameters", maxArity))), string(r.bytes(r.count("results", maxArity)))}
	for _, t := range []byte(s.params + s.results) {
		if !number(valType(t)) {
			r.fail(at, "type %d has a value that is no number", index)
		}
	}
	return s, r.err
}
