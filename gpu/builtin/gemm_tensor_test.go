package builtin

import (
	"testing"

	"levee/gpu/op"
)

func TestTensorCoreProducts(t *testing.T) {
	for ways, name := range []string{"nn", "tn", "nt", "tt"} {
		ta, tb := ways&1 == 1, ways>>1 == 1
		c := gemmCase{op.BF16, op.F32, 1, 136, 264, 72, ta, tb, 0.5, true, false}
		t.Run(c.String(), func(t *testing.T) { c.run(t, "gemm_bf16", "wide_"+name, 128, 256, 256, 96<<10, 1e-5) })
		d := gemmCase{op.F16, op.F16, 2, 40, 24, 168, ta, tb, 1, false, true}
		t.Run(d.String(), func(t *testing.T) { d.run(t, "gemm_f16", "square_"+name, 128, 128, 128, 64<<10, 1e-3) })
	}
}
