package kernel

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// maker writes random functions that are valid kernels.
type maker struct {
	writer
	r      *rand.Rand
	types  *typeList
	locals []valType
	labels []string // what a branch to each open block carries; loops are "-": only their own counter goes back
	slots  []valType
	budget int
}

var numbers = [...]valType{i32, i64, f32, f64}

func (m *maker) oneOf(n int) bool { return m.r.IntN(n) == 0 }
func (m *maker) anyType() valType { return numbers[m.r.IntN(len(numbers))] }
func (m *maker) some(t valType) (n []uint32) {
	for i, l := range m.locals {
		if l == t {
			n = append(n, uint32(i))
		}
	}
	return n
}

func (m *maker) local(t valType) uint32 {
	n := m.some(t)
	return n[m.r.IntN(len(n))]
}

// expr appends what gives one value of a type.
func (m *maker) expr(t valType, depth int) {
	m.budget--
	if depth <= 0 || m.budget < 0 {
		if m.oneOf(10) {
			m.constant(t, randomWord(m.r, t.dtype()))
		} else {
			m.get(m.local(t))
		}
		return
	}
	switch m.r.IntN(16) {
	case 0: // a local changes while its old value lies on the stack
		n := m.local(t)
		m.get(n)
		m.expr(t, depth-1)
		m.tee(n)
		m.expr(i32, 1)
		m.op(opSelect)
	case 1:
		m.expr(t, depth-1)
		m.expr(t, depth-1)
		m.expr(i32, depth-1)
		m.op(opSelect)
	case 2:
		m.expr(t, depth-1)
		m.tee(m.local(t))
	case 3:
		m.inBlock("", list(t), depth)
	case 4:
		m.choice(t, depth)
	case 5:
		m.readSlot(t, depth)
	case 6: // two values go in, come out in another order, and one is dropped
		u := m.anyType()
		m.expr(t, depth-1)
		m.expr(u, depth-1)
		m.inBlock(list(t, u), list(t, u), depth)
		m.op(opDrop)
	default:
		m.numeric(t, depth)
	}
}

func (m *maker) numeric(t valType, depth int) {
	for {
		op := byte(0x45 + m.r.IntN(opLastSat-0x45+1))
		types := numeric[op]
		if typeOf(types[len(types)-1]) != t {
			continue
		}
		if mayTrap(op) && !m.oneOf(8) || types == "ffi" || types == "ddi" || types == "iii" && op < 0x67 || types == "lli" {
			if !m.oneOf(3) { // few of what traps, and of what gives little
				continue
			}
		}
		for i := range len(types) - 1 {
			m.expr(typeOf(types[i]), depth-1-m.r.IntN(3))
		}
		m.plain(&instr{op: op}, m.types)
		return
	}
}

// inBlock appends a block that takes what lies on the stack: it does something with it, and may leave early.
func (m *maker) inBlock(params, results string, depth int) {
	m.block(opBlock, signature{params, results}, m.types)
	m.labels = append(m.labels, results)
	for i := len(params) - 1; i >= 0; i-- {
		m.set(m.local(valType(params[i])))
	}
	m.statements(depth - 1)
	m.leaveEarly(depth - 1)
	for i := range len(results) {
		m.expr(valType(results[i]), depth-1)
	}
	if m.oneOf(6) { // for good: what follows is never reached
		m.branch(opBr, 0)
		if m.oneOf(2) {
			m.op(opDrop, opUnreachable)
		}
	}
	m.labels = m.labels[:len(m.labels)-1]
	m.op(opEnd)
}

// leaveEarly appends a branch on a condition, or by a table, out of one of the open blocks, and puts its values away.
func (m *maker) leaveEarly(depth int) {
	n := m.r.IntN(len(m.labels))
	results := m.labels[len(m.labels)-1-n]
	if results == "-" {
		return
	}
	if m.oneOf(3) {
		m.table(results, depth)
		return
	}
	for i := range len(results) {
		m.expr(valType(results[i]), depth)
	}
	m.expr(i32, depth)
	m.branch(opBrIf, uint32(n))
	for range results {
		m.op(opDrop)
	}
}

// table appends a br_table in a block of its own, to all open blocks that carry the same.
func (m *maker) table(results string, depth int) {
	m.block(opBlock, signature{results: results}, m.types)
	m.labels = append(m.labels, results)
	var labels []uint32
	for i, l := range m.labels {
		if l == results {
			labels = append(labels, uint32(len(m.labels)-1-i))
		}
	}
	for i := range len(results) {
		m.expr(valType(results[i]), depth)
	}
	m.expr(i32, depth)
	if m.oneOf(2) {
		m.i32(7)
		m.op(0x71)
	}
	n := m.r.IntN(9)
	m.op(opBrTable)
	m.u32(uint32(n))
	for range n + 1 {
		m.u32(labels[m.r.IntN(len(labels))])
	}
	m.labels = m.labels[:len(m.labels)-1]
	m.op(opEnd)
	for range results {
		m.op(opDrop)
	}
}

func (m *maker) choice(t valType, depth int) {
	m.expr(i32, depth-1)
	results := list(t)
	m.block(opIf, signature{results: results}, m.types)
	m.labels = append(m.labels, results)
	m.statements(depth - 1)
	m.expr(t, depth-1)
	m.op(opElse)
	if m.leaveEarly(depth - 1); m.oneOf(10) {
		m.op(opUnreachable)
	} else {
		m.expr(t, depth-1)
	}
	m.labels = m.labels[:len(m.labels)-1]
	m.op(opEnd)
}

