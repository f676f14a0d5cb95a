package kernel

import (
	"fmt"
	"slices"
	"strings"

	"levee/gpu/op"
)

// Types are the tensors that a kernel is compiled for.
type Types struct {
	In  []op.DType
	One []bool // the input has one element, which is given to all
	Out []op.DType
}

// reg is a register: a type of values, or a predicate or 16 bits, and its number.
type reg struct {
	t valType
	n int
}

// Kinds of registers that hold no value of WebAssembly.
const (
	pred valType = 1
	half valType = 2
)

var regNames = map[valType]struct{ prefix, ptx string }{
	pred: {"%p", ".pred"}, half: {"%h", ".b16"}, i32: {"%r", ".b32"}, i64: {"%rd", ".b64"}, f32: {"%f", ".f32"}, f64: {"%fd", ".f64"},
}

func (r reg) String() string { return fmt.Sprint(regNames[r.t].prefix, r.n) }

// value lies on the stack while the code is gone through: a register that keeps what it has as long as the value lies there, or a
// local that the value is still equal to. A comparison stays a predicate until somebody wants a number.
type value struct {
	reg
	local int // -1 where it is none
}

// block is an open block, with the registers that its values are in when somebody branches to its label.
type block struct {
	op      byte
	sig     signature
	height  int
	label   string // where branches go
	other   string // the else of an if
	params  []value
	carried []reg
	used    bool
}

// generator writes PTX.
type generator struct {
	f      *Func
	types  Types
	text   strings.Builder
	regs   map[valType]int
	labels int
	stack  []value
	blocks []block
	locals []reg
	traps  [OutOfFuel + 1]bool
	gid    reg  // the thread's first element that is not done
	at     reg  // the element that the kernel's instructions are being written for
	ended  bool // those of them that are written reach the end of the function
	fuel   reg
	in     []reg // addresses of inputs, or their one element
	slot   []reg
	count  []reg
	out    []reg
}

// PTX gives the kernel as an entry "kernel" for devices of compute capability 7.0 on. Its parameters are all .u64, in this order: for each
// input its address; for each slot its address and how many elements it has; for each output its address; the first element and the one
// behind the last; and the address of the trap word. Addresses are those of element 0. The grid may be any of one dimension: threads
// go on with further elements until there are none. A thread that traps ends, having put its element, shifted left by 8, and its
// Trap into the trap word if that holds a greater number: all ones before the first launch, and all ones afterwards if none trapped.
//
// An i32 parameter takes U8 (from 0 to 255) and I32, an f32 one F32, F16 and BF16; an i32 result becomes I32, or U8 within 0 to 255,
// an f32 one F32, or F16 or BF16 rounded to nearest even.
func (f *Func) PTX(t Types) (string, error) {
	if len(t.In) != len(f.sig.params) || len(t.One) != len(t.In) || len(t.Out) != len(f.sig.results) {
		return "", op.Errorf(op.BadKernel, "a kernel of %d parameters and %d results for %d and %d tensors", len(f.sig.params), len(f.sig.results), len(t.In), len(t.Out))
	}
	for i, d := range slices.Concat(t.In, t.Out) {
		if want := valType((f.sig.params + f.sig.results)[i]); !takes(want, d) {
			return "", op.Errorf(op.BadKernel, "tensor %d of a kernel is %v where %v is needed", i, d, want.dtype())
		}
	}
	g := &generator{f: f, types: t, regs: map[valType]int{}}
	g.kernel()
	return g.header() + g.text.String(), nil
}

func takes(t valType, d op.DType) bool {
	switch d {
	case op.U8:
		return t == i32
	case op.F16, op.BF16:
		return t == f32
	}
	return d.Valid() && t.dtype() == d
}

// header is what precedes the instructions. It is written last, when the registers are known.
func (g *generator) header() string {
	var h strings.Builder
	h.WriteString(".version 6.3\n.target sm_70\n.address_size 64\n\n.visible .entry kernel(\n")
	n := len(g.in) + 2*len(g.slot) + len(g.out) + 3
	for i := range n {
		fmt.Fprintf(&h, "\t.param .u64 p%d%s\n", i, strings.Repeat(",", min(1, n-1-i)))
	}
	return h.String() + ")\n{\n" + g.declarations()
}

// declarations are those of all registers.
func (g *generator) declarations() string {
	var d strings.Builder
	for _, t := range [...]valType{pred, half, i32, i64, f32, f64} {
		if g.regs[t] > 0 {
			fmt.Fprintf(&d, "\t.reg %s %s<%d>;\n", regNames[t].ptx, regNames[t].prefix, g.regs[t])
		}
	}
	return d.String()
}

func (g *generator) new(t valType) reg {
	g.regs[t]++
	return reg{t, g.regs[t] - 1}
}

func (g *generator) label() string {
	g.labels++
	return fmt.Sprint("$L", g.labels)
}

// put writes an instruction.
func (g *generator) put(format string, args ...any) {
	g.text.WriteByte('\t')
	fmt.Fprintf(&g.text, format, args...)
	g.text.WriteString(";\n")
}

func (g *generator) mark(label string) { g.text.WriteString(label + ":\n") }

// set writes an instruction with a new register for its result.
func (g *generator) set(t valType, name string, args ...any) reg {
	d := g.new(t)
	g.put("%s %v"+strings.Repeat(", %v", len(args)), append([]any{name, d}, args...)...)
	return d
}

func (g *generator) trapIf(p reg, not string, t Trap) {
	g.traps[t] = true
	g.put("@%s%v bra $T%d", not, p, t)
}

func (t valType) width() string { return fmt.Sprint(8 * t.size()) }

// bits is how instructions call plain bits of a type's size.
func (t valType) bits() string {
	if t == half {
		return "b16"
	}
	return "b" + t.width()
}

// ptx is the type in PTX that selp and the like take.
func (t valType) ptx() string {
	switch t {
	case f32, f64:
		return t.dtype().String()
	}
	return t.bits()
}

// immediate writes bits as a constant of a type.
func immediate(t valType, bits uint64) string {
	switch t {
	case i32:
		return fmt.Sprint(int32(bits))
	case i64:
		return fmt.Sprint(int64(bits))
	case f32:
		return fmt.Sprintf("0f%08X", uint32(bits))
	}
	return fmt.Sprintf("0d%016X", bits)
}

// canonical gives a value that is the canonical NaN if it is one.
func (g *generator) canonical(x reg) reg {
	if x.t.nan() == 0 {
		return x
	}
	p := g.set(pred, "setp.nan."+x.t.ptx(), x, x)
	return g.set(x.t, "selp."+x.t.ptx(), immediate(x.t, x.t.nan()), x, p)
}
