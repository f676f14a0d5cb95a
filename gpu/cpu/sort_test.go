package cpu

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// rank orders floats as Sort does, without its keys: numbers, -0 before 0, then NaN.
func rank[T float32 | float64](a, b T) int {
	sign := func(x T) int {
		if math.Signbit(float64(x)) {
			return 0
		}
		return 1
	}
	switch aNaN, bNaN := a != a, b != b; {
	case aNaN || bNaN:
		return map[bool]int{true: 1}[aNaN] - map[bool]int{true: 1}[bNaN]
	case a == b:
		return sign(a) - sign(b)
	}
	return cmp.Compare(a, b)
}

func requireSorted[T number](t *testing.T, d op.DType, rows [][]T, k int, descending bool, rank func(a, b T) int) {
	t.Helper()
	n := len(rows[0])
	desc := op.Desc{DType: d, Shape: []int64{int64(len(rows)), int64(k)}}
	param := uint64(0)
	if descending {
		param = 1
	}
	out := compute(t, op.Op{Code: op.Sort, Params: []uint64{param}}, []tensor{of(d, slices.Concat(rows...), int64(len(rows)), int64(n))},
		desc, op.Desc{DType: op.I32, Shape: desc.Shape})
	values, index := view[T](out[0]), view[int32](out[1])
	for r, row := range rows {
		want := make([]int32, n)
		for i := range want {
			want[i] = int32(i)
		}
		slices.SortStableFunc(want, func(a, b int32) int {
			x, y := row[a], row[b]
			if descending && x == x && y == y { // NaN is last in both directions
				x, y = y, x
			}
			return rank(x, y)
		})
		require.Equal(t, want[:k], index[r*k:][:k])
		for i, at := range want[:k] {
			x, y := row[at], values[r*k+i]
			require.True(t, x == y && math.Signbit(float64(x)) == math.Signbit(float64(y)) || x != x && y != y, "%v %v", x, y)
		}
	}
}

func TestSortIsStableAndNaNIsLast(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	odd := []float64{math.NaN(), math.Copysign(math.NaN(), -1), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 1e-45, -1e-45, math.MaxFloat32}
	for _, n := range []int{1, 2, 3, 100, 3000, 20_000} {
		for _, k := range []int{1, max(n/300, 1), n} {
			for _, descending := range []bool{false, true} {
				f32, f64, i32, i64 := make([][]float32, 2), make([][]float64, 2), make([][]int32, 2), make([][]int64, 2)
				for row := range 2 {
					for range n {
						x := r.NormFloat64()
						if r.IntN(4) == 0 {
							x = odd[r.IntN(len(odd))]
						}
						f32[row] = append(f32[row], float32(x))
						f64[row] = append(f64[row], x)
						i32[row] = append(i32[row], int32(r.Uint32())>>r.IntN(32))
						i64[row] = append(i64[row], int64(r.Uint64())>>r.IntN(64))
					}
				}
				i32[0][n-1], i64[0][n-1] = math.MinInt32, math.MinInt64
				requireSorted(t, op.F32, f32, k, descending, rank)
				requireSorted(t, op.F64, f64, k, descending, rank)
				requireSorted(t, op.I32, i32, k, descending, cmp.Compare)
				requireSorted(t, op.I64, i64, k, descending, cmp.Compare)
			}
		}
	}
}

func TestTheFirstOfManyThatComeBackwards(t *testing.T) { // every one is better than all before it
	row := make([]int32, 50_000)
	for i := range row {
		row[i] = int32(len(row) - i/3)
	}
	requireSorted(t, op.I32, [][]int32{row}, 10, false, cmp.Compare)
}

func TestSortedNaNIsCanonical(t *testing.T) {
	for _, descending := range []uint64{0, 1} {
		in := of(op.F32, []float32{math.Float32frombits(0xffc00123), 1, math.Float32frombits(0x7f800001)}, 3)
		out := compute(t, op.Op{Code: op.Sort, Params: []uint64{descending}}, []tensor{in}, in.Desc, op.Desc{DType: op.I32, Shape: []int64{3}})
		require.Equal(t, []uint32{0x3f800000, 0x7fc00000, 0x7fc00000}, view[uint32](out[0]))
		require.Equal(t, []int32{1, 0, 2}, view[int32](out[1]))
	}
}
