package wasm_test

import (
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/runtime/wasm"
	"levee/testdata/hostile"
)

// allowance is how much preflight may allocate for a hostile module that it refuses, beyond twice the module's size.
const allowance = 256 << 10

func TestHostileModules(t *testing.T) {
	for _, m := range hostile.Modules() {
		t.Run(m.ID, func(t *testing.T) {
			var info *wasm.Info
			var err error
			used := allocated(func() { info, err = wasm.Preflight(m.Wasm) })
			if m.Stage != hostile.Preflight {
				require.NoError(t, err, m.Name)
				require.NotNil(t, info)
				return
			}
			require.Nil(t, info)
			var refused *wasm.Error
			require.ErrorAs(t, err, &refused, m.Name)
			require.Equal(t, m.Want, refused.Code, "%s: %v", m.Name, err)
			require.Equal(t, refused.Code == wasm.CodeLimit, refused.Limit > 0, "%v", err)
			require.LessOrEqual(t, refused.Offset, len(m.Wasm))
			require.Less(t, len(err.Error()), 300)
			require.Less(t, used, uint64(allowance+2*len(m.Wasm)), "%s: bytes allocated", m.Name)
		})
	}
}

// allocated gives the bytes that f allocates. Other goroutines' are counted too, so callers leave room.
func allocated(f func()) uint64 {
	var before, after goruntime.MemStats
	goruntime.ReadMemStats(&before)
	f()
	goruntime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestCorpusIsComplete keeps an id of the corpus from getting lost.
func TestCorpusIsComplete(t *testing.T) {
	have := map[string]bool{}
	for _, m := range hostile.Modules() {
		require.False(t, have[m.ID], "%s twice", m.ID)
		have[m.ID] = true
		have[strings.TrimRight(m.ID, "bcdefghijkl")] = true
	}
	for _, w := range hostile.Workflows() {
		require.False(t, have[w.ID], "%s twice", w.ID)
		have[w.ID] = true
	}
	for group, n := range map[byte]int{'D': 31, 'C': 11, 'R': 19, 'W': 13, 'Y': 7} {
		for i := 1; i <= n; i++ {
			require.True(t, have[id(group, i)], "%s is missing", id(group, i))
		}
	}
}

func id(group byte, i int) string {
	const digits = "0123456789"
	if i < 10 {
		return string(group) + digits[i:i+1]
	}
	return string(group) + digits[i/10:i/10+1] + digits[i%10:i%10+1]
}

// TestAllocationDoesNotGrowWithFunctions: the walk over bodies allocates per section, not per function.
func TestAllocationDoesNotGrowWithFunctions(t *testing.T) {
	small, large := manyFunctions(10), manyFunctions(10_000)
	count := func(b []byte) float64 {
		return testing.AllocsPerRun(5, func() {
			if _, err := wasm.Preflight(b); err != nil {
				t.Fatal(err)
			}
		})
	}
	require.InDelta(t, count(small), count(large), 2)
}

// BenchmarkPreflight is over synthetic code; a program built by Go for wasip1 goes at about the same speed per byte.
func BenchmarkPreflight(b *testing.B) {
	module := manyFunctions(50_000)
	b.SetBytes(int64(len(module)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wasm.Preflight(module); err != nil {
			b.Fatal(err)
		}
	}
}
