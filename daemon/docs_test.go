package daemon_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/graph"
	"levee/graph/value"
	"levee/runtime/wasm"
)

// What the pages under docs say is held against the program here.

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", name))
	require.NoError(t, err)
	return string(text)
}

// block is a fenced block of a page: what stands behind its fence, its text, and its line.
type block struct {
	kind, text string
	line       int
}

var fence = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

func blocks(page string) (list []block) {
	for _, m := range fence.FindAllStringSubmatchIndex(page, -1) {
		list = append(list, block{page[m[2]:m[3]], page[m[4]:m[5]], 1 + strings.Count(page[:m[0]], "\n")})
	}
	return list
}

// docFile is the name of the examples' files, as messages about them have it.
const docFile = "example.flow.yaml"

// TestWorkflowPage checks every example of the page. A block "text outputs" behind one is what running it gives; one that is
// "yaml broken" has its problems in the block behind it; one that is "yaml NAME" lies beside the others under that name.
func TestWorkflowPage(t *testing.T) {
	b := newBox(t)
	d := b.open()
	list := blocks(page(t, "workflow-files.md"))
	checked := 0
	for i, example := range list {
		next := block{}
		if i+1 < len(list) {
			next = list[i+1]
		}
		name, named := strings.CutPrefix(example.kind, "yaml ")
		if named = named && name != "broken"; !named {
			name = docFile
		}
		b.drop(name, example.text)
		where := fmt.Sprintf("the example in line %d", example.line)
		if named {
			_, err := d.LoadFile(b.path(name))
			require.NoError(t, err, where)
		}
		switch example.kind {
		case "yaml":
			_, err := d.LoadFile(b.path(docFile))
			require.NoError(t, err, where)
			if next.kind == "text outputs" {
				require.Equal(t, next.text, outputLines(t, d.run(docFile).Result), where)
			}
			checked++
		case "yaml broken":
			_, err := d.LoadFile(b.path(docFile))
			problems, ok := daemon.Problems(err)
			require.True(t, ok, where)
			var text bytes.Buffer
			problems.Write(&text, graph.TextFormat)
			require.Equal(t, next.text, text.String(), where)
			checked++
		}
	}
	require.GreaterOrEqual(t, checked, 8)
}

// TestReadmeWorkflow checks the example of README.md.
func TestReadmeWorkflow(t *testing.T) {
	b := newBox(t)
	b.drop("inbox/a.jpg", "")
	checked := 0
	for _, example := range blocks(page(t, "../README.md")) {
		require.Equal(t, "yaml", example.kind)
		b.drop(docFile, example.text)
		_, err := b.open().LoadFile(b.path(docFile))
		require.NoError(t, err)
		checked++
	}
	require.Positive(t, checked)
}

// outputLines are small outputs as `levee run` prints them.
func outputLines(t *testing.T, r *daemon.Result) string {
	require.NoError(t, r.Err)
	var text strings.Builder
	for _, o := range r.Outputs {
		fmt.Fprintf(&text, "%s: %s\n", o.Name, output(t, r, o.Name))
	}
	return text.String()
}

// TestNotAvailable holds the messages about what is left for later against the page.
func TestNotAvailable(t *testing.T) {
	text := page(t, "workflow-files.md")
	for _, file := range []string{
		"levee: 1\nnodes: { a: { uses: oci://example.org/a } }\n",
		"levee: 1\ntrigger: { webhook: hook }\nnodes: { x: { uses: text/upper, with: { text: x } } }\n",
	} {
		_, problems := graph.Parse(docFile, []byte(file))
		require.Len(t, problems, 1, file)
		message := strings.TrimPrefix(problems[0].Message, `"oci://example.org/a": `)
		require.True(t, strings.Contains(text, "`"+message+"`"), message)
	}
}

// TestWorkflowFields holds the fields of the schema, and the exported limits, against the page.
func TestWorkflowFields(t *testing.T) {
	text := page(t, "workflow-files.md")
	var schema any
	require.NoError(t, json.Unmarshal(graph.Schema(), &schema))
	fields := properties(schema)
	require.Greater(t, len(fields), 20)
	for _, f := range fields {
		require.True(t, strings.Contains(text, "`"+f+"`"), "%s is not on the page", f)
	}
	requireRows(t, text, [][2]string{
		{"size of a file", fmt.Sprintf("%d MiB", graph.MaxFileSize>>20)},
		{"depth of lists and maps", number(graph.MaxDepth)},
		{"nodes, those in groups included", number(graph.MaxNodes)},
		{"wires", number(graph.MaxEdges)},
		{"wires that leave one node", number(graph.MaxFanOut)},
		{"elements of an `each`", number(graph.MaxElements)},
	})
	for _, typ := range []value.Type{value.Bool, value.Int, value.Float, value.String, value.Bytes, value.JSON, value.Table, value.Image, value.Audio, value.Any} {
		require.True(t, strings.Contains(text, "`"+string(typ)+"`"), typ)
	}
}

