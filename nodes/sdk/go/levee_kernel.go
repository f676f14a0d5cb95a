//go:build wasip1

package levee

import (
	"encoding/binary"
	"math"
	"slices"
)

// KernelBuilder makes a kernel out of expressions. What the Go compiler makes of a function cannot be one: it needs Go's runtime.
//
//	var b levee.KernelBuilder
//	x, y := b.Param(levee.F32), b.Param(levee.F32)
//	b.Result(b.Add(b.Mul(x, b.Const(levee.F32, 2)), b.Max(y, b.Const(levee.F32, 0)))) // 2x + max(y, 0)
//	kernel := b.Build()
//
// An expression has one of the types I32, I64, F32, F64; both sides of an operator are of one type. Integers are signed. A parameter
// takes a tensor of its type (I32 also U8; F32 also F16 and BF16) with as many elements as the results, or with one. Mistakes end
// the invocation.
type KernelBuilder struct {
	params, locals []DType
	results        []Expr
	slots          []slotImport
	code           []byte
}

// Expr is a value of a kernel.
type Expr struct {
	local uint32
	t     DType
}

type slotImport struct {
	name string
	t    DType
}

// Per type, in the order i32, i64, f32, f64; 0 where there is none.
var kernelOps = map[string][4]byte{
	"add": {0x6a, 0x7c, 0x92, 0xa0}, "sub": {0x6b, 0x7d, 0x93, 0xa1}, "mul": {0x6c, 0x7e, 0x94, 0xa2}, "div": {0x6d, 0x7f, 0x95, 0xa3}, "rem": {0x6f, 0x81, 0, 0},
	"and": {0x71, 0x83, 0, 0}, "or": {0x72, 0x84, 0, 0}, "xor": {0x73, 0x85, 0, 0}, "shl": {0x74, 0x86, 0, 0}, "shr": {0x75, 0x87, 0, 0}, "shru": {0x76, 0x88, 0, 0},
	"min": {0, 0, 0x96, 0xa4}, "max": {0, 0, 0x97, 0xa5}, "copysign": {0, 0, 0x98, 0xa6},
	"abs": {0, 0, 0x8b, 0x99}, "neg": {0, 0, 0x8c, 0x9a}, "ceil": {0, 0, 0x8d, 0x9b}, "floor": {0, 0, 0x8e, 0x9c}, "trunc": {0, 0, 0x8f, 0x9d}, "round": {0, 0, 0x90, 0x9e}, "sqrt": {0, 0, 0x91, 0x9f},
	"eq": {0x46, 0x51, 0x5b, 0x61}, "ne": {0x47, 0x52, 0x5c, 0x62}, "lt": {0x48, 0x53, 0x5d, 0x63}, "gt": {0x4a, 0x55, 0x5e, 0x64}, "le": {0x4c, 0x57, 0x5f, 0x65}, "ge": {0x4e, 0x59, 0x60, 0x66},
}

// kernelCasts is code by from and to; conversions to integers saturate, and make 0 of NaN.
var kernelCasts = map[[2]DType][]byte{
	{I32, I64}: {0xac}, {I64, I32}: {0xa7}, {I32, F32}: {0xb2}, {I64, F32}: {0xb4}, {I32, F64}: {0xb7}, {I64, F64}: {0xb9}, {F32, F64}: {0xbb}, {F64, F32}: {0xb6},
	{F32, I32}: {0xfc, 0}, {F64, I32}: {0xfc, 2}, {F32, I64}: {0xfc, 4}, {F64, I64}: {0xfc, 6},
}

var kernelTypes = []DType{I32, I64, F32, F64}

// kernelByte is the type as the binary format writes it.
func kernelByte(t DType) byte {
	i := slices.Index(kernelTypes, t)
	if i < 0 {
		Fail("a kernel computes with i32, i64, f32 and f64")
	}
	return 0x7f - byte(i)
}

// Param is the next parameter; all come before anything else.
func (b *KernelBuilder) Param(t DType) Expr {
	if len(b.locals) > 0 {
		Fail("a kernel's parameters come first")
	}
	kernelByte(t)
	b.params = append(b.params, t)
	return Expr{uint32(len(b.params) - 1), t}
}

// Result is the next of what the kernel gives, up to four.
func (b *KernelBuilder) Result(e Expr) {
	b.results = append(b.results, e)
}

func (b *KernelBuilder) get(e Expr) { b.code = appendULEB(append(b.code, 0x20), uint64(e.local)) }

