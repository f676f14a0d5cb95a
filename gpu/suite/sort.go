package suite

import (
	"fmt"
	"math"
	"math/rand/v2"

	"levee/gpu/op"
)

// sortCases are those of Sort, Scan and Histogram. What is right is told by the processors, whose tests have other definitions of these ops.
func sortCases(r *rand.Rand) (list []Case) {
	for _, d := range []op.DType{op.F32, op.I32, op.F64, op.I64} {
		for _, s := range [][3]int64{{1, 1, 1}, {3, 2, 2}, {70, 7, 3}, {5, 100, 100}, {2, 1500, 1500}, {1, 2048, 10}, {1, 4097, 4097}, {2, 9001, 9001}, {3, 5000, 17}} {
			for descending := range uint64(2) {
				list = append(list, sortCase(Wild(r, d, s[0], s[1]), s[2], descending))
			}
		}
		same := Zeros(d, 2, 5000)
		list = append(list, sortCase(same, 5000, 0), sortCase(same, 3, 1))
	}
	list = append(list, sortCase(Wild(r, op.F32, 2, 35_001), 3, 0), sortCase(Zeros(op.I32, 1, 35_000), 200, 1), sortCase(Wild(r, op.I64, 1, 20_000), 100, 1))
	for _, d := range []op.DType{op.F32, op.I32, op.I64} {
		for _, s := range [][2]int64{{1, 1}, {3, 31}, {7, 33}, {2, 1024}, {3, 1025}, {2, 5000}, {1, 35_000}} {
			for exclusive := range uint64(2) {
				list = append(list, scanCase(Random(r, d, s[0], s[1]), exclusive))
			}
		}
	}
	list = append(list, scanCase(Wild(r, op.F32, 3, 2000), 0))
	for range 10 {
		n := 1 + r.Int64N(6000)
		rows := 1 + r.Int64N(1+8000/n)
		list = append(list, sortCase(Wild(r, []op.DType{op.F32, op.I32, op.F64, op.I64}[r.IntN(4)], rows, n), 1+r.Int64N(n), r.Uint64N(2)),
			scanCase(Random(r, []op.DType{op.F32, op.I32, op.I64}[r.IntN(3)], rows, n), r.Uint64N(2)))
	}
	for _, d := range []op.DType{op.F32, op.I32, op.U8} {
		for _, bins := range []int64{1, 10, 256, 20_000} {
			for _, n := range []int64{1, 15, 20_003} {
				list = append(list, histogramCase(Random(r, d, n), bins, -0.5, 1.3), histogramCase(Wild(r, d, n), bins, -100, 1e9))
			}
		}
		list = append(list, histogramCase(Zeros(d, 9999), 3, 0, math.SmallestNonzeroFloat64))
	}
	return list
}

func sortCase(a Tensor, k int64, descending uint64) Case {
	out := desc(a.DType, a.Shape[0], k)
	return Case{Name: fmt.Sprintf("first %d of %v, %d", k, a.Desc, descending), Code: op.Sort, Params: []uint64{descending}, In: []Tensor{a},
		Out: []op.Desc{out, desc(op.I32, out.Shape...)}}
}

func scanCase(a Tensor, exclusive uint64) Case {
	return Case{Name: fmt.Sprintf("%v, %d", a.Desc, exclusive), Code: op.Scan, Params: []uint64{exclusive}, In: []Tensor{a}, Out: []op.Desc{a.Desc}}
}

func histogramCase(a Tensor, bins int64, low, high float64) Case {
	return Case{Name: fmt.Sprintf("%v in %d from %v to %v", a.Desc, bins, low, high), Code: op.Histogram, Params: []uint64{float(low), float(high)},
		In: []Tensor{a}, Out: []op.Desc{desc(op.I32, bins)}}
}
