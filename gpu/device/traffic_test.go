package device

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"levee/gpu/ptx"
)

// mostPasses is how many times as many passes through shared memory as its bytes need a kernel may take: above it the warps of a block
// stand in line for a few of its banks, which no result shows.
const mostPasses = 3

// checkTraffic says what each kernel asks of a device's memory for each byte that it has to move.
func checkTraffic(t *testing.T, counted map[string]ptx.Traffic) {
	require.NotEmpty(t, counted)
	for _, name := range slices.Sorted(maps.Keys(counted)) {
		c := counted[name]
		bytes, least := float64(32*c.LeastSectors), max(1, c.LeastPasses)
		t.Logf("%-28s %8.2f instructions of threads a byte, %5.2f times the sectors, %8.3f bytes of passes a byte, %5.2f times the passes", name,
			32*float64(c.Instructions)/bytes, float64(c.Sectors)/float64(c.LeastSectors), 128*float64(c.Passes)/bytes, float64(c.Passes)/float64(least))
		assert.LessOrEqual(t, c.Passes, mostPasses*least, "%s: passes through shared memory", name)
	}
}
