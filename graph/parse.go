package graph

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"levee/graph/value"
)

// File is a workflow file that was read: its parts have the right shape, its wires and types are not checked yet. What says
// when and with which permissions it would run is known already.
type File struct {
	Name        string // the name: field, else the base name of the file without .flow.yaml and the like
	Description string
	Trigger     *Trigger
	Inputs      []value.Port
	Allow       Allow
	Timeout     time.Duration
	Serial      bool // no two runs of it go on at the same time

	found *problems
	graph *rawGraph // nil when the file is not even a map, or holds too many nodes
	nodes int

	hasTrigger bool // Trigger is nil all the same when it was reported

	// Of a foreign file: what Check converts, and what it made of it.
	Map     map[string]string // the modules that stand for foreign node types, by type; set between Parse and Check
	Foreign Foreign
	form    foreignForm
	root    *tree
	foreign *foreign
}

// The fields of the format; schema.json lists the same ones.
var (
	workflowFields = []string{"levee", "name", "description", "trigger", "inputs", "allow", "timeout", "serial", "nodes", "outputs", "$schema"}
	triggerFields  = []string{"files", "per", "every", "cron", "zone", "catch_up", "webhook"}
	inputFields    = []string{"type", "default", "doc"}
	allowFields    = []string{"read", "write", "memory", "time"}
	bothFields     = []string{"if", "after", "on_error"} // of tasks and of groups
	taskFields     = []string{"uses", "with", "in", "timeout", "memory", "retry", "device", "gpu"}
	groupFields    = []string{"nodes", "out", "each", "as", "parallel", "repeat"}
	nodeFields     = slices.Concat(taskFields, groupFields, bothFields)
	retryFields    = []string{"times", "wait"}
	gpuFields      = []string{"memory"}
	onErrorFields  = []string{"value"}
	repeatFields   = []string{"max", "until", "carry"}
	carryFields    = []string{"from", "next"}
	outputFields   = []string{"from", "file", "names"}
)

// Parse reads a workflow file, YAML or JSON (recognised by its first byte, a brace). name is for messages. The file is never
// nil; Check reports the problems of both together.
func Parse(name string, text []byte) (*File, Problems) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	f := &File{Name: baseName(name), found: &problems{file: name}}
	if len(text) > MaxFileSize {
		f.found.src = newSource(nil)
		f.found.add(Pos{1, 1}, "limit", "the file has %d bytes, at most %d", len(text), MaxFileSize)
		return f, f.found.list()
	}
	src := newSource(text)
	f.found.src = src
	// What the parts of a file with aliases, tags or too deep lists would mean is anyone's guess: nothing is said about them.
	if root := readTree(src, f.found); root != nil && !f.found.has("syntax", "limit") {
		p := parser{report: f.found, file: f}
		p.workflow(root)
	}
	if f.nodes > MaxNodes {
		f.graph = nil
	}
	return f, f.found.list()
}

