package suite

import (
	"fmt"
	"math"
	"math/rand/v2"

	"levee/gpu/op"
)

func reduceCases(r *rand.Rand) (list []Case) {
	kinds := []int64{op.Sum, op.Prod, op.Min, op.Max, op.ArgMin, op.ArgMax, op.Mean}
	for _, d := range allTypes {
		for _, kind := range kinds {
			if kind == op.Mean && !d.Float() {
				continue
			}
			for _, c := range []struct {
				shape []int64
				axis  int64
			}{
				{[]int64{1}, 0}, {[]int64{5, 3}, 1}, {[]int64{3, 8}, 1}, {[]int64{2, 31}, 1}, {[]int64{2, 257}, 1}, {[]int64{2, 1500}, 1}, {[]int64{2, 1501}, 1}, {[]int64{1, 2501}, 1}, {[]int64{5, 16}, 1}, {[]int64{300, 16}, 1}, {[]int64{3, 12}, 1}, {[]int64{7, 64}, 1}, {[]int64{9, 24}, 1}, {[]int64{1, 2500}, 1},
				{[]int64{2, 5, 3}, 1}, {[]int64{300, 3}, 0}, {[]int64{2, 700, 64 / d.Size()}, 1}, {[]int64{1, 2600, 80 / d.Size()}, 1}, {[]int64{2, 260, 35}, 1}, {[]int64{2, 1, 5}, 1},
			} {
				list = append(list, reduceCase(r, d, kind, c.shape, c.axis))
			}
		}
	}
	for _, kind := range kinds { // in more than one chunk
		list = append(list, reduceCase(r, op.F32, kind, []int64{70_001}, 0), reduceCase(r, op.U8, kind%op.Mean, []int64{2, 70_001}, 1), reduceCase(r, op.F16, kind, []int64{1, 66_000, 2}, 1))
	}
	for _, d := range allTypes {
		for _, shape := range [][]int64{{3, 1501}, {3, 34_003}, {90, 16}, {90, 7}, {3, 67, 64 / d.Size()}, {3, 2050, 64 / d.Size()}} {
			for _, kind := range []int64{op.Min, op.Max, op.ArgMin, op.ArgMax} {
				c := reduceCase(r, d, kind, shape, 1)
				scarce(r, c.In[0])
				c.Name = "few of " + c.Name
				list = append(list, c)
			}
		}
	}
	for _, d := range []op.DType{op.F16, op.BF16, op.F32, op.F64} {
		for _, kind := range kinds {
			zeros := T(d, []int64{4}, 0, math.Copysign(0, -1), 0, math.Copysign(0, -1))
			list = append(list, Case{Name: fmt.Sprintf("kind %d of zeros %v", kind, d), Code: op.Reduce, Params: []uint64{uint64(kind), 0}, In: []Tensor{zeros},
				Out: []op.Desc{reduced(d, kind, 1)}, Want: handMade(map[int64]float64{op.Sum: 0, op.Prod: 0, op.Min: math.Copysign(0, -1), op.Max: 0, op.ArgMin: 1, op.ArgMax: 0, op.Mean: 0}[kind])})
			nans := Random(r, d, 300)
			nans.setBits(7, ^uint64(0)) // one with a sign and a load
			nans.Set(203, nan)
			list = append(list, Case{Name: fmt.Sprintf("kind %d of NaN %v", kind, d), Code: op.Reduce, Params: []uint64{uint64(kind), 0}, In: []Tensor{nans},
				Out: []op.Desc{reduced(d, kind, 1)}, Want: handMade(map[int64]float64{op.Sum: nan, op.Prod: nan, op.Min: nan, op.Max: nan, op.ArgMin: 7, op.ArgMax: 7, op.Mean: nan}[kind])})
		}
	}
	return list
}

// scarce gives a tensor so few different elements that the first place of equal ones counts. The second row, or all columns of the second matrix, have
// but one, the greatest of all; the third has NaNs, of both signs.
func scarce(r *rand.Rand, t Tensor) {
	greatest := ^uint64(0) >> (65 - 8*t.DType.Size()) // for floats a NaN
	if t.DType == op.U8 {
		greatest = 255
	}
	for i := range t.Elems() {
		t.setBits(i, uint64(r.IntN(3)))
		switch row := i / (t.Elems() / t.Shape[0]); {
		case t.DType.Float() && (row == 1 || row == 2 && r.IntN(500) == 0):
			t.setBits(i, greatest-uint64(r.IntN(2))<<(8*t.DType.Size()-1))
		case row == 1:
			t.setBits(i, greatest)
		case t.DType.Float():
			t.Set(i, []float64{1, -1, 0, math.Copysign(0, -1)}[r.IntN(4)])
		}
	}
}

func handMade(x float64) func([]Tensor, []op.Desc) [][]byte {
	return func(_ []Tensor, out []op.Desc) [][]byte { return [][]byte{T(out[0].DType, out[0].Shape, x).Data} }
}

