package graph

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzForeign: whatever a foreign file holds, converting it ends without a panic, and what was found right can be written as
// a workflow of our own that is found right too and has the same shape.
func FuzzForeign(f *testing.F) {
	files, err := filepath.Glob("../testdata/foreign/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Add(`{"client_id": "x", "prompt": {"3": {"class_type": "PrimitiveString", "inputs": {"value": "a"}}, "4": {"class_type": "StringLength", "inputs": {"string": ["3", 0]}}}}`)
	f.Add(`{"3": {"class_type": "nodetool.text.Concat", "inputs": {"a": ["4", 0]}}, "4": {"class_type": "nodetool.text.ToUppercase", "inputs": {"text": "\ud83d\ude00 \u0085\n x"}}}`)
	f.Add(`{"nodes": [{"id": 1, "type": "nodetool.constant.Dict", "data": {"value": {"on": 1e300, "": [null, -0.0, "0x1", "~", " a\n\nb"]}}}], "edges": []}`)
	resolve := coreTypes(f)
	f.Fuzz(func(t *testing.T, text string) {
		file, _ := Parse("x.json", []byte(text))
		if file.Foreign == "" {
			return
		}
		g, problems := Check(file, resolve)
		if g == nil {
			require.NotEmpty(t, problems)
			return
		}
		imported, err := file.Import()
		if err != nil && strings.Contains(err.Error(), "nested deeper") {
			return // four levels of maps for each loop, and a literal that is nearly as deep as can be
		}
		require.NoError(t, err)
		again, problems := Load("x.flow.yaml", imported, resolve)
		require.NoError(t, problems.Err(), "%s", imported)
		require.Equal(t, shapeOf(g), shapeOf(again), "%s", imported)
	})
}

// shapeOf is what a graph is, but for the names, labels and places of a foreign file.
func shapeOf(g *Graph) string {
	own := *g
	own.Name = ""
	return withoutPlaces(&own)
}
