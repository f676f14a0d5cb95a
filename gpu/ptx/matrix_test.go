package ptx

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatrixProduct(t *testing.T) {
	const k = 80
	m := module(t, "matrix")
	for kernel, ty := range map[string]typ{"product_f16": types["f16"], "product_bf16": types["bf16"]} {
		both(t, func(t *testing.T, descending bool) {
			mem := NewMemory()
			a, b := make([]uint16, 16*k), make([]uint16, k*8)
			for i := range a {
				a[i] = uint16(narrow(float64(rand.IntN(64)-32)/8, ty.format(), nearest))
			}
			for i := range b {
				b[i] = uint16(narrow(float64(rand.IntN(64)-32)/8, ty.format(), nearest))
			}
			want := make([]float32, 16*8) // exact: so few bits
			for i := range want {
				for j := range k {
					want[i] += float32(ty.widen(uint64(a[i/8*k+j])) * ty.widen(uint64(b[j*8+i%8])))
				}
			}
			c := mem.Alloc(4 * 16 * 8)
			require.NoError(t, m.Launch(mem, Launch{
				Kernel: kernel, Grid: dim(1), Block: dim(32), Shared: 768, Args: []any{array(mem, a), array(mem, b), c, uint32(k)}, Descending: descending,
			}))
			require.Equal(t, want, read[float32](t, mem, c, len(want)))
		})
	}
}

func TestStagedCopy(t *testing.T) {
	m := module(t, "matrix")
	both(t, func(t *testing.T, descending bool) {
		mem := NewMemory()
		x := make([]uint32, 64*4)
		for i := range x {
			x[i] = uint32(i + 1)
		}
		in, out := array(mem, x), mem.Alloc(4*64)
		l := Launch{Kernel: "staged", Grid: dim(1), Block: dim(64), Shared: 1024, Args: []any{in, out, uint32(16)}, Descending: descending}
		require.NoError(t, m.Launch(mem, l))
		require.Equal(t, uint32(129+130+131+132), read[uint32](t, mem, out, 1)[0])
		l.Args[2] = uint32(4)
		require.NoError(t, m.Launch(mem, l))
		require.Equal(t, uint32(129), read[uint32](t, mem, out, 1)[0], "the rest is zero")
		l.Args[2] = uint32(17)
		finding(t, m.Launch(mem, l), OutOfBounds)
		l.Args[2] = uint32(16)
		for _, kernel := range []string{"staged_without_barrier", "staged_waits_for_too_few"} {
			l.Kernel = kernel
			racy(t, m.Launch(mem, l))
		}
	})
}

// racy is a race, or, where the reader happens to come first, what it read too soon.
func racy(t *testing.T, err error) {
	t.Helper()
	var f *Finding
	require.ErrorAs(t, err, &f)
	require.Contains(t, []Kind{Race, Uninitialised}, f.Kind, "%v", err)
}

func TestRaces(t *testing.T) {
	m, plain := module(t, "matrix"), module(t, "plain")
	both(t, func(t *testing.T, descending bool) {
		mem := NewMemory()
		y := mem.Alloc(4 * 64)
		l := Launch{Grid: dim(2), Block: dim(64), Shared: 256, Args: []any{y}, Descending: descending}
		run := func(m *Module, kernel string, args ...any) error {
			l.Kernel, l.Args = kernel, append([]any{y}, args...)
			return m.Launch(mem, l)
		}
		require.NoError(t, run(m, "neighbours"))
		require.Equal(t, []uint32{1, 0, 3, 2}, read[uint32](t, mem, y, 4))
		finding(t, run(m, "hasty_neighbours"), Race)
		racy(t, run(plain, "hasty"))
		finding(t, run(m, "never_written"), Uninitialised)
		require.NoError(t, run(m, "counts", uint32(0)))
		require.Equal(t, uint32(64), read[uint32](t, mem, y, 64)[63])
		finding(t, run(m, "counts", uint32(1)), Race)
	})
}
