package daemon_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/testdata/guests"
	"levee/testdata/hostile/asm"
)

// A node type can be called where a workflow could use it, whatever another one of its module is like.
func TestCallAsksForOneFunctionOnly(t *testing.T) {
	var m asm.Module
	m.Memory(1, 1)
	m.Run("")
	m.ExportFunc("odd", "i32", "", "")
	b := newBox(t)
	b.drop("two.wasm", string(guests.WithManifest(m.Bytes(), `{"levee":1,"name":"two","version":"1.0.0","nodes":[
		{"name":"good","export":"run"},{"name":"bad","export":"odd"}]}`)))
	t.Chdir(b.dir)
	d := b.open()
	_, err := d.SingleNode("./two.wasm#good", nil)
	require.NoError(t, err)
	_, err = d.SingleNode("./two.wasm#bad", nil)
	require.EqualError(t, err, `two.wasm: E_REFUSED: its export "odd" is (i32); a node's function takes and returns nothing`)
}
