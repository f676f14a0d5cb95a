package graph

import (
	"fmt"
	"slices"
	"strings"
)

// The files of other systems. One is turned into a tree of our own format whose parts keep their places in the foreign file;
// the ordinary parser, checker and runner do the rest, so that a foreign file and its import behave alike.
//
//	foreign_read.go   the forms of files -> nodes and edges; foreign_request.go what of a request is kept
//	foreign_table.go  the table of node types
//	foreign_name.go   names that wires can use
//	foreign_group.go  loops and groups; foreign_stream.go For Each and Collect, foreign_zip.go Zip and Cross, foreign_repeat.go turns
//	foreign_wire.go   where an edge comes from; foreign_route.go which loops that leads through
//	foreign_node.go   nodes as a tree, foreign_tree.go what that is made of
//	foreign_literal.go saved values, foreign_ref.go files and other content that they name
//	foreign_input.go  inputs, foreign_io.go outputs
//	foreign_cast.go   conversions that the foreign system does on its own; foreign_translate.go values that are called otherwise
//	foreign_order.go  nodes behind those whose values they take
//	foreign_make.go   values that pass through other nodes first, and files that are written; foreign_variable.go variables
//	foreign_field.go  outputs of any name; foreign_folder.go the files of a folder
//	foreign_say.go    messages in the words of the other system
//	foreign_yaml.go   the tree as a file

// Foreign says what a file of another system is.
type Foreign string

// The systems whose files are read.
const (
	Nodetool Foreign = "nodetool"
	ComfyUI  Foreign = "ComfyUI"
)

// foreignForm is how a foreign file is written.
type foreignForm int

const (
	ownForm     foreignForm = iota // no foreign file
	graphForm                      // nodetool: nodes and edges as lists, bare or under graph
	requestForm                    // nodetool: a RunJobRequest
	shortForm                      // nodetool: a map of nodes that name their sources
	apiForm                        // ComfyUI: the same with class_type
	promptForm                     // ComfyUI: that under prompt, as its server takes it
	editorForm                     // ComfyUI: what its editor saves
)

// formOf tells the forms apart by what they hold.
func formOf(root *tree) foreignForm {
	if root.kind != mapTree || root.get("levee") != nil || len(root.fields) == 0 {
		return ownForm
	}
	if kind, _ := root.textOf("type"); kind == "run_job_request" {
		return requestForm
	}
	if g := root.get("graph"); g != nil && g.kind == mapTree && g.get("nodes") != nil {
		if root.get("params") != nil {
			return requestForm
		}
		return graphForm
	}
	if root.get("last_node_id") != nil {
		return editorForm
	}
	if nodes := root.get("nodes"); nodes != nil && nodes.kind == listTree && (root.get("edges") != nil || len(root.fields) == 1) {
		return graphForm
	}
	if p := root.get("prompt"); p != nil && p.kind == mapTree && p.get("prompt") == nil && formOf(p) == apiForm {
		return promptForm
	}
	form := shortForm
	for _, f := range root.fields {
		_, typed := f.value.textOf("type")
		_, class := f.value.textOf("class_type")
		if f.value.kind != mapTree || !typed && !class {
			return ownForm
		}
		if class {
			form = apiForm
		}
	}
	return form
}

// textOf returns the text that a map has under a key.
func (t *tree) textOf(key string) (string, bool) {
	if t == nil || t.kind != mapTree {
		return "", false
	}
	if v := t.get(key); v != nil {
		return v.text()
	}
	return "", false
}

// foreign is one conversion.
type foreign struct {
	report  *problems
	resolve func(uses string) (*Type, error)
	maps    map[string]string // foreign type -> uses, of --map
	system  Foreign

	name, description *tree
	params            *tree // of a request
	nodes             []*foreignNode
	byID              map[string]*foreignNode
	edges             []*foreignEdge
	controls          []*foreignEdge                  // of them those that only order
	inside            map[*foreignNode][]*foreignNode // the nodes right in a loop; nil: at the top

	names    *nameSet // of nodes and elements
	inputs   map[string]*foreignNode
	outputs  map[string]string       // our names -> theirs
	byName   map[string]*foreignNode // by our name
	byPos    map[Pos]*foreignEdge
	places   map[string]placed // where nodes of our tree stand
	casts    map[castSite]string
	wide     map[string]bool              // nodes whose type variables stand for values of any type
	widened  bool                         // one was added
	pending  map[*tree]map[string][]field // nodes to add, by those they stand in front of
	lone     map[string]bool              // of these, those that literals alone have widened
	missing  []string                     // types that are unknown, each once
	mistyped map[string]bool
	refuses  bool                        // some of them are known not to run
	grants   struct{ read, write *tree } // folders that nodes read and write
	root     *tree
}

