package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// randomTensor has elements of about one, and now and then a special one.
func randomTensor(r *rand.Rand, special bool, d op.DType, shape ...int64) tensor {
	t := tensor{Desc: op.Desc{DType: d, Shape: shape}}
	words := make([]uint64, (t.Bytes()+7)/8)
	t.mem = unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), t.Bytes())
	for i := range t.Elems() {
		x := r.NormFloat64()
		if special && r.IntN(50) == 0 {
			x = []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1e-40, 3e38}[r.IntN(7)]
		}
		if d == op.F64 {
			view[float64](t)[i] = x
		} else {
			narrow(t, i, []float32{float32(x)})
		}
	}
	return t
}

// element is exact, and f32 where the tensor is not f64.
func element(t tensor, i int64) float64 {
	if t.DType == op.F64 {
		return view[float64](t)[i]
	}
	var v [1]float32
	widen(v[:], t, i)
	return float64(v[0])
}

// inOrder is what the sum of products, times alpha, plus the bias, must be to the last bit, and near what in float64.
func inOrder(f64 bool, pairs func(yield func(a, b float64) bool), alpha float64, bias *float64, relu bool) (exact, near float64) {
	var s32 float32
	var s64, wide float64
	for a, b := range pairs {
		s32 += float32(float32(a) * float32(b))
		s64 += float64(a * b)
		wide = math.FMA(a, b, wide)
	}
	s32, s64, wide = s32*float32(alpha), s64*alpha, wide*alpha
	if bias != nil {
		s32, s64, wide = s32+float32(*bias), s64+*bias, wide+*bias
	}
	exact = s64
	if !f64 {
		exact = float64(s32)
	}
	if relu && exact < 0 { // neither NaN nor -0 is
		exact = 0
	}
	if relu && wide < 0 {
		wide = 0
	}
	return exact, wide
}

// requireElement wants the bits of exact, rounded once to the tensor's type.
func requireElement(t *testing.T, out tensor, i int64, exact, near float64, special bool, k int64) {
	t.Helper()
	want := randomTensor(rand.New(rand.NewPCG(0, 0)), false, out.DType, 1)
	if out.DType == op.F64 {
		view[float64](want)[0] = canon64(exact)
	} else {
		narrow(want, 0, []float32{float32(exact)})
	}
	size := out.DType.Size()
	require.Equal(t, want.mem, out.mem[i*size:][:size], "element %d is %v, not %v", i, element(out, i), exact)
	if !special {
		tolerance := map[op.DType]float64{op.F32: 1e-6, op.F64: 1e-15, op.F16: 1e-3, op.BF16: 8e-3}[out.DType]
		require.InDelta(t, near, element(out, i), tolerance*(10*math.Sqrt(float64(k))+math.Abs(near)))
	}
}

var matrixCases = []struct{ in, out op.DType }{{op.F32, op.F32}, {op.F64, op.F64}, {op.F16, op.F16}, {op.F16, op.F32}, {op.BF16, op.BF16}, {op.BF16, op.F32}}

func TestGemmAddsInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	shapes := []op.GemmShape{{Batch: 1, M: 1, N: 1, K: 1}, {Batch: 1, M: 1, N: 130, K: 300}, {Batch: 1, M: 65, N: 129, K: 257}, {Batch: 3, M: 5, N: 7, K: 2},
		{Batch: 2, M: 3, N: 2, K: 9, SharedB: true}}
	for i := range len(shapes) * len(matrixCases) * 4 {
		s, c, ways := shapes[i%len(shapes)], matrixCases[i/len(shapes)%len(matrixCases)], i/len(shapes)/len(matrixCases)
		special, withBias := r.IntN(2) == 0, r.IntN(2) == 0
		t.Run(fmt.Sprintf("%v %v to %v ways %d", s, c.in, c.out, ways), func(t *testing.T) { testGemm(t, r, s, c.in, c.out, ways, special, withBias) })
	}
}

