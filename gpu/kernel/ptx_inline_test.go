package kernel

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
	"levee/gpu/ptx"
)

// around is a kernel that has another one in its middle, between registers of the same names.
func around(inline func(string) string) string {
	return `.version 6.3
.target sm_70
.address_size 64

.visible .entry around(
	.param .u64 p0
)
{
	.reg .pred %p<2>;
	.reg .b32 %r<4>;
	.reg .b64 %rd<4>;
	.reg .f32 %f<4>;
	ld.param.u64 %rd0, [p0];
	mov.u32 %r0, %tid.x;
	mul.wide.u32 %rd1, %r0, 4;
	add.s64 %rd0, %rd0, %rd1;
	ld.global.f32 %f1, [%rd0];
	mov.f32 %f2, %f1;
	mov.f32 %f0, 0f3F800000;
` + inline("%f1") + inline("%f2") + `	setp.eq.f32 %p0, %f0, 0f3F800000;
	@%p0 st.global.f32 [%rd0], %f1;
	setp.eq.f32 %p0, %f1, %f2;
	setp.nan.f32 %p1, %f1, %f2;
	@!%p0 bra $L1;
	ret;
$L1:
	@%p1 ret;
	trap;
}
`
}

// TestInlineIsTheKernel compares a kernel in the middle of another one with itself, for all types that lie between the two.
func TestInlineIsTheKernel(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	input := make([]float32, 256)
	for i := range input {
		input[i] = math.Float32frombits(r.Uint32())
		if i%2 == 0 {
			input[i] = float32(r.NormFloat64() * 4)
		}
	}
	narrow := map[op.DType]func(float32) uint16{op.F16: op.F32ToF16, op.BF16: op.F32ToBF16}
	for _, name := range []string{"relu6", "sqrtinv", "rounding"} {
		f, err := Parse(corpus(t), name)
		require.NoError(t, err)
		for _, via := range []op.DType{op.F32, op.F16, op.BF16} {
			mem := ptx.NewMemory()
			var wide, stored []byte
			for _, x := range input {
				wide = binary.LittleEndian.AppendUint32(wide, math.Float32bits(x))
				if via == op.F32 {
					stored = wide
				} else {
					stored = binary.LittleEndian.AppendUint16(stored, narrow[via](x))
				}
			}
			inline := f.Inline(via)
			require.NotNil(t, inline, name)
			got, want, from, word := mem.Put(wide), mem.Alloc(len(wide)), mem.Put(stored), mem.Put([]byte{255, 255, 255, 255, 255, 255, 255, 255})
			m, err := ptx.Parse(around(inline))
			require.NoError(t, err)
			n := uint32(len(input))
			require.NoError(t, m.Launch(mem, ptx.Launch{Kernel: "around", Grid: ptx.Dim{X: 1}, Block: ptx.Dim{X: n}, Args: []any{got}}))
			text, err := f.PTX(Types{In: []op.DType{via}, One: []bool{false}, Out: []op.DType{op.F32}})
			require.NoError(t, err)
			m, err = ptx.Parse(text)
			require.NoError(t, err)
			require.NoError(t, m.Launch(mem, ptx.Launch{Kernel: "kernel", Grid: ptx.Dim{X: 1}, Block: ptx.Dim{X: n}, Args: []any{from, want, uint64(0), uint64(n), word}}))
			for i := range input {
				x, y := binary.LittleEndian.Uint32(mem.Bytes(got, len(wide))[4*i:]), binary.LittleEndian.Uint32(mem.Bytes(want, len(wide))[4*i:])
				if math.IsNaN(float64(math.Float32frombits(y))) { // whoever stores it makes it the one NaN
					require.True(t, math.IsNaN(float64(math.Float32frombits(x))))
					continue
				}
				require.Equal(t, y, x, "%s of %v by way of %v", name, input[i], via)
			}
		}
	}
}

func TestInlineOnlyWhatFits(t *testing.T) {
	for _, name := range []string{"axpb", "ramp", "stencil", "collatz", "divide", "widen", "unbits", "bits", "rounds", "silu"} {
		f, err := Parse(corpus(t), name)
		require.NoError(t, err)
		require.Nil(t, f.Inline(op.F32), name)
	}
	f, err := Parse(corpus(t), "relu6")
	require.NoError(t, err)
	require.Nil(t, f.Inline(op.I32))
}
