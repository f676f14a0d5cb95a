package suite

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheProcessors(t *testing.T) {
	Run(t, func(t *testing.T) Executor { return Processors(t, Quota) })
}

func TestTheKernelsAreWhatTheirSourceGives(t *testing.T) {
	out, err := exec.Command("testdata/build.sh", "--check").CombinedOutput()
	require.NoError(t, err, "%s", out)
}
