package device

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/builtin"
	"levee/gpu/op"
	"levee/gpu/suite"
)

// A product with a map in it that the driver's compiler was not done with is made apart from its map, with the same result.
func TestWhatIsTooSlowToCompileIsNotFused(t *testing.T) {
	product := func(s *Session, code op.Code, params ...uint64) (kernels []string, result []byte) {
		shape := []int64{8, 8}
		if code == op.Conv2D {
			shape = []int64{1, 8, 8, 1}
		}
		f32 := op.Desc{DType: op.F32, Shape: shape}
		x, err := s.Alloc(f32)
		require.NoError(t, err)
		y, err := s.Alloc(f32)
		require.NoError(t, err)
		k, err := s.Kernel(suite.Short, "k")
		require.NoError(t, err)
		window := op.Desc{DType: op.F32, Shape: []int64{1, 1, 1, 1}}
		g := op.Graph{Tensors: []op.Tensor{{Handle: x}, {Handle: y}, {Desc: f32}, {Desc: window}}}
		fill := func(tensor uint16, bits uint64) {
			g.Ops = append(g.Ops, op.Op{Code: op.Fill, Out: []uint16{tensor}, Params: []uint64{bits}})
		}
		fill(0, 0x4008000000000000) // 3
		fill(3, 0x4008000000000000)
		o := op.Op{Code: code, In: []uint16{0, 0}, Out: []uint16{2}, Params: params}
		if code == op.Conv2D {
			o.In[1] = 3
		}
		g.Ops = append(g.Ops, o, op.Op{Code: op.Map, In: []uint16{2}, Out: []uint16{1}, Params: []uint64{uint64(k)}})
		fence, err := s.Submit(g.Append(nil))
		require.NoError(t, err)
		require.NoError(t, s.Wait(fence, time.Minute))
		for key := range s.dev.maps.list {
			kernels = append(kernels, key.types)
		}
		result = make([]byte, 8*8*4)
		require.NoError(t, s.Download(y, 0, result))
		return kernels, result
	}
	for name, c := range map[string]struct {
		code   op.Code
		params []uint64
	}{
		"gemm": {op.Gemm, []uint64{0, 0, 0x3ff0000000000000, 0}},
		"conv": {op.Conv2D, []uint64{1, 1, 0, 0, 1, 1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakeSession(t, 1<<20)
			kernels, fused := product(s, c.code, c.params...)
			require.Len(t, kernels, 1)
			file, kernel, _ := strings.Cut(kernels[0], " ")
			kernel, _, _ = strings.Cut(kernel, " ")

			s = fakeSession(t, 1<<20)
			k, err := s.Kernel(suite.Short, "k")
			require.NoError(t, err)
			named, _ := s.objects.Get(k)
			text, ok := builtin.Fused(file, kernel, named.kernel.inline(op.F32))
			require.True(t, ok)
			s.dev.Compiler.Until = map[string]time.Time{codeName(text): time.Now().Add(time.Hour)}
			alone, apart := product(s, c.code, c.params...)
			require.NotEqual(t, kernels, alone)
			require.Len(t, alone, 1)
			require.Equal(t, fused, apart)
			require.NotEqual(t, make([]byte, len(apart)), apart)
		})
	}
}
