package suite

import (
	"fmt"

	"levee/gpu/op"
)

// families are all ops of the exact class, in shapes for which devices have kernels of their own.
var families = []family{
	{"fill", bigFill}, {"random", bigRandom}, {"cast", bigCasts}, {"concat", bigConcat}, {"gather", bigGather}, {"slice", bigSlices}, {"transpose", bigTransposes},
	{"sum", bigSums}, {"extreme", bigExtremes}, {"softmax", bigSoftmax}, {"layernorm", bigNorms},
	{"sort", bigSorts}, {"scan", bigScans}, {"histogram", bigHistograms}, {"resize", bigResizes}, {"normalise", bigNormalise}, {"fft", bigFFTs},
	{"gemm", bigProducts}, {"conv2d", bigConvolutions}, {"map", bigMaps},
}

// pick gives one of a list after the other, round by round.
func pick[T any](m *made, list ...T) T { return list[m.round%len(list)] }

// simple is a case of an op with one output.
func simple(code op.Code, params []uint64, out op.Desc, in ...Tensor) Case {
	c := Case{Code: code, Params: params, In: in, Out: []op.Desc{out}}
	c.Name = fmt.Sprintf("%v to %v %v", descs(in), out, params)
	return c
}

func descs(in []Tensor) (list []op.Desc) {
	for _, t := range in {
		list = append(list, t.Desc)
	}
	return list
}

func bigFill(m *made) (list []Case) {
	for _, d := range allTypes[1:] { // bytes have no kernel
		v := m.Uint64()
		switch d {
		case op.F32, op.F16, op.BF16: // no zeros, for which there is none either
			v = float(m.NormFloat64())
		case op.I32:
			v = uint64(int64(int32(v)))
		}
		list = append(list, simple(op.Fill, []uint64{v}, desc(d, m.n|1))) // an odd end
	}
	return list
}

func bigRandom(m *made) []Case {
	return []Case{simple(op.Random, []uint64{m.Uint64(), m.Uint64() >> m.IntN(64)}, desc(pick(m, op.F32, op.I32), m.n))}
}

func bigCasts(m *made) (list []Case) {
	for _, from := range allTypes {
		in := m.any(from, m.n)
		for _, to := range allTypes {
			if to != from {
				list = append(list, simple(op.Cast, nil, desc(to, m.n), in))
			}
		}
	}
	return list
}

// units are types and how many of their elements kernels that move bytes take at once.
var units = []struct {
	d   op.DType
	run int64
}{{op.U8, 1}, {op.F16, 1}, {op.F32, 1}, {op.F64, 1}, {op.I32, 4}}

func bigConcat(m *made) (list []Case) {
	for _, u := range units {
		var in []Tensor
		widths := []int64{3 + 2*m.Int64N(8), 1, 5 + 2*m.Int64N(40)}
		all := int64(0)
		for _, w := range widths {
			all += w * u.run
		}
		rows := m.n/all + 1
		for _, w := range widths {
			in = append(in, m.any(u.d, rows, w*u.run))
		}
		list = append(list, simple(op.Concat, []uint64{1}, desc(u.d, rows, all), in...))
	}
	return list
}

func bigGather(m *made) (list []Case) {
	for _, u := range units {
		row := u.run * (1 + 2*m.Int64N(8))
		rows := m.n/row + 1
		list = append(list, simple(op.Gather, nil, desc(u.d, rows, row), m.any(u.d, rows, row), m.places(pick(m, op.I32, op.I64), rows)))
	}
	return list
}

