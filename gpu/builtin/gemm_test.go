package builtin

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
	"levee/gpu/ptx"
)

// numbers are random ones that bf16 and f16 hold, so that every type holds them.
func numbers(r *rand.Rand, n int64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.IntN(255)-127) / 32
	}
	return v
}

func encode(d op.DType, v []float32) (b []byte) {
	for _, x := range v {
		switch d {
		case op.F64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(x)))
		case op.F32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		case op.BF16:
			b = binary.LittleEndian.AppendUint16(b, uint16(math.Float32bits(x)>>16))
		case op.F16:
			b = binary.LittleEndian.AppendUint16(b, toF16(x))
		}
	}
	return b
}

// toF16 is for numbers that are normal in f16.
func toF16(x float32) uint16 {
	b := math.Float32bits(x)
	if x == 0 {
		return uint16(b >> 16 & 0x8000)
	}
	return uint16(b>>16&0x8000 | (b>>23&0xff-112)<<10 | b>>13&0x3ff)
}

func decode(d op.DType, b []byte, i int64) float64 {
	switch d {
	case op.F64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	case op.F32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}
	h := uint32(binary.LittleEndian.Uint16(b[2*i:]))
	if d == op.BF16 {
		return float64(math.Float32frombits(h << 16))
	}
	m := float64(h&0x3ff|0x400) * math.Exp2(float64(h>>10&31)-25)
	if h>>10&31 == 0 {
		m = float64(h&0x3ff) * math.Exp2(-24)
	}
	return m * (1 - 2*float64(h>>15))
}

// gemmCase is one launch of a kernel: b is shared by the batch where stepB is 0.
type gemmCase struct {
	in, out        op.DType
	batch, m, n, k int64
	ta, tb         bool
	alpha          float32
	bias, relu     bool
}

func (c gemmCase) String() string {
	return fmt.Sprintf("%v-%v %dx%dx%dx%d %v %v", c.in, c.out, c.batch, c.m, c.n, c.k, c.ta, c.tb)
}

func (c gemmCase) at(trans bool, row, k, rows int64) int64 {
	if trans {
		return k*rows + row
	}
	return row*c.k + k
}

// run launches a kernel, in both orders of warps, and compares with sums made in order. tolerance 0 wants the same bits.
func (c gemmCase) run(t *testing.T, file, kernel string, tileM, tileN int64, threads uint32, shared int, tolerance float64) {
	text, ok := PTX(file)
	require.True(t, ok)
	module, err := ptx.Parse(text)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(1, uint64(c.m*c.n+c.k)))
	a, b, bias := numbers(r, c.batch*c.m*c.k), numbers(r, c.batch*c.n*c.k), numbers(r, c.n)
	blocks := uint32(c.batch * ((c.m + tileM - 1) / tileM) * ((c.n + tileN - 1) / tileN))
	for _, descending := range []bool{false, true} {
		mem := ptx.NewMemory()
		size := c.out.Size()
		poison := make([]byte, c.batch*c.m*c.n*size)
		for i := range poison {
			poison[i] = 0xff // NaN
		}
		out, biasAt := mem.Put(poison), uint64(0)
		if c.bias {
			biasAt = mem.Put(encode(sumType(c.in), bias))
		}
		args := c.args(mem.Put(encode(c.in, a)), mem.Put(encode(c.in, b)), out, biasAt)
		for first, half := uint32(0), (blocks+1)/2; first < blocks; first += half { // in two launches, as tiles are numbered through
			err := module.Launch(mem, ptx.Launch{Kernel: kernel, Grid: ptx.Dim{X: min(half, blocks-first)}, Block: ptx.Dim{X: threads}, Shared: shared,
				Args: args(int64(first)), Descending: descending})
			require.NoError(t, err)
		}
		got := mem.Bytes(out, len(poison))
		for i := range c.batch * c.m * c.n {
			z, row, col := i/(c.m*c.n), i/c.n%c.m, i%c.n
			exact, wide := float32(0), 0.0
			for k := range c.k {
				x, y := a[z*c.m*c.k+c.at(c.ta, row, k, c.m)], b[z*c.n*c.k+c.at(!c.tb, col, k, c.n)]
				exact += float32(x * y)
				wide += float64(x) * float64(y)
			}
			exact, wide = exact*c.alpha, wide*float64(c.alpha)
			if c.bias {
				exact, wide = exact+bias[col], wide+float64(bias[col])
			}
			if c.relu {
				exact, wide = max(exact, 0), max(wide, 0)
			}
			v := decode(c.out, got, i)
			if tolerance == 0 {
				want := float64(exact)
				if c.out == op.F64 {
					want = wide
				}
				require.Equal(t, want, v, "element %d", i)
			} else {
				require.InDelta(t, wide, v, tolerance*(1+math.Abs(wide)), "element %d", i)
			}
		}
	}
}

func sumType(d op.DType) op.DType {
	if d == op.F64 {
		return op.F64
	}
	return op.F32
}

// args gives the parameters of a launch from its first tile on.
func (c gemmCase) args(a, b, out, bias uint64) func(first int64) []any {
	stored := func(across bool, rows int64) (ld int64) {
		if across {
			return rows
		}
		return c.k
	}
	lda, ldb := stored(c.ta, c.m), stored(!c.tb, c.n)
	relu := uint32(0)
	if c.relu {
		relu = 1
	}
	return func(first int64) []any {
		if c.in.Size() == 2 {
			return []any{a, b, out, bias, c.m, c.n, c.k, lda, ldb, c.m * c.k, c.n * c.k, first, c.alpha, uint32(c.out), relu}
		}
		strides := func(across bool, ld int64) (int64, int64) {
			if across {
				return 1, ld
			}
			return ld, 1
		}
		aRow, aK := strides(c.ta, lda)
		bRow, bK := strides(!c.tb, ldb)
		list := []any{a, aRow, aK, b, bRow, bK, out, bias, c.m, c.n, c.k, c.m * c.k, c.n * c.k, first}
		if c.in == op.F64 {
			return append(list, float64(c.alpha), relu, uint32(c.out))
		}
		return append(list, c.alpha, relu, uint32(c.out))
	}
}

func TestExactProducts(t *testing.T) {
	for ways := range 4 {
		ta, tb := ways&1 == 1, ways>>1 == 1
		c := gemmCase{op.F32, op.F32, 1, 130, 33, 21, ta, tb, 1, true, false}
		t.Run(c.String(), func(t *testing.T) { c.run(t, "gemm", "gemm_f32", 128, 128, 256, 0, 0) })
		t.Run("small "+c.String(), func(t *testing.T) { c.run(t, "gemm", "gemm_small_f32", 64, 64, 256, 0, 0) })
		d := gemmCase{op.F64, op.F64, 2, 33, 66, 9, ta, tb, -2, false, true}
		t.Run(d.String(), func(t *testing.T) { d.run(t, "gemm", "gemm_f64", 64, 64, 256, 0, 0) })
	}
	c := gemmCase{op.F32, op.BF16, 3, 5, 7, 4, false, false, -0.5, true, true}
	t.Run(c.String(), func(t *testing.T) { c.run(t, "gemm", "gemm_f32", 128, 128, 256, 0, 4e-3) })
}
