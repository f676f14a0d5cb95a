package graph

import (
	"context"
	"fmt"
	"path"
	"strings"

	"levee/graph/value"
)

// resolve follows a wire. It is called without mu, by nodes all of whose deps have ended. A cause says why there is no value.
func (x *run) resolve(s *scope, src *Source) (value.Value, *Cause, error) {
	switch src.Kind {
	case FromLiteral:
		return src.Literal, nil, nil
	case FromInput:
		if v, ok := x.inputs[src.Port]; ok {
			return v, nil, nil
		}
		return value.Value{}, &Cause{Why: GaveNothing, Path: "inputs", Port: src.Port}, nil
	case FromTrigger:
		return x.trigger(src.Port)
	case FromElement:
		for ; s != nil; s = s.parent {
			if s.group != nil && s.group.node == src.Node {
				v, err := x.field(s, src.Port)
				return v, nil, err
			}
		}
	case FromNode:
		at, ok := x.places[src.Node]
		for ; ok && s != nil; s = s.parent {
			if s.plan.holds(at, src.Node) {
				return s.output(at.index, src.Port)
			}
		}
	}
	return value.Value{}, nil, fmt.Errorf("the wire to %s leads nowhere", src.Port)
}

// output is what a node of s that has ended gave on one port.
func (s *scope) output(i int32, port string) (value.Value, *Cause, error) {
	n, st := s.node(i), &s.states[i]
	switch st.phase {
	case done:
		for k := range n.Outputs {
			if n.Outputs[k].Name != port || k >= len(st.outputs) {
				continue
			}
			if v := st.outputs[k]; !v.IsZero() {
				return v, nil, nil
			}
			if st.cause != nil {
				return value.Value{}, st.cause, nil
			}
			return value.Value{}, &Cause{Why: GaveNothing, Node: n, Path: s.pathOf(i), Port: port}, nil
		}
		return value.Value{}, nil, fmt.Errorf("%s has no output %s", n.Site, port)
	case skipped, failed, ended, held:
		return value.Value{}, st.cause, nil
	}
	return value.Value{}, nil, fmt.Errorf("%s has not ended: the wire to its %s is missing in Deps", n.Site, port)
}

// trigger gives what started the run.
func (x *run) trigger(field string) (value.Value, *Cause, error) {
	if field == "files" {
		v, err := x.files.get(func() (value.Value, error) {
			items := make([]value.Value, len(x.in.Files))
			for i := range x.in.Files {
				items[i] = fileValue(&x.in.Files[i])
			}
			return x.list(x.root.ctx, value.File, items)
		})
		return v, nil, err
	}
	if field == "time" && x.in.Time != "" {
		return value.OfString(x.in.Time), nil, nil
	}
	if x.in.File == nil || field == "time" {
		return value.Value{}, &Cause{Why: GaveNothing, Path: "trigger", Port: field}, nil
	}
	v, ok := fileField(x.in.File, field)
	if !ok {
		return v, nil, fmt.Errorf("the trigger has no field %s", field)
	}
	return v, nil, nil
}

func fileValue(f *value.FileRef) value.Value { return loaded(value.File, f.Encode()) }

func loaded(t value.Type, enc []byte) value.Value { return value.Loaded(t, value.Sum(enc), enc) }

// fileField gives a field of a file; the content is named by its digest and not loaded.
func fileField(f *value.FileRef, field string) (value.Value, bool) {
	name := path.Base(f.Path)
	switch field {
	case "data":
		return value.Stored(value.Bytes, f.Digest, f.Size), true
	case "path":
		return value.OfString(f.Path), true
	case "name":
		return value.OfString(name), true
	case "stem":
		if stem := strings.TrimSuffix(name, path.Ext(name)); stem != "" {
			return value.OfString(stem), true
		}
		return value.OfString(name), true
	case "size":
		return value.OfInt(f.Size), true
	}
	return value.Value{}, false
}

// wiring sums up what came along the wires of one task.
type wiring struct {
	gave  bool   // one of them gave a value
	lacks *Cause // why the first that gave none did not
}

// ports fetches the values of a task's ports. A wire from what was not taken, or gave nothing, counts as if it were not there:
// its port stays absent or takes its default, so that branches can be joined. A port that must have a value skips the node,
// and so do wires of which not one gave a value, where no literal stands beside them to choose from. What failed skips the node in any case.
func (x *run) ports(s *scope, n *Node) ([]value.Value, *Cause, error) {
	if len(n.Inputs) == 0 {
		return nil, nil, nil
	}
	var w wiring
	list := make([]value.Value, len(n.Inputs))
	for k := range n.Inputs {
		v, cause, err := x.input(s, n, k, &w)
		if cause != nil || err != nil {
			return nil, cause, inPort(n, k, err)
		}
		list[k] = v
	}
	if !w.gave && w.lacks != nil {
		return nil, w.lacks, nil
	}
	return list, nil, nil
}

