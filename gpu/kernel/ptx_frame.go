package kernel

import (
	"fmt"

	"levee/gpu/op"
)

// kernel writes the loops over elements around the kernel's instructions.
func (g *generator) kernel() {
	f := g.f
	last, trap := g.parameters()
	number := g.set(i32, "mov.u32", "%ctaid.x")
	size := g.set(i32, "mov.u32", "%ntid.x")
	thread := g.set(i32, "mov.u32", "%tid.x")
	blocks := g.set(i32, "mov.u32", "%nctaid.x")
	at := g.set(i64, "mul.wide.u32", number, size)
	wide := g.set(i64, "cvt.u64.u32", thread)
	g.put("add.s64 %v, %v, %v", g.gid, g.gid, at)
	g.put("add.s64 %v, %v, %v", g.gid, g.gid, wide)
	stride := g.set(i64, "mul.wide.u32", blocks, size)
	for i, t := range f.locals {
		g.locals = append(g.locals, g.new(t))
		if i < len(g.in) && g.types.One[i] {
			g.in[i] = g.fetch(g.types.In[i], g.in[i])
		}
	}
	g.fuel = g.new(i32)
	if f.straight() {
		g.elements(unrolled, stride, last, "$ONE")
	}
	g.elements(1, stride, last, "$DONE")
	g.ends(trap)
}

// unrolled is how many elements a thread has in hand at once, where the kernel is so simple that it mostly waits for memory.
const unrolled = 4

// straight says whether nothing in the kernel traps or takes long: then it does not matter what is computed before what is stored.
func (f *Func) straight() bool {
	if f.loops || len(f.code) > 128 {
		return false
	}
	for i := range f.code {
		if mayTrap(f.code[i].op) {
			return false
		}
	}
	return true
}

func mayTrap(op byte) bool {
	return op == opUnreachable || truncations[op].kind != 0 || op >= opI32DivS && op <= opI32RemU || op >= opI64DivS && op <= opI64RemU
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
				x = g.fetch(d, g.address(x, gids[k], d))
			}
			loaded[k] = append(loaded[k], x)
		}
	}
	results := make([][]reg, n)
	for k := range results {
		results[k] = g.element(gids[k], loaded[k])
	}
	for k := range results {
		for i, r := range results[k] {
			g.store(g.types.Out[i], g.out[i], gids[k], r)
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
func (g *generator) parameters() (last, trap reg) {
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
	g.gid = next()
	return next(), next()
}

// address gives that of an element.
func (g *generator) address(base, index reg, d op.DType) reg {
	if d != op.U8 {
		shift := map[int64]int{2: 1, 4: 2, 8: 3}[d.Size()]
		index = g.set(i64, "shl.b64", index, shift)
	}
	return g.set(i64, "add.s64", base, index)
}

// fetch loads an element of an input.
func (g *generator) fetch(d op.DType, at reg) reg {
	from := fmt.Sprintf("[%v]", at)
	switch d {
	case op.U8:
		return g.set(i32, "ld.global.u8", from)
	case op.F16:
		return g.set(f32, "cvt.f32.f16", g.set(half, "ld.global.b16", from))
	case op.BF16:
		bits := g.set(i32, "shl.b32", g.set(i32, "ld.global.u16", from), 16)
		return g.set(f32, "mov.b32", bits)
	}
	t := native(d)
	return g.set(t, "ld.global."+t.ptx(), from)
}

func native(d op.DType) valType {
	return map[op.DType]valType{op.I32: i32, op.I64: i64, op.F32: f32, op.F64: f64}[d]
}

// store writes an element of an output.
func (g *generator) store(d op.DType, base, gid, x reg) {
	at := g.address(base, gid, d)
	switch d {
	case op.U8:
		x = g.set(i32, "max.s32", x, 0)
		x = g.set(i32, "min.s32", x, 255)
		g.put("st.global.u8 [%v], %v", at, x)
	case op.F16:
		p := g.set(pred, "setp.nan.f32", x, x)
		h := g.set(half, "cvt.rn.f16.f32", x)
		g.put("st.global.b16 [%v], %v", at, g.set(half, "selp.b16", 0x7e00, h, p))
	case op.BF16:
		p := g.set(pred, "setp.nan.f32", x, x)
		bits := g.set(i32, "mov.b32", x)
		odd := g.set(i32, "shr.u32", bits, 16)
		odd = g.set(i32, "and.b32", odd, 1)
		bits = g.set(i32, "add.s32", bits, 0x7fff)
		bits = g.set(i32, "add.s32", bits, odd)
		bits = g.set(i32, "shr.u32", bits, 16)
		g.put("st.global.u16 [%v], %v", at, g.set(i32, "selp.b32", 0x7fc0, bits, p))
	default:
		x = g.canonical(x)
		g.put("st.global.%s [%v], %v", x.t.ptx(), at, x)
	}
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
