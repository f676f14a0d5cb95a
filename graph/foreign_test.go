package graph

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

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
		{"1 nodetool.constant.String\n2 nodetool.text.Concat\n3 nodetool.text.Concat\n4 nodetool.text.Concat\n5 nodetool.text.Concat\n6 nodetool.text.Concat\n7 nodetool.text.Concat",
			"1.output -> 2.a\n1.output -> 3.a\n2.output -> 4.a\n2.output -> 5.a\n3.output -> 6.a\n3.output -> 7.a\n4.output -> 5.b\n6.output -> 7.b", [][]string{{"1"}, {"2", "3"}, {"4", "6"}, {"5", "7"}}},
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

// Of what could be meant alike, the first by name is said, every time.
func TestForeignSaysTheSame(t *testing.T) {
	for range 20 {
		_, problems := Load("x.json", []byte(graphOf(`a nodetool.data.Append "data": {"dataframe_c": 1}`, "")), coreTypes(t))
		require.Len(t, problems, 2)
		require.Contains(t, problems.Error(), "mean dataframe_a?")
		require.Contains(t, problems.Error(), "Missing inputs: dataframe_a:")
	}
}

func TestForeignLimits(t *testing.T) {
	var b strings.Builder
	for i := range MaxNodes + 1 {
		fmt.Fprintf(&b, "n%d nodetool.constant.Bool\n", i)
	}
	_, problems := Load("x.json", []byte(graphOf(b.String(), "")), coreTypes(t))
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].Message, "more than 10000 nodes")

	loops := ""
	for i := range maxLoops + 2 {
		loops += fmt.Sprintf("l%d nodetool.group.Loop \"parent_id\": \"l%d\", \"data\": {\"input\": [1]}\ni%d nodetool.input.GroupInput \"parent_id\": \"l%d\"\n", i, i-1, i, i)
	}
	_, problems = Load("x.json", []byte(graphOf(strings.Replace(loops, `"parent_id": "l-1", `, "", 1), "")), coreTypes(t))
	require.NotEmpty(t, problems)
	require.Contains(t, problems.Error(), "loops stand in each other deeper than 12")
}

// A stranger's file of the size that is read costs little, whatever it repeats.
func TestForeignCostsLittle(t *testing.T) {
	list := func(n int, format string) (text string) {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "#", fmt.Sprint(i)) + "\n")
		}
		return b.String()
	}
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	for name, text := range map[string]string{
		"names of one kind":    graphOf(list(8000, `# nodetool.constant.Bool "data": {}`), ""),
		"outputs":              graphOf(list(8000, `# nodetool.output.Output "data": {"name": "!#!", "value": 1}`), ""),
		"outputs alike":        graphOf(list(6000, `# nodetool.output.Output "data": {"name": "`+"\u00e9"+`#", "value": 1}`), ""),
		"ends of a group":      graphOf("g nodetool.workflows.base_node.Group\n"+list(3000, `i# nodetool.input.GroupInput "parent_id": "g"`), list(3000, "i#.output -> g.input")+list(3000, "g.output -> i#.input")),
		"streams into a group": graphOf("g nodetool.workflows.base_node.Group\nf nodetool.control.ForEach\n"+list(2500, `i# nodetool.input.GroupInput "parent_id": "g"`), "f.output -> i1.input\n"+list(2500, "i#.output -> g.input")+list(2500, "g.output -> i#.input")),
		"streams":              graphOf(list(3000, `f# nodetool.control.ForEach`), strings.NewReplacer("output", "output", "p", "f", "value", "input_list").Replace(chainOf(3000))),
		"pairs":                graphOf("f nodetool.control.ForEach \"data\": {\"input_list\": [1]}\n"+list(3000, `z# nodetool.control.Zip`), list(3000, "f.output -> z#.left")+list(3000, "f.output -> z#.right")),
		"turns":                graphOf(list(1500, `l# nodetool.control.Loop "data": {"initial": 1}`)+list(1500, `a# nodetool.math.Add`), list(1500, "l#.value -> a#.a")+list(1500, "a#.output -> l#.next")),
		"previews":             graphOf(list(4000, `p# nodetool.workflows.base_node.Preview`)+"t nodetool.text.FormatText", chainOf(4000)+list(4000, "p3999.output -> t.a#")),
		"casts":                graphOf("d nodetool.constant.Dict\n"+list(4000, "a# nodetool.text.ToUppercase"), list(4000, "d.output -> a#.text")),
		"params":               `{"type": "run_job_request", "params": {"x": 1` + strings.ReplaceAll(list(20000, `, "#": 1`), "\n", "") + `}, "graph": {"nodes": [], "edges": []}}`,
		"control edges":        graphOf(list(100, "a# nodetool.constant.Bool"), list(5000, "a1.output -> a2.x")),
	} {
		require.LessOrEqual(t, len(text), MaxFileSize, name)
		began := threadTime(t)
		file, _ := Parse("x.json", []byte(text))
		g, _ := Check(file, coreTypes(t))
		if g != nil {
			_, err := file.Import()
			require.NoError(t, err, name)
		}
		took := threadTime(t) - began
		require.Less(t, took, 5*time.Second, name)
		t.Log(name, len(text), took.Round(time.Millisecond))
	}
}

// threadTime is how long the test's own thread has run: how busy the machine is does not count.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	var used unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_THREAD, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// chainOf wires each of n previews to the one before it.
func chainOf(n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "p%d.output -> p%d.value\n", i-1, i)
	}
	return b.String()
}