// foreignNode is a node of the foreign file.
type foreignNode struct {
	id, typ       string
	pos, typePos  Pos
	title         string
	named         *tree // the name that some files give a node beside its data
	data, dynamic []field
	parentID      *tree
	bypassed      bool

	rule      *rule        // nil: the type is unknown, which was reported
	sig       *Type        // what the rule uses; nil for structural nodes
	parent    *foreignNode // the group around
	loop      *foreignNode // the innermost loop around, nil at the top
	in        []*foreignEdge
	name      string // ours: of a node, an input, an output; of a loop the group
	held      []*foreignNode
	as        string            // of a loop: the element
	zipped    bool              // of a loop: it runs over several lists
	lifted    *tree             // of a For Each: what leads out of it
	lists     map[string]string // of a For Each: the wires that lead out -> their lists
	listNames *nameSet
	enter     []*foreignEdge          // of a group input: the edges to its group that are meant for it
	byHandle  map[string]*foreignNode // of a group: its inputs and outputs, by kind and handle
	whole     bool                    // of a stream: its list is wanted as it is
	lone      bool                    // a Collect of a single value
	realm     *foreignNode            // the innermost loop that it was saved in
	refs      []reference             // of a constant that refers to something
	refers    bool
	void      bool            // a constant that refers to nothing: what it is wired to gets nothing
	single    map[string]bool // of a Zip: handles with a single value
	behind    string          // of an input: the node that makes something of its value
}

// foreignEdge is an edge of the foreign file.
type foreignEdge struct {
	pos                        Pos
	source, target             *foreignNode
	sourceHandle, targetHandle string
	control                    bool
}

func (n *foreignNode) is(kinds ...string) bool {
	return n.rule != nil && slices.Contains(kinds, n.rule.Kind)
}

// what names a node in messages: the id of the foreign file, with its type.
func (n *foreignNode) what() string {
	return fmt.Sprintf("node %s (%s)", quote(n.id), clip(n.typ))
}

func (n *foreignNode) get(key string) *tree {
	if f := find(n.data, key); f != nil {
		return f.value
	}
	return nil
}

// foreignHead notes what is known of a foreign file before it is converted.
func (p *parser) foreignHead(root *tree) {
	if p.file.Foreign = Nodetool; p.file.form == apiForm || p.file.form == promptForm || p.file.form == editorForm {
		p.file.Foreign = ComfyUI
	}
	if name, ok := root.textOf("name"); ok && name != "" && p.file.form == graphForm {
		p.file.Name = printable(clipTo(name, 120))
	}
}

// convert makes the tree of our format; it is nil when the file is none of its form. What is wrong is reported.
func (x *foreign) convert(form foreignForm, root *tree) *tree {
	x.byID, x.names, x.inputs = map[string]*foreignNode{}, newNames(), map[string]*foreignNode{}
	x.byName, x.byPos, x.places, x.casts = map[string]*foreignNode{}, map[Pos]*foreignEdge{}, map[string]placed{}, map[castSite]string{}
	x.outputs, x.inside = map[string]string{}, map[*foreignNode][]*foreignNode{}
	x.mistyped, x.wide, x.lone = map[string]bool{}, map[string]bool{}, map[string]bool{}
	if !x.read(form, root) {
		return nil
	}
	x.findTypes()
	x.findVariables()
	x.findReferences()
	x.findParents()
	x.splitFields()
	x.splitFolders()
	x.findStreams()
	x.findGroups()
	x.nameNodes()
	x.root = x.workflow(root)
	x.reportMissing()
	return x.root
}

// reportMissing lists the types that do not run at the end, with what to do about them.
func (x *foreign) reportMissing() {
	if len(x.missing) == 0 {
		return
	}
	what := "are not known here"
	if x.refuses {
		what = "do not run here"
	}
	x.report.add(x.report.src.at(len(x.report.src.text)), "uses", "%d of the file's node types %s: %s. Name a module for each: --map %s=./x.wasm#node",
		len(x.missing), what, strings.Join(x.missing, ", "), x.missing[0])
}
