package kernel

import (
	"fmt"

	"levee/gpu/op"
)

// kernel writes the loops over elements around the kernel's instructions.
func (g *generator) kernel() {
	f := g.f
	from, last, trap := g.parameters()
	number := g.set(i32, "mov.u32", "%ctaid.x")
	size := g.set(i32, "mov.u32", "%ntid.x")
	lane := g.set(i32, "mov.u32", "%tid.x")
	blocks := g.set(i32, "mov.u32", "%nctaid.x")
	first := g.set(i64, "mul.wide.u32", number, size)
	thread := g.set(i64, "add.s64", first, g.set(i64, "cvt.u64.u32", lane))
	stride := g.set(i64, "mul.wide.u32", blocks, size)
	g.gid = g.set(i64, "add.s64", from, thread)
	if f.loops {
		g.unwanted(from, trap)
	}
	for i, t := range f.locals {
		g.locals = append(g.locals, g.new(t))
		if i < len(g.in) && g.types.One[i] {
			g.in[i] = g.widen(g.types.In[i], g.fetch(g.types.In[i], g.in[i]))
		}
	}
	g.fuel = g.new(i32)
	switch {
	case f.straight() && len(f.slots) == 0:
		g.neighbours(from, last, thread, stride)
	case f.straight():
		g.elements(together, stride, last, "$ONE")
	}
	g.elements(1, stride, last, "$DONE")
	g.ends(trap)
}

// unwanted ends a launch of which nothing is wanted any more: an element of an earlier launch trapped, or the word is zero, by which
// the host says that nobody waits for the map.
func (g *generator) unwanted(from, trap reg) {
	word := g.set(i64, "ld.relaxed.gpu.global.u64", fmt.Sprintf("[%v]", trap))
	g.put("@%v bra $DONE", g.set(pred, "setp.le.u64", word, g.set(i64, "shl.b64", from, 8)))
}

// together is how many elements a thread has in hand at once, where the kernel is so simple that it mostly waits for memory.
const together = 4

// straight says whether nothing in the kernel traps or takes long: then it does not matter what is computed before what is stored.
func (f *Func) straight() bool {
	return len(f.code) <= 128 && !f.Traps()
}

// elements writes a loop that takes n elements at a time, a stride apart: it loads for all, computes each and stores all. When there are
// no more n of them, it goes on at after.
func (g *generator) elements(n int, stride, last reg, after string) {
	next := g.label()
	g.mark(next)
	gids := []reg{g.gid}
	for len(gids) < n {
		gids = append(gids, g.set(i64, "add.s64", gids[len(gids)-1], stride))
	}
	g.put("@%v bra %s", g.set(pred, "setp.ge.s64", gids[n-1], last), after)
	loaded := make([][]reg, n)
	for k := range loaded {
		for i, d := range g.types.In {
			x := g.in[i]
			if !g.types.One[i] {
				x = g.widen(d, g.fetch(d, g.address(x, gids[k], d)))
			}
			loaded[k] = append(loaded[k], x)
		}
	}
	results := make([][]reg, n)
	for k := range results {
		results[k] = g.element(gids[k], loaded[k])
	}
	for k := range results {
		for i, x := range results[k] {
			d := g.types.Out[i]
			g.store(d, g.address(g.out[i], gids[k], d), g.narrow(d, x))
		}
	}
	g.put("add.s64 %v, %v, %v", g.gid, gids[n-1], stride)
	g.put("bra %s", next)
	if after != "$DONE" {
		g.mark(after)
	}
}

// element writes the kernel's instructions for one element, and gives the results, or none where the end is never reached.
func (g *generator) element(gid reg, in []reg) []reg {
	g.at = gid
	for i, x := range in {
		g.put("mov.%s %v, %v", x.t.ptx(), g.locals[i], x)
	}
	for _, r := range g.locals[len(in):] {
		g.put("mov.%s %v, %v", r.t.ptx(), r, immediate(r.t, 0))
	}
	if g.f.loops {
		g.put("mov.b32 %v, %d", g.fuel, Fuel)
	}
	results := g.newAll(g.f.sig.results)
	g.stack, g.ended = g.stack[:0], false
	g.blocks = append(g.blocks[:0], block{op: opBlock, sig: signature{results: g.f.sig.results}, label: g.label(), carried: results})
	for i := range g.f.code {
		g.instr(&g.f.code[i])
	}
	if !g.ended {
		return nil
	}
	return results
}

// parameters reads the entry's parameters.
func (g *generator) parameters() (from, last, trap reg) {
	n := 0
	next := func() reg {
		n++
		return g.set(i64, "ld.param.u64", fmt.Sprintf("[p%d]", n-1))
	}
	for range g.f.sig.params {
		g.in = append(g.in, next())
	}
	for range g.f.slots {
		g.slot, g.count = append(g.slot, next()), append(g.count, next())
	}
	for range g.f.sig.results {
		g.out = append(g.out, next())
	}
	return next(), next(), next()
}

// address gives that of an element.
func (g *generator) address(base, index reg, d op.DType) reg {
	if d != op.U8 {
		shift := map[int64]int{2: 1, 4: 2, 8: 3}[d.Size()]
		index = g.set(i64, "shl.b64", index, shift)
	}
	return g.set(i64, "add.s64", base, index)
}

// ends writes where threads go that trapped, and where all end.
func (g *generator) ends(trap reg) {
	kind, any := g.new(i64), false
	for t := Unreachable; t <= OutOfFuel; t++ {
		if g.traps[t] {
			any = true
			g.mark(fmt.Sprint("$T", uint8(t)))
			g.put("mov.b64 %v, %d", kind, uint8(t))
			g.put("bra $TRAP")
		}
	}
	if any {
		g.mark("$TRAP")
		word := g.set(i64, "shl.b64", g.gid, 8)
		word = g.set(i64, "or.b64", word, kind)
		g.set(i64, "atom.global.min.u64", fmt.Sprintf("[%v]", trap), word)
	}
	g.mark("$DONE")
	g.text.WriteString("\tret;\n}\n")
}
