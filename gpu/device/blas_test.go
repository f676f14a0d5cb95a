package device

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/fake"
	"levee/gpu/op"
	"levee/gpu/rival"
)

// byLibrary puts a product into the stream by cuBLASLt, however small it is.
func (g *gemmRig) byLibrary(t testing.TB, lib *cuda.Blas) *lower {
	l, ok := g.byChoice(lib, 0)
	require.True(t, ok)
	return l
}

// byChoice takes one of the ways that it proposes, if there are so many.
func (g *gemmRig) byChoice(lib *cuda.Blas, choice int) (*lower, bool) {
	p := cuda.Product{Rows: g.m, Columns: g.n, Depth: g.k, Batch: g.batch, TransA: g.a.across, TransB: !g.b.across, BF16: g.in == op.BF16,
		Out32: g.out == op.F32, Bias: g.bias != 0, ReLU: g.relu, Alpha: float32(g.alpha), Choice: choice}
	if !lib.Can(p) {
		return nil, false
	}
	workspace := g.rig.alloc(cuda.BlasWorkspace)
	return g.launches(func(l *lower) error {
		l.list = append(l.list, command{kind: callLibrary, call: func(s cuda.Stream) error {
			return lib.Run(p, g.a.at, g.b.at, g.bias, g.c, workspace, s)
		}})
		return nil
	}), true
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
	one := cuda.Product{Rows: 1, Columns: 1, Depth: 1, Batch: 2, Alpha: 1}
	require.True(t, lib.Can(one))
	one.Batch += 1 << 32
	require.False(t, lib.Can(one), "it would make two of them")
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

// BenchmarkProductsBesideTorch measures all ways of making a product in turns with PyTorch, so that heat and power are the same for all.
func BenchmarkProductsBesideTorch(b *testing.B) {
	r := newRig(b)
	lib := library(b, r, cuda.BlasLibraries)
	torch, version, err := rival.NewTorch()
	if err != nil {
		b.Skip(err)
	}
	defer torch.Close()
	fmt.Println("beside PyTorch", version)
	for _, n := range []int64{8192, 4096, 2048} {
		g := r.gemm(op.BF16, op.BF16, 1, n, n, n, false, false, false)
		type side struct {
			name        string
			single, row func() time.Duration
			took        [2][]time.Duration
		}
		var rowed time.Duration
		sides := []*side{{name: "PyTorch", single: func() (took time.Duration) {
			took, rowed, err = torch.Product("bf16", n, n, n)
			require.NoError(b, err)
			return took
		}, row: func() time.Duration { return rowed }}}
		add := func(name string, l *lower) {
			sides = append(sides, &side{name: name, single: func() time.Duration { return r.median(l) }, row: func() time.Duration { return r.row(l) }})
		}
		for choice := range 5 {
			if l, ok := g.byChoice(lib, choice); ok {
				add(fmt.Sprint("cuBLASLt's choice ", choice), l)
			}
		}
		for _, w := range r.every(true) {
			add(w.name, r.launches(func(l *lower) error { return w.make(l, g.multiplication) }))
		}
		for round := range 8 {
			for i := range sides {
				s := sides[(i+round)%len(sides)] // nobody is always behind the same one
				s.took[0], s.took[1] = append(s.took[0], s.single()), append(s.took[1], s.row())
			}
		}
		for _, s := range sides {
			rate := func(times []time.Duration) string {
				slices.Sort(times)
				at := func(i int) float64 { return g.flops() / times[i].Seconds() / 1e12 }
				return fmt.Sprintf("%.0f (%.0f to %.0f)", at(len(times)/2), at(len(times)-1), at(0))
			}
			fmt.Printf("beside: bf16 %d, %s: %s TFLOP/s one at a time, %s in a row\n", n, s.name, rate(s.took[0]), rate(s.took[1]))
		}
	}
}

// row plays the commands 20 times in a row, and gives the mean.
func (r *rig) row(l *lower) time.Duration {
	from, err := r.dev.NewEvent(true)
	require.NoError(r, err)
	to, err := r.dev.NewEvent(true)
	require.NoError(r, err)
	require.NoError(r, r.dev.Record(from, r.stream))
	for range 20 {
		require.NoError(r, l.play())
	}
	require.NoError(r, r.dev.Record(to, r.stream))
	require.NoError(r, r.dev.WaitEvent(to))
	took, err := r.dev.Elapsed(from, to)
	require.NoError(r, err)
	require.NoError(r, r.dev.FreeEvent(from))
	require.NoError(r, r.dev.FreeEvent(to))
	return took / 20
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
