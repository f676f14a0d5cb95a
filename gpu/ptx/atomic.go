package ptx

// atomic is atom, and red, which gives nothing back.
func (d *decoder) atomic(gives bool) {
	sp := d.space()
	noftz := d.take("noftz")
	d.hints()
	op := d.oneOf("add", "and", "or", "xor", "exch", "cas", "min", "max", "inc", "dec")
	t := d.typ()
	f := atomicOp(op, t)
	if f == nil || (op == "cas" || op == "exch") && !gives || noftz != (t.lanes == 2) {
		d.fail("not of this type")
		return
	}
	args := d.in.args
	var dst row
	if gives {
		dst = d.dst(0, t)
		args = args[min(1, len(args)):]
	}
	n := 2
	if op == "cas" {
		n = 3
	}
	if len(args) != n {
		d.fail("%d operands are too few or many", len(args))
		return
	}
	l := d.memory(args[0], sp)
	d.grain(sp, t.size)
	a := d.source(args[1], t, typ.takes)
	b := a
	if n == 3 {
		b = d.source(args[2], t, typ.takes)
	}
	d.lanes(func(w *warp, lane int) {
		if p := w.at(l.space, updates, w.addr(l, lane), t.size, lane); p != nil {
			old := get(p, t.size)
			put(p, t.size, f(old, w.regs[a][lane], w.regs[b][lane]))
			w.regs[dst][lane] = old
		}
	})
}

// atomicOp gives what becomes of a value; nil for what does not exist.
func atomicOp(op string, t typ) func(old, x, y uint64) uint64 {
	if t.size < 4 && (op != "cas" || t != types["b16"]) {
		return nil
	}
	switch {
	case op == "add" && t == types["f32"]:
		return func(old, x, _ uint64) uint64 { return bits32(f32(old) + f32(x)) }
	case op == "add" && t == types["f64"]:
		return func(old, x, _ uint64) uint64 { return bits64(f64(old)+f64(x), old, x) }
	case op == "add" && t.floating() && t.lanes == 2:
		f := floatForm{t: t}.lanes(arithmetic("add", nearest))
		return func(old, x, _ uint64) uint64 { return f(old, x, x) }
	case op == "add" && t.integer() && t != types["s64"]:
		return func(old, x, _ uint64) uint64 { return (old + x) & t.mask() }
	case (op == "min" || op == "max") && t.integer():
		return func(old, x, _ uint64) uint64 { return pick(t, x, old, op == "min") & t.mask() }
	case (op == "inc" || op == "dec") && t == types["u32"]:
		return func(old, x, _ uint64) uint64 {
			switch {
			case op == "inc" && old >= x:
				return 0
			case op == "inc":
				return old + 1
			case old == 0 || old > x:
				return x
			}
			return old - 1
		}
	case t.kind == bitwise:
		return atomicBits(op)
	}
	return nil
}

func atomicBits(op string) func(old, x, y uint64) uint64 {
	switch op {
	case "and":
		return func(old, x, _ uint64) uint64 { return old & x }
	case "or":
		return func(old, x, _ uint64) uint64 { return old | x }
	case "xor":
		return func(old, x, _ uint64) uint64 { return old ^ x }
	case "exch":
		return func(_, x, _ uint64) uint64 { return x }
	case "cas":
		return func(old, x, y uint64) uint64 {
			if old == x {
				return y
			}
			return old
		}
	}
	return nil
}
