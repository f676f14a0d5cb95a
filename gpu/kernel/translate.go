package kernel

// translator makes a program of a kernel. Where a value lies on the stack is known at each instruction, so the stack is gone.
type translator struct {
	program
	f      *Func
	height int // of the stack, the locals counted in
	blocks []*openBlock
}

// openBlock is a block that is being translated.
type openBlock struct {
	op      byte
	height  int // below its values
	params  int
	carried int
	start   int   // of a loop: the step before its first
	toEnd   []int // jumps that wait for its end
	toElse  int   // the jump that waits for the else, or -1
}

func translate(f *Func) program {
	t := &translator{f: f, height: len(f.locals)}
	t.open(&openBlock{op: opBlock, carried: len(f.sig.results)})
	for i := range f.code {
		t.instr(&f.code[i])
		t.regs = max(t.regs, t.height+1)
	}
	t.result = uint16(len(f.locals))
	t.put(step{op: stepEnd})
	t.regs += len(f.sig.results)
	return t.program
}

func (t *translator) put(s step) int {
	t.steps = append(t.steps, s)
	return len(t.steps) - 1
}

// top gives the place of the n-th value from the top.
func (t *translator) top(n int) uint16 { return uint16(t.height - n) }

func (t *translator) open(b *openBlock) {
	b.height, b.toElse = t.height-b.params, -1
	t.blocks = append(t.blocks, b)
}

func (t *translator) instr(i *instr) {
	switch i.op {
	case opUnreachable:
		t.put(step{op: stepTrap})
	case opBlock, opLoop, opIf:
		t.enter(i)
	case opElse:
		b := t.blocks[len(t.blocks)-1]
		b.toEnd = append(b.toEnd, t.put(step{op: stepJump}))
		t.steps[b.toElse].to = int32(len(t.steps) - 1)
		b.toElse, t.height = -1, b.height+b.params
	case opEnd:
		t.leave()
	case opBr:
		t.jump(i.n)
	case opBrIf:
		t.height--
		over := t.put(step{op: stepUnless, a: t.top(0)})
		t.jump(i.n)
		t.steps[over].to = int32(len(t.steps) - 1)
	case opBrTable:
		t.table(i.table)
	case opDrop:
		t.height--
	case opSelect:
		t.height -= 2
		t.put(step{op: stepSelect, d: t.top(1), a: t.top(1), b: t.top(0)})
	case opLocalGet:
		t.put(step{op: stepMove, d: t.top(0), a: uint16(i.n)})
		t.height++
	case opLocalSet, opLocalTee:
		t.put(step{op: stepMove, d: uint16(i.n), a: t.top(1)})
		if i.op == opLocalSet {
			t.height--
		}
	case opI32Const, opI64Const, opF32Const, opF64Const:
		t.put(step{op: stepConst, d: t.top(0), bits: i.bits})
		t.height++
	case opGid:
		t.put(step{op: stepGid, d: t.top(0)})
		t.height++
	case opLoad:
		t.put(step{op: stepLoad, t: i.t, d: t.top(1), a: t.top(1), to: int32(i.n)})
	default:
		if len(numeric[i.op]) == 3 {
			t.height--
		}
		t.put(step{op: i.op, d: t.top(1), a: t.top(1), b: t.top(0)})
	}
}

func (t *translator) enter(i *instr) {
	b := &openBlock{op: i.op, params: len(i.sig.params), carried: len(i.sig.results)}
	over := -1
	if i.op == opIf {
		t.height--
		over = t.put(step{op: stepUnless, a: t.top(0)})
	}
	t.open(b)
	b.toElse = over
	if i.op == opLoop {
		b.start = len(t.steps) - 1
		t.put(step{op: stepBurn})
	}
}

// leave ends a block: its values lie where its parameters lay, whether control came from above or by a jump.
func (t *translator) leave() {
	b := t.blocks[len(t.blocks)-1]
	t.blocks = t.blocks[:len(t.blocks)-1]
	if b.toElse >= 0 {
		b.toEnd = append(b.toEnd, b.toElse)
	}
	for _, at := range b.toEnd {
		t.steps[at].to = int32(len(t.steps) - 1)
	}
	t.height = b.height + b.carried
}

// jump moves what a label carries down to where its block's values lie, and goes there.
func (t *translator) jump(n uint32) {
	b := t.blocks[len(t.blocks)-1-int(n)]
	carried := b.carried
	if b.op == opLoop {
		carried = b.params
	}
	for i := range carried {
		if d, a := uint16(b.height+i), t.top(carried-i); d != a {
			t.put(step{op: stepMove, d: d, a: a})
		}
	}
	at := t.put(step{op: stepJump, to: int32(b.start)})
	if b.op != opLoop {
		b.toEnd = append(b.toEnd, at)
	}
}

func (t *translator) table(labels []uint32) {
	t.height--
	t.put(step{op: stepTable, a: t.top(0), to: int32(len(t.tables))})
	ways := map[uint32]int32{}
	table := make([]int32, len(labels))
	for i, n := range labels {
		way, ok := ways[n]
		if !ok {
			way = int32(len(t.steps) - 1)
			ways[n] = way
			t.jump(n)
		}
		table[i] = way
	}
	t.tables = append(t.tables, table)
}
