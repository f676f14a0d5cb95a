package device

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// benchLine prints a number of the design beside its floor, measured in the same run. As text: it has no unit of its own.
func benchLine(what string, measured, floor time.Duration, goal string) {
	fmt.Printf("bench: %-58s %10v  floor %10v  %5.2f x  goal %s\n", what, measured.Round(10*time.Nanosecond), floor.Round(10*time.Nanosecond),
		float64(measured)/float64(floor), goal)
}

// BenchmarkGPU prints the numbers of the design that want a GPU.
func BenchmarkGPU(b *testing.B) {
	if _, err := cuda.Load(cuda.Library); err != nil {
		fmt.Printf("bench: GPU: not measured: %v\n", err)
		b.Skip(err)
	}
	r := newRig(b)
	r.benchGraph()
	r.benchMap()
	r.benchProduct()
}

// middle is the median of 50 runs after 5.
func (r *rig) middle(f func() error) time.Duration {
	var times []time.Duration
	for i := range 55 {
		start := time.Now()
		require.NoError(r, f())
		if i >= 5 {
			times = append(times, time.Since(start))
		}
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func (r *rig) mapGraph(n int64) (graph []byte, bare func() error) {
	module := []byte("\x00asm\x01\x00\x00\x00\x01\x07\x01\x60\x02\x7d\x7d\x01\x7d\x03\x02\x01\x00\x07\x05\x01\x01k\x00\x00\x0a\x0f\x01\x0d\x00" +
		"\x20\x00\x43\x00\x00\x00\x40\x94\x20\x01\x92\x0b") // x * 2 + y
	k, err := r.Kernel(module, "k")
	require.NoError(r, err)
	g := op.Graph{Ops: []op.Op{{Code: op.Map, In: []uint16{0, 1}, Out: []uint16{2}, Params: []uint64{uint64(k)}}}}
	for range 3 {
		h, err := r.Session.Alloc(op.Desc{DType: op.F32, Shape: []int64{n}})
		require.NoError(r, err)
		g.Tensors = append(g.Tensors, op.Tensor{Handle: h})
	}
	plan, err := r.check(g.Append(nil))
	require.NoError(r, err)
	l := &lower{s: r.Session, dev: r.dev, plan: plan, at: make([]cuda.Ptr, 3)}
	for i, t := range plan.Tensors {
		o, _ := r.objects.Get(t.Handle)
		l.at[i] = o.at
	}
	require.NoError(r, l.graph())
	return g.Append(nil), func() error {
		for _, c := range l.list {
			if err := r.dev.Launch(c.f, c.grid, c.block, c.shared, r.stream, l.params[c.from:c.to]); err != nil {
				return err
			}
		}
		return r.dev.WaitStream(r.stream)
	}
}

func (r *rig) run(graph []byte) func() error {
	return func() error {
		f, err := r.Submit(graph)
		if err != nil {
			return err
		}
		return r.Wait(f, -1)
	}
}

func (r *rig) benchGraph() {
	graph, bare := r.mapGraph(1000)
	benchLine("GPU: a small graph, checked, submitted and waited for", r.middle(r.run(graph)), r.middle(bare), "<= 40us")
}

func (r *rig) benchMap() {
	const n = 256 << 20
	graph, _ := r.mapGraph(n)
	at := r.alloc(12 * n)
	took := r.middle(r.run(graph))
	floor := r.middle(func() error {
		if err := r.dev.Copy(at, at+6*n, 6*n, r.stream); err != nil {
			return err
		}
		return r.dev.WaitStream(r.stream)
	})
	benchLine("GPU: a map that moves 3 GiB; floor: a copy that does", took, floor, "<= 1.18 x")
}

func (r *rig) benchProduct() {
	const n = 8192
	g := r.gemm(op.BF16, op.BF16, 1, n, n, n, false, false, false)
	took := r.median(r.launches(func(l *lower) error { return l.tensorProduct(g.multiplication) }))
	what := fmt.Sprintf("GPU: a product of bf16, 8192 cubed, at %.0f TFLOP/s", g.flops()/took.Seconds()/1e12)
	lib, err := r.dev.Blas(cuda.BlasLibraries)
	if err != nil {
		fmt.Printf("bench: %s; %v\n", what, err)
		return
	}
	benchLine(what+"; floor: cuBLASLt", took, r.median(g.byLibrary(r, lib)), "<= 2 x")
	require.NoError(r, lib.Close())
}
