package kernel

// evaluator runs a kernel for one element, instruction by instruction: the reference that compiled code is held against.
type evaluator struct {
	w      *work
	gid    int
	locals []uint64
	stack  []uint64
	labels []label
	fuel   int
}

type label struct {
	op            byte
	sig           signature
	start, height int
}

type trapped struct{ Trap }

// eval gives the results for an element, or how it traps.
func eval(w *work, gid int) (results []uint64, trap Trap) {
	e := &evaluator{w: w, gid: gid, locals: make([]uint64, len(w.f.locals)), fuel: Fuel}
	for i := range w.in {
		e.locals[i] = w.in[i][gid%len(w.in[i])]
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case trapped:
			trap = r.Trap
		default:
			panic(r)
		}
	}()
	e.labels = []label{{op: opBlock, sig: signature{results: w.f.sig.results}, start: -1}}
	for pc := 0; len(e.labels) > 0; {
		pc = e.step(pc)
	}
	results = e.stack[len(e.stack)-len(w.f.sig.results):]
	for i := range results {
		results[i] = oneNaN(valType(w.f.sig.results[i]), results[i])
	}
	return results, 0
}

func (e *evaluator) pop() uint64 {
	v := e.stack[len(e.stack)-1]
	e.stack = e.stack[:len(e.stack)-1]
	return v
}

func (e *evaluator) push(v uint64) { e.stack = append(e.stack, v) }

// match finds the else, or the end, of the block that begins at start.
func (e *evaluator) match(start int, orElse bool) int {
	depth := 0
	for pc := start + 1; ; pc++ {
		switch e.w.f.code[pc].op {
		case opBlock, opLoop, opIf:
			depth++
		case opElse:
			if depth == 0 && orElse {
				return pc
			}
		case opEnd:
			if depth == 0 {
				return pc
			}
			depth--
		}
	}
}

func (e *evaluator) burn() {
	if e.fuel == 0 {
		panic(trapped{OutOfFuel})
	}
	e.fuel--
}

func (e *evaluator) branch(n uint32) int {
	l := e.labels[len(e.labels)-1-int(n)]
	carried := len(l.sig.results)
	if l.op == opLoop {
		carried = len(l.sig.params)
	}
	e.stack = append(e.stack[:l.height], e.stack[len(e.stack)-carried:]...)
	if l.op == opLoop {
		e.labels = e.labels[:len(e.labels)-int(n)]
		e.burn()
		return l.start + 1
	}
	e.labels = e.labels[:len(e.labels)-1-int(n)]
	return e.match(l.start, false) + 1
}

// step does the instruction at pc and says which is next.
func (e *evaluator) step(pc int) int {
	i := &e.w.f.code[pc]
	switch i.op {
	case opUnreachable:
		panic(trapped{Unreachable})
	case opBlock, opLoop, opIf:
		jump := i.op == opIf && uint32(e.pop()) == 0
		e.labels = append(e.labels, label{i.op, i.sig, pc, len(e.stack) - len(i.sig.params)})
		if i.op == opLoop {
			e.burn()
		}
		if jump {
			if pc = e.match(pc, true); e.w.f.code[pc].op == opEnd {
				return pc
			}
		}
	case opElse:
		return e.match(e.labels[len(e.labels)-1].start, false)
	case opEnd:
		e.labels = e.labels[:len(e.labels)-1]
	case opBr:
		return e.branch(i.n)
	case opBrIf:
		if uint32(e.pop()) != 0 {
			return e.branch(i.n)
		}
	case opBrTable:
		return e.branch(i.table[min(uint64(uint32(e.pop())), uint64(len(i.table)-1))])
	case opDrop:
		e.pop()
	case opSelect:
		c, b, a := e.pop(), e.pop(), e.pop()
		if uint32(c) == 0 {
			a = b
		}
		e.push(a)
	case opLocalGet:
		e.push(e.locals[i.n])
	case opLocalSet:
		e.locals[i.n] = e.pop()
	case opLocalTee:
		e.locals[i.n] = e.stack[len(e.stack)-1]
	case opI32Const, opI64Const, opF32Const, opF64Const:
		e.push(i.bits)
	case opGid:
		e.push(uint64(e.gid))
	case opLoad:
		v, slot := uint64(0), e.w.slots[i.n]
		if at := e.pop(); at < uint64(len(slot)) {
			v = slot[at]
		}
		e.push(v)
	default:
		var b uint64
		if len(numeric[i.op]) == 3 {
			b = e.pop()
		}
		a := e.pop()
		v, trap := compute(i.op, a, b)
		if trap != 0 {
			panic(trapped{trap})
		}
		e.push(v)
	}
	return pc + 1
}
