package cpu

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// heap is a machine without kernels, whose memory moves whenever it grows.
type heap struct {
	mem  []byte
	most int64
}

func (h *heap) Memory() []byte { return h.mem }

func (h *heap) Grow(n int64) bool {
	n = (n + 1<<16 - 1) >> 16 << 16
	if int64(len(h.mem))+n > h.most {
		return false
	}
	h.mem = append(make([]byte, 0, int64(len(h.mem))+n), h.mem...)[:int64(len(h.mem))+n]
	return true
}

func (h *heap) Call(string, ...uint64) (uint64, error) { panic("there are no kernels") }

func TestTheArenaNeverHoldsTwoThingsInOnePlace(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	a := arena{machine: &heap{make([]byte, 1<<16), 1 << 30}, base: 1 << 16, end: 1 << 16, limit: 1 << 20}
	var held []span
	refused := 0
	for range 20_000 {
		if len(held) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(held))
			a.give(held[i])
			held[i] = held[len(held)-1]
			held = held[:len(held)-1]
			continue
		}
		got, ok := a.take(1 + r.Int64N(1<<r.IntN(18)))
		if !ok {
			refused++
			continue
		}
		require.Zero(t, got.at%align)
		require.GreaterOrEqual(t, got.at, a.base)
		require.LessOrEqual(t, got.at+got.size, a.base+a.limit)
		require.LessOrEqual(t, got.at+got.size, int64(len(a.machine.Memory())))
		for _, s := range held {
			require.True(t, got.at+got.size <= s.at || s.at+s.size <= got.at, "%v %v", got, s)
		}
		held = append(held, got)
	}
	require.NotZero(t, refused)
	for _, s := range held {
		a.give(s)
	}
	require.Equal(t, []span{{a.base, a.end - a.base}}, a.free, "all is one again")
	got, ok := a.take(1 << 20)
	require.True(t, ok, "the last piece grows at the end")
	require.Equal(t, span{1 << 16, 1 << 20}, got)
}

func TestMemoryThatCannotGrow(t *testing.T) {
	a := arena{machine: &heap{make([]byte, 1<<16), 1 << 17}, base: 1 << 16, end: 1 << 16, limit: 1 << 30}
	_, ok := a.take(1<<16 + 1)
	require.False(t, ok)
	_, ok = a.take(1 << 16)
	require.True(t, ok)
	_, ok = a.take(math.MaxInt64)
	require.False(t, ok)
}

func TestExpIsNearTheTruth(t *testing.T) {
	worst := 0.0
	for x := float32(-87.3); x < 88.7; x += 0.000917 {
		want := math.Exp(float64(x))
		ulp := want * math.Exp2(-23)
		worst = max(worst, math.Abs(float64(exp32(x))-want)/ulp)
	}
	require.Less(t, worst, 2.0)
	require.Equal(t, float32(1), exp32(0))
	require.Equal(t, float32(math.Inf(1)), exp32(89))
	require.InEpsilon(t, math.Exp(float64(float32(88.72283))), exp32(88.72283), 1e-6)
	require.Zero(t, exp32(float32(math.Inf(-1))))
	require.Equal(t, float32(1e-45), exp32(-103.5))
	require.Zero(t, exp32(-104))
	require.NotEqual(t, exp32(float32(math.NaN())), exp32(float32(math.NaN())))
}

func TestSplitCoversAllOnce(t *testing.T) {
	for _, n := range []int64{1, 2, 15, 16, 17, 1000} {
		for _, grain := range []int64{1, 3, 16, 5000} {
			seen := make([]byte, n)
			split(n, grain, func(from, to int64) {
				for ; from < to; from++ {
					seen[from]++
				}
			})
			for i := range seen {
				require.Equal(t, byte(1), seen[i], "%d of %d by %d", i, n, grain)
			}
		}
	}
}

func TestResultsDoNotDependOnHowTheWorkIsSplit(t *testing.T) {
	in := tensor{op.Desc{DType: op.F32, Shape: []int64{3, 70_000}}, make([]byte, 3*70_000*4)}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 3 * 70_000 {
		binary.LittleEndian.PutUint32(in.mem[4*i:], math.Float32bits(r.Float32()-0.3))
	}
	var f folder[float32]
	f.src, f.inner = direct[float32](in), 1
	first := f.fold(70_000, chunk, 1)[0]
	second := f.fold(70_000+chunk, 70_000-chunk, 1)[0]
	out := tensor{op.Desc{DType: op.F32, Shape: []int64{3, 1}}, make([]byte, 12)}
	require.NoError(t, reduce(&run{Op: &op.Op{Code: op.Reduce, Params: []uint64{op.Sum, 1}}, in: []tensor{in}, out: []tensor{out}}))
	require.Equal(t, first+second, view[float32](out)[1])
}
