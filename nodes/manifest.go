package nodes

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"levee/graph/value"
)

// Manifest is what a module says about itself, in its custom section levee: UTF-8 JSON of the form
//
//	{"levee": 1, "name": "image", "version": "1.0.0", "doc": "...", "license": "...",
//	 "nodes": [{"name": "resize", "doc": "...", "abi": "v1", "export": "resize",
//	   "inputs":  [{"name": "image", "type": "image", "doc": "...", "optional": false},
//	               {"name": "width", "type": "int", "default": 256, "min": 1, "max": 16384, "unit": "px"},
//	               {"name": "filter", "type": "string", "default": "lanczos3", "enum": ["nearest", "lanczos3"]}],
//	   "outputs": [{"name": "image", "type": "image", "doc": "..."}, {"name": "tiles", "type": "image", "stream": true}],
//	   "wants": ["read"], "devices": ["cpu"], "idempotent": true}]}
//
// A node type's full name is the manifest's name, a slash, the node's name. A port's index is its position. The defaults:
// abi v1; export the node's name, for stdio _start; wants none; devices cpu.
type Manifest struct {
	Name    string
	Version string // MAJOR.MINOR.PATCH, as semver.org has it
	Doc     string
	License string
	Nodes   []Node
}

// Node is one node type of a manifest.
type Node struct {
	Name string // without the manifest's name
	Doc  string
	value.Signature
	ABI        ABI
	Export     string   // the function that runs it
	Wants      []string // WantRead, WantWrite, WantAnswer; sorted
	Devices    []string // "cpu", "gpu": where it can run, in order of preference
	Idempotent bool     // a run that was cut short may be repeated although it writes files
}

// ABI is how a node type takes its inputs and gives its outputs.
type ABI string

// The ABIs.
const (
	Reactor ABI = "v1"    // host functions of the import module levee_v1
	Stdio   ABI = "stdio" // a WASI preview 1 program: stdin, arguments, stdout
)

// What a node type may want beyond computing.
const (
	WantRead  = "read"  // read and list files
	WantWrite = "write" // write files
	// WantAnswer is a person's: the node takes it from its input answer, and the run waits until it is there.
	WantAnswer = "answer"
)

const (
	maxNodes, maxPorts = 256, 64
	maxDoc, maxShort   = 8 << 10, 64
	maxExport          = 256
	maxEnum            = 256
)

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

const nameRule = "must be a lower-case letter, then up to 63 of a-z 0-9 _ -"

// readManifest reads the manifest of the module of size bytes in r, without reading the rest of it; nil when it has none.
func readManifest(r io.ReaderAt, size int64) (*Manifest, error) {
	doc, err := readManifestSection(r, size)
	if err != nil || doc == nil {
		return nil, err
	}
	return ParseManifest(doc)
}

// ParseManifest reads and checks a manifest. The error names every field that is wrong, up to ten.
func ParseManifest(doc []byte) (*Manifest, error) {
	if len(doc) > maxManifest {
		return nil, fmt.Errorf("manifest of %d bytes, at most %d", len(doc), maxManifest)
	}
	var errs problems
	o, err := readObject(doc, "manifest", &errs)
	if err != nil {
		return nil, err
	}
	o.only("levee", "name", "version", "doc", "license", "nodes")
	if v := o.number("levee"); v == nil || *v != 1 {
		o.bad("levee", "must be 1, the version of the manifest's form")
	}
	m := &Manifest{Name: o.name("name"), Version: o.text("version", maxShort, false), Doc: o.text("doc", maxDoc, true), License: o.text("license", maxDoc, true)}
	if _, ok := parseVersion(m.Version); !ok {
		o.bad("version", "%q is no version of the form 1.2.3", m.Version)
	}
	nodes := o.objects("nodes", maxNodes)
	if len(nodes) == 0 {
		o.bad("nodes", "must name at least one node type")
	}
	seen := map[string]bool{}
	for _, no := range nodes {
		n := readNode(no)
		if seen[n.Name] {
			no.bad("name", "%q is there twice", n.Name)
		}
		seen[n.Name] = true
		m.Nodes = append(m.Nodes, n)
	}
	if err := errs.err(); err != nil {
		return nil, err
	}
	return m, nil
}