func (m *maker) readSlot(t valType, depth int) {
	for n, have := range m.slots {
		if have == t {
			if m.expr(i64, depth-1); m.oneOf(2) {
				m.i64(63)
				m.op(0x83)
			}
			m.branch(opCall, uint32(1+n))
			return
		}
	}
	m.branch(opCall, 0)
	m.set(m.local(i64))
	m.get(m.local(t))
}

func (m *maker) statements(depth int) {
	for range m.r.IntN(3) {
		if m.budget < 0 || depth <= 0 {
			return
		}
		t := m.anyType()
		switch m.r.IntN(6) {
		case 0:
			m.loop(depth)
		case 1: // if without else, with values that go through
			m.expr(t, depth-1)
			m.expr(i32, depth-1)
			one := list(t)
			m.block(opIf, signature{one, one}, m.types)
			m.labels = append(m.labels, one)
			m.statements(depth - 1)
			m.set(m.local(t))
			m.expr(t, depth-1)
			m.labels = m.labels[:len(m.labels)-1]
			m.op(opEnd)
			m.set(m.local(t))
		default:
			m.expr(t, depth)
			m.set(m.local(t))
		}
	}
}

// loop appends a loop with a counter and another value as its parameters, which change places each time.
func (m *maker) loop(depth int) {
	if len(m.labels) > 6 {
		return
	}
	two := list(i32, i32)
	m.i32(int32(m.r.IntN(7)))
	m.expr(i32, 1)
	m.block(opLoop, signature{two, two}, m.types)
	m.labels = append(m.labels, "-")
	other, counter := uint32(len(m.locals)), uint32(len(m.locals)+1) // behind those that expressions know
	m.set(other)
	m.set(counter)
	m.get(counter)
	m.get(other)
	if m.oneOf(2) {
		m.statements(depth - 2)
	} else {
		m.expr(i32, 1)
		m.op(0x6a)
	}
	m.set(other)
	m.i32(-1)
	m.op(0x6a)
	m.tee(counter)
	m.get(other)
	m.get(counter)
	m.i32(0)
	m.op(0x4a) // gt_s
	m.branch(opBrIf, 0)
	m.labels = m.labels[:len(m.labels)-1]
	m.op(opEnd)
	m.op(0x73)
	m.set(m.local(i32))
}

// begin gives the six locals behind the parameters values that differ from element to element.
func (m *maker) begin(first uint32) {
	for i := range uint32(6) {
		m.branch(opCall, 0)
		m.i64(m.r.Int64())
		m.op(0x7e)
		switch m.locals[first+i] {
		case i32:
			m.op(0xa7)
		case f32:
			m.op(0xb4)
			m.constant(f32, 0x20000000) // 2^-63
			m.op(0x94)
		case f64:
			m.op(0xb9)
			m.constant(f64, uint64(1023-60)<<52)
			m.op(0xa2)
		}
		m.set(first + i)
	}
}

// randomModule is a module of n random kernels.
func randomModule(r *rand.Rand, n int) []byte {
	var p parts
	p.importFunc(imported{}.function())
	for i, t := range numbers {
		p.importFunc(imported{t, uint32(i)}.function())
	}
	for i := range n {
		m := &maker{r: r, types: &p.types, slots: numbers[:], budget: 150}
		var s signature
		for range r.IntN(maxParams + 1) {
			s.params += list(m.anyType())
		}
		for range 1 + r.IntN(maxResults) {
			s.results += list(m.anyType())
		}
		for i := range len(s.params) {
			m.locals = append(m.locals, valType(s.params[i]))
		}
		m.locals = append(m.locals, i32, i64, f32, f64, f32, i32)
		m.begin(uint32(len(s.params)))
		m.labels = []string{s.results}
		m.statements(4)
		m.budget += 60
		for i := range len(s.results) {
			m.expr(valType(s.results[i]), 4)
		}
		m.op(opEnd)
		var body writer
		body.localDecls(append(m.locals[len(s.params):len(m.locals):len(m.locals)], i32, i32))
		body.op(m.b...)
		p.funcs.item().u32(p.types.of(s))
		p.export(string([]byte{'a' + byte(i)}), exportFunc, uint32(1+len(numbers)+i))
		p.code.item().sized(body.b)
	}
	return p.module()
}

// held compares kernels of a module on the CPU and on the device with the reference, and gives how many there are.
func held(t *testing.T, r *rand.Rand, wasm []byte, n int) int {
	companion, entries, err := Companion(wasm)
	require.NoError(t, err)
	m := newMachine(t, companion)
	for _, e := range entries {
		w := workFor(e.Func, r, n)
		same(t, e.Name, w, 0, func(from int) ([][]uint64, uint64) { return m.run(e.Batch, w, from) })
		same(t, e.Name+" step by step", w, 0, func(from int) ([][]uint64, uint64) { return m.run("", w, from) })
		d := newDevice(t, e.Func, plainTypes(w))
		same(t, e.Name, w, 0, func(from int) ([][]uint64, uint64) { return d.run(w, from) })
	}
	return len(entries)
}

func TestRandomKernels(t *testing.T) {
	var count [256]int
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 5))
		wasm := randomModule(r, 20)
		if held(t, r, wasm, 97) < 20 {
			for i := range 20 {
				_, err := Parse(wasm, string([]byte{'a' + byte(i)}))
				require.NoError(t, err)
			}
		}
		_, entries, _ := Companion(wasm)
		for _, e := range entries {
			for i := range e.Func.code {
				count[e.Func.code[i].op]++
			}
		}
	}
	for c := range count {
		if numeric[c] != "" {
			require.NotZero(t, count[c], "instruction %#x was never tried", c)
		}
	}
}

// FuzzRandomKernels is TestRandomKernels without an end.
func FuzzRandomKernels(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 6))
		held(t, r, randomModule(r, 3), 33)
	})
}
