package device

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/fake"
	"levee/gpu/op"
)

// byLibrary puts a product into the stream by cuBLASLt, however small it is.
func (g *gemmRig) byLibrary(t testing.TB, lib *cuda.Blas) *lower {
	p := cuda.Product{Rows: g.m, Columns: g.n, Depth: g.k, Batch: g.batch, TransA: g.a.across, TransB: !g.b.across, BF16: g.in == op.BF16,
		Out32: g.out == op.F32, Bias: g.bias != 0, ReLU: g.relu, Alpha: float32(g.alpha)}
	require.True(t, lib.Can(p), "%+v", p)
	workspace := g.rig.alloc(cuda.BlasWorkspace)
	return g.launches(func(l *lower) error {
		l.list = append(l.list, command{kind: callLibrary, call: func(s cuda.Stream) error {
			return lib.Run(p, g.a.at, g.b.at, g.bias, g.c, workspace, s)
		}})
		return nil
	})
}

func library(t testing.TB, r *rig, names []string) *cuda.Blas {
	lib, err := r.dev.Blas(names)
	if err != nil {
		t.Skip(err)
	}
	t.Logf("cuBLASLt %d", lib.Version())
	t.Cleanup(func() { require.NoError(t, lib.Close()) })
	return lib
}

func TestTheLibrarysProducts(t *testing.T) {
	t.Run("driver", func(t *testing.T) {
		r := newRig(t)
		r.libraryProducts(t, library(t, r, cuda.BlasLibraries))
	})
	t.Run("fake", func(t *testing.T) {
		if _, err := exec.LookPath("gcc"); err != nil {
			t.Skipf("the fake libraries are built with gcc: %v", err)
		}
		c := fake.NewCUDA(t, "CC=80")
		r := &rig{t, sessionOn(t, c.Library(), 800<<20)}
		name, err := fake.BuildBLAS(c.Dir, c.Library())
		require.NoError(t, err)
		lib := library(t, r, []string{"libcublasLt.so.none", name})
		require.Equal(t, 130100, lib.Version())
		r.libraryProducts(t, lib)
	})
}

func (r *rig) libraryProducts(t *testing.T, lib *cuda.Blas) {
	for _, d := range []struct{ in, out op.DType }{{op.F16, op.F16}, {op.F16, op.F32}, {op.BF16, op.BF16}, {op.BF16, op.F32}} {
		for ways := range 4 {
			t.Run(fmt.Sprint(d.in, d.out, ways), func(t *testing.T) {
				g := r.gemm(d.in, d.out, 3, 104, 136, 72, ways&1 == 1, ways>>1 == 1, d.out == op.F32)
				require.NoError(t, g.byLibrary(t, lib).play())
				g.check(t, 500)
			})
		}
	}
}

func BenchmarkTheLibrarysProducts(b *testing.B) {
	r := newRig(b)
	lib := library(b, r, cuda.BlasLibraries)
	for _, n := range []int64{8192, 4096, 2048} {
		for _, ways := range []string{"nn", "nt"} {
			b.Run(fmt.Sprintf("%d/%s", n, ways), func(b *testing.B) {
				g := r.gemm(op.BF16, op.BF16, 1, n, n, n, false, ways == "nt", false)
				l := g.byLibrary(b, lib)
				for range b.N {
					b.ReportMetric(g.flops()/r.median(l).Seconds()/1e12, "TFLOP/s")
				}
				g.check(b, 20)
			})
		}
	}
}
