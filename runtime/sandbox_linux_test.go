package runtime

import (
	"slices"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/stretchr/testify/require"
)

// A call that the library knows by another name on some architecture is refused there without a word. So what is left out is
// known for each that levee runs on.
func TestCallsThatAreLeftOut(t *testing.T) {
	for info, lacks := range map[*arch.Info][]string{
		arch.X86_64:  nil,
		arch.AARCH64: {"arch_prctl"},
	} {
		_, unknown := knownTo(info, slices.Concat(runCalls, loadCalls))
		require.Equal(t, lacks, unknown, info.Name)
	}
}
