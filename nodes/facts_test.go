package nodes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/testdata/guests"
	"levee/testdata/hostile/asm"
)

func TestGPUFunctionsNeedTheDevice(t *testing.T) {
	var m asm.Module
	m.Import("levee_gpu_v1", "info", "i32 i32", "i32")
	m.Memory(1, 1)
	m.Run("")
	manifest := func(devices string) string {
		return `{"levee":1,"name":"x","version":"1.0.0","nodes":[{"name":"run"` + devices + `}]}`
	}
	_, err := ReadModule("x.wasm", guests.WithManifest(m.Bytes(), manifest("")), nil)
	require.ErrorContains(t, err, `imports levee_gpu_v1, but no node type states "gpu" in its devices`)
	_, err = ReadModule("x.wasm", guests.WithManifest(m.Bytes(), manifest(`,"devices":["cpu","gpu"]`)), nil)
	require.NoError(t, err)
}
