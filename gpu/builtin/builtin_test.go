package builtin

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/ptx"
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

// exact is a product that needs no rounding, so that nothing is lost when a sum is taken of it at once: of a whole number of at most eight bits by
// 355 / 512, in exp_below of kernels/norm.h.
var exact = regexp.MustCompile(`\bfma\.rn\.f32 \t%f\d+, %f\d+, 0fBF318000, %f\d+;`)

// device are the files whose results are the device's own.
var device = map[string]bool{"gemm_bf16": true, "gemm_f16": true, "gemm_bf16_sm90": true, "gemm_f16_sm90": true}

func TestArithmeticIsRoundedInOneWay(t *testing.T) {
	require.NotEmpty(t, Files())
	for _, name := range Files() {
		if device[name] {
			continue
		}
		text, ok := PTX(name)
		require.True(t, ok)
		text = exact.ReplaceAllString(text, "")
		require.Empty(t, loose.FindAllString(text, -1), name)
	}
	_, ok := PTX("../elementwise")
	require.False(t, ok)
}

// TestKernelsOneByOne holds that a file is what all of its kernels need, and the kernels, and nothing else.
func TestKernelsOneByOne(t *testing.T) {
	for _, name := range Files() {
		text, _ := PTX(name)
		all, err := ptx.Parse(text)
		require.NoError(t, err)
		require.NotEmpty(t, all.Kernels(), name)
		parts := 0
		for _, kernel := range all.Kernels() {
			one, ok := Kernel(name, kernel)
			require.True(t, ok, "%s of %s", kernel, name)
			m, err := ptx.Parse(one)
			require.NoError(t, err)
			require.Equal(t, []string{kernel}, m.Kernels())
			parts += strings.Count(one, "\n}\n")
		}
		require.Equal(t, strings.Count(text, "\n}\n"), parts, "%s has something else", name)
	}
	for _, wrong := range [][2]string{{"none", "fill"}, {"elementwise", "none"}, {"elementwise", "fil"}, {"elementwise", ""}} {
		_, ok := Kernel(wrong[0], wrong[1])
		require.False(t, ok, wrong)
	}
}
