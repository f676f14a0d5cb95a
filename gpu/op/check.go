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
		o := &g.Ops[i]
		if int(o.Code) >= len(rules) || rules[o.Code].name == "" {
			return nil, Errorf(BadGraph, "op %d: there is no op %d", i, o.Code)
		}
		if err := c.op(i, o); err != nil {
			return nil, Errorf(err.Fault, "op %d (%v): %s", i, o.Code, err.Detail)
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

func (c *checker) op(i int, o *Op) *Error {
	r := &rules[o.Code]
	if n := len(o.In); n < r.minIn || n > r.maxIn {
		return Errorf(BadGraph, "%d inputs, it takes %d to %d", n, r.minIn, r.maxIn)
	}
	if n := len(o.Out); n < 1 || n > r.maxOut {
		return Errorf(BadGraph, "%d outputs, it gives %d", n, r.maxOut)
	}
	if n := len(o.Params); r.params >= 0 && n != r.params {
		return Errorf(BadGraph, "%d parameters, it takes %d", n, r.params)
	}
	s := &step{o, make([]Desc, len(o.In)), make([]Desc, len(o.Out)), Signature{}}
	for j, t := range o.In {
		if int(t) >= len(c.plan.Tensors) {
			return Errorf(BadGraph, "input %d is tensor %d of %d", j, t, len(c.plan.Tensors))
		}
		if !c.written[t] {
			return Errorf(BadGraph, "it reads tensor %d, which no op before it writes", t)
		}
		s.in[j], c.plan.LastUse[t] = c.plan.Tensors[t].Desc, i
	}
	for j, t := range o.Out {
		if int(t) >= len(c.plan.Tensors) {
			return Errorf(BadGraph, "output %d is tensor %d of %d", j, t, len(c.plan.Tensors))
		}
		if slices.Contains(o.In, t) || slices.Contains(o.Out[:j], t) {
			return Errorf(BadGraph, "it writes tensor %d, which it also reads or writes otherwise", t)
		}
		s.out[j], c.plan.LastUse[t] = c.plan.Tensors[t].Desc, i
	}
	for _, t := range o.Out {
		c.written[t] = true
	}
	if o.Code == Map {
		var ok bool
		if s.kernel, ok = c.kernel(Handle(o.Params[0])); !ok {
			return Errorf(BadHandle, "%#x is no kernel of this session", o.Params[0])
		}
	}
	if err := r.check(s); err != nil {
		return Errorf(BadGraph, "%v", err)
	}
	c.cost(r, s)
	return nil
}

// cost adds what an op is estimated to take, without overflow.
func (c *checker) cost(r *rule, s *step) {
	cost, flops := &c.plan.Cost, s.out[0].Elems()
	if r.flops != nil {
		flops = r.flops(s)
	}
	cost.Flops = add(cost.Flops, flops)
	for _, d := range slices.Concat(s.in, s.out) {
		cost.Moved = add(cost.Moved, d.Bytes())
	}
	c.plan.Class = max(c.plan.Class, s.class())
}

// class is that of the op's results.
func (s *step) class() Class {
	if (s.Code == Gemm || s.Code == Conv2D) && s.in[0].DType.Size() == 2 || s.FastFFT() {
		return Device
	}
	return Exact
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
