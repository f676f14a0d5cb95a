package kernel

import (
	"math"
	"math/bits"
)

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// compute does an instruction of numbers.
func compute(op byte, a, b uint64) uint64 {
	switch types := numeric[op]; {
	case op >= 0xa7:
		return convert(op, a)
	case types == "ii" || types == "iii":
		return compute32(op, uint32(a), uint32(b))
	case types[0] == 'l':
		return compute64(op, a, b)
	case types[0] == 'f':
		x, y := math.Float32frombits(uint32(a)), math.Float32frombits(uint32(b))
		if op == opF32Copysign {
			return a&0x7fffffff | oneNaN(f32, b)&(1<<31)
		}
		if types == "ffi" {
			return compare(op-0x5b, float64(x), float64(y))
		}
		return uint64(math.Float32bits(float32s(op, x, y)))
	default:
		x, y := math.Float64frombits(a), math.Float64frombits(b)
		if op == opF64Copysign {
			return a&(1<<63-1) | oneNaN(f64, b)&(1<<63)
		}
		if types == "ddi" {
			return compare(op-0x61, x, y)
		}
		return math.Float64bits(float64s(op-0x99+0x8b, x, y))
	}
}

func compare(k byte, x, y float64) uint64 {
	return flag([]bool{x == y, x != y, x < y, x > y, x <= y, x >= y}[k])
}

func float32s(op byte, x, y float32) float32 {
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
	return float32(float64s(op, float64(x), float64(y))) // exact, and a root rounded twice is the root rounded once
}

func float64s(op byte, x, y float64) float64 {
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
	if x != x || y != y {
		return math.NaN()
	}
	if op == 0x96 {
		return math.Min(x, y)
	}
	return math.Max(x, y)
}

func compute32(op byte, a, b uint32) uint64 {
	if op >= 0xc0 {
		return convert(op, uint64(a))
	}
	if op >= 0x6a { // the same as of 64 bits, but for what depends on the width
		n := b & 31
		switch op {
		case 0x6d:
			if a == 1<<31 && b == 1<<32-1 {
				panic(trapped{Overflow})
			}
			fallthrough
		case 0x6f:
			return uint64(uint32(compute64(op+0x12, uint64(int64(int32(a))), uint64(int64(int32(b))))))
		case 0x74:
			return uint64(a << n)
		case 0x75:
			return uint64(uint32(int32(a) >> n))
		case 0x76:
			return uint64(a >> n)
		case 0x77:
			return uint64(bits.RotateLeft32(a, int(n)))
		case 0x78:
			return uint64(bits.RotateLeft32(a, -int(n)))
		}
		return uint64(uint32(compute64(op+0x12, uint64(a), uint64(b))))
	}
	switch op {
	case 0x67:
		return uint64(bits.LeadingZeros32(a))
	case 0x68:
		return uint64(bits.TrailingZeros32(a))
	case 0x69:
		return uint64(bits.OnesCount32(a))
	case 0x45:
		return flag(a == 0)
	}
	return compareInts(op-0x46, int64(int32(a)), int64(int32(b)))
}

func compareInts(k byte, a, b int64) uint64 {
	u, v := uint64(a), uint64(b)
	return flag([]bool{a == b, a != b, a < b, u < v, a > b, u > v, a <= b, u <= v, a >= b, u >= v}[k])
}

func compute64(op byte, a, b uint64) uint64 {
	if b == 0 && op >= opI64DivS && op <= opI64RemU {
		panic(trapped{DivisionByZero})
	}
	n := b & 63
	switch op {
	case 0x50:
		return flag(a == 0)
	case 0x79:
		return uint64(bits.LeadingZeros64(a))
	case 0x7a:
		return uint64(bits.TrailingZeros64(a))
	case 0x7b:
		return uint64(bits.OnesCount64(a))
	case 0x7c:
		return a + b
	case 0x7d:
		return a - b
	case 0x7e:
		return a * b
	case 0x7f:
		if a == 1<<63 && b == 1<<64-1 {
			panic(trapped{Overflow})
		}
		return uint64(int64(a) / int64(b))
	case 0x80:
		return a / b
	case 0x81:
		return uint64(int64(a) % int64(b))
	case 0x82:
		return a % b
	case 0x83:
		return a & b
	case 0x84:
		return a | b
	case 0x85:
		return a ^ b
	case 0x86:
		return a << n
	case 0x87:
		return uint64(int64(a) >> n)
	case 0x88:
		return a >> n
	case 0x89:
		return bits.RotateLeft64(a, int(n))
	case 0x8a:
		return bits.RotateLeft64(a, -int(n))
	case 0xc2, 0xc3, 0xc4:
		return convert(op, a)
	}
	return compareInts(op-0x51, int64(a), int64(b))
}

func convert(op byte, a uint64) uint64 {
	f, d := math.Float32frombits(uint32(a)), math.Float64frombits(a)
	bits32 := func(f float32) uint64 { return uint64(math.Float32bits(f)) }
	switch op {
	case 0xa7, 0xad:
		return uint64(uint32(a))
	case 0xac:
		return uint64(int64(int32(a)))
	case 0xb2:
		return bits32(float32(int32(a)))
	case 0xb3:
		return bits32(float32(uint32(a)))
	case 0xb4:
		return bits32(float32(int64(a)))
	case 0xb5:
		return bits32(float32(a))
	case 0xb6:
		return bits32(float32(d))
	case 0xb7:
		return math.Float64bits(float64(int32(a)))
	case 0xb8:
		return math.Float64bits(float64(uint32(a)))
	case 0xb9:
		return math.Float64bits(float64(int64(a)))
	case 0xba:
		return math.Float64bits(float64(a))
	case 0xbb:
		return math.Float64bits(float64(f))
	case 0xbc:
		return oneNaN(f32, a)
	case 0xbd:
		return oneNaN(f64, a)
	case 0xbe, 0xbf:
		return a
	case 0xc0:
		return uint64(uint32(int8(a)))
	case 0xc1:
		return uint64(uint32(int16(a)))
	case 0xc2:
		return uint64(int8(a))
	case 0xc3:
		return uint64(int16(a))
	case 0xc4:
		return uint64(int32(a))
	}
	if numeric[op][0] == 'f' {
		d = float64(f)
	}
	if op >= opSat {
		return truncated(d, op&1 == 1, numeric[op][1], true)
	}
	return truncated(d, op&1 == 0, numeric[op][1], false)
}

// truncated is a float as an integer.
func truncated(d float64, signed bool, to byte, sat bool) uint64 {
	width := 32
	if to == 'l' {
		width = 64
	}
	low, high := 0.0, math.Ldexp(1, width)
	least, most := uint64(0), uint64(1)<<width-1
	if signed {
		low, high = -math.Ldexp(1, width-1), math.Ldexp(1, width-1)
		least, most = uint64(1)<<(width-1), uint64(1)<<(width-1)-1
	}
	n := math.Trunc(d)
	trap, v := Trap(0), uint64(0)
	switch {
	case d != d:
		trap = NaNToInteger
	case n < low:
		trap, v = Overflow, least
	case n >= high:
		trap, v = Overflow, most
	case signed:
		v = uint64(int64(n))
	default:
		v = uint64(n)
	}
	if trap != 0 && !sat {
		panic(trapped{trap})
	}
	if width == 32 {
		v = uint64(uint32(v))
	}
	return v
}
