package kernel

import "encoding/binary"

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

func (w *writer) section(id byte, part []byte) {
	w.op(id)
	w.sized(part)
}

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

// typeList is the types of a module, each once.
type typeList struct {
	list  []signature
	index map[signature]uint32
}

func (l *typeList) of(s signature) uint32 {
	if l.index == nil {
		l.index = map[signature]uint32{}
	}
	i, ok := l.index[s]
	if !ok {
		i = uint32(len(l.list))
		l.index[s] = i
		l.list = append(l.list, s)
	}
	return i
}

func (l *typeList) section() []byte {
	var w writer
	w.u32(uint32(len(l.list)))
	for _, s := range l.list {
		w.op(0x60)
		w.name(s.params)
		w.name(s.results)
	}
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
	var types typeList
	kernel := types.of(f.sig)
	imports, index := f.imports(&types)
	var body writer
	body.localDecls(f.locals[len(f.sig.params):])
	for i := range f.code {
		switch in := &f.code[i]; in.op {
		case opGid, opLoad:
			body.branch(opCall, index[importOf(in)])
		default:
			body.plain(in, &types)
		}
	}
	var funcs, exports, code writer
	funcs.op(1)
	funcs.u32(kernel)
	exports.op(1)
	exports.name("kernel")
	exports.op(0)
	exports.u32(uint32(len(index)))
	code.op(1)
	code.sized(body.b)
	w := writer{append([]byte(nil), magic...)}
	w.section(sectionType, types.section())
	if len(index) > 0 {
		w.section(sectionImport, imports)
	}
	w.section(sectionFunc, funcs.b)
	w.section(sectionExport, exports.b)
	w.section(sectionCode, code.b)
	return w.b, len(body.b)
}

// imported is a function of the module Imports: gid, with the type unknown, or a load.
type imported struct {
	t    valType
	slot uint32
}

func importOf(i *instr) imported { return imported{i.t, i.n} }

// imports writes the import section: what the kernel calls, in the order in which it is called first.
func (f *Func) imports(types *typeList) ([]byte, map[imported]uint32) {
	index := map[imported]uint32{}
	var items writer
	for i := range f.code {
		in := &f.code[i]
		if in.op != opGid && in.op != opLoad {
			continue
		}
		if _, ok := index[importOf(in)]; ok {
			continue
		}
		index[importOf(in)] = uint32(len(index))
		name, sig := "gid", signature{results: string([]byte{byte(i64)})}
		if in.op == opLoad {
			name = in.t.dtype().String() + "_" + string([]byte{'0' + byte(in.n)})
			sig = signature{params: string([]byte{byte(i64)}), results: string([]byte{byte(in.t)})}
		}
		items.name(Imports)
		items.name(name)
		items.op(0)
		items.u32(types.of(sig))
	}
	var w writer
	w.u32(uint32(len(index)))
	return append(w.b, items.b...), index
}