func reduced(d op.DType, kind int64, shape ...int64) op.Desc {
	if kind == op.ArgMin || kind == op.ArgMax || d == op.U8 && kind <= op.Prod {
		d = op.I32
	}
	return desc(d, shape...)
}

func reduceCase(r *rand.Rand, d op.DType, kind int64, shape []int64, axis int64) Case {
	in := Random(r, d, shape...)
	if kind >= op.Min && kind <= op.ArgMax && d.Float() {
		in = Wild(r, d, shape...)
		for i := range in.Elems() { // few NaNs, or nothing else is seen
			if math.IsNaN(in.Get(i)) && r.IntN(100) > 0 {
				in.Set(i, 1)
			}
		}
	}
	if kind == op.Prod && d.Float() {
		for i := range in.Elems() {
			in.Set(i, 1+in.Get(i)/16)
		}
	}
	out := append([]int64(nil), shape...)
	out[axis] = 1
	return Case{Name: fmt.Sprintf("kind %d of %v along %d", kind, in.Desc, axis), Code: op.Reduce, Params: []uint64{uint64(kind), uint64(axis)}, In: []Tensor{in},
		Out: []op.Desc{reduced(d, kind, out...)}, Want: reduceAll(kind, axis)}
}

func reduceAll(kind, axis int64) func([]Tensor, []op.Desc) [][]byte {
	return func(in []Tensor, out []op.Desc) [][]byte {
		a, t := in[0], Zeros(out[0].DType, out[0].Shape...)
		each(t.Shape, func(i int64, at []int64) {
			row := make([]uint64, a.Shape[axis])
			for k := range row {
				at[axis] = int64(k)
				row[k] = a.bits(place(a.Shape, at))
			}
			at[axis] = 0
			t.setBits(i, reduceRow(a.DType, kind, row))
		})
		return [][]byte{t.Data}
	}
}

// reduceRow reduces the bits of elements.
func reduceRow(d op.DType, kind int64, row []uint64) uint64 {
	switch {
	case kind >= op.Min && kind <= op.ArgMax:
		best := 0
		for i := range row {
			if below(d, row[i], row[best], kind == op.Max || kind == op.ArgMax) {
				best = i
			}
		}
		if kind == op.ArgMin || kind == op.ArgMax {
			return uint64(best)
		}
		one := Tensor{desc(d, 1), make([]byte, 8)}
		one.setBits(0, row[best])
		if d.Float() && math.IsNaN(one.Get(0)) {
			one.Set(0, nan)
		}
		return one.bits(0)
	case d == op.F64:
		sum := lanes(mapTo(row, math.Float64frombits), both[float64](kind), neutral[float64](kind))
		if kind == op.Mean {
			sum /= float64(len(row))
		}
		return T(op.F64, nil, sum).bits(0)
	case d.Float():
		sum := lanes(mapTo(row, func(b uint64) float32 { return float32(number(d, le.AppendUint64(nil, b))) }), both[float32](kind), neutral[float32](kind))
		if kind == op.Mean {
			sum /= float32(len(row))
		}
		return T(d, nil, float64(sum)).bits(0)
	}
	// Integers wrap, so that no order matters.
	sum := uint64(neutral[int64](kind))
	for _, b := range row {
		if kind == op.Prod {
			sum *= b
		} else {
			sum += b
		}
	}
	return sum
}

// below says whether an element comes before another one: NaN first, -0 before 0, the others by size.
func below(d op.DType, a, b uint64, largest bool) bool {
	if d == op.I64 {
		return int64(a) < int64(b) && !largest || int64(a) > int64(b) && largest
	}
	x, y := number(d, le.AppendUint64(nil, a)), number(d, le.AppendUint64(nil, b))
	if largest {
		x, y = y, x
		return y != y && x == x || x < y || x == 0 && y == 0 && math.Signbit(x) && !math.Signbit(y)
	}
	return x != x && y == y || x < y || x == 0 && y == 0 && math.Signbit(x) && !math.Signbit(y)
}

func mapTo[A any](row []uint64, f func(uint64) A) []A {
	out := make([]A, len(row))
	for i, b := range row {
		out[i] = f(b)
	}
	return out
}

func both[A float32 | float64](kind int64) func(a, b A) A {
	if kind == op.Prod {
		return func(a, b A) A { return a * b }
	}
	return func(a, b A) A { return a + b }
}

func neutral[A float32 | float64 | int64](kind int64) A {
	if kind == op.Prod {
		return 1
	}
	return 0
}

// lanes is the order of a sum, as the documents say it.
func lanes[A any](row []A, both func(a, b A) A, neutral A) A {
	var sums []A
	for from := 0; from < len(row); from += 65_536 {
		var lane [256]A
		for j := range lane {
			lane[j] = neutral
		}
		for i, x := range row[from:min(len(row), from+65_536)] {
			lane[i%256] = both(lane[i%256], x)
		}
		for s := 128; s > 0; s /= 2 {
			for j := range s {
				lane[j] = both(lane[j], lane[j+s])
			}
		}
		sums = append(sums, lane[0])
	}
	if len(sums) > 1 {
		return lanes(sums, both, neutral)
	}
	return sums[0]
}