// input fetches the value of port k, as the port's type. What is missing is left out of the list of an optional port.
func (x *run) input(s *scope, n *Node, k int, w *wiring) (value.Value, *Cause, error) {
	in := &n.Inputs[k]
	switch {
	case len(in.Sources) == 0 && !in.Collect:
		return value.Value{}, nil, nil
	case !in.Collect:
		w.gave = w.gave || n.chooses(k) && in.Sources[0].Kind == FromLiteral
		v, cause, err := x.wired(s, &in.Sources[0], in.Type, w)
		if cause != nil && cause.absence() {
			return absent(n, k, cause, w)
		}
		return v, cause, err
	}
	var lacks *Cause
	var keys []string
	items := make([]value.Value, 0, len(in.Sources))
	for i := range in.Sources {
		v, cause, err := x.wired(s, &in.Sources[i], in.Type.Elem(), w)
		switch {
		case err != nil, cause != nil && !cause.absence():
			return v, cause, err
		case cause == nil:
			if items = append(items, v); in.Keys != nil {
				keys = append(keys, in.Keys[i])
			}
		case lacks == nil:
			lacks = cause
		}
	}
	switch {
	case lacks != nil && len(items) == 0:
		return absent(n, k, lacks, w)
	case lacks != nil && !n.optional(k):
		return value.Value{}, lacks, nil
	}
	if in.Keys != nil {
		v, err := x.dict(s.ctx, in.Type.Elem(), keys, items)
		return v, nil, err
	}
	v, err := x.list(s.ctx, in.Type.Elem(), items)
	return v, nil, err
}

// wired follows one wire of a port.
func (x *run) wired(s *scope, src *Source, want value.Type, w *wiring) (value.Value, *Cause, error) {
	v, cause, err := x.resolve(s, src)
	if cause != nil || err != nil {
		return v, cause, err
	}
	w.gave = w.gave || src.Kind != FromLiteral
	v, err = x.convert(s.ctx, v, want)
	return v, nil, err
}

// optional reports whether port k of a task may stay absent.
func (n *Node) optional(k int) bool {
	return n.Type != nil && k < len(n.Type.Inputs) && n.Type.Inputs[k].Optional
}

// chooses reports whether port k is one of those among which a node chooses, as flow/first does: a literal there is as good as a wire.
func (n *Node) chooses(k int) bool { return n.optional(k) && n.Type.Inputs[k].Type.IsVar() }

// absent is what a port has along whose wires nothing came.
func absent(n *Node, k int, lacks *Cause, w *wiring) (value.Value, *Cause, error) {
	if n.Type == nil || k >= len(n.Type.Inputs) {
		return value.Value{}, lacks, nil
	}
	v, ok, err := n.Type.Inputs[k].DefaultValue()
	if err == nil && !ok && !n.optional(k) {
		return v, lacks, nil
	}
	if w.lacks == nil {
		w.lacks = lacks
	}
	return v, nil, err
}

func inPort(n *Node, k int, err error) error {
	if err == nil {
		return nil
	}
	if n.Type != nil && k < len(n.Type.Inputs) {
		return fmt.Errorf("input %s: %w", n.Type.Inputs[k].Name, err)
	}
	return fmt.Errorf("input %d: %w", k, err)
}

// results resolves the outputs of the workflow.
func (x *run) results(s *scope) (list []OutputValue, err error) {
	defer rescue(&err)
	list = make([]OutputValue, len(s.plan.graph.Outputs))
	for i := range list {
		o := &s.plan.graph.Outputs[i]
		list[i].Output = o
		if list[i].Value, list[i].Cause, err = x.resolve(s, &o.From); err != nil {
			return nil, fmt.Errorf("output %s: %w", o.Name, err)
		}
		if o.Names == nil || list[i].Cause != nil {
			continue
		}
		if list[i].Names, list[i].Cause, err = x.resolve(s, o.Names); err != nil {
			return nil, fmt.Errorf("output %s: names: %w", o.Name, err)
		}
		if list[i].Cause != nil {
			list[i].Value = value.Value{}
		}
	}
	return list, nil
}

// truthy is value.Truthy, also for a value that does not carry its bytes: it is loaded only where its size does not tell.
func (x *run) truthy(ctx context.Context, v value.Value) (bool, error) {
	enc, ok := v.Inline()
	if ok {
		return value.Truthy(v.Type, enc), nil
	}
	switch {
	case v.Size == 0:
		return false, nil
	case v.Type == value.String, v.Type == value.Bytes, v.Size > value.InlineMax:
		return true, nil
	}
	enc, err := x.load(ctx, v)
	return err == nil && value.Truthy(v.Type, enc), err
}