func (o *object) name(key string) string {
	s := o.text(key, maxShort, false)
	if !nameForm.MatchString(s) {
		o.bad(key, "%q %s", s, nameRule)
	}
	return s
}

func readNode(o *object) Node {
	n := Node{Name: o.name("name")}
	if nameForm.MatchString(n.Name) {
		o.at += " (" + n.Name + ")"
	}
	o.only("name", "doc", "abi", "export", "inputs", "outputs", "wants", "devices", "idempotent")
	n.Doc, n.Idempotent = o.text("doc", maxDoc, true), o.flag("idempotent")
	n.ABI, n.Export = ABI(o.text("abi", maxShort, false)), o.text("export", maxExport, false)
	switch n.ABI {
	case "":
		n.ABI = Reactor
	case Reactor, Stdio:
	default:
		o.bad("abi", "%q is not known (known: v1, stdio)", string(n.ABI))
	}
	if n.Export == "" {
		if n.Export = n.Name; n.ABI == Stdio {
			n.Export = "_start"
		}
	}
	n.Wants = o.choices("wants", WantRead, WantWrite, WantAnswer)
	slices.Sort(n.Wants)
	if n.Devices = o.choices("devices", "cpu", "gpu"); len(n.Devices) == 0 {
		n.Devices = []string{"cpu"}
	}
	n.Inputs, n.Outputs = readPorts(o, "inputs"), readPorts(o, "outputs")
	if total := len(n.Inputs) + len(n.Outputs); total > maxPorts {
		o.bad("inputs", "and outputs are %d ports, at most %d", total, maxPorts)
	}
	checkVars(o, &n)
	if n.ABI == Stdio {
		checkStdio(o, &n)
	}
	return n
}

// choices reads a list of texts of which each must be known.
func (o *object) choices(key string, known ...string) []string {
	list := o.texts(key, len(known), maxShort)
	for i, s := range list {
		if !slices.Contains(known, s) {
			o.bad(fmt.Sprintf("%s[%d]", key, i), "%q is not known (known: %s)", s, strings.Join(known, ", "))
		}
	}
	return list
}

// checkVars refuses an output whose type variable no input binds: its type would never be known.
func checkVars(o *object, n *Node) {
	bound := map[value.Type]bool{}
	for _, p := range n.Inputs {
		bound[variable(p.Type)] = true
	}
	for i, p := range n.Outputs {
		if v := variable(p.Type); v != "" && !bound[v] {
			o.bad(fmt.Sprintf("outputs[%d].type", i), "no input's type holds the variable %s", v)
		}
	}
}

func variable(t value.Type) value.Type {
	for t.Elem() != "" {
		t = t.Elem()
	}
	if t.IsVar() {
		return t
	}
	return ""
}

// stdioNode is the node type of a WASI program without a manifest.
func stdioNode() Node {
	return Node{
		Name: "run", Doc: "A WASI program: reads stdin, gets args, and its stdout is the result.", ABI: Stdio, Export: "_start", Devices: []string{"cpu"},
		Signature: value.Signature{
			Inputs: []value.Port{
				{Name: "stdin", Type: value.Bytes, Optional: true, Doc: "what the program reads"},
				{Name: "args", Type: value.ListOf(value.String), Optional: true, Doc: "its arguments, without its name"},
			},
			Outputs: []value.Port{{Name: "stdout", Type: value.Bytes, Doc: "what it wrote"}},
		},
	}
}

// checkStdio holds a stdio node to the ports that such a program has: stdin, args, stdout; texts may be typed closer than bytes.
func checkStdio(o *object, n *Node) {
	plain := []value.Type{value.Bytes, value.String, value.JSON}
	for i, p := range n.Inputs {
		ok := (p.Name == "stdin" && slices.Contains(plain, p.Type)) || (p.Name == "args" && p.Type == value.ListOf(value.String))
		if !ok {
			o.bad(fmt.Sprintf("inputs[%d]", i), "a stdio node has the inputs stdin (bytes, string or json) and args (list<string>) only")
		}
	}
	if len(n.Outputs) != 1 || n.Outputs[0].Name != "stdout" || !slices.Contains(plain, n.Outputs[0].Type) {
		o.bad("outputs", "a stdio node has one output, stdout (bytes, string or json)")
	}
	if len(n.Wants) > 0 {
		o.bad("wants", "a stdio node gets no files")
	}
}
