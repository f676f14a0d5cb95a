package kernel

import "math"

// convert does an instruction that makes a number of one type of that of another.
func convert(op byte, a uint64) (uint64, Trap) {
	f32s := func(f float32) (uint64, Trap) { return uint64(math.Float32bits(f)), 0 }
	f64s := func(d float64) (uint64, Trap) { return math.Float64bits(d), 0 }
	switch op {
	case 0xa7, 0xad:
		return uint64(uint32(a)), 0
	case 0xac, 0xc4:
		return uint64(int64(int32(a))), 0
	case 0xb2:
		return f32s(float32(int32(a)))
	case 0xb3:
		return f32s(float32(uint32(a)))
	case 0xb4:
		return f32s(float32(int64(a)))
	case 0xb5:
		return f32s(float32(a))
	case 0xb6:
		return f32s(float32(math.Float64frombits(a)))
	case 0xb7:
		return f64s(float64(int32(a)))
	case 0xb8:
		return f64s(float64(uint32(a)))
	case 0xb9:
		return f64s(float64(int64(a)))
	case 0xba:
		return f64s(float64(a))
	case 0xbb:
		return f64s(float64(float(a)))
	case opReinterpretI:
		return oneNaN(f32, a), 0
	case opReinterpretL:
		return oneNaN(f64, a), 0
	case 0xbe, 0xbf:
		return a, 0
	case 0xc0:
		return uint64(uint32(int8(a))), 0
	case 0xc1:
		return uint64(uint32(int16(a))), 0
	case 0xc2:
		return uint64(int8(a)), 0
	case 0xc3:
		return uint64(int16(a)), 0
	}
	d := math.Float64frombits(a)
	if numeric[op][0] == 'f' {
		d = float64(float(a))
	}
	if op >= opSat {
		v, _ := truncate(d, op&1 == 1, numeric[op][1])
		return v, 0
	}
	return truncate(d, op&1 == 0, numeric[op][1])
}

// truncate makes an integer of a float; where it traps, it gives what the conversion that saturates does.
func truncate(d float64, signed bool, to byte) (v uint64, trap Trap) {
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
	switch {
	case d != d:
		return 0, NaNToInteger
	case n < low:
		return least, Overflow
	case n >= high:
		return most, Overflow
	case !signed:
		return uint64(n), 0
	case width == 32:
		return uint64(uint32(int64(n))), 0
	}
	return uint64(int64(n)), 0
}
