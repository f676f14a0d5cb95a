package runtime

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// Another wazero needs another look at its table, or none at all.
func TestWazeroTable(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	for _, m := range info.Deps {
		if m.Path == "github.com/tetratelabs/wazero" {
			require.Equal(t, wazeroVersion, m.Version, "wazero_amd64.go and wasm.Mend mend v1.12.0")
		}
	}
	require.EqualValues(t, wazeroUseKind2, wazeroUseKinds[wazeroXMMCMov])
	require.EqualValues(t, wazeroUseKind2, wazeroUseKinds[wazeroCMov])
}
