package ptx

// kind is what the bits of a value mean.
type kind uint8

const (
	bitwise kind = iota
	unsigned
	signed
	float
	bfloat
	predicate
)

// typ is a fundamental type. lanes is 2 for the packed types, whose size is that of both.
type typ struct {
	kind  kind
	size  int // bytes
	lanes int
}

var types = map[string]typ{
	"b8": {bitwise, 1, 1}, "b16": {bitwise, 2, 1}, "b32": {bitwise, 4, 1}, "b64": {bitwise, 8, 1},
	"u8": {unsigned, 1, 1}, "u16": {unsigned, 2, 1}, "u32": {unsigned, 4, 1}, "u64": {unsigned, 8, 1},
	"s8": {signed, 1, 1}, "s16": {signed, 2, 1}, "s32": {signed, 4, 1}, "s64": {signed, 8, 1},
	"f16": {float, 2, 1}, "f32": {float, 4, 1}, "f64": {float, 8, 1}, "f16x2": {float, 4, 2},
	"bf16": {bfloat, 2, 1}, "bf16x2": {bfloat, 4, 2}, "pred": {predicate, 1, 1},
}

func (t typ) mask() uint64 { return ^uint64(0) >> (64 - 8*t.size) }
func (t typ) bits() int    { return 8 * t.size }

func (t typ) integer() bool  { return t.kind == unsigned || t.kind == signed }
func (t typ) floating() bool { return t.kind == float || t.kind == bfloat }

// extend gives the 64 bits that a value of the type stands for: sign bits above where it is signed.
func (t typ) extend(x uint64) uint64 {
	if t.kind == signed {
		return uint64(int64(x<<(64-t.bits())) >> (64 - t.bits()))
	}
	return x & t.mask()
}

// takes says whether an operand of an instruction of type t may be a register of type r, as the assembler has it: the same size,
// and the same meaning unless one is untyped; signed and unsigned go together.
func (t typ) takes(r typ) bool {
	switch {
	case t.kind == predicate || r.kind == predicate:
		return t.kind == r.kind
	case t.size != r.size:
		return false
	case t.kind == bitwise || r.kind == bitwise:
		return true
	case t.integer():
		return r.integer()
	}
	return t == r
}

// takesWide is what loads, stores and conversions allow beyond that: a register that is wider.
func (t typ) takesWide(r typ) bool {
	if t.takes(r) {
		return true
	}
	if t.kind == predicate || r.kind == predicate || r.size < t.size {
		return false
	}
	return r.size > t.size && (r.kind == bitwise || !t.floating() && r.integer())
}
