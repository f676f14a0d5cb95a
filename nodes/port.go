package nodes

import (
	"fmt"
	"slices"

	"levee/graph/value"
)

func readPorts(o *object, key string) []value.Port {
	ports := []value.Port{}
	seen := map[string]bool{}
	for _, po := range o.objects(key, maxPorts) {
		p := readPort(po, key == "inputs")
		if seen[p.Name] {
			po.bad("name", "%q is there twice", p.Name)
		}
		seen[p.Name] = true
		ports = append(ports, p)
	}
	return ports
}

func readPort(o *object, input bool) value.Port {
	p := value.Port{Name: o.name("name"), Doc: o.text("doc", maxDoc, true), Unit: o.text("unit", maxShort, false), Optional: o.flag("optional")}
	if nameForm.MatchString(p.Name) {
		o.at += " (" + p.Name + ")"
	}
	t, err := value.ParseType(o.text("type", maxExport, false))
	if err != nil {
		o.bad("type", "%v", err)
	}
	p.Type = t
	if !input {
		o.only("name", "type", "doc", "unit", "optional", "stream")
		if p.Stream = o.flag("stream"); p.Stream {
			streamPort(o, &p)
		}
		return p
	}
	o.only("name", "type", "doc", "unit", "optional", "default", "min", "max", "enum")
	p.Default, p.Min, p.Max, p.Enum = o.raw("default"), o.number("min"), o.number("max"), o.texts("enum", maxEnum, maxExport)
	if err == nil {
		checkRange(o, &p)
		checkDefault(o, &p)
	}
	return p
}

// streamPort makes an output of items what it is to everybody else: a list of them.
func streamPort(o *object, p *value.Port) {
	if p.Optional {
		o.bad("optional", "a stream without items is an empty list, leave optional out")
	}
	if p.Type == "" {
		return
	}
	list, err := value.ParseType(string(value.ListOf(p.Type)))
	if err != nil {
		o.bad("type", "%v", err)
	}
	p.Type = list
}

func checkRange(o *object, p *value.Port) {
	if (p.Min != nil || p.Max != nil) && p.Type != value.Int && p.Type != value.Float {
		o.bad("min", "and max are for int and float ports, this one is %s", p.Type)
	}
	if p.Min != nil && p.Max != nil && *p.Min > *p.Max {
		o.bad("min", "%v is over max %v", *p.Min, *p.Max)
	}
	if p.Enum == nil {
		return
	}
	if p.Type != value.String {
		o.bad("enum", "is for string ports, this one is %s", p.Type)
	} else if len(p.Enum) == 0 {
		o.bad("enum", "is empty: no text would fit")
	}
}

func checkDefault(o *object, p *value.Port) {
	if p.Default == nil {
		return
	}
	if p.Optional {
		o.bad("optional", "a port with a default is never absent, leave optional out")
	}
	if p.Type.HasVar() {
		o.bad("default", "a port of type %s cannot have one", p.Type)
		return
	}
	if err := fitsDefault(p); err != nil {
		o.bad("default", "%v", err)
	}
}

func fitsDefault(p *value.Port) error {
	v, ok, err := p.DefaultValue()
	if err != nil || !ok {
		return err
	}
	return p.CheckRange(v)
}

// narrow returns m with what a sidecar leaves of it. A sidecar is JSON beside the module, x.wasm.json, from whoever runs it:
//
//	{"levee": 1, "nodes": [{"name": "resize", "wants": [], "inputs": [{"name": "width", "max": 1024}]}]}
//
// When nodes is there, only the node types it names stay; wants, min, max and enum may shrink. Anything wider than the
// module's own manifest is an error. A default outside of a smaller range goes, so that the port must be given.
func (m *Manifest) narrow(sidecar []byte) (*Manifest, error) {
	if len(sidecar) > maxManifest {
		return nil, fmt.Errorf("sidecar of %d bytes, at most %d", len(sidecar), maxManifest)
	}
	var errs problems
	o, err := readObject(sidecar, "sidecar", &errs)
	if err != nil {
		return nil, err
	}
	o.only("levee", "nodes")
	if v := o.number("levee"); v == nil || *v != 1 {
		o.bad("levee", "must be 1, the version of the sidecar's form")
	}
	out := *m
	if o.has("nodes") {
		out.Nodes = nil
		for _, no := range o.objects("nodes", maxNodes) {
			if n, ok := m.narrowNode(no); ok {
				out.Nodes = append(out.Nodes, n)
			}
		}
		for i := range out.Nodes {
			if slices.ContainsFunc(out.Nodes[:i], func(n Node) bool { return n.Name == out.Nodes[i].Name }) {
				o.bad("nodes", "%q is there twice", out.Nodes[i].Name)
			}
		}
	}
	if err := errs.err(); err != nil {
		return nil, err
	}
	return &out, nil
}

func (m *Manifest) narrowNode(o *object) (Node, bool) {
	o.only("name", "wants", "inputs")
	name := o.text("name", maxShort, false)
	i := slices.IndexFunc(m.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		names := make([]string, len(m.Nodes))
		for j := range m.Nodes {
			names[j] = m.Nodes[j].Name
		}
		o.bad("name", "the module has no node type %q%s", name, didYouMean(name, names))
		return Node{}, false
	}
	n := m.Nodes[i]
	if o.has("wants") {
		wants := o.choices("wants", WantRead, WantWrite, WantAnswer)
		for _, w := range wants {
			if !slices.Contains(n.Wants, w) {
				o.bad("wants", "%q is not among the module's own wants: a sidecar can only take away", w)
			}
		}
		slices.Sort(wants)
		n.Wants = wants
	}
	n.Inputs = slices.Clone(n.Inputs)
	for _, po := range o.objects("inputs", maxPorts) {
		narrowPort(po, &n)
	}
	return n, true
}

func narrowPort(o *object, n *Node) {
	o.only("name", "min", "max", "enum")
	name := o.text("name", maxShort, false)
	p, ok := n.Input(name)
	if !ok {
		o.bad("name", "%s has no input %q", n.Name, name)
		return
	}
	if v := o.number("min"); v != nil {
		if p.Min != nil && *v < *p.Min {
			o.bad("min", "%v is under the module's own %v: a sidecar can only narrow", *v, *p.Min)
		}
		p.Min = v
	}
	if v := o.number("max"); v != nil {
		if p.Max != nil && *v > *p.Max {
			o.bad("max", "%v is over the module's own %v: a sidecar can only narrow", *v, *p.Max)
		}
		p.Max = v
	}
	if enum := o.texts("enum", maxEnum, maxExport); enum != nil {
		for _, e := range enum {
			if p.Enum != nil && !slices.Contains(p.Enum, e) {
				o.bad("enum", "%q is not among the module's own", e)
			}
		}
		p.Enum = enum
	}
	checkRange(o, p)
	if p.Default != nil && fitsDefault(p) != nil {
		p.Default = nil
	}
}
