package daemon_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A table that somebody gives as text is the one that table/read_csv and table/from_json make of it.
func TestTablesOfTextAreThoseOfTheNodes(t *testing.T) {
	b := newBox(t)
	d := b.open()
	b.drop("csv.flow.yaml", `
levee: 1
inputs: { given: table, text: string }
nodes: { read: { uses: table/read_csv, in: { data: inputs.text } } }
outputs: { given: inputs.given, read: read.table }
`)
	b.drop("json.flow.yaml", `
levee: 1
inputs: { given: table, text: json }
nodes: { read: { uses: table/from_json, in: { value: inputs.text } } }
outputs: { given: inputs.given, read: read.table }
`)
	same := func(file, text string) {
		t.Helper()
		r := d.run(file, "given", text, "text", text)
		require.NoError(t, r.Err, text)
		values := valuesOf(r.Result)
		require.Equal(t, values["read"], values["given"], text)
	}
	for _, text := range []string{
		"a,b\n1,x\n", "a,b\n", "a,a, ,a_2\n1,2,3,4\n", "\ufeffa\n\n007\n+49\n", "n\n1\n2.5\nNA\n", "n\nNA\n-\n", "n\ntrue\nFALSE\n\n", "n\n9223372036854775808\n", "n\n1e3\n.5\n5.\n",
		"n\n1e400\n", "n\n0x10\n1_000\n", "n\ninf\n", "n\n-0\n0\n", "n\n 1\n2 \n", "t\n\" a \"\n\"x, \"\"y\"\"\"\n", "a,b\n,\n1,\n", "n\n9000000000000000001\n1.5\n", "n\n-9223372036854775808\n",
	} {
		same("csv.flow.yaml", text)
	}
	for _, text := range []string{
		`[]`, `[{}]`, `[{"a": 1}, {"a": 2.5, "b": "x"}]`, `[{"a": null, "b": [1, 2.50, {"z": null}]}]`, `{"columns": ["b", "a"], "rows": [[1, true], [2, "x"]]}`,
		`[{"a": 1}, {"a": "x"}, {"a": 1e300}, {"a": false}]`, `[{"a": 18446744073709551616}]`, `[{"a": 0.1, "b": 1e-9, "c": 1e22}, {"a": "t", "b": "t", "c": "t"}]`,
	} {
		same("json.flow.yaml", text)
	}
}
