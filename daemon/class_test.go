package daemon

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/fake"
)

// Where results may differ by device, a node finds those of the devices on which it would run now.
func TestDevicesOfStoredResults(t *testing.T) {
	t.Setenv("LD_LIBRARY_PATH", fake.NVML(t, "COUNT=3"))
	d := newDevices(nil)
	require.Equal(t, []string{cpu}, d.fingerprints(t.Context(), ""))
	require.Equal(t, []string{"Fake GPU, compute capability 9.0, 4096 cores, driver 580.95.05"}, d.fingerprints(t.Context(), "gpu"), "equal ones are one")

	d = newDevices(map[string]int{"gpu": 1})
	require.Equal(t, []string{cpu}, d.fingerprints(t.Context(), "gpu"), "one that is only declared")

	t.Setenv("LD_LIBRARY_PATH", fake.NVML(t, "INIT=9"))
	d = newDevices(nil)
	require.Equal(t, []string{cpu}, d.fingerprints(t.Context(), "gpu"), "it went away: the node runs on the processors, if it may")
}
