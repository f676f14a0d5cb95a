package op

import (
	"math"
	"slices"
)

// Limits are what one graph may take.
type Limits struct {
	Temp int64 // bytes of its own tensors
	Work int64 // Cost.Flops and Cost.Moved, each
}

// Plan is a graph that passed the check.
type Plan struct {
	Graph
	Cost  Cost
	Class Class
	// LastUse says, for each tensor, which op is the last that names it; -1: none does.
	LastUse []int
}

// Check proves that a graph can be run: every handle is the session's own, every shape and type fits its op, what an op reads was
// written before, and the whole stays within the limits. It resolves the tensors' descriptions. The error is an *Error that names the
// op; nothing of the graph may be run then.
func Check(g *Graph, tensor func(Handle) (Desc, bool), kernel func(Handle) (Signature, bool), lim Limits) (*Plan, error) {
	c := &checker{plan: &Plan{Graph: *g, LastUse: make([]int, len(g.Tensors))}, kernel: kernel, written: make([]bool, len(g.Tensors))}
	if err := c.tensors(tensor); err != nil {
		return nil, err
	}
	if cost := &c.plan.Cost; cost.Temp > lim.Temp {
		return nil, Errorf(OverQuota, "its own tensors take %d bytes, %d are left", cost.Temp, lim.Temp)
	}
	if len(g.Ops) == 0 {
		return nil, Errorf(BadGraph, "it has no ops")
	}
	for i := range g.Ops {
		if err := c.op(i, &g.Ops[i]); err != nil {
			return nil, err
		}
	}
	if cost := &c.plan.Cost; cost.Flops > lim.Work || cost.Moved > lim.Work {
		return nil, Errorf(OverBudget, "it is estimated at %d operations and %d bytes moved, at most %d", cost.Flops, cost.Moved, lim.Work)
	}
	return c.plan, nil
}

type checker struct {
	plan    *Plan
	kernel  func(Handle) (Signature, bool)
	written []bool // tensors that hold something
	sig     Signature
}

func (c *checker) tensors(known func(Handle) (Desc, bool)) error {
	seen := map[Handle]bool{}
	for i := range c.plan.Tensors {
		t := &c.plan.Tensors[i]
		c.plan.LastUse[i] = -1
		if t.Handle == 0 {
			if err := t.Desc.Check(); err != nil {
				return Errorf(BadGraph, "tensor %d: %v", i, err)
			}
			c.plan.Cost.Temp = add(c.plan.Cost.Temp, t.Desc.Bytes())
			continue
		}
		d, ok := known(t.Handle)
		switch {
		case !ok:
			return Errorf(BadHandle, "tensor %d: %#x is no tensor of this session", i, uint64(t.Handle))
		case seen[t.Handle]: // two names for one tensor would hide that an op writes what it reads
			return Errorf(BadGraph, "tensor %d is named twice", i)
		}
		seen[t.Handle], t.Desc, c.written[i] = true, d, true
	}
	return nil
}

func (c *checker) op(i int, o *Op) error {
	if int(o.Code) >= len(rules) || rules[o.Code].name == "" {
		return Errorf(BadGraph, "op %d: there is no op %d", i, o.Code)
	}
	r := &rules[o.Code]
	if n := len(o.In); n < r.minIn || n > r.maxIn {
		return Errorf(BadGraph, "op %d (%s): %d inputs, it takes %d to %d", i, r.name, n, r.minIn, r.maxIn)
	}
	if n := len(o.Out); n < 1 || n > r.maxOut {
		return Errorf(BadGraph, "op %d (%s): %d outputs, it gives %d", i, r.name, n, r.maxOut)
	}
	if n := len(o.Params); r.params >= 0 && n != r.params {
		return Errorf(BadGraph, "op %d (%s): %d parameters, it takes %d", i, r.name, n, r.params)
	}
	in, out := make([]Desc, len(o.In)), make([]Desc, len(o.Out))
	for j, t := range o.In {
		if int(t) >= len(c.plan.Tensors) {
			return Errorf(BadGraph, "op %d (%s): input %d is tensor %d of %d", i, r.name, j, t, len(c.plan.Tensors))
		}
		if !c.written[t] {
			return Errorf(BadGraph, "op %d (%s): it reads tensor %d, which no op before it writes", i, r.name, t)
		}
		in[j], c.plan.LastUse[t] = c.plan.Tensors[t].Desc, i
	}
	for j, t := range o.Out {
		if int(t) >= len(c.plan.Tensors) {
			return Errorf(BadGraph, "op %d (%s): output %d is tensor %d of %d", i, r.name, j, t, len(c.plan.Tensors))
		}
		if slices.Contains(o.In, t) || slices.Contains(o.Out[:j], t) {
			return Errorf(BadGraph, "op %d (%s): it writes tensor %d, which it also reads or writes otherwise", i, r.name, t)
		}
		out[j], c.plan.LastUse[t] = c.plan.Tensors[t].Desc, i
	}
	for _, t := range o.Out {
		c.written[t] = true
	}
	if err := r.check(c, o, in, out); err != nil {
		if known, ok := err.(*Error); ok {
			return Errorf(known.Fault, "op %d (%s): %s", i, r.name, known.Detail)
		}
		return Errorf(BadGraph, "op %d (%s): %v", i, r.name, err)
	}
	c.cost(r, o, in, out)
	return nil
}

// cost adds what an op is estimated to take, without overflow.
func (c *checker) cost(r *rule, o *Op, in, out []Desc) {
	moved := int64(0)
	for _, list := range [2][]Desc{in, out} {
		for _, d := range list {
			moved = add(moved, d.Bytes())
		}
	}
	flops := out[0].Elems()
	if r.flops != nil {
		flops = r.flops(c, o, in, out)
	}
	cost := &c.plan.Cost
	cost.Moved, cost.Flops = add(cost.Moved, moved), add(cost.Flops, flops)
	c.plan.Class = max(c.plan.Class, o.class(in))
}

// add and mul are for numbers that are not negative; they end at the largest.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func mul(a, b int64) int64 {
	if a != 0 && b > math.MaxInt64/a {
		return math.MaxInt64
	}
	return a * b
}
