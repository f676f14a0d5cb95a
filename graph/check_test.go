package graph

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

var update = flag.Bool("update", false, "write the problems that are found as those that are wanted")

func port(name string, typ value.Type) value.Port { return value.Port{Name: name, Type: typ} }

func nodeType(name string, in, out []value.Port) *Type {
	return &Type{Name: name, Signature: value.Signature{Inputs: in, Outputs: out}}
}

// someTypes stands in for the registry.
func someTypes() map[string]*Type {
	one, most := 1.0, 16384.0
	types := []*Type{
		nodeType("text/format", []value.Port{port("template", "string"), {Name: "value", Type: "any", Optional: true}}, []value.Port{port("text", "string")}),
		nodeType("text/upper", []value.Port{port("text", "string"), {Name: "speed", Type: "int", Default: []byte("1")}}, []value.Port{port("text", "string")}),
		nodeType("text/split", []value.Port{port("text", "string")}, []value.Port{port("texts", "list<string>")}),
		nodeType("text/join", []value.Port{port("texts", "list<string>")}, []value.Port{port("text", "string")}),
		nodeType("math/add", []value.Port{port("a", "float"), port("b", "float")}, []value.Port{port("sum", "float")}),
		nodeType("list/first", []value.Port{port("list", "list<T>")}, []value.Port{port("item", "T")}),
		nodeType("list/append", []value.Port{port("list", "list<T>"), port("item", "T")}, []value.Port{port("list", "list<T>")}),
		nodeType("json/get", []value.Port{port("doc", "json"), port("path", "string")}, []value.Port{port("value", "json")}),
		nodeType("table/rows", []value.Port{port("rows", "map<list<int>>")}, []value.Port{port("table", "table")}),
		nodeType("image/decode", []value.Port{port("data", "bytes")}, []value.Port{port("image", "image")}),
		nodeType("image/encode", []value.Port{port("image", "image")}, []value.Port{port("data", "bytes")}),
		nodeType("image/resize", []value.Port{port("image", "image"), {Name: "width", Type: "int", Default: []byte("256"), Min: &one, Max: &most},
			{Name: "filter", Type: "string", Default: []byte(`"lanczos3"`), Enum: []string{"nearest", "lanczos3"}}}, []value.Port{port("image", "image")}),
		nodeType("bad/default", []value.Port{{Name: "n", Type: "int", Default: []byte(`"x"`)}}, nil),
		nodeType("gpu/blur", nil, []value.Port{port("image", "image")}),
	}
	types[len(types)-1].Devices = []string{"gpu", "cpu"}
	byName := make(map[string]*Type, len(types))
	for _, t := range types {
		byName[t.Name] = t
	}
	byName["./resize.wasm"] = byName["image/resize"]
	return byName
}

func resolver() func(string) (*Type, error) {
	types := someTypes()
	return func(uses string) (*Type, error) {
		if t := types[uses]; t != nil {
			return t, nil
		}
		return nil, fmt.Errorf("there is no node type %q", uses)
	}
}

// section is one file of an archive in the txtar format (golang.org/x/tools/txtar).
type section struct{ name, text string }

func readArchive(t *testing.T, name string) (comment string, list []section) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		head, ok := strings.CutPrefix(line, "-- ")
		head, ends := strings.CutSuffix(strings.TrimSpace(head), " --")
		switch {
		case ok && ends:
			list = append(list, section{name: head})
		case len(list) == 0:
			comment += line
		default:
			list[len(list)-1].text += line
		}
	}
	return comment, list
}

// The archives under testdata/problems hold workflow files, each followed by the problems that must be found in it.
func TestProblems(t *testing.T) { checkProblems(t, "testdata/problems/*.txtar", resolver()) }

func checkProblems(t *testing.T, glob string, resolve func(string) (*Type, error)) {
	archives, err := filepath.Glob(glob)
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	for _, name := range archives {
		text, sections := readArchive(t, name)
		wants := map[string]string{}
		for _, s := range sections {
			wants[s.name] = s.text
		}
		for _, s := range sections {
			if strings.HasSuffix(s.name, ".want") {
				continue
			}
			g, problems := Load(s.name, []byte(s.text), resolve)
			require.Nil(t, g, s.name)
			require.NotEmpty(t, problems, s.name)
			got := problems.Error() + "\n"
			text += fmt.Sprintf("-- %s --\n%s-- %s.want --\n%s", s.name, s.text, s.name, got)
			if !*update {
				require.Equal(t, wants[s.name+".want"], got, "%s in %s", s.name, name)
			}
		}
		if *update {
			require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		}
	}
}