// properties are the names of all properties in a JSON schema.
func properties(schema any) (names []string) {
	switch x := schema.(type) {
	case []any:
		for _, item := range x {
			names = append(names, properties(item)...)
		}
	case map[string]any:
		for key, inner := range x {
			fields, ok := inner.(map[string]any)
			if !ok || key != "properties" {
				names = append(names, properties(inner)...)
				continue
			}
			for name, field := range fields { // one may be called properties itself
				names = append(append(names, name), properties(field)...)
			}
		}
	}
	return names
}

// requireRows looks for rows of a table that begin with these two cells.
func requireRows(t *testing.T, text string, rows [][2]string) {
	t.Helper()
	for _, r := range rows {
		require.True(t, strings.Contains(text, "| "+r[0]+" | "+r[1]+" |"), "no row %s with %s", r[0], r[1])
	}
}

// number writes 10000 as 10,000.
func number[T ~int | ~uint32](n T) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// TestPreflightTable holds the limits of the security page against those that modules are refused by.
func TestPreflightTable(t *testing.T) {
	names := map[string]string{
		"ModuleBytes": "bytes of a module", "Types": "types", "Imports": "imports", "Functions": "functions with code", "Exports": "exports",
		"Globals": "globals", "Tables": "tables", "TableEntries": "entries of a table", "MemoryPages": "pages (64 KiB) that a memory begins with",
		"Elements": "element segments", "ElementItems": "items of all element segments", "DataSegments": "data segments",
		"CustomSections": "custom sections", "Params": "parameters of a function", "Results": "results of a function",
		"Locals": "locals of a function", "LocalsTotal": "locals of all functions", "BodyBytes": "bytes of a function's body",
		"BranchTargets": "targets of one `br_table`", "Depth": "nested blocks in a function",
		"MultiResults": "values pushed by one function's multi-value calls and blocks", "NameBytes": "bytes of a name",
	}
	limits := reflect.ValueOf(wasm.DefaultLimits())
	require.Equal(t, limits.NumField(), len(names), "a limit is missing here and in docs/security.md")
	var rows [][2]string
	for i := range limits.NumField() {
		name, ok := names[limits.Type().Field(i).Name]
		require.True(t, ok, limits.Type().Field(i).Name)
		n := limits.Field(i)
		if n.CanUint() {
			rows = append(rows, [2]string{name, number(uint32(n.Uint()))})
		} else {
			rows = append(rows, [2]string{name, number(int(n.Int()))})
		}
	}
	requireRows(t, page(t, "security.md"), rows)
}

// TestProbes holds the list of what the self-test tries to break out with against the security page.
func TestProbes(t *testing.T) {
	d, _ := open(t)
	text := page(t, "security.md")
	for _, p := range d.Sandbox().Probes {
		require.True(t, strings.Contains(text, p.Name), p.Name)
	}
}

// TestExitCodes holds the table of exit codes against the program's.
func TestExitCodes(t *testing.T) {
	text := page(t, "operating.md")
	for _, code := range []int{
		daemon.ExitOK, daemon.ExitFailed, daemon.ExitUsage, daemon.ExitInvalid, daemon.ExitDenied, daemon.ExitModule, daemon.ExitDaemon,
		daemon.ExitLimit, daemon.ExitGPU, daemon.ExitSuspended, daemon.ExitInterrupted, daemon.ExitUnread, daemon.ExitTerminated,
	} {
		require.True(t, strings.Contains(text, fmt.Sprintf("\n| %d | ", code)), "no row for %d", code)
	}
}

var shownBy = regexp.MustCompile("`(Test[A-Za-z0-9_]+|[a-z0-9-]+\\.txtar)`")

// TestComparisonPage holds the page to the tests it names: they exist, and every script of testdata/conformance stands there.
func TestComparisonPage(t *testing.T) {
	there := map[string]bool{}
	for _, src := range sources(t) {
		for _, decl := range src.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && src.test && f.Recv == nil {
				there[f.Name.Name] = true
			}
		}
	}
	scripts, err := filepath.Glob("../testdata/conformance/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	others, err := filepath.Glob("../testdata/script/*.txtar")
	require.NoError(t, err)
	for _, file := range append(others, scripts...) {
		there[filepath.Base(file)] = true
	}
	named := map[string]bool{}
	for _, m := range shownBy.FindAllStringSubmatch(page(t, "comparison.md"), -1) {
		named[m[1]] = true
		if !there[m[1]] {
			t.Errorf("docs/comparison.md names %s, which is not there", m[1])
		}
	}
	for _, file := range scripts {
		if !named[filepath.Base(file)] {
			t.Errorf("docs/comparison.md does not name %s", filepath.Base(file))
		}
	}
}
