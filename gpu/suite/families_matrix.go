package suite

import (
	"math/rand/v2"

	"levee/gpu/op"
)

func bigResizes(m *made) (list []Case) {
	filter := uint64(pick(m, op.Bilinear, op.Lanczos3))
	side := func() int64 { return 2*m.Int64N(100) + 21 }
	for _, d := range []op.DType{op.U8, op.F32} {
		for _, channels := range []int64{1, 3, 4} {
			for _, tall := range []bool{false, true} { // the pass across is the first, or the last
				h, w := side(), side()
				outH, outW := h*2, w
				if tall {
					outH, outW = h/2+1, 2*w|1
				}
				in := m.any
				if m.round%2 == 0 {
					in = m.sums
				}
				list = append(list, resizeCase(in(d, m.n/(h*w*channels)+1, h, w, channels), filter, outH, outW))
			}
		}
		h, w, c := side(), side(), 1+m.Int64N(5)
		list = append(list, resizeCase(m.any(d, m.n/(h*w*c)+1, h, w, c), op.Nearest, 1+m.Int64N(2*h), 1+m.Int64N(2*w)))
	}
	return list
}

func bigNormalise(m *made) []Case {
	h, w, c := 1+m.Int64N(200), 1+m.Int64N(200), 1+m.Int64N(4)
	n, planar := m.n/(h*w*c)+1, uint64(m.round%2)
	out := desc(op.F32, n, h, w, c)
	if planar == 1 {
		out = desc(op.F32, n, c, h, w)
	}
	return []Case{simple(op.Normalise, []uint64{planar}, out, m.any(op.U8, n, h, w, c), m.any(op.F32, c), m.any(op.F32, c))}
}

func bigFFTs(m *made) (list []Case) {
	inverse := uint64(m.IntN(2))
	add := func(n int64) {
		list = append(list, fftCase(m.sums(op.F32, m.n/2/n+1, n, 2), inverse))
	}
	add(2 << m.IntN(3))          // two to eight
	add(16 << m.IntN(10))        // up to what a block holds
	add(1 << 14 << m.IntN(4))    // two passes
	add(2*m.length(1, 2047) + 1) // by a chirp, in a block
	add(2*m.length(2100, 40_000) + 1)
	return list
}

func bigProducts(m *made) (list []Case) {
	add := func(d op.DType, side [2]int64, k int64) {
		s := op.GemmShape{M: m.length(side[0], side[1]), N: m.length(side[0], side[1]), K: k}
		s.Batch = m.n/(s.K*(s.M+s.N)) + 1
		s.SharedB = m.round%5 == 4
		if s.SharedB {
			s.Batch = m.n/(s.K*s.M) + 1
		}
		list = append(list, gemmCase(m.Rand, m.matrix, d, d, s, m.Uint64N(4), m.round%3 > 0, m.Uint64N(2)))
	}
	k := m.length(4, 40)
	if m.round%8 == 7 {
		k = 1 + m.Int64N(3)
	}
	add(op.F32, [2]int64{65, 128}, k)
	add(op.F32, [2]int64{1, 40}, k)
	add(op.F64, [2]int64{1, 70}, k)
	if m.round%16 == 15 {
		add(op.F32, [2]int64{700, 1100}, m.length(200, 600))
		add(op.F64, [2]int64{300, 600}, m.length(200, 400))
	}
	return list
}

func (m *made) matrix(_ *rand.Rand, d op.DType, shape ...int64) Tensor { return m.sums(d, shape...) }

func bigConvolutions(m *made) (list []Case) {
	pair := func(low, high int64) [2]int64 {
		return [2]int64{low + m.Int64N(high-low+1), low + m.Int64N(high-low+1)}
	}
	add := func(d op.DType, outputs int64, channels int64, kernel, stride [2]int64) {
		size, pad, dilation := pair(20, 90), pair(0, 2), pair(1, 2)
		images := m.n/(size[0]*size[1]*channels) + 1
		list = append(list, convCase(m.Rand, m.matrix, d, d, images, channels, outputs, size, kernel, stride, pad, dilation, m.Uint64N(2)))
	}
	add(op.F32, m.length(65, 128), m.length(8, 16), pair(1, 2), pair(1, 2))
	add(op.F32, m.length(1, 20), m.length(1, 12), pair(1, 3), [2]int64{1, 1})
	add(op.F64, m.length(1, 40), m.length(1, 12), pair(1, 3), pair(1, 2))
	return list
}

func bigMaps(m *made) (list []Case) {
	for _, d := range rowTypes {
		list = append(list, mapCase("axpb", []Tensor{m.any(d, m.n), m.any(op.F32, 1), m.any(op.F32, m.n)}, nil, desc(pick(m, rowTypes...), m.n)))
	}
	list = append(list, mapCase("mandel", []Tensor{m.any(op.F32, m.n), m.any(op.F16, m.n)}, nil, desc(op.I32, m.n)),
		mapCase("length", []Tensor{m.any(op.F64, m.n), m.any(op.F64, m.n)}, nil, desc(op.F64, m.n)),
		mapCase("stencil", []Tensor{m.any(op.F32, m.n)}, nil, desc(op.F32, m.n)),
		mapCase("stretch", []Tensor{m.any(op.U8, m.n)}, nil, desc(pick(m, op.U8, op.I32), m.n)))
	return list
}
