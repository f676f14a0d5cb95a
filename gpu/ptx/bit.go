package ptx

import (
	"math/bits"
	"strings"
)

var bitOps = map[string]func(d *decoder){
	"and": func(d *decoder) { d.logic(func(x, y uint64) uint64 { return x & y }) },
	"or":  func(d *decoder) { d.logic(func(x, y uint64) uint64 { return x | y }) },
	"xor": func(d *decoder) { d.logic(func(x, y uint64) uint64 { return x ^ y }) },
	"not": func(d *decoder) {
		t := d.logical()
		mask := t.mask()
		if t.kind == predicate {
			mask = 1
		}
		d.compute1(t, t, func(x uint64) uint64 { return ^x & mask })
	},
	"cnot": func(d *decoder) {
		t := d.only("b16", "b32", "b64")
		d.compute1(t, t, func(x uint64) uint64 { return truth(x == 0) })
	},
	"shl":  func(d *decoder) { d.shift(func(_ typ, x uint64, n uint32) uint64 { return x << n }) },
	"shr":  func(d *decoder) { d.shift(shiftRight) },
	"shf":  (*decoder).funnel,
	"popc": func(d *decoder) { d.counts(func(x uint64, _ int) uint64 { return uint64(bits.OnesCount64(x)) }) },
	"clz": func(d *decoder) {
		d.counts(func(x uint64, n int) uint64 { return uint64(bits.LeadingZeros64(x) - 64 + n) })
	},
	"brev": func(d *decoder) {
		t := d.logical()
		if t.size < 4 {
			d.fail("not of this type")
		}
		d.compute1(t, t, func(x uint64) uint64 { return bits.Reverse64(x) >> (64 - t.bits()) })
	},
	"bfind": (*decoder).findBit,
	"bfe":   (*decoder).extract,
	"bfi":   (*decoder).insert,
	"bmsk":  (*decoder).maskBits,
	"prmt":  (*decoder).permute,
	"lop3":  (*decoder).logic3,
}

// logical takes a type that has bits and no more.
func (d *decoder) logical() typ {
	t := d.typ()
	if t.kind != predicate && (t.kind != bitwise || t.size < 2) {
		d.fail("not of this type")
	}
	return t
}

func (d *decoder) logic(f func(x, y uint64) uint64) {
	t := d.logical()
	d.compute2(t, t, t, f)
}

// shift shifts by as much as is asked for, 32 bits of it: beyond the width nothing is left but the sign.
func (d *decoder) shift(f func(t typ, x uint64, n uint32) uint64) {
	t := d.typ()
	if t.size < 2 || t.floating() || strings.HasPrefix(d.in.op, "shl") && t.kind != bitwise {
		d.fail("not of this type")
	}
	d.compute2(t, t, types["u32"], func(x, n uint64) uint64 { return f(t, x, uint32(n)) & t.mask() })
}

func shiftRight(t typ, x uint64, n uint32) uint64 {
	if t.kind == signed {
		return uint64(int64(t.extend(x)) >> n)
	}
	return x >> n
}

// funnel shifts two words as one.
func (d *decoder) funnel() {
	left := d.oneOf("l", "r") == "l"
	wrap := d.oneOf("wrap", "clamp") == "wrap"
	t := d.typ()
	if t != types["b32"] {
		d.fail("not of this type")
	}
	d.compute3(t, t, t, types["u32"], func(lo, hi, n uint64) uint64 {
		if wrap {
			n &= 31
		}
		n = min(n, 32)
		if both := hi<<32 | lo; left {
			return both << n >> 32
		} else {
			return both >> n & 0xffffffff
		}
	})
}

func (d *decoder) counts(f func(x uint64, bits int) uint64) {
	t := d.typ()
	if t.size < 4 || t.kind != bitwise {
		d.fail("not of this type")
	}
	d.compute1(types["u32"], t, func(x uint64) uint64 { return f(x, t.bits()) })
}

