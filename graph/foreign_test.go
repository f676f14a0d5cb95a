package graph

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

// coreTypes resolves the node types of the core packs, from the manifests that they are built from.
func coreTypes(t testing.TB) func(string) (*Type, error) {
	t.Helper()
	types := map[string]*Type{}
	files, err := filepath.Glob("../nodes/core/*/node.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		doc, err := os.ReadFile(file)
		require.NoError(t, err)
		var pack struct {
			Name  string
			Nodes []struct {
				Name string
				value.Signature
			}
		}
		require.NoError(t, json.Unmarshal(doc, &pack))
		for _, n := range pack.Nodes {
			types[pack.Name+"/"+n.Name] = &Type{Name: pack.Name + "/" + n.Name, Signature: n.Signature}
		}
	}
	types["./mine.wasm"] = nodeType("mine/node", []value.Port{port("text", "string"), port("times", "int")}, []value.Port{port("made", "string")})
	return func(uses string) (*Type, error) {
		if t := types[uses]; t != nil {
			return t, nil
		}
		return nil, fmt.Errorf("there is no node type %q", uses)
	}
}

func TestForeignProblems(t *testing.T) { checkProblems(t, "testdata/foreign/*.txtar", coreTypes(t)) }

// graphOf writes a nodetool graph: a node is "id type data...", an edge "source.handle -> target.handle".
func graphOf(nodes, edges string) string {
	var list, wires []string
	for line := range strings.Lines(strings.TrimSpace(nodes)) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 3)
		more := ""
		if len(f) == 3 {
			more = ", " + f[2]
		}
		list = append(list, fmt.Sprintf(`{"id": %q, "type": %q%s}`, f[0], f[1], more))
	}
	for line := range strings.Lines(strings.TrimSpace(edges)) {
		from, to, ok := strings.Cut(strings.TrimSpace(line), " -> ")
		if !ok {
			continue
		}
		source, out, _ := strings.Cut(from, ".")
		target, in, _ := strings.Cut(to, ".")
		wires = append(wires, fmt.Sprintf(`{"source": %q, "sourceHandle": %q, "target": %q, "targetHandle": %q}`, source, out, target, in))
	}
	return "{\"nodes\": [\n" + strings.Join(list, ",\n") + "\n], \"edges\": [\n" + strings.Join(wires, ",\n") + "\n]}\n"
}

func loadForeign(t *testing.T, text string) *Graph {
	t.Helper()
	g, problems := Load("x.json", []byte(text), coreTypes(t))
	require.NoError(t, problems.Err())
	return g
}

func TestForeignLevels(t *testing.T) {
	plain := func(ids ...string) (nodes string) {
		for _, id := range ids {
			nodes += id + ` nodetool.control.Reroute "data": {"input_value": 1}` + "\n"
		}
		return nodes
	}
	for _, c := range []struct {
		nodes, edges string
		want         [][]string
	}{
		{"", "", nil},
		{plain("1"), "", [][]string{{"1"}}},
		{plain("1", "2", "3"), "1.output -> 2.input_value\n2.output -> 3.input_value", [][]string{{"1"}, {"2"}, {"3"}}},
	} {
		g := loadForeign(t, graphOf(c.nodes, c.edges))
		var got [][]string
		for _, level := range g.Levels() {
			var origins []string
			for _, n := range level {
				origins = append(origins, n.Origin)
			}
			got = append(got, origins)
		}
		require.Equal(t, c.want, got)
	}
}
