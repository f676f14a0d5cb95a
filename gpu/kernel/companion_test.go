package kernel

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"levee/gpu/op"
	"levee/runtime/wasm"
)

// corpus is the module of testdata/corpus.c.
func corpus(t testing.TB) []byte {
	b, err := os.ReadFile("testdata/corpus.wasm")
	require.NoError(t, err)
	return b
}

func TestTheCorpusIsWhatItsSourceGives(t *testing.T) {
	out, err := exec.Command("testdata/build.sh", "--check").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// machine runs a companion.
type machine struct {
	t   testing.TB
	mod api.Module
}

func newMachine(t testing.TB, companion []byte) *machine {
	rt := wazero.NewRuntime(t.Context())
	t.Cleanup(func() { _ = rt.Close(context.Background()) })
	companion, err := wasm.Mend(companion, wasm.Architecture()) // as workers do
	require.NoError(t, err)
	mod, err := rt.Instantiate(t.Context(), companion)
	require.NoError(t, err)
	return &machine{t, mod}
}

// work is a kernel with its tensors: a word for each element, whatever its type.
type work struct {
	f     *Func
	in    [][]uint64 // one element, or n
	slots [][]uint64
	n     int
}

// run gives the results for the elements from on, and what the batch function returned, or, without a name of one, Func.Run.
func (m *machine) run(batch string, w work, from int) ([][]uint64, uint64) {
	mem := m.mod.Memory()
	sig := w.f.Signature()
	var records []uint64
	next := uint64(1024)
	room := func(n int) uint64 {
		at := next
		next += uint64(n)*8 + 8
		for uint64(mem.Size()) < next {
			_, ok := mem.Grow(16)
			require.True(m.t, ok)
		}
		return at
	}
	put := func(d op.DType, words []uint64, second uint64) {
		at := room(len(words))
		require.True(m.t, mem.Write(uint32(at), pack(d, words)))
		records = append(records, at, second)
	}
	for i, d := range sig.Params {
		stride := uint64(d.Size())
		if len(w.in[i]) == 1 && w.n != 1 {
			stride = 0
		}
		put(d, w.in[i], stride)
	}
	for i, d := range sig.Slots {
		if d == 0 {
			d = op.U8
		}
		put(d, w.slots[i], uint64(len(w.slots[i])))
	}
	var outs []uint64
	for _, d := range sig.Results {
		at := room(w.n)
		outs = append(outs, at)
		records = append(records, at-uint64(from)*uint64(d.Size()), uint64(d.Size()))
	}
	for i, v := range records {
		require.True(m.t, mem.WriteUint64Le(uint32(i*8), v))
	}
	ret := []uint64{0}
	if batch == "" {
		memory, ok := mem.Read(0, mem.Size())
		require.True(m.t, ok)
		ret[0] = w.f.Run(memory, 0, int64(from), int64(w.n))
	} else {
		var err error
		ret, err = m.mod.ExportedFunction(batch).Call(m.t.Context(), 0, uint64(from), uint64(w.n))
		require.NoError(m.t, err)
	}
	results := make([][]uint64, len(outs))
	for i, d := range sig.Results {
		b, ok := mem.Read(uint32(outs[i]), uint32(w.n-from)*uint32(d.Size()))
		require.True(m.t, ok)
		results[i] = unpack(d, b)
	}
	return results, ret[0]
}

// special are values at which arithmetic has its edges, by type.
func special(d op.DType) []uint64 { return edges[d] }

var edges = map[op.DType][]uint64{op.I32: edgesOf(op.I32), op.I64: edgesOf(op.I64), op.F32: edgesOf(op.F32), op.F64: edgesOf(op.F64)}

func edgesOf(d op.DType) (v []uint64) {
	f := []float64{0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 100, 1e10, -1e10, 8388607.5, 2147483647, 2147483648, -2147483648, -2147483649,
		4294967295, 4294967296, 9223372036854774784, 9223372036854775808, -9223372036854775808, -9223372036854777856, 18446744073709549568,
		18446744073709551616, 1e38, -1e38, 1e-40, -1e-45, 5e-324, 1e-310, 1e300, math.Inf(1), math.Inf(-1), -0.9999999, math.MaxFloat32, math.SmallestNonzeroFloat32}
	n := []int64{0, 1, 2, 3, 5, 7, 31, 32, 33, 41, 63, 64, 77, 127, 128, 255, 256, 32767, 32768, 65535, 1 << 24, 1<<24 + 1, math.MaxInt32, math.MinInt32, math.MaxInt64,
		math.MinInt64, -1, -2, -3, -128, -129, 1 << 31, 1 << 32, 1<<32 + 1, 1<<53 + 1, -1 << 40}
	switch d {
	case op.F32:
		for _, x := range f {
			v = append(v, uint64(math.Float32bits(float32(x))))
		}
		return append(v, 0x7fc00000, 0xffc00000, 0x7f800001, 0xff812345, 0x7fffffff, 1, 0x80000001, 0x007fffff)
	case op.F64:
		for _, x := range f {
			v = append(v, math.Float64bits(x))
		}
		return append(v, op.NaN64, op.NaN64|1<<63, 0x7ff0000000000001, 0xfff8000012345678, 1, 1<<63|1)
	case op.I32:
		for _, x := range n {
			v = append(v, uint64(uint32(x)))
		}
		return v
	}
	for _, x := range n {
		v = append(v, uint64(x))
	}
	return v
}

// workFor makes tensors for a kernel: special values in all pairings first, then random ones.
func workFor(f *Func, r *rand.Rand, n int) work {
	w := work{f: f, n: n}
	sig := f.Signature()
	step := 1
	for _, d := range sig.Params {
		edge, words := special(d), make([]uint64, n)
		for i := range words {
			if words[i] = edge[i/step%len(edge)]; i >= step*len(edge) && step == 1 || r.IntN(4) == 0 && i > n/2 {
				words[i] = randomWord(r, d)
			}
		}
		if r.IntN(8) == 0 {
			words = words[:1]
		}
		w.in = append(w.in, words)
		step *= len(edge)
	}
	for _, d := range sig.Slots {
		if d == 0 {
			d = op.I32
		}
		words := make([]uint64, 1+r.IntN(2*n))
		for i := range words {
			words[i] = randomWord(r, d)
		}
		w.slots = append(w.slots, words)
	}
	return w
}

// randomWord is a value of a type: any bits, a special one, or a number of a common size.
func randomWord(r *rand.Rand, d op.DType) uint64 {
	v := r.Uint64()
	switch k := r.IntN(4); {
	case k == 0:
		edge := special(d)
		return edge[r.IntN(len(edge))]
	case k == 1:
	case d == op.F32:
		v = uint64(math.Float32bits(float32(r.NormFloat64() * 10)))
	case d == op.F64:
		v = math.Float64bits(r.NormFloat64() * 10)
	default:
		v = uint64(r.IntN(400) - 100)
	}
	if d.Size() == 4 {
		v = uint64(uint32(v))
	}
	return v
}

// same holds a runner against the reference over a whole work: after a trap it goes on behind the element that trapped.
func same(t testing.TB, name string, w work, first int, run func(from int) ([][]uint64, uint64)) {
	for from := first; from < w.n; {
		got, word := run(from)
		until := w.n
		if word != 0 {
			until = int(word >> 8)
		}
		for e := from; e < until; e++ {
			want, trap := eval(&w, e)
			require.Zero(t, trap, "%s element %d: no trap", name, e)
			for i := range want {
				if got[i][e-from] != want[i] {
					in := []uint64{}
					for _, x := range w.in {
						in = append(in, x[e%len(x)])
					}
					t.Fatalf("%s element %d result %d: %#x, it must be %#x (inputs %#x)", name, e, i, got[i][e-from], want[i], in)
				}
			}
		}
		if from = until; word != 0 {
			_, trap := eval(&w, until)
			require.Equal(t, trap, Trap(word), "%s element %d", name, until)
			from++
		}
	}
}

func TestCorpusOnTheCPU(t *testing.T) {
	companion, entries, err := Companion(corpus(t))
	require.NoError(t, err)
	m := newMachine(t, companion)
	r := rand.New(rand.NewPCG(1, 2))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
		n := 3001
		if e.Name == "forever" {
			n = 1 // it takes all its fuel
		}
		w := workFor(e.Func, r, n)
		same(t, e.Name, w, 0, func(from int) ([][]uint64, uint64) { return m.run(e.Batch, w, from) })
		same(t, e.Name+" step by step", w, 0, func(from int) ([][]uint64, uint64) { return m.run("", w, from) })
	}
	require.Equal(t, strings.Fields("axpb relu6 sqrtinv minmax ramp rounding sign_of signs silu mandel collatz quotients divide divide64 remainders hash hash64 choose "+
		"stencil gather wild matmul forever half poly64 mixed narrow widen bits bits64 unbits bytesum sat floats several "+
		"rounds rounds64 extremes extremes64 to_ints to_longs to_floats to_doubles to_int to_long"), names)
}
