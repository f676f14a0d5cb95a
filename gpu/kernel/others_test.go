package kernel

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKernelsOfOtherCompilers takes those of AssemblyScript, and those of Rust in a core pack.
func TestKernelsOfOtherCompilers(t *testing.T) {
	for path, least := range map[string]int{"testdata/assemblyscript.wasm": 5, "../../nodes/core/tensor.wasm": 9} {
		wasm, err := os.ReadFile(path)
		require.NoError(t, err)
		_, entries, err := Companion(wasm)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(entries), least, path)
		held(t, rand.New(rand.NewPCG(13, 14)), wasm, 7) // some run until their fuel is used up
	}
}
