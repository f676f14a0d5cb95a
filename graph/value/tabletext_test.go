package value

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A table is given as rows, as columns and rows, or as CSV; its columns have the narrowest kind that holds their cells.
func TestTablesOfText(t *testing.T) {
	for _, c := range []struct{ name, text, want, kinds string }{
		{"rows", `[{"b": 1, "a": "x"}, {"a": "y", "c": true}]`, `{"columns":["a","b","c"],"count":2,"rows":[["x",1,null],["y",null,true]]}`, "string int bool"},
		{"columns and rows", ` {"columns": ["b", "a"], "rows": [[1, 2.5], [null, 3]]}`, `{"columns":["b","a"],"count":2,"rows":[[1,2.5],[null,3]]}`, "int float"},
		{"as nodetool saves it", `{"type": "dataframe", "uri": "", "columns": [{"name": "n", "data_type": "float"}, {"name": "o", "data_type": "object"}], "data": [[1, 2]]}`,
			`{"columns":["n","o"],"count":1,"rows":[[1,2]]}`, "float int"},
		{"kinds that differ", `[{"a": 1, "b": true, "c": [1, {"z": 2}]}, {"a": "x", "b": 0.5, "c": 3}]`,
			`{"columns":["a","b","c"],"count":2,"rows":[["1","true","[1,{\"z\":2}]"],["x","0.5","3"]]}`, "string string string"},
		{"a kind that is asked for", `{"columns": [{"name": "zip", "type": "string"}], "rows": [[123], ["x"]]}`, `{"columns":["zip"],"count":2,"rows":[["123"],["x"]]}`, "string"},
		{"no rows", `[]`, `{"columns":[],"count":0,"rows":[]}`, ""},
		{"empty rows", `[{}, {}]`, `{"columns":[],"count":0,"rows":[]}`, ""},
		{"columns without rows", `{"columns": ["a"], "rows": []}`, `{"columns":["a"],"count":0,"rows":[]}`, "string"},
		{"nothing known", `[{"a": null}]`, `{"columns":["a"],"count":1,"rows":[[null]]}`, "string"},
		{"CSV", "\ufeffid, when ,ok,zip,x\n1,2.5,TRUE,007,NA\n2,,false,1,\n", `{"columns":["id","when","ok","zip","x"],"count":2,"rows":[[1,2.5,true,"007","NA"],[2,null,false,"1",null]]}`, "int float bool string string"},
		{"CSV with quotes and equal names", "a,a,\n\"x,\n1\",2,3\n", `{"columns":["a","a_2","column_3"],"count":1,"rows":[["x,\n1",2,3]]}`, "string int int"},
		{"CSV of a header", "a,b\n", `{"columns":["a","b"],"count":0,"rows":[]}`, "string string"},
		{"long numbers", "a,b,c\n9223372036854775808,9223372036854775807,1e300\n", `{"columns":["a","b","c"],"count":1,"rows":[["9223372036854775808",9223372036854775807,1e+300]]}`, "string int float"},
	} {
		v, err := ParseText(Table, c.text)
		require.NoError(t, err, c.name)
		enc, ok := v.Inline()
		require.True(t, ok)
		doc, err := ToJSON(Table, enc, -1)
		require.NoError(t, err, c.name)
		require.JSONEq(t, c.want, string(doc), c.name)
		cols, _, err := DecodeTable(enc)
		require.NoError(t, err)
		var kinds []string
		for _, col := range cols {
			kinds = append(kinds, string(col.Kind))
		}
		require.Equal(t, c.kinds, strings.Join(kinds, " "), c.name)
		literal, err := TableLiteral(enc)
		require.NoError(t, err)
		again, err := FromJSON(Table, literal)
		require.NoError(t, err)
		require.Equal(t, v, again, c.name)
	}
}

func TestTablesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"\n\n":                                 "the table is empty: a table is JSON, or CSV with a line of names",
		"5":                                    `wants table, got "5" (JSON: a list of rows, or columns and rows; or CSV: a line of names, then rows)`,
		"[1]":                                  "[0] wants table, got number 1 (a row is a map of its cells)",
		`{"a": [1]}`:                           "wants table, got a map (a list of rows, or columns and rows)",
		`{"columns": ["a", "a"], "rows": []}`:  ".columns[1] wants table, got string \"a\" (this name is there twice)",
		`{"columns": ["a"], "rows": [[1, 2]]}`: ".rows[0] wants table, got a list (a row is a list of 1 cells here)",
		`{"columns": [{"name": "a", "type": "int"}], "rows": [["x"]]}`:   ".rows[0][0] wants table, got string \"x\" (the column is int)",
		`{"columns": [{"name": "a", "type": "image"}], "rows": [["x"]]}`: ".columns[0] wants table, got a map (a name, or a map with name and type: bool, int, float or string)",
		"a,b\n1\n":  "bad CSV: record on line 2: wrong number of fields",
		"a\n\xff\n": "the CSV is not UTF-8",
		"a\n" + strings.Repeat("1\n", maxTableText/2):                    "a table of 67108866 bytes of text, at most 67108864: make the input bytes, and read it with table/read_csv",
		strings.Repeat("a,", maxColumns) + "a\n":                         "a table of 4097 columns, at most 4096",
		`[{"a": 1}` + strings.Repeat(" ", 3) + `, "x"]`:                  "[1] wants table, got string \"x\" (a row is a map of its cells)",
		`{"columns": [{"name": "a", "type": "float"}], "rows": [["2"]]}`: ".rows[0][0] wants table, got string \"2\" (the column is float)",
	} {
		_, err := ParseText(Table, text)
		require.EqualError(t, err, want)
	}
	_, err := FromGo(Table, nil)
	require.EqualError(t, err, "wants table, got null (a list of rows, or columns and rows)")
}
