package nodes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
	"levee/testdata/guests"
	"levee/testdata/hostile/asm"
)

func TestStreamPorts(t *testing.T) {
	m, err := ReadModule("items.wasm", guests.Items(""), nil)
	require.NoError(t, err)
	typ := m.types()[0]
	require.Equal(t, value.Port{Name: "items", Type: "list<int>", Stream: true}, typ.Outputs[0], "to others it is a list")
	require.Contains(t, typ.Text(), "a stream")

	manifest := func(output string) string {
		return `{"levee":1,"name":"x","version":"1.0.0","nodes":[{"name":"run","outputs":[` + output + `]}]}`
	}
	for output, want := range map[string]string{
		`{"name":"a","type":"int","stream":true,"optional":true}`:                                 "leave optional out",
		`{"name":"a","type":"list<list<list<list<list<list<list<list<int>>>>>>>>","stream":true}`: "nested deeper",
		`{"name":"a","type":"T","stream":true}`:                                                   "variable T",
		`{"name":"a","type":"int","stream":1}`:                                                    "stream",
	} {
		_, err := ParseManifest([]byte(manifest(output)))
		require.ErrorContains(t, err, want)
	}
	_, err = ParseManifest([]byte(`{"levee":1,"name":"x","version":"1.0.0","nodes":[{"name":"run","inputs":[{"name":"a","type":"int","stream":true}]}]}`))
	require.ErrorContains(t, err, "stream", "inputs take lists")

	_, err = ReadModule("x.wasm", guests.WithManifest(guests.Add(), manifest(`{"name":"a","type":"int","stream":true}`)), nil)
	require.ErrorContains(t, err, "does not import levee_v1.output_item")
	var emits asm.Module
	emits.Import("levee_v1", "output_item", "i32", "")
	emits.Memory(1, 1)
	emits.Run("")
	_, err = ReadModule("x.wasm", guests.WithManifest(emits.Bytes(), manifest(`{"name":"a","type":"int"}`)), nil)
	require.ErrorContains(t, err, `states "stream": true`)
}
