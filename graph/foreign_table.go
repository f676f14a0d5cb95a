package graph

import (
	_ "embed" // the table
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"levee/graph/value"
)

//go:embed nodetool.json
var nodetoolTable []byte

// rule says what a node type of another system is here: a line of nodetool.json, from which docs/nodetool-types.md is made.
type rule struct {
	Kind     string                                `json:"kind,omitempty"` // a structural node; "" for one that a module runs
	Type     value.Type                            `json:"type,omitempty"` // of an input, output or constant
	Uses     string                                `json:"uses,omitempty"`
	In       map[string]string                     `json:"in,omitempty"`       // property -> port, where they differ; "": it has no effect here
	Out      map[string]string                     `json:"out,omitempty"`      // handle -> port
	Defaults map[string]json.RawMessage            `json:"defaults,omitempty"` // by property
	Enum     map[string]map[string]json.RawMessage `json:"enum,omitempty"`     // by property: value there, as text -> literal here
	Split    map[string]string                     `json:"split,omitempty"`    // by property: what stands between the items of a text that lists; "": it is the one item; ",:": names and values
	Only     map[string]json.RawMessage            `json:"only,omitempty"`     // by property: the one value that is understood here
	Dynamic  string                                `json:"dynamic,omitempty"`  // the map port that takes properties of any name
	Fields   string                                `json:"fields,omitempty"`   // the JSON output whose fields are the outputs, under any name
	Types    map[string]value.Type                 `json:"types,omitempty"`    // by property: what a value of no fixed type is made, where the port takes several
	With     map[string]json.RawMessage            `json:"with,omitempty"`     // by port: literals that make the module do what the node does
	Absent   map[string]json.RawMessage            `json:"absent,omitempty"`   // by property: the saved value that means none
	Item     string                                `json:"item,omitempty"`     // of a node that takes a stream: the property that takes its items; "": input_item
	Make     map[string][]makeStep                 `json:"make,omitempty"`     // by property: the nodes that its value passes through first
	Pass     map[string]string                     `json:"pass,omitempty"`     // handle -> the property whose value it gives on
	Note     string                                `json:"note,omitempty"`     // what differs, for people

	mapped bool // from --map: ports meet by name
}

// makeStep is a node that a value passes through.
type makeStep struct {
	Uses, Port, Out string
	With            map[string]json.RawMessage
}

// The structural kinds.
const (
	inputKind       = "input"
	outputKind      = "output"
	constantKind    = "constant"
	commentKind     = "comment"
	previewKind     = "preview"
	loopKind        = "loop"
	groupKind       = "group"
	groupInputKind  = "group_input"
	groupOutputKind = "group_output"
	foreachKind     = "foreach"
	collectKind     = "collect"
	streamKind      = "stream"    // takes all items and gives others, one by one
	zipKind         = "zip"       // gives the items of two streams in pairs; with uses, those that this node makes of the two lists
	referenceKind   = "reference" // a constant that names a file, or holds its content
	folderKind      = "folder"    // reads the files of a folder
	saveKind        = "save"      // writes a file, whose path is saved as a folder and a name
	refusedKind     = "refused"   // cannot run here, for the reason that the note says
	variableKind    = "variable"  // puts a value under a name, or gives it
	repeatKind      = "repeat"    // takes back what the nodes behind it make of its value, turn by turn
)

// constantUses is the node type that gives a literal.
const constantUses = "flow/value"

// foreignRules reads the table, which a test has checked.
var foreignRules = sync.OnceValues(func() (map[string]*rule, error) {
	var rules map[string]*rule
	err := json.Unmarshal(nodetoolTable, &rules)
	return rules, err
})

// findTypes looks up what the nodes are here, and the modules behind them.
func (x *foreign) findTypes() {
	rules, err := foreignRules()
	if err != nil {
		x.report.add(Pos{1, 1}, "internal", "the table of node types: %v", err)
		return
	}
	types := map[string]resolved{}
	for _, n := range x.nodes {
		if uses, ok := x.maps[n.typ]; ok {
			n.rule = &rule{Uses: uses, mapped: true}
		} else if n.rule = x.tableRule(rules, n.typ); n.rule == nil {
			x.unknownType(n)
			continue
		} else if n.is(refusedKind) {
			x.report.add(n.typePos, "uses", "%s cannot run here: %s", clipTo(n.typ, 128), n.rule.Note)
			n.rule, x.refuses = nil, true
			x.misses(n)
			continue
		}
		n.takeName()
		uses := n.rule.Uses
		if n.rule.Kind == constantKind && uses == "" {
			uses = constantUses
		}
		if uses == "" || n.is(zipKind) {
			continue
		}
		r, known := types[uses]
		if !known {
			if r.err = checkUses(uses); r.err == nil {
				r.typ, r.err = x.resolve(uses)
			}
			types[uses] = r
		}
		if r.err != nil || r.typ == nil {
			x.report.add(n.typePos, "uses", "%s is %s here: %v", clip(n.typ), uses, r.err)
			n.rule = nil
			continue
		}
		n.sig = r.typ
	}
}