func (d *decoder) findBit() {
	amount := d.take("shiftamt")
	t := d.typ()
	if t.size < 4 || !t.integer() {
		d.fail("not of this type")
	}
	d.compute1(types["u32"], t, func(x uint64) uint64 {
		if int64(t.extend(x)) < 0 && t.kind == signed {
			x = ^x & t.mask()
		}
		n := bits.Len64(x) - 1
		if amount && n >= 0 {
			n = t.bits() - 1 - n
		}
		return uint64(uint32(n))
	})
}

// field is where a field of bits begins, and how long it is. GPUs take 8 bits of each for a value of 32 bits, and all for one of 64.
func (t typ) field(pos, n uint64) (uint64, uint64) {
	if t.size == 4 {
		pos, n = pos&0xff, n&0xff
	}
	return min(pos, 64), min(n, 64)
}

// extract takes a field of bits; beyond the value there is its sign.
func (d *decoder) extract() {
	t := d.typ()
	if t.size < 4 || !t.integer() {
		d.fail("not of this type")
	}
	u := types["u32"]
	d.compute3(t, t, u, u, func(x, pos, n uint64) uint64 {
		if pos, n = t.field(pos, n); n == 0 {
			return 0
		}
		x = shiftRight(t, x, uint32(pos))
		if n >= uint64(t.bits()) {
			return x & t.mask()
		}
		if t.kind == signed {
			return uint64(int64(x<<(64-n))>>(64-n)) & t.mask()
		}
		return x & (1<<n - 1)
	})
}

func (d *decoder) insert() {
	t := d.typ()
	if t.size < 4 || t.kind != bitwise || !d.count(5) {
		d.fail("not of this type")
		return
	}
	u := types["u32"]
	dst, a, b, pos, n := d.dst(0, t), d.src(1, t), d.src(2, t), d.src(3, u), d.src(4, u)
	d.out.run = func(w *warp, m uint32) {
		for ; m != 0; m &= m - 1 {
			i := first(m)
			at, length := t.field(w.regs[pos][i], w.regs[n][i])
			field := uint64(1)<<length - 1 // a shift by 64 leaves nothing, so that this is all ones
			w.regs[dst][i] = (w.regs[b][i]&^(field<<at) | w.regs[a][i]&field<<at) & t.mask()
		}
	}
}

func (d *decoder) maskBits() {
	wrap := d.oneOf("clamp", "wrap") == "wrap"
	t := d.typ()
	d.compute2(t, t, t, func(pos, n uint64) uint64 {
		if wrap {
			pos, n = pos&31, n&31
		}
		return (1<<min(n, 32) - 1) << min(pos, 32) & 0xffffffff
	})
}

// permute picks bytes of two words; the modes other than picking are not needed.
func (d *decoder) permute() {
	t := d.typ()
	if t != types["b32"] {
		d.fail("not of this type")
	}
	d.compute3(t, t, t, t, func(a, b, sel uint64) uint64 {
		both, out := b<<32|a, uint64(0)
		for i := range 4 {
			s := sel >> (4 * i)
			x := both >> (8 * (s & 7)) & 0xff
			if s&8 != 0 {
				x = x >> 7 * 0xff
			}
			out |= x << (8 * i)
		}
		return out
	})
}

func (d *decoder) logic3() {
	t := d.typ()
	o := d.arg(4)
	if t != types["b32"] || o.kind != opImmediate || o.imm > 255 || !d.count(5) {
		d.fail("not of this type")
		return
	}
	d.ternary(d.dst(0, t), d.src(1, t), d.src(2, t), d.src(3, t), func(a, b, c uint64) (out uint64) {
		for i := range uint64(8) {
			if o.imm>>i&1 == 0 {
				continue
			}
			x, y, z := a, b, c
			if i&4 == 0 {
				x = ^x
			}
			if i&2 == 0 {
				y = ^y
			}
			if i&1 == 0 {
				z = ^z
			}
			out |= x & y & z
		}
		return out & 0xffffffff
	})
}
