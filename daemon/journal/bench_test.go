package journal

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/cache/sqlite"
	"levee/graph/value"
)

const benchCallers = 64

func benchRun(b testing.TB, j *Journal, id string) {
	b.Helper()
	require.NoError(b, j.Accept(b.Context(), newRun(id)))
}

// benchInvocation is what the daemon records of a cached node with one output.
func benchInvocation(run string, n int) *Invocation {
	at := time.UnixMicro(1_700_000_000_000_000 + int64(n))
	return &Invocation{
		Run: run, Path: fmt.Sprintf("photos[%d].small", n), Site: "photos.small", Attempt: 1, Status: Cached, Type: "image/resize",
		Module: value.Sum([]byte("module")), Key: value.Sum([]byte(fmt.Sprint(n))), Started: at, Ended: at.Add(20 * time.Microsecond), Peak: 1 << 20,
		Outputs: []Named{{Name: "image", Value: value.Stored("image", value.Sum([]byte{byte(n), byte(n >> 8)}), 120_000)}},
	}
}

// BenchmarkRecord is the record of one invocation, by 64 callers at once; floor is the bare insert of the same row, 64 in a
// transaction, in the same file and with the same durability.
func BenchmarkRecord(b *testing.B) {
	b.Run("journal", func(b *testing.B) {
		j := openBench(b)
		benchRun(b, j, runID(1))
		invs := make([]*Invocation, b.N)
		for n := range invs {
			invs[n] = benchInvocation(runID(1), n)
		}
		b.ReportAllocs()
		b.ResetTimer()
		var next atomic.Int64
		var wg sync.WaitGroup
		for range benchCallers {
			wg.Go(func() {
				for n := next.Add(1) - 1; n < int64(len(invs)); n = next.Add(1) - 1 {
					if err := j.Record(context.Background(), invs[n]); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
	b.Run("batches", func(b *testing.B) { // as one caller that has many
		j := openBench(b)
		benchRun(b, j, runID(1))
		var batch []*Invocation
		for n := 0; n < b.N; n++ {
			if batch = append(batch, benchInvocation(runID(1), n)); len(batch) == benchCallers || n == b.N-1 {
				require.NoError(b, j.Record(b.Context(), batch...))
				batch = batch[:0]
			}
		}
	})
	b.Run("floor", func(b *testing.B) {
		j := openBench(b)
		var module, key [32]byte
		outputs := encodeNamed(benchInvocation("", 1).Outputs, inlineResult)
		for n := 0; n < b.N; n += benchCallers {
			require.NoError(b, j.store.db.Write(b.Context(), func(t *sqlite.Tx) error {
				for i := n; i < min(n+benchCallers, b.N); i++ {
					if _, err := t.Exec(`INSERT INTO invocation(run, seq, path, attempt, status, site, type, module, key, outputs, started, ended, compile, peak, effect)
						VALUES(1,?,?,1,'cached','photos.small','image/resize',?,?,?,1700000000000000,1700000000000020,0,1048576,0)`,
						i, fmt.Sprintf("photos[%d].small", i), module[:], key[:], outputs); err != nil {
						return err
					}
				}
				return nil
			}))
		}
	})
}

func openBench(b testing.TB) *Journal {
	b.Helper()
	j, err := Open(b.Context(), b.TempDir(), Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, j.Close()) })
	return j
}

// BenchmarkRead reads a run of 50,000 invocations, and parts of it.
func BenchmarkRead(b *testing.B) {
	const size = 50_000
	j := openBench(b)
	fill(b, j, runID(1), size)
	for name, read := range map[string]func() (int, error){
		"run":         func() (int, error) { _, err := j.Run(b.Context(), runID(1)); return 1, err },
		"invocations": func() (int, error) { l, err := j.Invocations(b.Context(), runID(1), ""); return len(l), err },
		"path": func() (int, error) {
			l, err := j.Invocations(b.Context(), runID(1), "photos[31000].small")
			return len(l), err
		},
		"site": func() (int, error) {
			l, err := j.Invocations(b.Context(), runID(1), "photos.other")
			return len(l) + 1, err
		},
		"events": func() (int, error) { l, err := j.Events(b.Context(), runID(1), 0, math.MaxInt); return len(l), err },
		"after": func() (int, error) {
			l, err := j.Events(b.Context(), runID(1), size-10, math.MaxInt)
			return len(l), err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				n, err := read()
				require.NoError(b, err)
				require.NotZero(b, n)
			}
		})
	}
}

func fill(t testing.TB, j *Journal, run string, size int) {
	t.Helper()
	benchRun(t, j, run)
	var batch []*Invocation
	for n := range size {
		if batch = append(batch, benchInvocation(run, n)); len(batch) == 1000 || n == size-1 {
			require.NoError(t, j.Record(t.Context(), batch...))
			batch = batch[:0]
		}
	}
}
