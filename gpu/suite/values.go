package suite

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"

	"levee/gpu/op"
)

var le = binary.LittleEndian

// T makes a tensor of numbers, which are rounded to its type; without numbers it is of zeros.
func T(d op.DType, shape []int64, numbers ...float64) Tensor {
	t := Zeros(d, shape...)
	for i, x := range numbers {
		t.Set(int64(i), x)
	}
	return t
}

// Zeros makes a tensor.
func Zeros(d op.DType, shape ...int64) Tensor {
	t := Tensor{Desc: op.Desc{DType: d, Shape: shape}}
	t.Data = make([]byte, t.Bytes())
	return t
}

// Set gives an element a number, rounded to its type; a NaN is the canonical one.
func (t Tensor) Set(i int64, x float64) {
	switch {
	case x != x && t.DType == op.F32:
		t.setBits(i, 0x7fc00000)
		return
	case x != x && t.DType == op.F64:
		t.setBits(i, 0x7ff8000000000000)
		return
	}
	switch t.DType {
	case op.U8:
		t.setBits(i, uint64(uint8(x)))
	case op.I32:
		t.setBits(i, uint64(uint32(int32(x))))
	case op.I64:
		t.setBits(i, uint64(int64(x)))
	case op.F16:
		t.setBits(i, uint64(op.F32ToF16(op.Odd(x))))
	case op.BF16:
		t.setBits(i, uint64(op.F32ToBF16(op.Odd(x))))
	case op.F32:
		t.setBits(i, uint64(math.Float32bits(float32(x))))
	default:
		t.setBits(i, math.Float64bits(x))
	}
}

// Get gives an element of any type but i64 as a number.
func (t Tensor) Get(i int64) float64 { return number(t.DType, t.Data[i*t.DType.Size():]) }

func number(d op.DType, b []byte) float64 {
	switch d {
	case op.U8:
		return float64(b[0])
	case op.I32:
		return float64(int32(le.Uint32(b)))
	case op.I64:
		return float64(int64(le.Uint64(b)))
	case op.F16:
		return float64(op.F16ToF32(le.Uint16(b)))
	case op.BF16:
		return float64(op.BF16ToF32(le.Uint16(b)))
	case op.F32:
		return float64(math.Float32frombits(le.Uint32(b)))
	}
	return math.Float64frombits(le.Uint64(b))
}

func text(d op.DType, b []byte) string {
	return fmt.Sprintf("%v (%x)", number(d, b), b[:d.Size()])
}

func (t Tensor) bits(i int64) uint64 {
	var b [8]byte
	copy(b[:], t.Data[i*t.DType.Size():][:t.DType.Size()])
	return le.Uint64(b[:])
}

func (t Tensor) setBits(i int64, v uint64) {
	var b [8]byte
	le.PutUint64(b[:], v)
	copy(t.Data[i*t.DType.Size():], b[:t.DType.Size()])
}

// Random makes a tensor of numbers around 1, of both signs where the type has them.
func Random(r *rand.Rand, d op.DType, shape ...int64) Tensor {
	t := Zeros(d, shape...)
	for i := range t.Elems() {
		switch {
		case d.Float():
			t.Set(i, r.NormFloat64())
		default:
			t.setBits(i, r.Uint64())
		}
	}
	return t
}

// Wild makes a tensor of bits as they come, among them NaNs of every kind, infinities, denormals, and numbers of every size.
func Wild(r *rand.Rand, d op.DType, shape ...int64) Tensor {
	t := Zeros(d, shape...)
	for i := range t.Elems() {
		special := [...]float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 5e-324, 1e-45, 6e-8, 1e-40, 65504, 65520, 3.4e38, 255.5, 2147483648}
		switch k := r.IntN(4); {
		case k == 0 && d.Float():
			t.Set(i, special[r.IntN(len(special))])
		case k == 1 && d.Float():
			t.Set(i, r.NormFloat64()*math.Exp2(float64(r.IntN(40)-20)))
		default:
			t.setBits(i, r.Uint64()>>r.IntN(64))
		}
	}
	return t
}

// desc is short for a description.
func desc(d op.DType, shape ...int64) op.Desc { return op.Desc{DType: d, Shape: shape} }

// float is a parameter.
func float(x float64) uint64 { return math.Float64bits(x) }

var allTypes = []op.DType{op.U8, op.I32, op.I64, op.F16, op.BF16, op.F32, op.F64}
