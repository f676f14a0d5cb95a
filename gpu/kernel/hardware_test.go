package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/fake"
	"levee/gpu/op"
)

// driven is a device behind a CUDA driver, with memory for one run.
type driven struct {
	t      testing.TB
	c      *cuda.Context
	s      cuda.Stream
	f      cuda.Function
	memory cuda.Ptr
	used   int
	pinned []byte
}

const (
	drivenMemory = 128 << 20
	drivenPinned = 16 << 20
)

func openDriver(t testing.TB, library string) *driven {
	d, err := cuda.Load(library)
	if err != nil && library == cuda.Library {
		t.Skipf("this test needs a GPU: %v", err)
	}
	require.NoError(t, err)
	c, err := d.Open(0)
	require.NoError(t, err)
	t.Logf("on %s", c.Name)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return (&driven{t: t, c: c}).another()
}

// another is another place on the same device.
func (d *driven) another() *driven {
	at := &driven{t: d.t, c: d.c}
	var err error
	at.s, err = d.c.NewStream()
	require.NoError(d.t, err)
	at.memory, err = d.c.Alloc(drivenMemory)
	require.NoError(d.t, err)
	at.pinned, err = d.c.Pinned(drivenPinned)
	require.NoError(d.t, err)
	d.t.Cleanup(func() {
		require.NoError(d.t, d.c.FreePinned(at.pinned))
		require.NoError(d.t, d.c.Free(at.memory))
		require.NoError(d.t, d.c.FreeStream(at.s))
	})
	return at
}

func (d *driven) Put(p []byte) uint64 {
	at := d.memory + cuda.Ptr(d.used)
	d.used += (len(p) + 255) &^ 255
	require.LessOrEqual(d.t, d.used, drivenMemory)
	require.NoError(d.t, d.c.Upload(at, p, d.s))
	return uint64(at)
}

func (d *driven) Bytes(at uint64, n int) []byte {
	require.LessOrEqual(d.t, n, drivenPinned)
	require.NoError(d.t, d.c.Download(d.pinned[:n], cuda.Ptr(at), d.s))
	require.NoError(d.t, d.c.Synchronize())
	return slices.Clone(d.pinned[:n])
}

func (d *driven) launch(args []any) error {
	var a cuda.Args
	for _, v := range args {
		a.I64(int64(v.(uint64)))
	}
	if err := d.c.Launch(d.f, cuda.Dim{X: 300}, cuda.Dim{X: 128}, 0, d.s, a.Params()); err != nil {
		return err
	}
	return d.c.Synchronize()
}

// device loads a kernel, and says how long the driver took to compile it.
func (d *driven) device(f *Func, types Types) (*device, time.Duration) {
	text, err := f.PTX(types)
	require.NoError(d.t, err)
	began := time.Now()
	m, err := d.c.Load(text)
	require.NoError(d.t, err, text)
	took := time.Since(began)
	d.f, err = d.c.Function(m, "kernel")
	require.NoError(d.t, err)
	entry := d.f
	return &device{d.t, types, func() place {
		d.used, d.f = 0, entry
		return d
	}}, took
}

// TestKernelsOnAGPU is TestCorpusOnTheDevice, TestRandomKernels and TestNarrowTypes with what it is all about, a real driver; and large tensors.
func TestKernelsOnAGPU(t *testing.T) { onDriver(t, openDriver(t, cuda.Library), 3001, 6, 1<<18) }

func TestKernelsThroughADriver(t *testing.T) {
	onDriver(t, openDriver(t, fake.NewCUDA(t).Library()), 97, 0, 1<<10)
}