// keep makes a local of what emit leaves on the stack.
func (b *KernelBuilder) keep(t DType, emit func()) Expr {
	emit()
	e := Expr{uint32(len(b.params) + len(b.locals)), t}
	b.locals = append(b.locals, t)
	b.code = appendULEB(append(b.code, 0x21), uint64(e.local))
	return e
}

// Const is a number.
func (b *KernelBuilder) Const(t DType, v float64) Expr {
	return b.keep(t, func() {
		switch t {
		case I32:
			b.code = appendSLEB(append(b.code, 0x41), int64(int32(v)))
		case I64:
			b.code = appendSLEB(append(b.code, 0x42), int64(v))
		case F32:
			b.code = binary.LittleEndian.AppendUint32(append(b.code, 0x43), math.Float32bits(float32(v)))
		default:
			kernelByte(t)
			b.code = binary.LittleEndian.AppendUint64(append(b.code, 0x44), math.Float64bits(v))
		}
	})
}

func (b *KernelBuilder) op(name string, t DType, args ...Expr) Expr {
	i := slices.Index(kernelTypes, args[0].t)
	for _, a := range args {
		if a.t != args[0].t {
			Fail("%s of two types: convert one with To", name)
		}
	}
	if i < 0 || kernelOps[name][i] == 0 {
		Fail("there is no %s of this type", name)
	}
	return b.keep(t, func() {
		for _, a := range args {
			b.get(a)
		}
		b.code = append(b.code, kernelOps[name][i])
	})
}

// Arithmetic. Division by zero traps for integers, and so does the most negative number by -1; Rem, bits and shifts are for integers,
// Min, Max and what follows for floats. Round goes to the even neighbour in the middle.
func (b *KernelBuilder) Add(x, y Expr) Expr      { return b.op("add", x.t, x, y) }
func (b *KernelBuilder) Sub(x, y Expr) Expr      { return b.op("sub", x.t, x, y) }
func (b *KernelBuilder) Mul(x, y Expr) Expr      { return b.op("mul", x.t, x, y) }
func (b *KernelBuilder) Div(x, y Expr) Expr      { return b.op("div", x.t, x, y) }
func (b *KernelBuilder) Rem(x, y Expr) Expr      { return b.op("rem", x.t, x, y) }
func (b *KernelBuilder) And(x, y Expr) Expr      { return b.op("and", x.t, x, y) }
func (b *KernelBuilder) Or(x, y Expr) Expr       { return b.op("or", x.t, x, y) }
func (b *KernelBuilder) Xor(x, y Expr) Expr      { return b.op("xor", x.t, x, y) }
func (b *KernelBuilder) Shl(x, y Expr) Expr      { return b.op("shl", x.t, x, y) }
func (b *KernelBuilder) Shr(x, y Expr) Expr      { return b.op("shr", x.t, x, y) }
func (b *KernelBuilder) ShrU(x, y Expr) Expr     { return b.op("shru", x.t, x, y) }
func (b *KernelBuilder) Min(x, y Expr) Expr      { return b.op("min", x.t, x, y) }
func (b *KernelBuilder) Max(x, y Expr) Expr      { return b.op("max", x.t, x, y) }
func (b *KernelBuilder) CopySign(x, y Expr) Expr { return b.op("copysign", x.t, x, y) }
func (b *KernelBuilder) Abs(x Expr) Expr         { return b.op("abs", x.t, x) }
func (b *KernelBuilder) Neg(x Expr) Expr         { return b.op("neg", x.t, x) }
func (b *KernelBuilder) Ceil(x Expr) Expr        { return b.op("ceil", x.t, x) }
func (b *KernelBuilder) Floor(x Expr) Expr       { return b.op("floor", x.t, x) }
func (b *KernelBuilder) Trunc(x Expr) Expr       { return b.op("trunc", x.t, x) }
func (b *KernelBuilder) Round(x Expr) Expr       { return b.op("round", x.t, x) }
func (b *KernelBuilder) Sqrt(x Expr) Expr        { return b.op("sqrt", x.t, x) }

// Comparisons; each is an I32, 1 or 0.
func (b *KernelBuilder) Equal(x, y Expr) Expr        { return b.op("eq", I32, x, y) }
func (b *KernelBuilder) NotEqual(x, y Expr) Expr     { return b.op("ne", I32, x, y) }
func (b *KernelBuilder) Less(x, y Expr) Expr         { return b.op("lt", I32, x, y) }
func (b *KernelBuilder) Greater(x, y Expr) Expr      { return b.op("gt", I32, x, y) }
func (b *KernelBuilder) LessEqual(x, y Expr) Expr    { return b.op("le", I32, x, y) }
func (b *KernelBuilder) GreaterEqual(x, y Expr) Expr { return b.op("ge", I32, x, y) }

