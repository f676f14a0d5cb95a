package kernel

import "fmt"

// instr writes an instruction of the kernel.
func (g *generator) instr(i *instr) {
	switch i.op {
	case opUnreachable:
		g.traps[Unreachable] = true
		g.put("bra $T%d", Unreachable)
	case opBlock, opLoop, opIf:
		g.enter(i)
	case opElse:
		g.elseBranch(i)
	case opEnd:
		g.end(i)
	case opBr:
		g.jump(i.n)
	case opBrIf:
		g.branchIf(i.n)
	case opBrTable:
		g.branchTable(i.table)
	case opDrop:
		g.popValue()
	case opSelect:
		p := g.condition()
		b, a := g.pop(), g.pop()
		g.push(g.set(a.t, "selp."+a.t.ptx(), a, b, p))
	case opLocalGet:
		g.stack = append(g.stack, value{g.locals[i.n], int(i.n)})
	case opLocalSet, opLocalTee:
		g.setLocal(i)
	case opI32Const, opI64Const, opF32Const, opF64Const:
		g.push(g.set(i.t, "mov."+i.t.ptx(), immediate(i.t, i.bits)))
	case opGid:
		g.push(g.at)
	case opLoad:
		g.load(i)
	default:
		g.compute(i.op)
	}
}

func (g *generator) setLocal(i *instr) {
	v := g.popValue()
	g.settle(int(i.n))
	local := g.locals[i.n]
	if x := g.number(v); x != local {
		g.put("mov.%s %v, %v", x.t.ptx(), local, x)
	}
	if i.op == opLocalTee {
		g.stack = append(g.stack, v)
	}
}

// load reads from a slot, where the index is within it, and gives 0 elsewhere.
func (g *generator) load(i *instr) {
	index := g.pop()
	at := g.address(g.slot[i.n], index, i.t.dtype())
	p := g.set(pred, "setp.lt.u64", index, g.count[i.n])
	d := g.set(i.t, "mov."+i.t.ptx(), immediate(i.t, 0))
	g.put("@%v ld.global.%s %v, %s", p, i.t.ptx(), d, fmt.Sprintf("[%v]", at))
	g.push(d)
}
