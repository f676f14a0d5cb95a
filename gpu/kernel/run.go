package kernel

import "encoding/binary"

// The steps of a program that are no instructions of numbers.
const (
	stepMove   = opLocalGet // d = a
	stepConst  = opI64Const // d = bits
	stepSelect = opSelect   // d = a where the number behind b is not 0, else b
	stepJump   = opBr
	stepIf     = opBrIf // jump if a is not 0
	stepUnless = opIf   // jump if a is 0
	stepTable  = opBrTable
	stepBurn   = opLoop
	stepTrap   = opUnreachable
	stepGid    = opGid
	stepLoad   = opLoad
	stepEnd    = opEnd
)

// step is one of a program for the evaluator: it works on numbers in an array, the locals first and the stack behind them.
type step struct {
	op      byte
	t       valType // of a load
	d, a, b uint16
	to      int32  // where a jump goes; the slot of a load; which of the tables
	bits    uint64 // a constant
}

// program is a kernel made ready for the evaluator.
type program struct {
	steps  []step
	tables [][]int32
	regs   int
	result uint16 // the first of the results
}

// Run runs the kernel as the batch function of a companion does, in the same memory and with the same records at args, but step by
// step: for kernels that came too late to be compiled. What lies outside of the memory reads as 0, and is not written.
func (f *Func) Run(memory []byte, args uint32, from, to int64) uint64 {
	f.once.Do(func() { f.program = translate(f) })
	r := &run{f: f, memory: memory, regs: make([]uint64, f.program.regs)}
	record := uint64(args)
	read := func(n int) (first, second []uint64) {
		for range n {
			first, second = append(first, r.load(i64, record)), append(second, r.load(i64, record+8))
			record += 16
		}
		return first, second
	}
	in, next := read(len(f.sig.params))
	r.slots, r.counts = read(len(f.slots))
	out, stride := read(len(f.sig.results))
	for g := from; g < to; g++ {
		for i := range in {
			r.regs[i] = r.load(f.locals[i], uint64(uint32(in[i]+uint64(g)*next[i])))
		}
		clear(r.regs[len(in):len(f.locals)])
		if trap := r.element(g); trap != 0 {
			return uint64(g)<<8 | uint64(trap)
		}
		for i := range out {
			t := valType(f.sig.results[i])
			r.store(t, uint64(uint32(out[i]+uint64(g)*stride[i])), oneNaN(t, r.regs[int(f.program.result)+i]))
		}
	}
	return 0
}

// run is a batch that is being run.
type run struct {
	f             *Func
	memory        []byte
	regs          []uint64
	slots, counts []uint64
}

func (r *run) load(t valType, at uint64) uint64 {
	if at+uint64(t.size()) > uint64(len(r.memory)) {
		return 0
	}
	if t.size() == 4 {
		return uint64(binary.LittleEndian.Uint32(r.memory[at:]))
	}
	return binary.LittleEndian.Uint64(r.memory[at:])
}

func (r *run) store(t valType, at, v uint64) {
	if at+uint64(t.size()) > uint64(len(r.memory)) {
		return
	}
	if t.size() == 4 {
		binary.LittleEndian.PutUint32(r.memory[at:], uint32(v))
		return
	}
	binary.LittleEndian.PutUint64(r.memory[at:], v)
}

// element runs the program for one element.
func (r *run) element(gid int64) Trap {
	regs, steps, fuel := r.regs, r.f.program.steps, Fuel
	for pc := 0; ; pc++ {
		s := &steps[pc]
		switch s.op {
		case stepMove:
			regs[s.d] = regs[s.a]
		case stepConst:
			regs[s.d] = s.bits
		case stepSelect:
			if uint32(regs[s.b+1]) == 0 {
				regs[s.d] = regs[s.b]
			}
		case stepJump:
			pc = int(s.to)
		case stepIf:
			if uint32(regs[s.a]) != 0 {
				pc = int(s.to)
			}
		case stepUnless:
			if uint32(regs[s.a]) == 0 {
				pc = int(s.to)
			}
		case stepTable:
			table := r.f.program.tables[s.to]
			pc = int(table[min(uint64(uint32(regs[s.a])), uint64(len(table)-1))])
		case stepBurn:
			if fuel == 0 {
				return OutOfFuel
			}
			fuel--
		case stepTrap:
			return Unreachable
		case stepGid:
			regs[s.d] = uint64(gid)
		case stepLoad:
			v, index := uint64(0), regs[s.a]
			if index < r.counts[s.to] {
				v = r.load(s.t, uint64(uint32(r.slots[s.to]+index*uint64(s.t.size()))))
			}
			regs[s.d] = v
		case stepEnd:
			return 0
		default:
			v, trap := compute(s.op, regs[s.a], regs[s.b])
			if trap != 0 {
				return trap
			}
			regs[s.d] = v
		}
	}
}