func readTree(src *source, report *problems) *tree {
	if !utf8.Valid(src.text) {
		at := 0
		for at < len(src.text) {
			r, n := utf8.DecodeRune(src.text[at:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			at += n
		}
		report.add(src.at(at), "syntax", "the file is not UTF-8 text")
		return nil
	}
	if start := bytes.TrimLeft(src.text, " \t\r\n"); len(start) > 0 && start[0] == '{' {
		return readJSON(src, report)
	}
	return readYAML(src, report)
}

func baseName(file string) string {
	name := path.Base(strings.ReplaceAll(file, `\`, "/"))
	name = strings.TrimSuffix(name, path.Ext(name))
	return strings.TrimSuffix(name, ".flow")
}

type parser struct {
	report   *problems
	file     *File
	outFiles int
}

// object reports whether t is a map, and what it holds besides the known fields. what names it in messages.
func (p *parser) object(t *tree, what string, known []string) bool {
	if t.kind != mapTree {
		p.report.add(t.pos, "shape", "%s must be a map, got %s", what, t.describe())
		return false
	}
	for _, f := range t.fields {
		if !slices.Contains(known, f.key) {
			p.report.suggest(f.pos, "unknown", p.report.near.nearest(f.key, known), "unknown field %s in %s", quote(f.key), what)
		}
	}
	return true
}

// need reports that a map lacks a field, unless it has one that was probably meant to be it, which is reported already.
func (p *parser) need(t *tree, pos Pos, want string, known []string, message string) {
	for _, f := range t.fields {
		if f.key == want || (!slices.Contains(known, f.key) && p.report.near.nearest(f.key, known) == want) {
			return
		}
	}
	p.report.add(pos, "missing", "%s", message)
}

// str returns the text of a field; it is "" with ok false when absent or reported.
func (p *parser) str(t *tree, what string) (s string, ok bool) {
	if t == nil {
		return "", false
	}
	if s, ok = t.text(); !ok {
		p.report.add(t.pos, "shape", "%s must be a text, got %s", what, t.describe())
	}
	return s, ok
}

func (p *parser) yes(t *tree, what string) bool {
	b, ok := t.scalar.(bool)
	if !ok && !t.bad {
		p.report.add(t.pos, "shape", "%s must be true or false, got %s", what, t.describe())
	}
	return b
}

func (p *parser) integer(t *tree, what string, least, most int64) int {
	n, ok := t.scalar.(int64)
	if !ok || t.kind != scalarTree || n < least || n > most {
		p.report.add(t.pos, "range", "%s must be a whole number from %d to %d, got %s", what, least, most, t.describe())
		return 0
	}
	return int(n)
}

var idPattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// id checks a name that wires may use.
func (p *parser) id(f field, what string) bool {
	if !idPattern.MatchString(f.key) {
		p.report.add(f.pos, "id", "%s %s: a name has 1 to 64 lower-case letters, digits, _ and -, and begins with a letter", what, quote(f.key))
		return false
	}
	if f.key == "inputs" || f.key == "trigger" {
		p.report.add(f.pos, "id", "%s cannot be named %s: wires use this word", what, f.key)
		return false
	}
	return true
}

func (p *parser) workflow(root *tree) {
	if p.file.form = formOf(root); p.file.form != ownForm {
		p.file.root = root
		p.foreignHead(root)
		return
	}
	p.own(root)
}

// own reads a workflow in our own format.
func (p *parser) own(root *tree) {
	if !p.object(root, "the workflow", workflowFields) {
		return
	}
	p.need(root, root.pos, "levee", workflowFields, "the workflow must say levee: 1")
	p.need(root, root.pos, "nodes", workflowFields, "the workflow has no nodes")
	if version := root.get("levee"); version != nil && (version.scalar != int64(1) || version.kind != scalarTree) {
		p.report.add(version.pos, "version", "this version reads workflow files of levee: 1, got %s", version.describe())
	}
	if name, ok := p.str(root.get("name"), "name"); ok {
		if name == "" || len(name) > 128 || printable(name) != name {
			p.report.add(root.get("name").pos, "name", "name must be 1 to 128 printable bytes on one line")
		}
		p.file.Name = name
	}
	if t := root.get("description"); t != nil {
		p.file.Description, _ = p.str(t, "description")
	}
	if t := root.get("$schema"); t != nil {
		p.str(t, "$schema")
	}
	if t := root.get("trigger"); t != nil {
		p.trigger(t)
	}
	if t := root.get("inputs"); t != nil {
		p.inputs(t)
	}
	if t := root.get("allow"); t != nil {
		p.allow(t)
	}
	if t := root.get("timeout"); t != nil {
		p.file.Timeout = p.duration(t, "timeout", maxRunTime)
	}
	if t := root.get("serial"); t != nil {
		p.file.Serial = p.yes(t, "serial")
	}
	p.file.graph = &rawGraph{}
	if t := root.get("nodes"); t != nil {
		p.nodes(p.file.graph, t, "", 0)
	}
	if t := root.get("outputs"); t != nil {
		p.outputs(t)
	}
}
