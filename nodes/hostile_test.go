package nodes

import (
	goruntime "runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/testdata/hostile"
)

// The registry reads modules before the engine's preflight has seen them, so none may make it allocate what its sizes claim.
func TestHostileModules(t *testing.T) {
	for _, m := range hostile.Modules() {
		t.Run(m.ID, func(t *testing.T) {
			var before, after goruntime.MemStats
			goruntime.ReadMemStats(&before)
			mod, err := ReadModule("x.wasm", m.Wasm, nil)
			goruntime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
			if err == nil {
				require.NotEmpty(t, mod.types())
			}
		})
	}
}
