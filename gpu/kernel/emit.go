package kernel

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// writer puts a module together.
type writer struct{ b []byte }

func (w *writer) op(bytes ...byte) { w.b = append(w.b, bytes...) }

func (w *writer) u32(n uint32) { w.b = binary.AppendUvarint(w.b, uint64(n)) }

func (w *writer) signed(n int64) {
	for n > 63 || n < -64 {
		w.b = append(w.b, byte(n)|0x80)
		n >>= 7
	}
	w.b = append(w.b, byte(n)&0x7f)
}

// sized appends what is in part, its length first.
func (w *writer) sized(part []byte) {
	w.u32(uint32(len(part)))
	w.b = append(w.b, part...)
}

func (w *writer) name(s string) { w.sized([]byte(s)) }

func (w *writer) i32(n int32) { w.op(opI32Const); w.signed(int64(n)) }
func (w *writer) i64(n int64) { w.op(opI64Const); w.signed(n) }

func (w *writer) get(local uint32) { w.op(opLocalGet); w.u32(local) }
func (w *writer) set(local uint32) { w.op(opLocalSet); w.u32(local) }
func (w *writer) tee(local uint32) { w.op(opLocalTee); w.u32(local) }

func (w *writer) branch(op byte, label uint32) { w.op(op); w.u32(label) }

// constant appends an instruction that gives these bits as a value of the type.
func (w *writer) constant(t valType, bits uint64) {
	switch t {
	case i32:
		w.i32(int32(bits))
	case i64:
		w.i64(int64(bits))
	case f32:
		w.op(opF32Const)
		w.b = binary.LittleEndian.AppendUint32(w.b, uint32(bits))
	default:
		w.op(opF64Const)
		w.b = binary.LittleEndian.AppendUint64(w.b, bits)
	}
}

// items are those of a section.
type items struct {
	writer
	n int
}

// item begins one more.
func (s *items) item() *writer {
	s.n++
	return &s.writer
}

// typeList is the types of a module, each once.
type typeList struct {
	items
	index map[signature]uint32
}

func (l *typeList) of(s signature) uint32 {
	i, ok := l.index[s]
	if !ok {
		if l.index == nil {
			l.index = map[signature]uint32{}
		}
		i = uint32(l.n)
		l.index[s] = i
		w := l.item()
		w.op(0x60)
		w.name(s.params)
		w.name(s.results)
	}
	return i
}

// parts are what a module is put together from.
type parts struct {
	types                                 typeList
	imports, funcs, memory, exports, code items
}

func (p *parts) importFunc(name string, s signature) {
	w := p.imports.item()
	w.name(Imports)
	w.name(name)
	w.op(0)
	w.u32(p.types.of(s))
}

func (p *parts) export(name string, kind byte, index uint32) {
	w := p.exports.item()
	w.name(name)
	w.op(kind)
	w.u32(index)
}

func (p *parts) module() []byte {
	w := writer{slices.Clone(magic)}
	section := func(id byte, s items) {
		if s.n > 0 {
			w.op(id)
			w.sized(append(binary.AppendUvarint(nil, uint64(s.n)), s.b...))
		}
	}
	section(sectionType, p.types.items)
	section(sectionImport, p.imports)
	section(sectionFunc, p.funcs)
	section(sectionMemory, p.memory)
	section(sectionExport, p.exports)
	section(sectionCode, p.code)
	return w.b
}

// block appends the start of a block.
func (w *writer) block(op byte, s signature, types *typeList) {
	switch w.op(op); {
	case s == signature{}:
		w.op(0x40)
	case s.params == "" && len(s.results) == 1:
		w.op(s.results[0])
	default:
		w.signed(int64(types.of(s)))
	}
}

// localDecls appends declarations of locals.
func (w *writer) localDecls(types []valType) {
	var groups writer
	n := uint32(0)
	for i := 0; i < len(types); {
		j := i
		for j < len(types) && types[j] == types[i] {
			j++
		}
		groups.u32(uint32(j - i))
		groups.op(byte(types[i]))
		n++
		i = j
	}
	w.u32(n)
	w.b = append(w.b, groups.b...)
}

// plain appends an instruction as it was in the kernel's module. Loads and gid are for the caller.
func (w *writer) plain(i *instr, types *typeList) {
	switch op := i.op; op {
	case opBlock, opLoop, opIf:
		w.block(op, i.sig, types)
	case opBr, opBrIf:
		w.branch(op, i.n)
	case opBrTable:
		w.op(op)
		w.u32(uint32(len(i.table) - 1))
		for _, label := range i.table {
			w.u32(label)
		}
	case opLocalGet, opLocalSet, opLocalTee:
		w.op(op)
		w.u32(i.n)
	case opI32Const, opI64Const, opF32Const, opF64Const:
		w.constant(i.t, i.bits)
	default:
		if op >= opSat && op <= opLastSat {
			w.op(opMisc, op-opSat)
			return
		}
		w.op(op)
	}
}

// minimal makes the module of one function, see Func.Module, and says how many bytes its body has.
func (f *Func) minimal() ([]byte, int) {
	var p parts
	p.funcs.item().u32(p.types.of(f.sig))
	index := map[imported]uint32{} // in the order in which they are called first
	for i := range f.code {
		called, ok := f.code[i].calls()
		if _, known := index[called]; ok && !known {
			index[called] = uint32(len(index))
			p.importFunc(called.function())
		}
	}
	var body writer
	body.localDecls(f.locals[len(f.sig.params):])
	for i := range f.code {
		if called, ok := f.code[i].calls(); ok {
			body.branch(opCall, index[called])
		} else {
			body.plain(&f.code[i], &p.types)
		}
	}
	p.export("kernel", exportFunc, uint32(len(index)))
	p.code.item().sized(body.b)
	return p.module(), len(body.b)
}

// imported is a function of the module Imports: gid, with the type unknown, or a load.
type imported struct {
	t    valType
	slot uint32
}

func (i *instr) calls() (imported, bool) { return imported{i.t, i.n}, i.op == opGid || i.op == opLoad }

func (i imported) function() (name string, s signature) {
	if i.t == unknown {
		return "gid", signature{results: list(i64)}
	}
	return i.t.dtype().String() + "_" + strconv.Itoa(int(i.slot)), signature{list(i64), list(i.t)}
}
