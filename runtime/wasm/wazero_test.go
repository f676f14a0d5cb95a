package wasm_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"levee/runtime/wasm"
	"levee/testdata/hostile"
)

// engine is wazero as the worker configures it, but for the machine: the interpreter compiles anything at once.
func engine(t testing.TB) wazero.Runtime {
	cfg := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2).WithDebugInfoEnabled(false)
	rt := wazero.NewRuntimeWithConfig(t.Context(), cfg)
	t.Cleanup(func() { _ = rt.Close(context.Background()) })
	return rt
}

func sanitized(t testing.TB, b []byte) []byte {
	_, err := wasm.Preflight(b)
	require.NoError(t, err)
	out, err := wasm.Sanitize(b, wasm.DefaultLimits())
	require.NoError(t, err)
	return out
}

func TestSanitizedModulesCompile(t *testing.T) {
	rt := engine(t)
	for name, b := range samples() {
		compiled, err := rt.CompileModule(t.Context(), sanitized(t, b))
		require.NoError(t, err, name)
		require.NoError(t, compiled.Close(t.Context()))
	}
}

// TestHostileModulesCompile: what is to be stopped later than preflight is a valid module, so that it gets there.
func TestHostileModulesCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("validates modules of a megabyte")
	}
	rt := engine(t)
	for _, m := range hostile.Modules() {
		if m.Stage == hostile.Preflight || m.Stage == hostile.Compile {
			continue
		}
		compiled, err := rt.CompileModule(t.Context(), sanitized(t, m.Wasm))
		require.NoError(t, err, "%s: %s", m.ID, m.Name)
		require.NoError(t, compiled.Close(t.Context()))
	}
}

// TestTrapsAreNamed runs the modules of the corpus that trap without any host.
func TestTrapsAreNamed(t *testing.T) {
	rt := engine(t)
	ran := 0
	for _, m := range hostile.Modules() {
		if m.Want != "E_TRAP" || m.ID == "R7" { // R7 takes 65,000 steps to its trap, but is in the engine's tests
			continue
		}
		ran++
		mod, err := rt.InstantiateWithConfig(t.Context(), sanitized(t, m.Wasm), wazero.NewModuleConfig().WithName(""))
		if err == nil {
			_, err = mod.ExportedFunction("run").Call(t.Context())
			require.NoError(t, mod.Close(t.Context()))
		}
		require.ErrorContains(t, err, m.Detail, "%s: %s", m.ID, m.Name)
	}
	require.Greater(t, ran, 15)
}

// TestSameResults: sanitizing changes no result, except that tables and memories stop growing earlier.
func TestSameResults(t *testing.T) {
	calls := map[string][]struct {
		export string
		args   []uint64
		want   uint64
	}{
		"mixed": {
			{"apply", []uint64{21, 1}, 42}, {"apply", []uint64{12, 2}, 144}, {"choose", []uint64{0}, 10}, {"choose", []uint64{1}, 11},
			{"choose", []uint64{77}, 12}, {"both", []uint64{1}, 5}, {"both", []uint64{0}, 42}, {"peek", []uint64{8}, 33},
			{"peek", []uint64{18}, 'v'}, {"typed", []uint64{1}, 7}, {"typed", []uint64{0}, 9}, {"grown", []uint64{3}, 4},
		},
		"bulk":   {{"bulk", nil, 0x04030201}},
		"vector": {{"sum", nil, 2 * 0x0b0a0908}},
	}
	rt := engine(t)
	all := samples()
	for name, list := range calls {
		before, err := rt.InstantiateWithConfig(t.Context(), all[name], wazero.NewModuleConfig().WithName(""))
		require.NoError(t, err, name)
		after, err := rt.InstantiateWithConfig(t.Context(), sanitized(t, all[name]), wazero.NewModuleConfig().WithName(""))
		require.NoError(t, err, name)
		for _, c := range list {
			for _, mod := range []api.Module{before, after} {
				got, err := mod.ExportedFunction(c.export).Call(t.Context(), c.args...)
				require.NoError(t, err, "%s.%s", name, c.export)
				require.Equal(t, []uint64{c.want}, got, "%s.%s%v", name, c.export, c.args)
			}
		}
	}
}

// TestTableGrowIsRefused: the engine has no limit of its own for tables.
func TestTableGrowIsRefused(t *testing.T) {
	mod, err := engine(t).Instantiate(t.Context(), sanitized(t, mixed()))
	require.NoError(t, err)
	for _, n := range []uint64{1 << 31, 1<<32 - 1, 100_000 - 3} {
		got, err := mod.ExportedFunction("grown").Call(t.Context(), n)
		require.NoError(t, err)
		require.Equal(t, int32(-1), api.DecodeI32(got[0]), "grow by %d", n)
	}
	got, err := mod.ExportedFunction("grown").Call(t.Context(), 100_000-4)
	require.NoError(t, err)
	require.Equal(t, uint64(4), got[0])
}
