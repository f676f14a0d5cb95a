package cpu

import "levee/gpu/op"

// ops holds what runs each op. An op that is here gets tensors and parameters that op.Check has found right.
var ops [op.FFT + 1]func(*run) error

func init() { // not in the declaration: running an op looks into the table
	ops = [op.FFT + 1]func(*run) error{
		op.Fill: fill, op.Copy: move, op.Cast: cast, op.Transpose: strided, op.Concat: concat, op.Slice: strided, op.Gather: gather,
		op.Map: mapOp, op.Random: random,
		op.Reduce: reduce, op.Softmax: softmax, op.LayerNorm: layerNorm,
		op.Gemm: gemm, op.Conv2D: conv2D,
		op.Sort: sortRows, op.Scan: scan, op.Histogram: histogram, op.Resize: resize, op.Normalise: normalise, op.FFT: fft,
	}
}

// run is one op at work.
type run struct {
	*op.Op
	in, out []tensor
	scratch []byte // as much as scratch says
	ex      *Executor
}

// scratch is how much memory an op needs beside its tensors, where it may be much: it is the session's.
func scratch(o *op.Op, tensors []op.Tensor) int64 {
	if o.Code == op.FFT {
		return fftScratch(tensors[o.In[0]].Desc)
	}
	return 0
}

// tensor is one that an op reads or writes: mem are its bytes, and no others. It starts at a multiple of 64 bytes.
type tensor struct {
	op.Desc
	mem []byte
}

func (e *Executor) check(graph []byte) (*op.Plan, error) {
	g, err := op.Decode(graph)
	if err != nil {
		return nil, err
	}
	tensor := func(h op.Handle) (op.Desc, bool) {
		o, err := e.tensor(h)
		if err != nil {
			return op.Desc{}, false
		}
		return o.desc, true
	}
	kernel := func(h op.Handle) (op.Signature, bool) {
		o, ok := e.objects.Get(h)
		if !ok || o.kernel == nil {
			return op.Signature{}, false
		}
		return o.kernel.Func.Signature(), true
	}
	lim := e.lim
	lim.Temp = e.arena.limit
	return op.Check(g, tensor, kernel, lim)
}

// Estimate says what a graph would take.
func (e *Executor) Estimate(graph []byte) (op.Cost, error) {
	if err := e.broken(); err != nil {
		return op.Cost{}, err
	}
	p, err := e.check(graph)
	if err != nil {
		return op.Cost{}, err
	}
	return p.Cost, nil
}

// Submit runs a graph. What can be refused is refused here, what fails while it runs is told by Wait, as if it ran later.
func (e *Executor) Submit(graph []byte) (uint64, error) {
	if err := e.broken(); err != nil {
		return 0, err
	}
	p, err := e.check(graph)
	if err != nil {
		return 0, err
	}
	places, err := e.place(p)
	if err != nil {
		return 0, err
	}
	e.fence++
	e.class = max(e.class, p.Class)
	if e.failed == nil {
		if e.failed = e.run(p, places); e.failed != nil {
			e.at = e.fence
		}
	}
	return e.fence, nil
}

// place says where each tensor of a plan is, and behind them each op's scratch. The graph's own take up room only from the first op that names them to the last, and
// all is given back at once: nobody takes any before the graph has run.
func (e *Executor) place(p *op.Plan) ([]span, error) {
	places := make([]span, len(p.Tensors)+len(p.Ops))
	for i, t := range p.Tensors {
		if o, ok := e.objects.Get(t.Handle); ok {
			places[i] = o.at
		}
	}
	var err error
	own := func(t uint16) bool { return p.Tensors[t].Handle == 0 }
	for i, o := range p.Ops {
		for _, t := range o.Out {
			if !own(t) || places[t].size > 0 || err != nil {
				continue
			}
			d, ok := p.Tensors[t].Desc, false
			if places[t], ok = e.arena.take(d.Bytes()); !ok {
				err = op.Errorf(op.OverQuota, "there is no room for tensor %d of the graph, %v: %d bytes of %d in one piece", t, d, d.Bytes(), e.arena.limit)
			}
		}
		if n := scratch(&o, p.Tensors); n > 0 && err == nil {
			if at, ok := e.arena.take(n); ok {
				places[len(p.Tensors)+i] = at
				e.arena.give(at)
			} else {
				err = op.Errorf(op.OverQuota, "there is no room for op %d (%v): %d bytes of %d in one piece beside its tensors", i, o.Code, n, e.arena.limit)
			}
		}
		for t := range p.Tensors {
			if own(uint16(t)) && p.LastUse[t] == i && places[t].size > 0 {
				e.arena.give(places[t])
			}
		}
	}
	return places, err
}

// run runs the ops of a plan, one after the other.
func (e *Executor) run(p *op.Plan, places []span) error {
	tensors := func(list []uint16) []tensor {
		ts := make([]tensor, len(list))
		for i, t := range list {
			d := p.Tensors[t].Desc
			ts[i] = tensor{d, e.arena.bytes(places[t], d.Bytes())}
		}
		return ts
	}
	for i := range p.Ops {
		o := &p.Ops[i]
		at := places[len(p.Tensors)+i]
		if err := ops[o.Code](&run{o, tensors(o.In), tensors(o.Out), e.arena.bytes(at, at.size), e}); err != nil {
			return err
		}
	}
	return nil
}
