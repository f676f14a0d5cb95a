package kernel

func (g *generator) newAll(types string) (r []reg) {
	for i := range len(types) {
		r = append(r, g.new(valType(types[i])))
	}
	return r
}

func (g *generator) push(r reg) { g.stack = append(g.stack, value{r, -1}) }

func (g *generator) pushAll(regs []reg) {
	for _, r := range regs {
		g.push(r)
	}
}

func (g *generator) popValue() value {
	v := g.stack[len(g.stack)-1]
	g.stack = g.stack[:len(g.stack)-1]
	return v
}

// number gives a value as a register of its type.
func (g *generator) number(v value) reg {
	if v.t == pred {
		return g.set(i32, "selp.b32", 1, 0, v.reg)
	}
	return v.reg
}

func (g *generator) pop() reg { return g.number(g.popValue()) }

// condition pops a value as a predicate.
func (g *generator) condition() reg {
	v := g.popValue()
	if v.t == pred {
		return v.reg
	}
	return g.set(pred, "setp.ne.s32", v.reg, 0)
}

// settle gives values on the stack that are still a local, or the one local that is about to change, a register of their own.
func (g *generator) settle(local int) {
	for i, v := range g.stack {
		if v.local >= 0 && (local < 0 || v.local == local) {
			g.stack[i] = value{g.set(v.t, "mov."+v.t.ptx(), v.reg), -1}
		}
	}
}

// enter opens a block. What lies on the stack must outlast it, whichever way is taken through it, and locals may change on some.
func (g *generator) enter(i *instr) {
	b := block{op: i.op, sig: i.sig, label: g.label(), carried: g.newAll(i.sig.results)}
	var p reg
	if i.op == opIf {
		p, b.other = g.condition(), g.label()
	}
	g.settle(-1)
	b.height = len(g.stack) - len(i.sig.params)
	b.params = append(b.params, g.stack[b.height:]...)
	switch i.op {
	case opIf:
		g.put("@!%v bra %s", p, b.other)
	case opLoop:
		b.carried = g.newAll(i.sig.params)
		g.move(b.carried)
		g.stack = g.stack[:b.height]
		g.pushAll(b.carried)
		g.mark(b.label)
		g.burn()
	}
	g.blocks = append(g.blocks, b)
}

// burn takes one from the fuel.
func (g *generator) burn() {
	g.trapIf(g.set(pred, "setp.eq.s32", g.fuel, 0), "", OutOfFuel)
	g.put("add.s32 %v, %v, -1", g.fuel, g.fuel)
}

// move copies the values on top of the stack into registers, as if all at once. One after the other is right: a register that a block
// carries can only lie on the stack where it was or further down, so none is written before it was read.
func (g *generator) move(to []reg) {
	from := g.stack[len(g.stack)-len(to):]
	for i, v := range from {
		if r := g.number(v); r != to[i] {
			g.put("mov.%s %v, %v", r.t.ptx(), to[i], r)
		}
	}
}

// jump goes to a label.
func (g *generator) jump(n uint32) {
	b := &g.blocks[len(g.blocks)-1-int(n)]
	b.used = true
	g.move(b.carried)
	g.put("bra %s", b.label)
}

func (g *generator) branchIf(n uint32) {
	p := g.condition()
	b := &g.blocks[len(g.blocks)-1-int(n)]
	if len(b.carried) == 0 {
		b.used = true
		g.put("@%v bra %s", p, b.label)
		return
	}
	stay := g.label()
	g.put("@!%v bra %s", p, stay)
	g.jump(n)
	g.mark(stay)
}

// branchTable finds the label by halving.
func (g *generator) branchTable(table []uint32) {
	index := g.pop()
	var starts []int // where the label is another than before
	for i := range table {
		if i == 0 || table[i] != table[i-1] {
			starts = append(starts, i)
		}
	}
	var find func(starts []int)
	find = func(starts []int) {
		if len(starts) == 1 {
			g.jump(table[starts[0]])
			return
		}
		middle := len(starts) / 2
		upper := g.label()
		g.put("@%v bra %s", g.set(pred, "setp.ge.u32", index, starts[middle]), upper)
		find(starts[:middle])
		g.mark(upper)
		find(starts[middle:])
	}
	find(starts)
}

func (g *generator) elseBranch(i *instr) {
	b := &g.blocks[len(g.blocks)-1]
	if i.falls {
		g.move(b.carried)
		b.used = true
		g.put("bra %s", b.label)
	}
	g.mark(b.other)
	b.other = ""
	g.stack = append(g.stack[:b.height], b.params...)
}

func (g *generator) end(i *instr) {
	b := g.blocks[len(g.blocks)-1]
	g.blocks = g.blocks[:len(g.blocks)-1]
	if b.op == opLoop {
		return // nobody branches here: what lies on the stack stays as it is
	}
	if i.falls {
		g.move(b.carried)
	}
	if b.other != "" { // an if without else: what goes in comes out
		if i.falls && len(b.carried) > 0 {
			g.put("bra %s", b.label)
			b.used = true
		}
		g.mark(b.other)
		g.stack = append(g.stack[:b.height], b.params...)
		g.move(b.carried)
	}
	if b.used {
		g.mark(b.label)
	}
	g.stack = g.stack[:b.height]
	if len(g.blocks) > 0 {
		g.pushAll(b.carried)
	} else {
		g.ended = i.falls || b.used
	}
}
