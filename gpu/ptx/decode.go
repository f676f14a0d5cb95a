package ptx

import (
	"fmt"
	"slices"
	"strings"
)

// decoder makes one instruction ready to run. Decoders of the opcodes take the modifiers that they know; one that is left makes the
// instruction unknown.
type decoder struct {
	fr    *frame
	in    *inst
	out   instr
	mods  []string
	types []typ
	err   error
}

// opcodes has the decoder of each opcode, by what stands before the first dot.
var opcodes map[string]func(d *decoder)

func init() {
	opcodes = map[string]func(d *decoder){}
	for _, table := range []map[string]func(d *decoder){integerOps, bitOps, floatOps, compareOps, memoryOps, flowOps, warpOps, matrixOps} {
		for name, op := range table {
			opcodes[name] = op
		}
	}
}

// instruction adds one instruction of the body to the code.
func (fr *frame) instruction(in *inst) {
	parts := strings.Split(in.op, ".")
	d := &decoder{fr: fr, in: in, out: instr{guard: -1, line: in.line, not: in.not, text: in.op + " " + in.operands()}}
	if in.guard >= 0 {
		d.out.guard = fr.base + row(in.guard)
	}
	for _, s := range parts[1:] {
		if t, ok := types[s]; ok {
			d.types = append(d.types, t)
		} else {
			d.mods = append(d.mods, s)
		}
	}
	d.target(parts[0], parts[1:])
	op := opcodes[parts[0]]
	if op == nil {
		d.fail("%s is not known", parts[0])
	} else {
		op(d)
	}
	if d.err == nil && len(d.mods)+len(d.types) > 0 {
		d.fail("what it says with %v is not known", append(d.mods, make([]string, len(d.types))...))
	}
	if d.err != nil {
		fr.c.err = d.err
		return
	}
	if d.out.run != nil || d.out.flow != flowNext {
		fr.c.p.code = append(fr.c.p.code, d.out)
	}
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = &Finding{
			Kind: Unknown, Kernel: d.fr.c.p.name, Line: d.in.line, Instruction: d.out.text, Detail: fmt.Sprintf(format, args...),
		}
	}
}

// take removes a modifier if it is there.
func (d *decoder) take(mod string) bool {
	i := slices.Index(d.mods, mod)
	if i >= 0 {
		d.mods = slices.Delete(d.mods, i, i+1)
	}
	return i >= 0
}

// oneOf removes the first modifier that is one of the list, and gives it.
func (d *decoder) oneOf(list ...string) string {
	for _, mod := range list {
		if d.take(mod) {
			return mod
		}
	}
	return ""
}

// wide refuses a type that has less than 16 bits, or is a float of 16, or packed: what most instructions do not have.
func (d *decoder) wide(t typ) typ {
	if t.size < 2 && t.kind != predicate || t.floating() && (t.size == 2 || t.lanes == 2) {
		d.fail("not of this type")
	}
	return t
}

// only takes a type that is one of those named.
func (d *decoder) only(names ...string) typ {
	t := d.typ()
	if !slices.ContainsFunc(names, func(name string) bool { return types[name] == t }) {
		d.fail("not of this type")
	}
	return t
}

// typ removes the next type.
func (d *decoder) typ() typ {
	if len(d.types) == 0 {
		d.fail("it says no type")
		return types["b32"]
	}
	t := d.types[0]
	d.types = d.types[1:]
	return t
}

// arg gives an operand; one that is not there is an error.
func (d *decoder) arg(i int) operand {
	if i >= len(d.in.args) {
		d.fail("%d operands are too few", len(d.in.args))
		return operand{kind: opSink}
	}
	return d.in.args[i]
}

func (d *decoder) count(n int) bool {
	if len(d.in.args) != n {
		d.fail("%d operands, and it takes %d", len(d.in.args), n)
	}
	return d.err == nil
}

// register gives the row of a register that may be an operand of the type.
func (d *decoder) register(o operand, t typ, takes func(t, r typ) bool) row {
	if o.kind != opRegister {
		d.fail("%s is no register", o)
		return 0
	}
	if r := d.fr.f.regs[o.reg]; !takes(t, r) {
		d.fail("%s is a register of another type", o.name)
	}
	return d.fr.base + row(o.reg)
}

func (d *decoder) dst(i int, t typ) row { return d.register(d.arg(i), t, typ.takes) }
func (d *decoder) src(i int, t typ) row { return d.source(d.arg(i), t, typ.takes) }

