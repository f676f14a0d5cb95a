package daemon_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
	"levee/graph/value"
)

// The workflows of testdata/foreign, in the form that nodetool saves, give what is written beside them; their imports give
// the same and run nothing again.
func TestForeignWorkflowsAndTheirImports(t *testing.T) {
	files, err := filepath.Glob("../testdata/foreign/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	b := newBox(t)
	d := b.open()
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			want, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".want")
			require.NoError(t, err)
			b.drop(name+".json", string(text))
			first := d.run(name + ".json")
			require.NoError(t, first.Err)
			require.JSONEq(t, string(want), outputsJSON(t, first.Result))

			flow, err := d.LoadFile(b.path(name + ".json"))
			require.NoError(t, err)
			imported, err := flow.Import()
			require.NoError(t, err)
			b.drop(name+".flow.yaml", string(imported))
			before := d.executions()
			second := d.run(name + ".flow.yaml")
			require.NoError(t, second.Err)
			require.Equal(t, before, d.executions(), "no module was executed")
			require.Equal(t, journal.Counts{Cached: first.Counts.Ran + first.Counts.Cached, Skipped: first.Counts.Skipped}, second.Counts)
			require.Equal(t, valuesOf(first.Result), valuesOf(second.Result))
		})
	}
}

// outputsJSON is what a run gave as JSON.
func outputsJSON(t *testing.T, r *daemon.Result) string {
	t.Helper()
	all := map[string]json.RawMessage{}
	for _, o := range r.Outputs {
		enc, ok := o.Value.Inline()
		require.True(t, ok)
		doc, err := value.ToJSON(o.Value.Type, enc, -1)
		require.NoError(t, err)
		all[o.Name] = doc
	}
	doc, err := json.Marshal(all)
	require.NoError(t, err)
	return string(doc)
}

func valuesOf(r *daemon.Result) map[string]value.Digest {
	all := map[string]value.Digest{}
	for _, o := range r.Outputs {
		all[o.Name] = o.Value.Digest
	}
	return all
}

// TestForeignPage checks the workflows on the page, what the first one is imported as, and that levee says of an unknown type what the
// page shows.
func TestForeignPage(t *testing.T) {
	b := newBox(t)
	checker, err := daemon.NewChecker(b.cfg)
	require.NoError(t, err)
	var examples, messages int
	var imported []byte
	for _, block := range blocks(page(t, "nodetool.md")) {
		switch {
		case block.kind == "yaml":
			examples++
			_, err := checker.LoadText(b.path("example.flow.yaml"), []byte(block.text))
			require.NoError(t, err)
		case block.kind == "json greeting.json":
			flow, err := checker.LoadText(b.path("greeting.json"), []byte(block.text))
			require.NoError(t, err)
			imported, err = flow.Import()
			require.NoError(t, err)
		case block.kind == "yaml greeting.flow.yaml":
			examples++
			require.Equal(t, block.text, "# Made of greeting.json by levee import.\n"+string(imported))
		case strings.HasPrefix(block.text, "unknown.json:"):
			messages++
			_, err := checker.LoadText(b.path("unknown.json"), []byte("{\"nodes\": [\n  {\"id\": \"a\", \"type\": \"acme.Blur\", \"data\": {\"radius\": 3}}\n], \"edges\": []}\n"))
			require.Equal(t, strings.TrimSuffix(block.text, "\n"), err.Error())
		}
	}
	require.Equal(t, 2, examples)
	require.Equal(t, 1, messages)
}

// A served folder runs a foreign file that has the name of a workflow.
func TestForeignFileIsServed(t *testing.T) {
	text, err := os.ReadFile("../testdata/foreign/loop-children.json")
	require.NoError(t, err)
	b := newBox(t)
	s := b.serve()
	b.drop("squares.flow.json", string(text))
	require.Equal(t, "[1,4,9]", output(t, s.ended("squares.flow.json").Result, "squares"))
	b.drop("squares.flow.json", replace(t, string(text), "[1, 2, 3]", "[1, 2, 4]"))
	require.Equal(t, "[1,4,16]", output(t, s.ended("squares.flow.json").Result, "squares"))
	s.stop()
}
