//go:build linux

package runtime

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	ownedMain()
	if WorkerMain(testExtension) {
		return
	}
	if os.Getenv(echoEnv) != "" {
		echoMain()
	}
	if os.Getenv(oldKernelEnv) != "" {
		oldKernelMain()
	}
	if os.Getenv(firstWallEnv) != "" {
		firstWallMain()
	}
	os.Exit(m.Run())
}

// patience is when a test gives up waiting for something that never comes. No test passes because of it.
const patience = 2 * time.Minute

// newEngine makes an engine that is closed with the test.
func newEngine(t testing.TB, change ...func(*Config)) *Engine {
	t.Helper()
	cfg := Config{Dir: t.TempDir()}
	for _, f := range change {
		f(&cfg)
	}
	e, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func guestModule(t testing.TB) *Module {
	t.Helper()
	b, err := os.ReadFile("testdata/guest.wasm")
	require.NoError(t, err)
	m, err := NewModule("guest", b, nil)
	require.NoError(t, err)
	return m
}

func random(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	_, err := rand.Read(b)
	require.NoError(t, err)
	return b
}

func outputBytes(t testing.TB, o Output) []byte {
	t.Helper()
	if o.File == nil {
		return o.Bytes
	}
	b, err := io.ReadAll(io.NewSectionReader(o.File, 0, o.Size))
	require.NoError(t, err)
	return b
}

func TestEcho(t *testing.T) {
	e, m := newEngine(t), guestModule(t)
	for _, size := range []int{0, 1, 1000, inlineMax, inlineMax + 1, 3 << 20} {
		in := random(t, size)
		res, err := e.Run(context.Background(), &Call{Module: m, Export: "echo", Inputs: []Input{{Type: "bytes", Bytes: in}}, Outputs: 1})
		require.NoError(t, err)
		require.Len(t, res.Outputs, 1)
		require.True(t, res.Outputs[0].Written)
		require.Equal(t, int64(size), res.Outputs[0].Size)
		require.True(t, bytes.Equal(in, outputBytes(t, res.Outputs[0])))
		res.Close()
	}
	require.Equal(t, int64(1), e.Stats().Compiled)
}

// The first call of a module waits for its compilation and says so; a call of a warm worker does not.
func TestCompileIsTold(t *testing.T) {
	e := newEngine(t)
	c := &Call{Module: guestModule(t), Export: "echo", Inputs: []Input{{Bytes: []byte("x")}}, Outputs: 1}
	first, err := e.Run(t.Context(), c)
	require.NoError(t, err)
	require.Positive(t, first.Compile)
	again, err := e.Run(t.Context(), c)
	require.NoError(t, err)
	require.Zero(t, again.Compile)
}
