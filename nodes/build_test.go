package nodes

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// testModule builds a module that validates: it imports these functions of levee_v1, all of type () -> (), and exports a
// memory and these functions, which do nothing.
func testModule(imports, exports []string) []byte {
	section := func(id byte, body []byte) []byte {
		return append(appendULEB([]byte{id}, uint32(len(body))), body...)
	}
	text := func(s string) []byte { return append(appendULEB(nil, uint32(len(s))), s...) }
	b := append([]byte{}, wasmMagic...)
	b = append(b, section(1, []byte{1, 0x60, 0, 0})...)
	if len(imports) > 0 {
		body := appendULEB(nil, uint32(len(imports)))
		for _, name := range imports {
			body = append(append(append(body, text(hostModule)...), text(name)...), 0, 0)
		}
		b = append(b, section(2, body)...)
	}
	funcs, code := appendULEB(nil, uint32(len(exports))), appendULEB(nil, uint32(len(exports)))
	names := append(appendULEB(nil, uint32(len(exports)+1)), append(text("memory"), 2, 0)...)
	for i, name := range exports {
		funcs, code = append(funcs, 0), append(code, 2, 0, 0x0b)
		names = append(append(names, text(name)...), 0)
		names = appendULEB(names, uint32(len(imports)+i))
	}
	b = append(b, section(3, funcs)...)
	b = append(b, section(5, []byte{1, 0, 1})...)
	b = append(b, section(7, names)...)
	return append(b, section(10, code)...)
}

const upperManifest = `{"levee": 1, "name": "words", "version": "1.2.0", "doc": "Words.", "nodes": [
	{"name": "upper", "inputs": [{"name": "text", "type": "string"}, {"name": "times", "type": "int", "default": 2, "min": 1, "max": 9}],
	 "outputs": [{"name": "text", "type": "string"}]},
	{"name": "load", "export": "read_it", "inputs": [{"name": "mode", "type": "string", "default": "fast", "enum": ["fast", "slow"]}],
	 "outputs": [{"name": "data", "type": "bytes"}], "wants": ["read"]}]}`

func wordsModule(t testing.TB) []byte {
	wasm, err := Pack(testModule([]string{"file_read"}, []string{"upper", "read_it"}), []byte(upperManifest))
	require.NoError(t, err)
	return wasm
}

// versioned is a module named words of this version with one node type.
func versioned(t testing.TB, version, node string) []byte {
	wasm, err := Pack(testModule(nil, []string{node}), []byte(`{"levee":1,"name":"words","version":"`+version+`","nodes":[{"name":"`+node+`","outputs":[{"name":"out","type":"string"}]}]}`))
	require.NoError(t, err)
	return wasm
}

// validate asks wabt, where it is installed, whether the module is valid.
func validate(t *testing.T, wasm []byte) {
	t.Helper()
	tool, err := exec.LookPath("wasm-validate")
	if err != nil {
		t.Log("wasm-validate is not installed: only the structure was checked")
		return
	}
	file := filepath.Join(t.TempDir(), "m.wasm")
	require.NoError(t, os.WriteFile(file, wasm, 0o600))
	out, err := exec.CommandContext(t.Context(), tool, file).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
