package ptx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func module(t testing.TB, name string) *Module {
	t.Helper()
	m, err := Parse(sourceOf(t, name))
	require.NoError(t, err)
	return m
}

func sourceOf(t testing.TB, name string) string {
	t.Helper()
	src, err := os.ReadFile("testdata/" + name + ".ptx")
	require.NoError(t, err)
	return string(src)
}

// array puts the bytes of a slice into a memory.
func array(mem *Memory, data any) uint64 {
	var buf bytes.Buffer
	if err := binary.Write(&buf, binary.LittleEndian, data); err != nil {
		panic(err)
	}
	return mem.Put(buf.Bytes())
}

// read gives n values at an address.
func read[T any](t testing.TB, mem *Memory, addr uint64, n int) []T {
	t.Helper()
	out := make([]T, n)
	p := mem.Bytes(addr, binary.Size(out))
	require.NotNil(t, p)
	require.NoError(t, binary.Read(bytes.NewReader(p), binary.LittleEndian, out))
	return out
}

// both runs a test in both orders of the warps.
func both(t *testing.T, f func(t *testing.T, descending bool)) {
	t.Run("ascending", func(t *testing.T) { f(t, false) })
	t.Run("descending", func(t *testing.T) { f(t, true) })
}

func dim(x uint32) Dim { return Dim{X: x} }

func finding(t *testing.T, err error, kind Kind) *Finding {
	t.Helper()
	var f *Finding
	require.True(t, errors.As(err, &f), "%v", err)
	require.Equal(t, kind.String(), f.Kind.String(), "%v", err)
	return f
}

// The PTX of the tests is what their C gives, where the compiler is here to say so.
func TestSourcesAreCompiled(t *testing.T) {
	if _, err := exec.LookPath("clang-19"); err != nil {
		t.Skip("clang-19 is not here")
	}
	dir := t.TempDir()
	out, err := exec.Command("testdata/build.sh", dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	files, err := filepath.Glob("testdata/*.ptx")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		want, err := os.ReadFile(filepath.Join(dir, filepath.Base(name)))
		require.NoError(t, err)
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "run testdata/build.sh")
	}
}
