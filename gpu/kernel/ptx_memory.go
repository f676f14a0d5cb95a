package kernel

import (
	"fmt"

	"levee/gpu/op"
)

// native is the type of values that are elements of a type as they are.
func native(d op.DType) valType {
	return [...]valType{op.I32: i32, op.I64: i64, op.F32: f32, op.F64: f64}[d]
}

// stored is how an element is loaded and stored: the type of its register, and the instructions' name of it.
func stored(d op.DType) (valType, string) {
	switch d {
	case op.U8:
		return i32, "u8"
	case op.BF16:
		return i32, "u16"
	case op.F16:
		return half, "b16"
	}
	return native(d), native(d).ptx()
}

// fetch loads an element of an input.
func (g *generator) fetch(d op.DType, at reg) reg {
	t, name := stored(d)
	return g.set(t, "ld.global."+name, fmt.Sprintf("[%v]", at))
}

// store stores an element of an output.
func (g *generator) store(d op.DType, at, x reg) {
	_, name := stored(d)
	g.put("st.global.%s [%v], %v", name, at, x)
}

// widen makes the kernel's parameter of an element.
func (g *generator) widen(d op.DType, x reg) reg {
	switch d {
	case op.F16:
		return g.set(f32, "cvt.f32.f16", x)
	case op.BF16:
		return g.set(f32, "mov.b32", g.set(i32, "shl.b32", x, 16))
	}
	return x
}

// narrow makes an element of the kernel's result.
func (g *generator) narrow(d op.DType, x reg) reg {
	switch d {
	case op.U8:
		return g.set(i32, "min.s32", g.set(i32, "max.s32", x, 0), 255)
	case op.F16:
		p := g.set(pred, "setp.nan.f32", x, x)
		return g.set(half, "selp.b16", 0x7e00, g.set(half, "cvt.rn.f16.f32", x), p)
	case op.BF16: // half of the last place that stays is added, and less one where the number is even
		p := g.set(pred, "setp.nan.f32", x, x)
		bits := g.set(i32, "mov.b32", x)
		odd := g.set(i32, "and.b32", g.set(i32, "shr.u32", bits, 16), 1)
		bits = g.set(i32, "add.s32", g.set(i32, "add.s32", bits, 0x7fff), odd)
		return g.set(i32, "selp.b32", 0x7fc0, g.set(i32, "shr.u32", bits, 16), p)
	}
	return g.canonical(x)
}

// neighbours writes a loop in which a thread takes four neighbours with loads and stores of up to 16 bytes: for what has no slots, and
// where the addresses allow it. It goes on at $ONE, with the elements that are left.
func (g *generator) neighbours(from, last, thread, stride reg) {
	n := g.set(i64, "sub.s64", last, from)
	g.put("@%v bra $ONE", g.set(pred, "setp.lt.s64", n, together))
	g.aligned(from)
	end := g.set(i64, "add.s64", from, g.set(i64, "and.b64", n, -together))
	at := g.set(i64, "add.s64", from, g.set(i64, "shl.b64", thread, 2))
	step := g.set(i64, "shl.b64", stride, 2)
	next := g.label()
	g.mark(next)
	g.put("@%v bra $REST", g.set(pred, "setp.ge.s64", at, end))
	var loaded, results [together][]reg
	for i, d := range g.types.In {
		four := [together]reg{g.in[i], g.in[i], g.in[i], g.in[i]}
		if !g.types.One[i] {
			four = g.fetchFour(d, g.address(g.in[i], at, d))
		}
		for k, x := range four {
			if !g.types.One[i] {
				x = g.widen(d, x)
			}
			loaded[k] = append(loaded[k], x)
		}
	}
	for k := range results {
		gid := at
		if k > 0 {
			gid = g.set(i64, "add.s64", at, k)
		}
		results[k] = g.element(gid, loaded[k])
	}
	for i, d := range g.types.Out {
		var four [together]reg
		for k := range four {
			four[k] = g.narrow(d, results[k][i])
		}
		g.storeFour(d, g.address(g.out[i], at, d), four)
	}
	g.put("add.s64 %v, %v, %v", at, at, step)
	g.put("bra %s", next)
	g.mark("$REST")
	g.put("add.s64 %v, %v, %v", g.gid, end, thread)
	g.mark("$ONE")
}

// aligned goes to $ONE unless four elements of every tensor lie as their loads and stores need it.
func (g *generator) aligned(from reg) {
	wrong := g.set(i64, "mov.b64", 0)
	look := func(d op.DType, base reg) {
		low := g.set(i64, "and.b64", g.address(base, from, d), min(together*d.Size(), 16)-1)
		wrong = g.set(i64, "or.b64", wrong, low)
	}
	for i, d := range g.types.In {
		if !g.types.One[i] {
			look(d, g.in[i])
		}
	}
	for i, d := range g.types.Out {
		look(d, g.out[i])
	}
	g.put("@%v bra $ONE", g.set(pred, "setp.ne.s64", wrong, 0))
}

// fetchFour loads four elements.
func (g *generator) fetchFour(d op.DType, at reg) (x [together]reg) {
	t, name := stored(d)
	if d == op.U8 || d == op.BF16 {
		return g.split(d, at)
	}
	for k := range x {
		x[k] = g.new(t)
	}
	if d.Size() == 8 {
		g.put("ld.global.v2.%s {%v, %v}, [%v]", name, x[0], x[1], at)
		g.put("ld.global.v2.%s {%v, %v}, [%v+16]", name, x[2], x[3], at)
		return x
	}
	g.put("ld.global.v4.%s {%v, %v, %v, %v}, [%v]", name, x[0], x[1], x[2], x[3], at)
	return x
}

// split loads four elements that are packed in one or two registers.
func (g *generator) split(d op.DType, at reg) (x [together]reg) {
	if d == op.U8 {
		word := g.set(i32, "ld.global.b32", fmt.Sprintf("[%v]", at))
		x[0] = g.set(i32, "and.b32", word, 255)
		x[1] = g.set(i32, "and.b32", g.set(i32, "shr.u32", word, 8), 255)
		x[2] = g.set(i32, "and.b32", g.set(i32, "shr.u32", word, 16), 255)
		x[3] = g.set(i32, "shr.u32", word, 24)
		return x
	}
	low, high := g.new(i32), g.new(i32)
	g.put("ld.global.v2.b32 {%v, %v}, [%v]", low, high, at)
	return [together]reg{low, g.set(i32, "shr.u32", low, 16), high, g.set(i32, "shr.u32", high, 16)} // widening drops what is above
}

// storeFour stores four elements.
func (g *generator) storeFour(d op.DType, at reg, x [together]reg) {
	_, name := stored(d)
	pack := func(low, high reg, by int) reg { return g.set(i32, "or.b32", low, g.set(i32, "shl.b32", high, by)) }
	switch {
	case d == op.U8:
		g.put("st.global.b32 [%v], %v", at, pack(pack(x[0], x[1], 8), pack(x[2], x[3], 8), 16))
	case d == op.BF16:
		g.put("st.global.v2.b32 [%v], {%v, %v}", at, pack(x[0], x[1], 16), pack(x[2], x[3], 16))
	case d.Size() == 8:
		g.put("st.global.v2.%s [%v], {%v, %v}", name, at, x[0], x[1])
		g.put("st.global.v2.%s [%v+16], {%v, %v}", name, at, x[2], x[3])
	default:
		g.put("st.global.v4.%s [%v], {%v, %v, %v, %v}", name, at, x[0], x[1], x[2], x[3])
	}
}