// Select is then where the I32 is not 0, else otherwise.
func (b *KernelBuilder) Select(condition, then, otherwise Expr) Expr {
	if condition.t != I32 || then.t != otherwise.t {
		Fail("Select takes an I32 and two of one type")
	}
	return b.keep(then.t, func() {
		b.get(then)
		b.get(otherwise)
		b.get(condition)
		b.code = append(b.code, 0x1b)
	})
}

// To converts; to an integer it cuts off, saturates, and makes 0 of NaN.
func (b *KernelBuilder) To(t DType, x Expr) Expr {
	if t == x.t {
		return x
	}
	code := kernelCasts[[2]DType{x.t, t}]
	if code == nil {
		Fail("a kernel computes with i32, i64, f32 and f64")
	}
	return b.keep(t, func() { b.get(x); b.code = append(b.code, code...) })
}

// Index is the number of the element, an I64.
func (b *KernelBuilder) Index() Expr {
	return b.keep(I64, func() { b.code = appendULEB(append(b.code, 0x10), b.slot("gid", I64)) })
}

var slotNames = map[DType]string{I32: "i32_", I64: "i64_", F32: "f32_", F64: "f64_"}

// Load is element index (an I64) of the tensor in slot 0 to 7, which is of type t; outside of it 0.
func (b *KernelBuilder) Load(slot int, t DType, index Expr) Expr {
	if slot < 0 || slot > 7 || index.t != I64 {
		Fail("Load takes a slot from 0 to 7 and an I64")
	}
	kernelByte(t)
	return b.keep(t, func() {
		b.get(index)
		b.code = appendULEB(append(b.code, 0x10), b.slot(slotNames[t]+string(rune('0'+slot)), t))
	})
}

func (b *KernelBuilder) slot(name string, t DType) uint64 {
	i := slices.IndexFunc(b.slots, func(s slotImport) bool { return s.name == name })
	if i < 0 {
		i = len(b.slots)
		b.slots = append(b.slots, slotImport{name, t})
	}
	return uint64(i)
}

const kernelModule, kernelName = "levee_kernel_v1", "f"

// Build gives the kernel to the host.
func (b *KernelBuilder) Build() Kernel {
	m := b.module()
	name := []byte(kernelName)
	return Kernel(gpuOK(hostKernelCode(at(m), int32(len(m)), at(name), int32(len(name)))))
}

// module is the kernel as WebAssembly: its imports, and one function.
func (b *KernelBuilder) module() []byte {
	types := appendULEB(nil, uint64(len(b.slots)+1))
	imports := appendULEB(nil, uint64(len(b.slots)))
	for i, s := range b.slots {
		types = append(types, 0x60)
		if s.name == "gid" {
			types = append(types, 0)
		} else {
			types = append(types, 1, kernelByte(I64))
		}
		types = append(types, 1, kernelByte(s.t))
		imports = append(append(imports, byte(len(kernelModule))), kernelModule...)
		imports = append(append(imports, byte(len(s.name))), s.name...)
		imports = appendULEB(append(imports, 0), uint64(i))
	}
	types = appendULEB(append(types, 0x60), uint64(len(b.params)))
	for _, t := range b.params {
		types = append(types, kernelByte(t))
	}
	types = appendULEB(types, uint64(len(b.results)))
	code := b.code
	for _, e := range b.results {
		types = append(types, kernelByte(e.t))
		code = appendULEB(append(code, 0x20), uint64(e.local))
	}
	body := appendULEB(nil, uint64(len(b.locals)))
	for _, t := range b.locals {
		body = append(body, 1, kernelByte(t))
	}
	body = append(append(body, code...), 0x0b)
	m := []byte("\x00asm\x01\x00\x00\x00")
	m = appendSection(m, 1, types)
	if len(b.slots) > 0 {
		m = appendSection(m, 2, imports)
	}
	m = appendSection(m, 3, appendULEB([]byte{1}, uint64(len(b.slots))))
	export := append(append([]byte{1, byte(len(kernelName))}, kernelName...), 0)
	m = appendSection(m, 7, appendULEB(export, uint64(len(b.slots))))
	return appendSection(m, 10, append(appendULEB([]byte{1}, uint64(len(body))), body...))
}

func appendSection(m []byte, id byte, content []byte) []byte {
	return append(appendULEB(append(m, id), uint64(len(content))), content...)
}

func appendULEB(b []byte, v uint64) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func appendSLEB(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