func bigSlices(m *made) (list []Case) {
	for _, u := range units {
		for _, odd := range []int64{1, 0} { // runs of a few elements at once need even ends
			width := 4*(2+m.Int64N(60)) + odd
			rows := m.n/width + 1
			shape, start, step, out := []int64{rows + 1, 2*width + 1, u.run}, []int64{m.Int64N(2), m.Int64N(2), 0}, []int64{1, 2, 1}, []int64{rows, width, u.run}
			list = append(list, simple(op.Slice, words(start, step), desc(u.d, out...), m.any(u.d, shape...)))
		}
		width := 513 + 2*m.Int64N(700) // long pieces
		rows := m.n/width + 1
		list = append(list, simple(op.Slice, words([]int64{0, m.Int64N(3)}, []int64{1, 1}), desc(u.d, rows, width*u.run), m.any(u.d, rows, (width+2)*u.run)))
	}
	return list
}

func bigTransposes(m *made) (list []Case) {
	add := func(in Tensor, perm ...int64) {
		out := make([]int64, len(perm))
		for i, p := range perm {
			out[i] = in.Shape[p]
		}
		list = append(list, simple(op.Transpose, words(perm), desc(in.DType, out...), in))
	}
	for _, u := range units {
		for _, odd := range []int64{1, 0} { // words of several elements need even sides
			a := 4*(3+m.Int64N(min(100, 1+m.n>>10))) + odd
			b := 4*(3+m.Int64N(min(40, 1+m.n>>10))) + odd
			c := (m.n/(a*b*u.run)+8)&^3 + odd
			if u.run > 1 {
				add(m.any(u.d, c, a, b, u.run), pick(m, []int64{0, 2, 1, 3}, []int64{2, 1, 0, 3}, []int64{2, 0, 1, 3})...)
			} else {
				add(m.any(u.d, c, a, b), pick(m, []int64{0, 2, 1}, []int64{2, 1, 0}, []int64{2, 0, 1})...)
			}
		}
		for c := int64(2); c <= 4 && u.run == 1; c++ { // of pixels, to planes and back
			pixels := 16*(1+m.Int64N(200)) + m.Int64N(2)*m.Int64N(16)
			n := m.n/(c*pixels) + 1
			add(m.any(u.d, n, pixels, c), 0, 2, 1)
			add(m.any(u.d, n, c, pixels), 0, 2, 1)
		}
	}
	return list
}

// bigRows are shapes with the axis in the middle of which kernels for rows and columns make a difference.
func bigRows(m *made, lengths, inners [2]int64) []int64 {
	n, inner := m.length(lengths[0], lengths[1]), m.length(inners[0], inners[1])
	return []int64{m.n/(n*inner) + 1, n, inner}
}

func bigSums(m *made) (list []Case) {
	for _, d := range allTypes {
		kinds := []int64{op.Sum, op.Prod}
		if d.Float() {
			kinds = append(kinds, op.Mean)
		}
		for _, c := range [][2][2]int64{
			{{17, 32}, {1, 1}}, {{33, 512}, {1, 1}}, {{513, 2047}, {1, 1}}, {{2048, 150_000}, {1, 1}}, // few, few of whole vectors, rows, block
			{{1, 16}, {1, 1}}, {{2, 32}, {2, 300}}, // short
			{{33, 3000}, {2, 4}}, {{33, 500}, {5, 200}}, // columns
			{{512, 700}, {64, 64}}, // columns by vectors
		} {
			shape := bigRows(m, c[0], c[1])
			kind := pick(m, kinds...)
			list = append(list, simple(op.Reduce, []uint64{uint64(kind), 1}, reduced(d, kind, shape[0], 1, shape[2]), m.sums(d, shape...)))
		}
	}
	for _, c := range []struct{ kind, from, to, inner int64 }{{op.Sum, 40_000, 150_000, 1}, {op.Sum, 512, 2000, 64}, {op.Prod, 2048, 150_000, 1}} { // sum_bytes, sum_byte_columns, block
		shape := bigRows(m, [2]int64{c.from, c.to}, [2]int64{c.inner, c.inner})
		list = append(list, simple(op.Reduce, []uint64{uint64(c.kind), 1}, reduced(op.U8, c.kind, shape[0], 1, c.inner), m.sums(op.U8, shape...)))
	}
	return list
}

