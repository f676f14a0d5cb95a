package suite

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"levee/gpu/cpu"
	"levee/gpu/kernel"
	"levee/gpu/op"
)

// Processors opens a session on the processors, whose kernels are compiled.
func Processors(t *testing.T, quota int64) Executor {
	t.Helper()
	wasm, _, err := kernel.Companion(Kernels)
	require.NoError(t, err)
	rt := wazero.NewRuntime(t.Context())
	t.Cleanup(func() { require.NoError(t, rt.Close(context.Background())) })
	mod, err := rt.Instantiate(t.Context(), wasm)
	require.NoError(t, err)
	return cpu.New(companion{t.Context(), mod}, Kernels, op.Info{Kind: "cpu", Name: "processors"}, quota, math.MaxInt64)
}

// companion is a machine of wazero's.
type companion struct {
	ctx context.Context
	mod api.Module
}

func (c companion) Memory() []byte {
	b, _ := c.mod.Memory().Read(0, c.mod.Memory().Size())
	return b
}

func (c companion) Grow(n int64) bool {
	pages := (n + 1<<16 - 1) >> 16
	if pages > 1<<16 {
		return false
	}
	_, ok := c.mod.Memory().Grow(uint32(pages))
	return ok
}

func (c companion) Call(function string, args ...uint64) (uint64, error) {
	got, err := c.mod.ExportedFunction(function).Call(c.ctx, args...)
	if err != nil {
		return 0, err
	}
	return got[0], nil
}
