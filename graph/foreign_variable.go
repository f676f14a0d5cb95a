package graph

import "strings"

// A Get Variable of nodetool gives what a Set Variable of that name was given, wherever in the graph that stands; a prompt names
// variables in its text. Here the value comes along an edge.

// findVariables adds the edges from the nodes that set variables to those that read them.
func (x *foreign) findVariables() {
	setters, readers := map[string][]*foreignNode{}, []*foreignNode{}
	for _, n := range x.nodes {
		switch {
		case !n.is(variableKind):
		case n.takes("trigger"):
			readers = append(readers, n)
		default:
			name := n.variable()
			if name == "" {
				x.report.add(n.pos, "name", "Set Variable requires a non-empty variable name: %s has none", n.what())
			}
			setters[name] = append(setters[name], n)
		}
	}
	for _, n := range readers {
		name := n.variable()
		if e := n.edgeInto("trigger"); e != nil { // the reader begins behind it
			e.control = true
			x.controls = append(x.controls, e)
		}
		set := setters[name]
		if name == "" || len(set) != 1 {
			n.data = append(n.data, field{key: "value", value: &tree{pos: n.pos, bad: true}})
		}
		switch {
		case name == "":
			x.report.add(n.pos, "name", "Get Variable requires a non-empty variable name: %s has none", n.what())
		case len(set) == 0:
			x.report.add(n.pos, "dangling", "%s reads the variable %s, which no Set Variable sets", n.what(), quote(name))
		case len(set) > 1:
			x.report.add(n.pos, "stream", "%s reads the variable %s, which %d nodes set: which value comes first is not repeatable", n.what(), quote(name), len(set))
		default:
			x.addEdge(&foreignEdge{pos: n.pos, source: set[0], target: n, sourceHandle: "output", targetHandle: "value"})
		}
	}
	x.findPrompts(setters)
}

// takes reports whether the table names a property of a node.
func (n *foreignNode) takes(property string) bool {
	_, ok := n.rule.In[property]
	return ok
}

func (n *foreignNode) variable() string {
	name, _ := literalText(n.get("name"))
	return strings.TrimSpace(name)
}

// findPrompts does the same for the texts that name variables; what is given to the node itself wins.
func (x *foreign) findPrompts(setters map[string][]*foreignNode) {
	if len(setters) == 0 {
		return
	}
	for _, n := range x.nodes {
		text, ok := literalText(n.get("prompt"))
		if n.rule == nil || n.rule.In["prompt"] != "template" || !ok {
			continue
		}
		given := map[string]bool{}
		for _, f := range n.dynamic {
			given[f.key] = true
		}
		for _, e := range n.in {
			given[e.targetHandle] = true
		}
		for _, part := range strings.Split(text, "{{")[1:] {
			name, _, closed := strings.Cut(part, "}}")
			name, _, _ = strings.Cut(name, "|")
			if name = strings.TrimSpace(name); closed && !given[name] && len(setters[name]) == 1 {
				given[name] = true
				x.addEdge(&foreignEdge{pos: n.pos, source: setters[name][0], target: n, sourceHandle: "output", targetHandle: name})
			}
		}
	}
}
