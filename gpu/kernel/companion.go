package kernel

import "strconv"

// Limits of a companion.
const (
	maxKernels = 256
	maxCode    = 1 << 20                 // bytes of all batch functions
	maxWork    = 2 * maxForks * maxForks // of the engine's compiler: the squares of forks
)

// Entry is a kernel of a companion.
type Entry struct {
	Name  string // of the export of the node's module
	Batch string // the export of the companion that runs it
	Func  *Func
}

// Companion makes the module that runs the kernels of a node's module on the CPU: the memory that the tensors live in, exported as
// "memory", and a function for each kernel,
//
//	(args i32, from i64, to i64) -> i64
//
// which runs the kernel for the elements [from, to). At args lie records of 16 bytes, two u64 each: for each parameter the address of
// element 0 and the bytes from one element to the next (0: one for all), for each slot its address and how many elements it has, for
// each result the address of element 0 and the bytes from one to the next. Elements are those of WebAssembly, of 4 or 8 bytes; others
// are converted before and after. The address of an element is meant modulo 2^32, so the record may be that of a buffer which begins
// at another element. The function returns 0, or the element that trapped, shifted left by 8, and its Trap: those before it are done.
//
// Exports that are no kernels are left out, and so is what is over the limits of a companion: Func.Run runs it. There is always a module.
func Companion(wasm []byte) ([]byte, []Entry, error) {
	m, err := open(wasm)
	if err != nil {
		return nil, nil, err
	}
	var entries []Entry
	var p parts
	p.memory.item().op(1, 1, 0x80, 0x80, 4) // 1 page, at most 65,536
	batch := p.types.of(signature{list(i32, i64, i64), list(i64)})
	p.export("memory", exportMemory, 0)
	looked, work := map[uint32]bool{}, 0
	for _, e := range m.exports {
		if looked[e.index] || len(entries) == maxKernels || len(p.code.b) > maxCode {
			continue // a function with two names is given under the first one
		}
		looked[e.index] = true
		f, err := m.parse(e)
		if err != nil || work+f.forks*f.forks > maxWork {
			continue
		}
		work += f.forks * f.forks
		entry := Entry{Name: e.name, Batch: "k" + strconv.Itoa(len(entries)), Func: f}
		p.funcs.item().u32(batch)
		p.export(entry.Batch, exportFunc, uint32(len(entries)))
		p.code.item().sized(f.batch(&p.types))
		entries = append(entries, entry)
	}
	return p.module(), entries, nil
}

// batcher writes a batch function: its locals, a loop over the elements, and in it the kernel's instructions.
type batcher struct {
	writer
	f     *Func
	types *typeList
	// Locals. The first three are the parameters; element counts up to the last.
	element, last  uint32
	kernel         uint32 // the kernel's own, parameters first
	fuel           uint32
	in, step       []uint32 // per parameter: the address of the element, and the way to the next
	slot, elements []uint32 // per slot
	out, stride    []uint32 // per result
	tmp            map[valType][2]uint32
	locals         []valType
}

func (b *batcher) local(t valType) uint32 {
	b.locals = append(b.locals, t)
	return 2 + uint32(len(b.locals))
}

// batch gives the body of the batch function.
func (f *Func) batch(types *typeList) []byte {
	b := &batcher{f: f, types: types, element: 1, last: 2, tmp: map[valType][2]uint32{}}
	b.kernel = 3
	b.locals = append(b.locals, f.locals...)
	b.fuel = b.local(i32)
	for _, t := range [...]valType{i32, i64, f32, f64} {
		b.tmp[t] = [2]uint32{b.local(t), b.local(t)}
	}
	record := uint32(0)
	b.in, b.step = b.records(&record, len(f.sig.params), i32)
	b.slot, b.elements = b.records(&record, len(f.slots), i64)
	b.out, b.stride = b.records(&record, len(f.sig.results), i32)
	for i := range b.in {
		b.toFirst(b.in[i], b.step[i])
	}
	for i := range b.out {
		b.toFirst(b.out[i], b.stride[i])
	}
	b.loop()
	var w writer
	w.localDecls(b.locals)
	return append(w.b, b.b...)
}

// records reads n records at args into locals: an address and a second number of a type.
func (b *batcher) records(at *uint32, n int, second valType) (first, next []uint32) {
	for range n {
		a, s := b.local(i32), b.local(second)
		b.load(i32, 0, *at)
		b.set(a)
		b.load(second, 0, *at+8)
		b.set(s)
		first, next = append(first, a), append(next, s)
		*at += 16
	}
	return first, next
}

// load appends a load from the address in a local, and an offset.
func (b *batcher) load(t valType, local, offset uint32) {
	b.get(local)
	align := byte(3)
	if t.size() == 4 {
		align = 2
	}
	b.op(0x28+byte(i32-t), align) // i32.load, i64.load, f32.load, f64.load
	b.u32(offset)
}

// toFirst moves an address from element 0 to the first one: wrapped(element) * stride.
func (b *batcher) toFirst(address, stride uint32) {
	b.get(address)
	b.get(b.element)
	b.op(opI32WrapI64)
	b.get(stride)
	b.op(opI32Mul, opI32Add)
	b.set(address)
}

func (b *batcher) advance(address, stride uint32) {
	b.get(address)
	b.get(stride)
	b.op(opI32Add)
	b.set(address)
}

// loop appends the loop over elements. The kernel lies in a block of its results, which stands for the function: labels stay as they are.
func (b *batcher) loop() {
	f := b.f
	b.op(opBlock, 0x40, opLoop, 0x40)
	b.get(b.element)
	b.get(b.last)
	b.op(opI64GeS)
	b.branch(opBrIf, 1)
	for i := range b.in {
		b.load(f.locals[i], b.in[i], 0)
		b.set(b.kernel + uint32(i))
	}
	for i := len(b.in); i < len(f.locals); i++ {
		b.constant(f.locals[i], 0)
		b.set(b.kernel + uint32(i))
	}
	if f.loops {
		b.i32(Fuel)
		b.set(b.fuel)
	}
	b.block(opBlock, signature{results: f.sig.results}, b.types)
	for i := range f.code {
		b.instr(&f.code[i])
	}
	b.results()
	for i := range b.in {
		b.advance(b.in[i], b.step[i])
	}
	b.get(b.element)
	b.i64(1)
	b.op(opI64Add)
	b.set(b.element)
	b.branch(opBr, 0)
	b.op(opEnd, opEnd)
	b.i64(0)
	b.op(opEnd)
}

// results stores what the kernel left on the stack.
func (b *batcher) results() {
	results := b.f.sig.results
	kept := make([]uint32, len(results))
	for i := len(results) - 1; i >= 0; i-- {
		kept[i] = b.local(valType(results[i]))
		b.set(kept[i])
	}
	for i := range len(results) {
		t := valType(results[i])
		b.get(b.out[i])
		b.get(kept[i])
		b.canonical(t)
		b.op(0x36+byte(i32-t), 2) // i32.store, i64.store, f32.store, f64.store
		b.u32(0)
		b.advance(b.out[i], b.stride[i])
	}
}

// canonical makes the value on the stack the canonical NaN, if it is one.
func (b *batcher) canonical(t valType) {
	if t.nan() == 0 {
		return
	}
	x := b.tmp[t][0]
	b.tee(x)
	b.constant(t, t.nan())
	b.get(x)
	b.get(x)
	b.op(t.equal(), opSelect)
}