func testGemm(t *testing.T, r *rand.Rand, s op.GemmShape, in, out op.DType, ways int, special, withBias bool) {
	transA, transB := int64(ways&1), int64(ways>>1)
	pick := func(trans, a, b int64) (int64, int64) { return a + (b-a)*trans, b + (a-b)*trans }
	rowsA, colsA := pick(transA, s.M, s.K)
	rowsB, colsB := pick(transB, s.K, s.N)
	a := randomTensor(r, special, in, s.Batch, rowsA, colsA)
	b := randomTensor(r, special, in, s.Batch, rowsB, colsB)
	if s.SharedB {
		b = randomTensor(r, special, in, rowsB, colsB)
	}
	c := randomTensor(r, false, out, s.Batch, s.M, s.N)
	alpha, relu := []float64{1, -0.7}[r.IntN(2)], r.IntN(2)
	o := &op.Op{Code: op.Gemm, Params: []uint64{uint64(transA), uint64(transB), math.Float64bits(alpha), uint64(relu)}}
	x := &run{Op: o, in: []tensor{a, b}, out: []tensor{c}}
	if withBias {
		sum := op.F32
		if in == op.F64 {
			sum = op.F64
		}
		x.in = append(x.in, randomTensor(r, special, sum, s.N))
	}
	require.NoError(t, gemm(x))
	for i := range c.Elems() {
		z, row, col := i/(s.M*s.N), i/s.N%s.M, i%s.N
		if s.M*s.N > 1000 && r.IntN(50) != 0 {
			continue
		}
		pairs := func(yield func(a, b float64) bool) {
			for k := range s.K {
				atA, atB := row*s.K+k, k*s.N+col
				if transA == 1 {
					atA = k*s.M + row
				}
				if transB == 1 {
					atB = col*s.K + k
				}
				if !s.SharedB {
					atB += z * s.K * s.N
				}
				if !yield(element(a, z*s.M*s.K+atA), element(b, atB)) {
					return
				}
			}
		}
		var bias *float64
		if withBias {
			v := element(x.in[2], col)
			bias = &v
		}
		exact, near := inOrder(in == op.F64, pairs, alpha, bias, relu == 1)
		requireElement(t, c, i, exact, near, special, s.K)
	}
}

func TestConvolutionAddsInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	for i := range 4 * len(matrixCases) {
		c := matrixCases[i%len(matrixCases)]
		special := r.IntN(2) == 0
		t.Run(fmt.Sprintf("%v to %v %d", c.in, c.out, i), func(t *testing.T) { testConv(t, r, c.in, c.out, special) })
	}
}

func testConv(t *testing.T, r *rand.Rand, in, out op.DType, special bool) {
	dims := func(most int64) [2]int64 { return [2]int64{1 + r.Int64N(most), 1 + r.Int64N(most)} }
	size, kernel, stride, step := dims(9), dims(3), dims(3), dims(2)
	pad := [2]int64{r.Int64N(3), r.Int64N(3)}
	var y [2]int64
	for i := range 2 {
		size[i] += step[i] * (kernel[i] - 1)
		y[i] = (size[i]+2*pad[i]-step[i]*(kernel[i]-1)-1)/stride[i] + 1
	}
	images, channels, outputs := 1+r.Int64N(3), 1+r.Int64N(5), 1+r.Int64N(7)
	a := randomTensor(r, special, in, images, size[0], size[1], channels)
	w := randomTensor(r, special, in, outputs, kernel[0], kernel[1], channels)
	c := randomTensor(r, false, out, images, y[0], y[1], outputs)
	relu := r.Uint64N(2)
	o := &op.Op{Code: op.Conv2D, Params: []uint64{uint64(stride[0]), uint64(stride[1]), uint64(pad[0]), uint64(pad[1]), uint64(step[0]), uint64(step[1]), relu}}
	require.NoError(t, conv2D(&run{Op: o, in: []tensor{a, w}, out: []tensor{c}}))
	for i := range c.Elems() {
		image, oy, ox, oc := i/outputs/y[1]/y[0], i/outputs/y[1]%y[0], i/outputs%y[1], i%outputs
		pairs := func(yield func(a, b float64) bool) {
			for k := range kernel[0] * kernel[1] * channels {
				ky, kx, ch := k/channels/kernel[1], k/channels%kernel[1], k%channels
				iy, ix := oy*stride[0]-pad[0]+ky*step[0], ox*stride[1]-pad[1]+kx*step[1]
				x := 0.0
				if iy >= 0 && iy < size[0] && ix >= 0 && ix < size[1] {
					x = element(a, ((image*size[0]+iy)*size[1]+ix)*channels+ch)
				}
				if !yield(x, element(w, oc*kernel[0]*kernel[1]*channels+k)) {
					return
				}
			}
		}
		exact, near := inOrder(in == op.F64, pairs, 1, nil, relu == 1)
		requireElement(t, c, i, exact, near, special, kernel[0]*kernel[1]*channels)
	}
}
