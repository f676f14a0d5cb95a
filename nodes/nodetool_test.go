package nodes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

// foreignType is a line of graph/nodetool.json; graph/foreign_table.go explains the fields.
type foreignType struct {
	Kind     string
	Type     value.Type
	Uses     string
	In       map[string]string
	Out      map[string]string
	With     map[string]json.RawMessage
	Defaults map[string]json.RawMessage
	Types    map[string]value.Type
	Enum     map[string]map[string]json.RawMessage
	Dynamic  string
	Fields   string
	Split    map[string]string
	Absent   map[string]json.RawMessage
	Item     string
	Pass     map[string]string
	Make     map[string][]struct {
		Uses, Port, Out string
		With            map[string]json.RawMessage
	}
	Only map[string]json.RawMessage // the one value of a property without a port that is understood
	Note string
}

var foreignKinds = []string{"input", "output", "constant", "comment", "preview", "loop", "group", "group_input", "group_output", "foreach", "collect", "stream", "zip", "repeat", "variable", "reference", "folder", "save", "refused"}

func nodetoolTable(t *testing.T) map[string]foreignType {
	doc, err := os.ReadFile(filepath.Join("..", "graph", "nodetool.json"))
	require.NoError(t, err)
	var table map[string]foreignType
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&table))
	require.Greater(t, len(table), 200)
	return table
}

// The table of nodetool's types names core node types, and ports and literals that these take.
func TestNodetoolTable(t *testing.T) {
	table := nodetoolTable(t)
	reg, err := New()
	require.NoError(t, err)
	for name, f := range table {
		t.Run(name, func(t *testing.T) { f.check(t, reg) })
	}
}

func (f *foreignType) check(t *testing.T, reg *Registry) {
	if f.Kind != "" {
		require.Contains(t, foreignKinds, f.Kind)
	}
	if f.Type != "" {
		_, err := value.ParseType(string(f.Type))
		require.NoError(t, err)
	}
	if f.Uses == "" {
		require.NotEmpty(t, f.Kind)
		if f.Kind != "constant" {
			return
		}
		f.Uses = "flow/value"
	}
	nt, err := reg.Resolve(f.Uses, nil)
	require.NoError(t, err)
	for handle, port := range f.Out {
		_, ok := nt.Output(port)
		require.True(t, ok || port == "" && f.Kind == "input", "%s: no output %s", handle, port)
	}
	require.NotEmpty(t, f.Out)
	f.checkInputs(t, nt)
	f.checkMake(t, reg, nt)
}

// port is where a property goes; nil when it is dropped, or goes to the dynamic port.
func (f *foreignType) port(t *testing.T, nt *NodeType, property string) *value.Port {
	name, renamed := f.In[property]
	if !renamed {
		name = property
	}
	p, ok := nt.Input(name)
	if !ok && (renamed && name != "" || !renamed && f.Dynamic == "") {
		require.Fail(t, "no such input", "%s: %s", property, name)
	}
	return p
}

// checkMake looks at the nodes that values pass through: the last one gives what the property's port takes.
func (f *foreignType) checkMake(t *testing.T, reg *Registry, nt *NodeType) {
	for property, steps := range f.Make {
		require.NotEmpty(t, steps, property)
		var last value.Type
		for _, s := range steps {
			step, err := reg.Resolve(s.Uses, nil)
			require.NoError(t, err)
			_, ok := step.Input(s.Port)
			require.True(t, ok, "%s has no input %s", s.Uses, s.Port)
			out, ok := step.Output(s.Out)
			require.True(t, ok, "%s has no output %s", s.Uses, s.Out)
			for name, literal := range s.With {
				p, ok := step.Input(name)
				require.True(t, ok, name)
				requireFits(t, p, literal)
			}
			last = out.Type
		}
		p := f.port(t, nt, property)
		require.True(t, p.Type.HasVar() || p.Type == value.Any || last.HasVar() || value.Assignable(last, p.Type), "%s: %s into %s", property, last, p.Type)
	}
	if f.Item != "" && f.Kind == "stream" {
		require.Contains(t, f.In, f.Item)
	}
	for _, property := range f.Pass {
		require.Contains(t, f.In, property)
	}
}

func (f *foreignType) checkInputs(t *testing.T, nt *NodeType) {
	for property := range f.In {
		f.port(t, nt, property)
	}
	for name, literal := range f.With {
		p, ok := nt.Input(name)
		require.True(t, ok, name)
		requireFits(t, p, literal)
	}
	for property, literal := range f.Defaults {
		p := f.port(t, nt, property)
		require.NotContains(t, f.With, property)
		var plain any
		require.NoError(t, json.Unmarshal(literal, &plain))
		if here, ok := f.Enum[property][fmt.Sprint(plain)]; ok {
			literal = here
		}
		if p != nil {
			requireFits(t, p, literal)
		}
	}
	for property, typ := range f.Types {
		_, err := value.ParseType(string(typ))
		require.NoError(t, err)
		require.True(t, value.Bind(f.port(t, nt, property).Type, typ, map[value.Type]value.Type{}), property)
	}
	for property, literals := range f.Enum {
		for _, literal := range literals {
			requireFits(t, f.port(t, nt, property), literal)
		}
	}
	for property, between := range f.Split {
		p := f.port(t, nt, property)
		require.True(t, p.Type == value.ListOf(value.String) && len(between) < 2 || p.Type == value.JSON && len(between) == 2, property)
	}
	for property, literal := range f.Only {
		port, renamed := f.In[property]
		_, ok := nt.Input(property)
		require.True(t, renamed && port == "" || !renamed && !ok, "%s has a port", property)
		require.True(t, json.Valid(literal))
	}
	if f.Fields != "" {
		p, ok := nt.Output(f.Fields)
		require.True(t, ok)
		require.Equal(t, value.JSON, p.Type)
		require.Equal(t, f.Fields, f.Out[f.Fields])
	}
	if f.Dynamic != "" {
		p, ok := nt.Input(f.Dynamic)
		require.True(t, ok)
		require.Equal(t, "map", p.Type.Base())
	}
}

func requireFits(t *testing.T, p *value.Port, literal json.RawMessage) {
	t.Helper()
	v, err := value.FromJSON(p.Type.Subst(nil), literal)
	require.NoError(t, err, p.Name)
	require.NoError(t, p.CheckRange(v))
}