func onDriver(t *testing.T, d *driven, n, modules, large int) {
	seed := uint64(time.Now().UnixNano()) // others each time: it is logged
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(11, seed))
	var compile, slowest time.Duration
	kernels := 0
	load := func(f *Func, types Types) *device {
		at, took := d.device(f, types)
		kernels++
		compile, slowest = compile+took, max(slowest, took)
		return at
	}
	wasms := [][]byte{corpus(t)}
	for range modules {
		wasms = append(wasms, randomModule(r, 10))
	}
	began := time.Now()
	for i, wasm := range wasms {
		t.Logf("module %d of %d: after %v, %d kernels, compiled in %v", i, len(wasms), time.Since(began), kernels, compile)
		if i > 0 {
			n, large = min(n, 500), min(large, 1<<14)
		}
		companion, entries, err := Companion(wasm)
		require.NoError(t, err)
		cpu := newMachine(t, companion)
		for _, e := range entries {
			w := workFor(e.Func, r, n)
			if e.Name == "forever" {
				w = workFor(e.Func, r, 1)
			}
			on := load(e.Func, plainTypes(w))
			types := on.types
			same(t, e.Name, w, 0, func(from int) ([][]uint64, uint64) { return on.run(w, from) })
			if e.Name == "forever" {
				continue
			}
			// Against the CPU, until the first trap.
			w = workFor(e.Func, r, large)
			want, trap := cpu.run(e.Batch, w, 0)
			if at := plainTypes(w); !slices.Equal(at.One, types.One) {
				on = load(e.Func, at)
			}
			got, word := on.run(w, 0)
			require.Equal(t, trap, word, e.Name)
			if trap != 0 {
				w.n = int(trap >> 8)
			}
			for i := range want {
				for j := range w.n {
					if got[i][j] != want[i][j] {
						t.Fatalf("%s element %d result %d: %#x, it must be %#x", e.Name, j, i, got[i][j], want[i][j])
					}
				}
			}
		}
	}
	narrow(t, load)
	t.Logf("%d kernels in %v: compiled in %v each, %v at most", kernels, time.Since(began), compile/time.Duration(kernels), slowest)
}

// BenchmarkMaps is what straight kernels move on a GPU, by the device's own clock: bytes read and written in a second.
func BenchmarkMaps(b *testing.B) {
	const n = 64 << 20
	d := openDriver(b, cuda.Library)
	_, entries, err := Companion(corpus(b))
	require.NoError(b, err)
	memory, err := d.c.Alloc(4 * 8 * n)
	require.NoError(b, err)
	defer func() { require.NoError(b, d.c.Free(memory)) }()
	begin, err := d.c.NewEvent(true)
	require.NoError(b, err)
	end, err := d.c.NewEvent(true)
	require.NoError(b, err)
	for _, c := range []struct {
		name    string
		in, out []op.DType
	}{
		{"axpb", []op.DType{op.F32, op.F32, op.F32}, []op.DType{op.F32}},
		{"axpb", []op.DType{op.F16, op.F16, op.F16}, []op.DType{op.F16}},
		{"relu6", []op.DType{op.F32}, []op.DType{op.F32}},
		{"relu6", []op.DType{op.BF16}, []op.DType{op.BF16}},
		{"silu", []op.DType{op.F32}, []op.DType{op.F32}},
		{"hash", []op.DType{op.I32}, []op.DType{op.I32}},
		{"hash", []op.DType{op.U8}, []op.DType{op.U8}},
		{"poly64", []op.DType{op.F64, op.F64}, []op.DType{op.F64}},
		{"stencil", nil, []op.DType{op.F32}},
		{"quotients", []op.DType{op.I32, op.I32}, []op.DType{op.I32}},
		{"mandel", []op.DType{op.F32, op.F32}, []op.DType{op.I32}},
	} {
		f := entries[slices.IndexFunc(entries, func(e Entry) bool { return e.Name == c.name })].Func
		_, took := d.device(f, Types{c.in, make([]bool, len(c.in)), c.out})
		b.Run(fmt.Sprint(c.name, c.in), func(b *testing.B) {
			var a cuda.Args
			at, bytes := memory, int64(0)
			tensor := func(t op.DType) {
				a.Ptr(at)
				at, bytes = at+cuda.Ptr(n*t.Size()), bytes+n*t.Size()
			}
			for _, t := range c.in {
				tensor(t)
			}
			for _, t := range f.Signature().Slots {
				tensor(t)
				a.I64(n)
			}
			for _, t := range c.out {
				tensor(t)
			}
			a.I64(0).I64(n).Ptr(memory) // none of these traps
			require.NoError(b, d.c.Set8(memory, 0x3c, bytes, d.s))
			launch := func(blocks int) {
				require.NoError(b, d.c.Launch(d.f, cuda.Dim{X: uint32(d.c.SMs * blocks)}, cuda.Dim{X: 128}, 0, d.s, a.Params()))
			}
			for b.Loop() {
				for _, blocks := range []int{16, 32, 128} {
					launch(blocks)
					require.NoError(b, d.c.Record(begin, d.s))
					for range 10 {
						launch(blocks)
					}
					require.NoError(b, d.c.Record(end, d.s))
					require.NoError(b, d.c.Synchronize())
					took, err := d.c.Elapsed(begin, end)
					require.NoError(b, err)
					b.ReportMetric(float64(10*bytes)/1e12/took.Seconds(), fmt.Sprintf("TB/s-%d", blocks))
				}
			}
			b.ReportMetric(float64(took.Milliseconds()), "ms-to-compile")
			b.ReportMetric(0, "ns/op")
		})
	}
}
