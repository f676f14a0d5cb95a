package wasm_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/runtime/wasm"
)

// TestSpecModules holds preflight against the modules of the WebAssembly specification's tests, release 2.0, which
// wazero's source carries: what the engine takes is never called malformed, and what both take compiles the same after
// sanitizing, and after mending.
func TestSpecModules(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles 3,000 modules")
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	root := filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest/v2/testdata")
	if _, statErr := os.Stat(root); err != nil || statErr != nil {
		t.Skip("wazero's source is not at hand (vendored, or no go command)")
	}
	rt := engine(t)
	taken, refused := 0, 0
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".wasm" {
			return err
		}
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		check(t, b)
		compiled, engineErr := rt.CompileModule(t.Context(), b)
		if engineErr != nil {
			return nil
		}
		require.NoError(t, compiled.Close(t.Context()))
		if _, err := wasm.Preflight(b); err != nil {
			var e *wasm.Error
			require.ErrorAs(t, err, &e)
			require.NotContains(t, []string{wasm.CodeMalformed, wasm.CodeNotWasm}, e.Code, "%s: %v", path, err)
			refused++
			return nil
		}
		for _, arch := range []string{"amd64", "amd64v2", "arm64"} {
			mended, err := wasm.Mend(sanitized(t, b), arch)
			require.NoError(t, err, path)
			again, err := rt.CompileModule(t.Context(), mended)
			require.NoError(t, err, path)
			require.NoError(t, again.Close(t.Context()))
		}
		taken++
		return nil
	}))
	require.Greater(t, taken, 1_000)
	t.Logf("%d modules taken, %d that the engine takes refused for what nodes may not use", taken, refused)
}
