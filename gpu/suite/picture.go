package suite

import (
	"fmt"
	"math/rand/v2"

	"levee/gpu/op"
)

// pictureCases are those of Resize and Normalise; what is right is told by the processors.
func pictureCases(r *rand.Rand) (list []Case) {
	for _, d := range []op.DType{op.U8, op.F32} {
		for filter := range uint64(op.Lanczos3 + 1) {
			for _, s := range [][6]int64{{1, 1, 1, 1, 1, 1}, {2, 7, 9, 3, 4, 31}, {1, 40, 30, 4, 13, 50}, {3, 20, 20, 3, 20, 20}, {1, 5, 64, 1, 64, 3}, {1, 1, 3000, 2, 1, 2}, {2, 31, 101, 3, 12, 9}} {
				list = append(list, resizeCase(Random(r, d, s[:4]...), filter, s[4], s[5]), resizeCase(Wild(r, d, s[:4]...), filter, s[4], s[5]))
			}
		}
		for range 10 {
			side := func() int64 { return 1 + r.Int64N(60) }
			list = append(list, resizeCase(Random(r, d, 1+r.Int64N(2), side(), side(), 1+r.Int64N(5)), r.Uint64N(3), side(), side()))
		}
		list = append(list, Case{Name: "no batch", Code: op.Resize, Params: []uint64{op.Lanczos3}, In: []Tensor{Random(r, d, 6, 5, 3)}, Out: []op.Desc{desc(d, 3, 10, 3)}})
	}
	for planar := range uint64(2) {
		list = append(list, normaliseCase(r, planar, 2, 9, 7, 3), normaliseCase(r, planar, 1, 1, 1, 1), normaliseCase(r, planar, 30, 20, 4))
	}
	return list
}

func resizeCase(a Tensor, filter uint64, h, w int64) Case {
	out := desc(a.DType, a.Shape[0], h, w, a.Shape[3])
	return Case{Name: fmt.Sprintf("%v to %v by %d", a.Desc, out, filter), Code: op.Resize, Params: []uint64{filter}, In: []Tensor{a}, Out: []op.Desc{out}}
}

func normaliseCase(r *rand.Rand, planar uint64, shape ...int64) Case {
	n := len(shape)
	c := Case{Name: fmt.Sprint(shape, planar), Code: op.Normalise, Params: []uint64{planar}, Out: []op.Desc{desc(op.F32, shape...)}}
	c.In = []Tensor{Random(r, op.U8, shape...), Random(r, op.F32, shape[n-1]), Wild(r, op.F32, shape[n-1])}
	if planar == 1 {
		h, w := shape[n-3], shape[n-2]
		c.Out = []op.Desc{desc(op.F32, append(append([]int64{}, shape[:n-3]...), shape[n-1], h, w)...)}
	}
	return c
}
