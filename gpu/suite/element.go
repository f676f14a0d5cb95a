package suite

import (
	"fmt"
	"math"
	"math/rand/v2"

	"levee/gpu/op"
)

// elementCases are those of Fill, Copy, Concat, Gather and Random.
func elementCases(r *rand.Rand) (list []Case) {
	for _, d := range allTypes {
		for _, n := range []int64{1, 7, 16, 33, 1000} {
			value, v := float64(1+r.IntN(100)), uint64(0)
			if d != op.U8 && n%2 == 1 {
				value = -value
			}
			if v = uint64(int64(value)); d.Float() {
				value += 1.0 / 3
				v = float(value)
			}
			list = append(list, Case{Name: fmt.Sprintf("%v of %d %v", value, n, d), Code: op.Fill, Params: []uint64{v}, Out: []op.Desc{desc(d, n)},
				Want: func(_ []Tensor, out []op.Desc) [][]byte {
					t := Zeros(out[0].DType, out[0].Shape...)
					for i := range t.Elems() {
						t.Set(i, value)
					}
					return [][]byte{t.Data}
				}})
		}
		list = append(list, Case{Name: fmt.Sprint("copy of ", d), Code: op.Copy, In: []Tensor{Wild(r, d, 3, 5, 7)}, Out: []op.Desc{desc(d, 105)},
			Want: func(in []Tensor, _ []op.Desc) [][]byte { return [][]byte{in[0].Data} }})
		list = append(list, concatCase(r, d, 0, []int64{2, 1, 4}, 3), concatCase(r, d, 1, []int64{5, 8}, 3), concatCase(r, d, 2, []int64{1, 1, 1, 7}, 2),
			concatCase(r, d, 1, []int64{16, 32}, 16))
		list = append(list, gatherCase(r, d, op.I32, 1), gatherCase(r, d, op.I64, 3), gatherCase(r, d, op.I32, 16))
	}
	list = append(list, Case{Name: "NaN", Code: op.Fill, Params: []uint64{0xfff8000000000123}, Out: []op.Desc{desc(op.F32, 3)},
		Want: func([]Tensor, []op.Desc) [][]byte { return [][]byte{T(op.F32, []int64{3}, nan, nan, nan).Data} }})
	for _, n := range []int64{1, 4, 5, 77, 3000} {
		for _, offset := range []uint64{0, 1, 3, 4, 1<<34 + 2, math.MaxUint64 - 1} {
			list = append(list, randomCase(op.I32, n, r.Uint64(), offset), randomCase(op.F32, n, r.Uint64(), offset))
		}
	}
	return append(list, Case{Name: "the published numbers", Code: op.Random, Params: []uint64{0, 0}, Out: []op.Desc{desc(op.I32, 4)},
		Want: func([]Tensor, []op.Desc) [][]byte {
			t := Zeros(op.I32, 4) // of Random123's known answers
			for i, w := range []uint64{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8} {
				t.setBits(int64(i), w)
			}
			return [][]byte{t.Data}
		}})
}

var nan = math.NaN()

func concatCase(r *rand.Rand, d op.DType, axis int, lengths []int64, last int64) Case {
	c := Case{Name: fmt.Sprintf("%v of %v along %d", lengths, d, axis), Code: op.Concat, Params: []uint64{uint64(axis)}}
	shape := func(n int64) []int64 {
		s := []int64{2, 3, last}
		s[axis] = n
		return s
	}
	sum := int64(0)
	for _, n := range lengths {
		c.In = append(c.In, Wild(r, d, shape(n)...))
		sum += n
	}
	c.Out = []op.Desc{desc(d, shape(sum)...)}
	c.Want = func(in []Tensor, out []op.Desc) [][]byte {
		t := Zeros(d, out[0].Shape...)
		start := int64(0)
		for _, a := range in {
			each(a.Shape, func(i int64, at []int64) {
				at[axis] += start
				t.setBits(place(t.Shape, at), a.bits(i))
				at[axis] -= start
			})
			start += a.Shape[axis]
		}
		return [][]byte{t.Data}
	}
	return c
}

// each calls f for every element of a shape with its number and its place in each dimension.
func each(shape []int64, f func(i int64, at []int64)) {
	at := make([]int64, len(shape))
	n := op.Desc{DType: op.U8, Shape: shape}.Elems()
	for i := range n {
		f(i, at)
		for k := len(at) - 1; k >= 0; k-- {
			if at[k]++; at[k] < shape[k] {
				break
			}
			at[k] = 0
		}
	}
}

// place is the number of an element.
func place(shape, at []int64) int64 {
	i := int64(0)
	for k := range shape {
		i = i*shape[k] + at[k]
	}
	return i
}

func gatherCase(r *rand.Rand, d, index op.DType, row int64) Case {
	const rows = 5
	at := Zeros(index, 3, 4)
	for i := range int64(12) {
		at.Set(i, float64(r.IntN(rows)))
	}
	at.Set(2, -1)
	at.Set(5, rows)
	at.setBits(7, 1<<63|1<<31) // the least of both types
	return Case{Name: fmt.Sprintf("rows of %d %v by %v", row, d, index), Code: op.Gather, In: []Tensor{Wild(r, d, rows, row), at}, Out: []op.Desc{desc(d, 3, 4, row)},
		Want: func(in []Tensor, out []op.Desc) [][]byte {
			t := Zeros(d, out[0].Shape...)
			for i := range int64(12) {
				if k := int64(at.Get(i)); k >= 0 && k < rows {
					for j := range row {
						t.setBits(i*row+j, in[0].bits(k*row+j))
					}
				}
			}
			return [][]byte{t.Data}
		}}
}

// randomCase computes the generator with its round written out once more.
func randomCase(d op.DType, n int64, seed, offset uint64) Case {
	return Case{Name: fmt.Sprintf("%d %v from %d", n, d, offset), Code: op.Random, Params: []uint64{seed, offset}, Out: []op.Desc{desc(d, n)},
		Want: func([]Tensor, []op.Desc) [][]byte {
			t := Zeros(d, n)
			for i := range n {
				at := offset + uint64(i)
				a, b, c, e, k0, k1 := uint64(uint32(at/4)), at/4>>32, uint64(0), uint64(0), seed&math.MaxUint32, seed>>32
				for range 10 {
					x, y := a*0xD2511F53, c*0xCD9E8D57
					a, b, c, e = y>>32^b^k0, y&math.MaxUint32, x>>32^e^k1, x&math.MaxUint32
					k0, k1 = (k0+0x9E3779B9)&math.MaxUint32, (k1+0xBB67AE85)&math.MaxUint32
				}
				w := [4]uint64{a, b, c, e}[at%4]
				if d == op.I32 {
					t.setBits(i, w)
				} else {
					t.Set(i, float64(w>>8)/(1<<24))
				}
			}
			return [][]byte{t.Data}
		}}
}