func bigExtremes(m *made) (list []Case) {
	for i, d := range allTypes {
		kind := []int64{op.Min, op.Max, op.ArgMin, op.ArgMax}[(m.round+i)%4]
		for _, c := range [][2][2]int64{{{1, 32}, {1, 1}}, {{33, 4096}, {1, 1}}, {{150_000, 400_000}, {1, 1}}, {{2, 4096}, {2, 100}}, {{4097, 10_000}, {2, 20}}, {{64, 4096}, {64, 64}}} {
			shape := bigRows(m, c[0], c[1])
			list = append(list, simple(op.Reduce, []uint64{uint64(kind), 1}, reduced(d, kind, shape[0], 1, shape[2]), m.sums(d, shape...)))
		}
	}
	return list
}

// rowLengths are those for which there are kernels of their own.
var rowLengths = [][2]int64{{1, 128}, {129, 256}, {257, 512}, {513, 1024}, {1025, 2048}, {2049, 4096}, {4097, 8192}, {8193, 15_000}, {15_001, 70_000}}

func bigSoftmax(m *made) []Case {
	return bigNormed(m, func(in Tensor) Case { return simple(op.Softmax, nil, in.Desc, in) })
}

func bigNorms(m *made) []Case {
	return bigNormed(m, func(in Tensor) Case {
		n := in.Shape[1]
		return simple(op.LayerNorm, []uint64{float(pick(m, 1e-5, 0, 1))}, in.Desc, in, m.any(op.F32, n), m.any(op.F32, n))
	})
}

func bigNormed(m *made, make func(in Tensor) Case) (list []Case) {
	for _, d := range rowTypes {
		for _, r := range rowLengths {
			n := m.length(r[0], r[1])
			for _, n := range []int64{n | 1, (n + 7) &^ 7, n&^7 | pick[int64](m, 4, 2)} { // of whole vectors, or not
				if n > r[1] {
					n -= 8
				}
				list = append(list, make(m.sums(d, m.n/n+1, n)))
			}
		}
	}
	return list
}

func bigSorts(m *made) (list []Case) {
	descending := uint64(m.IntN(2))
	for _, d := range []op.DType{pick(m, op.F32, op.I32), pick(m, op.F64, op.I64)} {
		short := sortShort(d)
		n := m.length(1, short)
		list = append(list, sortCase(m.any(d, m.n/n+1, n), 1+m.Int64N(n), descending)) // in a block's own memory
		n = m.length(short+1, max(2*short, m.n/2))
		list = append(list, sortCase(m.any(d, m.n/n+1, n), 1+m.Int64N(short/8), descending)) // the first of each tile
		k := n
		if m.round%2 == 1 {
			k = short/8 + 1 + m.Int64N(n-short/8)
		}
		list = append(list, sortCase(m.any(d, m.n/n+1, n), k, descending)) // digit by digit
	}
	return list
}

// sortShort is how many elements a block sorts at a time.
func sortShort(d op.DType) int64 { return 16384 / d.Size() }

func bigScans(m *made) (list []Case) {
	for _, d := range []op.DType{op.F32, op.I32, op.I64} {
		for _, lengths := range [][2]int64{{1, 1024}, {1025, m.n}} {
			n := m.length(lengths[0], max(lengths[0], lengths[1]))
			list = append(list, scanCase(m.sums(d, m.n/n+1, n), uint64(m.IntN(2))))
		}
	}
	return list
}

func bigHistograms(m *made) (list []Case) {
	low := m.NormFloat64() * 4
	high := low + m.ExpFloat64()*pick(m, 1, 10, 1e9)
	for _, d := range []op.DType{op.F32, op.I32, op.U8} {
		list = append(list, histogramCase(m.any(d, m.n), m.length(1, 8192), low, high), histogramCase(m.any(d, m.n), m.length(8193, 100_000), low, high))
	}
	return list
}
