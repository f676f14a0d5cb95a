package builtin

import (
	"io/fs"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePTXIsWhatTheSourcesGive(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Log("clang-19 is not here: only the hashes are compared")
	}
	out, err := exec.Command("./build.sh", "--check").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Without a rounding mode the assembler may fuse a multiplication with an addition, and a division or root may be an approximation.
var loose = regexp.MustCompile(`\b(add|sub|mul)\.(f32|f64)\b|\b(fma|mad)\.[a-z.]*f(32|64)|\.(approx|full|ftz)\b`)

// device are the files whose results are the device's own.
var device = map[string]bool{"gemm_bf16": true, "gemm_f16": true, "gemm_bf16_more": true, "gemm_bf16_sm90": true}

func TestArithmeticIsRoundedInOneWay(t *testing.T) {
	names, err := fs.Glob(files, "kernels/*.ptx")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, path := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "kernels/"), ".ptx")
		if device[name] {
			continue
		}
		text, ok := PTX(name)
		require.True(t, ok)
		require.Empty(t, loose.FindAllString(text, -1), name)
	}
	_, ok := PTX("../elementwise")
	require.False(t, ok)
}