// takeName makes the name that stands beside a node's data the one in it, where a name means something.
func (n *foreignNode) takeName() {
	if n.named == nil {
		return
	}
	if n.is(inputKind, outputKind, previewKind, groupInputKind, groupOutputKind) && n.get("name") == nil {
		n.data = slices.Concat(n.data, []field{{key: "name", pos: n.named.pos, value: n.named}})
	}
	if name, ok := n.named.text(); ok && n.title == "" {
		n.title = name
	}
}

// tableRule finds a type in the table; ComfyUI's own ones stand there under comfy.
func (x *foreign) tableRule(rules map[string]*rule, typ string) *rule {
	if r := rules["comfy."+typ]; r != nil && x.system == ComfyUI {
		return r
	}
	return rules[typ]
}

func (x *foreign) unknownType(n *foreignNode) {
	x.report.add(n.typePos, "uses", "Node class not found: %s", clipTo(n.typ, 128))
	x.misses(n)
}

// misses puts a type among those that the file needs and that do not run.
func (x *foreign) misses(n *foreignNode) {
	if !x.mistyped[n.typ] {
		x.mistyped[n.typ] = true
		x.missing = append(x.missing, printable(clipTo(n.typ, 128)))
	}
}

// fixed reports whether a property must be known beforehand: only one value of it is understood, or it is split.
func (r *rule) fixed(property string) bool {
	_, only := r.Only[property]
	_, split := r.Split[property]
	return only || split || r.Kind == saveKind && (property == "folder" || property == "name")
}

// listed reports whether a property is a text that lists, or one item of a list.
func (r *rule) listed(property string) bool {
	between, ok := r.Split[property]
	return ok && len(between) < 2
}

// opens reports whether the nodes behind a node run for each of its items, or turn by turn.
func (n *foreignNode) opens() bool { return n.is(foreachKind, zipKind, repeatKind) }

// port is the input port that a property goes to; ok is false when the type has none. An empty name drops the property.
func (n *foreignNode) port(property string) (name string, ok bool) {
	if name, ok = n.rule.In[property]; ok {
		return name, true
	}
	if n.sig == nil {
		return property, true
	}
	for _, taken := range n.rule.In {
		if taken == property { // a port that another property goes to
			return "", false
		}
	}
	if _, fixed := n.rule.With[property]; fixed || n.rule.Dynamic != "" && !n.rule.names(property) {
		return "", false
	}
	_, ok = n.sig.Input(property)
	return property, ok
}

// names reports whether the table names a property: of a type that takes properties of any name, all others are of that kind,
// also those that are called as a port of the module is.
func (r *rule) names(property string) bool {
	_, def := r.Defaults[property]
	_, enum := r.Enum[property]
	_, typ := r.Types[property]
	return def || enum || typ
}

// output is the output port behind a handle.
func (n *foreignNode) output(handle string) (name string, ok bool) {
	if name, ok = n.rule.Out[handle]; ok {
		return name, true
	}
	if n.sig == nil {
		return handle, true
	}
	if name, ok = n.rule.Out["output"]; ok && handle == "0" { // ComfyUI counts outputs
		return name, true
	}
	if !n.rule.mapped {
		return "", false
	}
	if _, ok = n.sig.Output(handle); ok {
		return handle, true
	}
	if i, err := json.Number(handle).Int64(); err == nil && i >= 0 && i < int64(len(n.sig.Outputs)) { // ComfyUI counts them
		return n.sig.Outputs[i].Name, true
	}
	if len(n.sig.Outputs) == 1 && handle == "output" {
		return n.sig.Outputs[0].Name, true
	}
	return "", false
}

// handles are the names that output takes, for suggestions.
func (n *foreignNode) handles() (names []string) {
	names = slices.Sorted(maps.Keys(n.rule.Out))
	if n.rule.mapped && n.sig != nil {
		for _, p := range n.sig.Outputs {
			names = append(names, p.Name)
		}
	}
	return names
}

// properties are the names that port takes, for suggestions.
func (n *foreignNode) properties() (names []string) {
	taken := map[string]bool{}
	for property, port := range n.rule.In {
		names, taken[port] = append(names, property), true
	}
	names = slices.AppendSeq(names, maps.Keys(n.rule.Only))
	slices.Sort(names)
	if n.sig != nil {
		for _, p := range n.sig.Inputs {
			if !taken[p.Name] && p.Name != n.rule.Dynamic {
				names = append(names, p.Name)
			}
		}
	}
	return names
}