// source gives the row of what is read: a register, a special one, a number, an address.
func (d *decoder) source(o operand, t typ, takes func(t, r typ) bool) row {
	if o.not {
		d.fail("a predicate that is turned round is not known here")
	}
	switch o.kind {
	case opImmediate, opFloat:
		if o.kind == opFloat && t.integer() || o.kind == opImmediate && t.floating() || o.kind == opFloat && (t.kind == predicate || t.kind == bitwise && o.bits != t.bits() && (o.bits != 0 || t.size != 8)) ||
			o.kind == opFloat && t.floating() && t.format() != formatF32 && t.format() != formatF64 {
			d.fail("a number of another type")
		}
		return d.fr.c.constant(constant{val: o.value(t)})
	case opSpecial:
		if !takes(t, types["u32"]) {
			d.fail("%s has another type", o.name)
		}
		return d.fr.c.specialRow(o.name)
	case opSymbol:
		pl, ok := d.fr.symbol(o)
		if !ok || t.size < 4 || t.floating() || pl.space == global && t.size != 8 {
			d.fail("%s is no variable whose address fits", o.name)
			return 0
		}
		return d.fr.c.address(pl)
	}
	return d.register(o, t, takes)
}

// wanted gives the row of a destination; 0, which is nobody's, where it is not wanted.
func (d *decoder) wanted(o operand, t typ) row {
	if o.kind == opSink {
		return 0
	}
	return d.register(o, t, typ.takes)
}

// pair gives the rows of the first operand and of the predicate that may stand behind it.
func (d *decoder) pair(t typ) (dst, p row) {
	o := d.arg(0)
	if o.kind != opPair {
		return d.wanted(o, t), 0
	}
	return d.wanted(o.list[0], t), d.wanted(o.list[1], types["pred"])
}

// predicate gives the row of one that is read, and whether it is turned round.
func (d *decoder) predicate(i int) (r row, not bool) {
	o := d.arg(i)
	not, o.not = o.not, false
	return d.source(o, types["pred"], typ.takes), not
}

// width is the size of the register that an operand is, or that of the type.
func (d *decoder) width(o operand, t typ) typ {
	if o.kind == opRegister {
		return d.fr.f.regs[o.reg]
	}
	return t
}

// unary, binary and ternary make the instruction compute its destination in every lane from its operands.
func (d *decoder) unary(dst, a row, f func(x uint64) uint64) {
	d.out.run = func(w *warp, m uint32) {
		to, a := &w.regs[dst], &w.regs[a]
		if m == allLanes {
			for i := range to {
				to[i] = f(a[i])
			}
			return
		}
		for ; m != 0; m &= m - 1 {
			i := first(m)
			to[i] = f(a[i])
		}
	}
}

func (d *decoder) binary(dst, a, b row, f func(x, y uint64) uint64) {
	d.out.run = func(w *warp, m uint32) {
		to, a, b := &w.regs[dst], &w.regs[a], &w.regs[b]
		if m == allLanes {
			for i := range to {
				to[i] = f(a[i], b[i])
			}
			return
		}
		for ; m != 0; m &= m - 1 {
			i := first(m)
			to[i] = f(a[i], b[i])
		}
	}
}

func (d *decoder) ternary(dst, a, b, c row, f func(x, y, z uint64) uint64) {
	d.out.run = func(w *warp, m uint32) {
		to, a, b, c := &w.regs[dst], &w.regs[a], &w.regs[b], &w.regs[c]
		if m == allLanes {
			for i := range to {
				to[i] = f(a[i], b[i], c[i])
			}
			return
		}
		for ; m != 0; m &= m - 1 {
			i := first(m)
			to[i] = f(a[i], b[i], c[i])
		}
	}
}

// compute1, compute2 and compute3 are these for an instruction that has no other operands, of these types.
func (d *decoder) compute1(to, a typ, f func(x uint64) uint64) {
	d.count(2)
	d.unary(d.dst(0, to), d.src(1, a), f)
}

func (d *decoder) compute2(to, a, b typ, f func(x, y uint64) uint64) {
	d.count(3)
	d.binary(d.dst(0, to), d.src(1, a), d.src(2, b), f)
}

func (d *decoder) compute3(to, a, b, c typ, f func(x, y, z uint64) uint64) {
	d.count(4)
	d.ternary(d.dst(0, to), d.src(1, a), d.src(2, b), d.src(3, c), f)
}

// lanes makes the instruction do something in each lane.
func (d *decoder) lanes(f func(w *warp, lane int)) {
	d.out.run = func(w *warp, m uint32) {
		for m != 0 && w.finding == nil {
			f(w, w.b.take(&m))
		}
	}
}

// operands writes the operands as they were.
func (in *inst) operands() string {
	list := make([]string, len(in.args))
	for i, o := range in.args {
		list[i] = o.String()
	}
	return strings.Join(list, ", ")
}

func (o operand) String() string {
	inner := make([]string, len(o.list))
	for i, p := range o.list {
		inner[i] = p.String()
	}
	s := strings.Join(inner, ", ")
	switch o.kind {
	case opImmediate:
		return fmt.Sprint(int64(o.imm))
	case opFloat:
		return fmt.Sprintf("%#x", o.imm)
	case opMemory:
		return fmt.Sprintf("[%s%+d]", s, int64(o.imm))
	case opVector:
		return "{" + s + "}"
	case opList:
		return "(" + s + ")"
	case opPair:
		return strings.Join(inner, "|")
	case opSink:
		return "_"
	}
	if o.not {
		return "!" + o.name
	}
	return o.name
}
