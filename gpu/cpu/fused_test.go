package cpu

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

var fused = regexp.MustCompile(`\(levee/gpu/(\w+/\w+\.go):(\d+)\)\s+(FN?M(?:ADD|SUB)[SD])\s`)

// On arm64 Go makes one instruction of x*y + z, which rounds once, unless the product is converted. Results would have other bits
// there than they have on amd64 and on a GPU. What the compiler makes for arm64 is looked at on any machine; only math.FMA may be in it.
func TestNothingIsFused(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for arm64")
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-gcflags=-S", "levee/gpu/op", "levee/gpu/cpu", "levee/gpu/kernel", "levee/gpu/ptx")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if build.Err != nil {
		t.Skip("there is no go command")
	}
	code, err := build.CombinedOutput()
	require.NoError(t, err, "%.2000s", code)
	meant := 0
	for _, m := range fused.FindAllSubmatch(code, -1) {
		source, err := os.ReadFile("../" + string(m[1]))
		require.NoError(t, err)
		line, err := strconv.Atoi(string(m[2]))
		require.NoError(t, err)
		text := bytes.Split(source, []byte("\n"))[line-1]
		if bytes.Contains(text, []byte("math.FMA(")) {
			meant++
			continue
		}
		t.Errorf("%s:%d: %s is made of %s: convert the product", m[1], line, m[3], bytes.TrimSpace(text))
	}
	require.Positive(t, meant, "the emulator's fused instruction is among what is found")
}
