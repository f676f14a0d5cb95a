package kernel

import (
	"math"
	"math/bits"
)

// compute does an instruction of numbers, on bits.
func compute(op byte, a, b uint64) (uint64, Trap) {
	switch {
	case op >= opI32WrapI64:
		return convert(op, a)
	case op >= opF64Abs:
		if op == opF64Copysign {
			return a&(1<<63-1) | oneNaN(f64, b)&(1<<63), 0
		}
		return math.Float64bits(compute64f(op-opF64Abs+opF32Abs, math.Float64frombits(a), math.Float64frombits(b))), 0
	case op >= opF32Abs:
		if op == opF32Copysign {
			return a&(1<<31-1) | oneNaN(f32, b)&(1<<31), 0
		}
		return uint64(math.Float32bits(compute32f(op, float(a), float(b)))), 0
	case op >= opI64Clz:
		return compute64(op, a, b)
	case op >= opI32Clz:
		return compute32(op, uint32(a), uint32(b))
	case op >= opF64Eq:
		return compare(op-opF64Eq, math.Float64frombits(a), math.Float64frombits(b)), 0
	case op >= opF32Eq:
		return compare(op-opF32Eq, float64(float(a)), float64(float(b))), 0
	case op >= opI64Eqz:
		return compute64(op, a, b)
	}
	return compute32(op, uint32(a), uint32(b))
}

func float(bits uint64) float32 { return math.Float32frombits(uint32(bits)) }

// oneNaN gives the canonical NaN for any.
func oneNaN(t valType, v uint64) uint64 {
	switch {
	case t == f32 && v&(1<<31-1) > 0xff<<23, t == f64 && v&(1<<63-1) > 0x7ff<<52:
		return t.nan()
	}
	return v
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// compare does the comparison of floats that is the k-th of its type.
func compare(k byte, x, y float64) uint64 {
	switch k {
	case 0:
		return truth(x == y)
	case 1:
		return truth(x != y)
	case 2:
		return truth(x < y)
	case 3:
		return truth(x > y)
	case 4:
		return truth(x <= y)
	}
	return truth(x >= y)
}

// compareInts does the comparison of integers that is the k-th of its type.
func compareInts(k byte, a, b int64) uint64 {
	u, v := uint64(a), uint64(b)
	switch k {
	case 0:
		return truth(a == b)
	case 1:
		return truth(a != b)
	case 2:
		return truth(a < b)
	case 3:
		return truth(u < v)
	case 4:
		return truth(a > b)
	case 5:
		return truth(u > v)
	case 6:
		return truth(a <= b)
	case 7:
		return truth(u <= v)
	case 8:
		return truth(a >= b)
	}
	return truth(u >= v)
}

func compute32f(op byte, x, y float32) float32 {
	switch op {
	case 0x92:
		return x + y
	case 0x93:
		return x - y
	case 0x94:
		return x * y
	case 0x95:
		return x / y
	}
	return float32(compute64f(op, float64(x), float64(y))) // exact, and a root that is rounded twice is the root rounded once
}

// compute64f takes the number that the instruction has for f32.
func compute64f(op byte, x, y float64) float64 {
	switch op {
	case 0x8b:
		return math.Abs(x)
	case 0x8c:
		return -x
	case 0x8d:
		return math.Ceil(x)
	case 0x8e:
		return math.Floor(x)
	case 0x8f:
		return math.Trunc(x)
	case 0x90:
		return math.RoundToEven(x)
	case 0x91:
		return math.Sqrt(x)
	case 0x92:
		return x + y
	case 0x93:
		return x - y
	case 0x94:
		return x * y
	case 0x95:
		return x / y
	}
	switch {
	case x != x || y != y:
		return math.NaN()
	case op == 0x96:
		return math.Min(x, y)
	}
	return math.Max(x, y)
}

func compute32(op byte, a, b uint32) (uint64, Trap) {
	n := b & 31
	switch op {
	case opI32Eqz:
		return truth(a == 0), 0
	case 0x67:
		return uint64(bits.LeadingZeros32(a)), 0
	case 0x68:
		return uint64(bits.TrailingZeros32(a)), 0
	case 0x69:
		return uint64(bits.OnesCount32(a)), 0
	case opI32DivS, 0x6f:
		if op == opI32DivS && a == 1<<31 && b == 1<<32-1 {
			return 0, Overflow
		}
		v, trap := compute64(op+0x12, uint64(int64(int32(a))), uint64(int64(int32(b))))
		return uint64(uint32(v)), trap
	case 0x74:
		return uint64(a << n), 0
	case 0x75:
		return uint64(uint32(int32(a) >> n)), 0
	case 0x77:
		return uint64(bits.RotateLeft32(a, int(n))), 0
	case 0x78:
		return uint64(bits.RotateLeft32(a, -int(n))), 0
	}
	if op < opI32Clz {
		return compareInts(op-opI32Eq, int64(int32(a)), int64(int32(b))), 0
	}
	if op == 0x76 {
		b = n
	}
	v, trap := compute64(op+0x12, uint64(a), uint64(b)) // what has the same lower half in 64 bits
	return uint64(uint32(v)), trap
}

func compute64(op byte, a, b uint64) (uint64, Trap) {
	n := b & 63
	switch op {
	case opI64Eqz:
		return truth(a == 0), 0
	case 0x79:
		return uint64(bits.LeadingZeros64(a)), 0
	case 0x7a:
		return uint64(bits.TrailingZeros64(a)), 0
	case 0x7b:
		return uint64(bits.OnesCount64(a)), 0
	case 0x7c:
		return a + b, 0
	case 0x7d:
		return a - b, 0
	case 0x7e:
		return a * b, 0
	case opI64DivS, 0x80, 0x81, opI64RemU:
		return quotient(op, a, b)
	case 0x83:
		return a & b, 0
	case 0x84:
		return a | b, 0
	case 0x85:
		return a ^ b, 0
	case 0x86:
		return a << n, 0
	case 0x87:
		return uint64(int64(a) >> n), 0
	case 0x88:
		return a >> n, 0
	case 0x89:
		return bits.RotateLeft64(a, int(n)), 0
	case 0x8a:
		return bits.RotateLeft64(a, -int(n)), 0
	}
	return compareInts(op-opI64Eq, int64(a), int64(b)), 0
}

func quotient(op byte, a, b uint64) (uint64, Trap) {
	switch {
	case b == 0:
		return 0, DivisionByZero
	case op == 0x80:
		return a / b, 0
	case op == opI64RemU:
		return a % b, 0
	case op == 0x81:
		return uint64(int64(a) % int64(b)), 0
	case a == 1<<63 && b == 1<<64-1:
		return 0, Overflow
	}
	return uint64(int64(a) / int64(b)), 0
}
