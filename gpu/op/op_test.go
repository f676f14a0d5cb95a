package op_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// session is what a graph of the tests may name: tensors 1..n and one kernel.
type session struct {
	tensors map[op.Handle]op.Desc
	kernels map[op.Handle]op.Signature
}

func (s session) check(g *op.Graph) (*op.Plan, error) {
	tensor := func(h op.Handle) (op.Desc, bool) { d, ok := s.tensors[h]; return d, ok }
	kernel := func(h op.Handle) (op.Signature, bool) { k, ok := s.kernels[h]; return k, ok }
	return op.Check(g, tensor, kernel, op.Limits{Temp: 1 << 30, Work: 1 << 50})
}

func desc(t op.DType, shape ...int64) op.Desc { return op.Desc{DType: t, Shape: shape} }

func float(v float64) uint64 { return math.Float64bits(v) }

var sample = session{
	tensors: map[op.Handle]op.Desc{7: desc(op.F32, 4, 6), 8: desc(op.F32, 6, 3), 9: desc(op.U8, 4, 6)},
	kernels: map[op.Handle]op.Signature{5: {Params: []op.DType{op.F32, op.F32}, Results: []op.DType{op.F32}, Slots: []op.DType{0, op.F32}, Flops: 3}},
}

// layer is c = relu(a b), then softmax of it.
func layer() *op.Graph {
	return &op.Graph{
		Tensors: []op.Tensor{{Handle: 7}, {Handle: 8}, {Desc: desc(op.F32, 4, 3)}, {Desc: desc(op.F32, 4, 3)}},
		Ops: []op.Op{
			{Code: op.Gemm, In: []uint16{0, 1}, Out: []uint16{2}, Params: []uint64{0, 0, float(1), op.ReLU}},
			{Code: op.Softmax, In: []uint16{2}, Out: []uint16{3}, Params: []uint64{}},
		},
	}
}

func TestPlanSaysWhatAGraphTakes(t *testing.T) {
	p, err := sample.check(layer())
	require.NoError(t, err)
	require.Equal(t, []int{0, 0, 1, 1}, p.LastUse)
	require.Equal(t, op.Cost{Flops: 2*4*6*3 + 20*12, Moved: 4 * (24 + 18 + 12 + 12 + 12), Temp: 2 * 4 * 12}, p.Cost)
	require.Equal(t, op.Exact, p.Class)
	require.Equal(t, sample.tensors[8], p.Tensors[1].Desc, "descriptions are resolved")
}

func TestGraphsAsBytes(t *testing.T) {
	b := layer().Append(nil)
	require.Zero(t, len(b)%8)
	g, err := op.Decode(b)
	require.NoError(t, err)
	require.Equal(t, layer(), g)
	for n := range b { // whatever is cut off is missed
		_, err := op.Decode(b[:n])
		requireFault(t, err, op.BadGraph)
	}
	_, err = op.Decode(append(b, 0))
	requireFault(t, err, op.BadGraph)
}

func requireFault(t *testing.T, err error, want op.Fault) {
	t.Helper()
	var known *op.Error
	require.Truef(t, errors.As(err, &known), "%v", err)
	require.Equal(t, want, known.Fault, known.Detail)
}

func one(code op.Code, in []op.Desc, out []op.Desc, params ...uint64) *op.Graph {
	g := &op.Graph{Ops: []op.Op{{Code: code, Params: params}}}
	for i, d := range append(in, out...) {
		if i < len(in) {
			g.Tensors = append(g.Tensors, op.Tensor{Handle: op.Handle(100 + i)})
			g.Ops[0].In = append(g.Ops[0].In, uint16(i))
			continue
		}
		g.Tensors = append(g.Tensors, op.Tensor{Desc: d})
		g.Ops[0].Out = append(g.Ops[0].Out, uint16(i))
	}
	return g
}

// checkOne checks a graph of one op whose inputs are the session's tensors.
func checkOne(code op.Code, in []op.Desc, out []op.Desc, params ...uint64) error {
	s := session{tensors: map[op.Handle]op.Desc{}, kernels: sample.kernels}
	for i, d := range in {
		s.tensors[op.Handle(100+i)] = d
	}
	_, err := s.check(one(code, in, out, params...))
	return err
}

func TestEveryOpTakesWhatItShould(t *testing.T) {
	type ds = []op.Desc
	a := desc(op.F32, 4, 6)
	for _, c := range []struct {
		code    op.Code
		in, out ds
		params  []uint64
	}{
		{op.Fill, nil, ds{a}, []uint64{float(2)}},
		{op.Copy, ds{a}, ds{desc(op.F32, 24)}, nil},
		{op.Cast, ds{a}, ds{desc(op.U8, 4, 6)}, nil},
		{op.Transpose, ds{a}, ds{desc(op.F32, 6, 4)}, []uint64{1, 0}},
		{op.Concat, ds{a, a}, ds{desc(op.F32, 4, 12)}, []uint64{1}},
		{op.Slice, ds{a}, ds{desc(op.F32, 2, 3)}, []uint64{1, 1, 2, 2}},
		{op.Gather, ds{a, desc(op.I64, 5, 2)}, ds{desc(op.F32, 5, 2, 6)}, nil},
		{op.Map, ds{a, desc(op.BF16), desc(op.U8, 9), desc(op.F32, 77)}, ds{desc(op.F16, 24)}, []uint64{5}},
		{op.Reduce, ds{a}, ds{desc(op.F32, 1, 6)}, []uint64{op.Mean, 0}},
		{op.Reduce, ds{desc(op.U8, 3)}, ds{desc(op.I32, 1)}, []uint64{op.Sum, 0}},
		{op.Reduce, ds{desc(op.I64, 3)}, ds{desc(op.I32, 1)}, []uint64{op.ArgMax, 0}},
		{op.Softmax, ds{a}, ds{a}, nil},
		{op.LayerNorm, ds{desc(op.BF16, 4, 6), desc(op.F32, 6), desc(op.F32, 6)}, ds{desc(op.BF16, 4, 6)}, []uint64{float(1e-5)}},
		{op.Sort, ds{a}, ds{desc(op.F32, 4, 2), desc(op.I32, 4, 2)}, []uint64{1}},
		{op.Scan, ds{a}, ds{a}, []uint64{1}},
		{op.Histogram, ds{a}, ds{desc(op.I32, 10)}, []uint64{float(0), float(1)}},
		{op.Random, nil, ds{a}, []uint64{1, 2}},
		{op.Resize, ds{desc(op.U8, 8, 9, 3)}, ds{desc(op.U8, 4, 5, 3)}, []uint64{op.Lanczos3}},
		{op.Normalise, ds{desc(op.U8, 2, 8, 9, 3), desc(op.F32, 3), desc(op.F32, 3)}, ds{desc(op.F32, 2, 3, 8, 9)}, []uint64{1}},
		{op.Gemm, ds{desc(op.F16, 5, 6, 4), desc(op.F16, 3, 6), desc(op.F32, 3)}, ds{desc(op.F32, 5, 4, 3)}, []uint64{1, 1, float(2), 0}},
		{op.Conv2D, ds{desc(op.F32, 1, 8, 9, 3), desc(op.F32, 7, 3, 3, 3)}, ds{desc(op.F32, 1, 4, 9, 7)}, []uint64{2, 1, 1, 1, 1, 1, 1}},
		{op.FFT, ds{desc(op.F32, 5, 12, 2)}, ds{desc(op.F32, 5, 12, 2)}, []uint64{0, uint64(op.Device)}},
	} {
		require.NoError(t, checkOne(c.code, c.in, c.out, c.params...), c.code)
		// The same with another output, another count of parameters, and parameters out of all bounds.
		if c.code != op.Fill {
			requireFault(t, checkOne(c.code, c.in, ds{desc(op.I64, 3, 1, 4, 1, 5)}, c.params...), op.BadGraph)
		}
		requireFault(t, checkOne(c.code, c.in, c.out, append(c.params, 0)...), op.BadGraph)
		require.Error(t, checkOne(c.code, append(c.in, make(ds, 17)...), c.out, c.params...))
		for i := range c.params {
			for _, bad := range []uint64{math.MaxUint64, math.MaxInt64, 1 << 63, float(math.NaN())} {
				params := append([]uint64{}, c.params...)
				params[i] = bad
				if err := checkOne(c.code, c.in, c.out, params...); err == nil {
					require.Contains(t, []op.Code{op.Fill, op.Random, op.Gemm, op.Histogram, op.LayerNorm}, c.code, "%d of %v", bad, c.params)
				}
			}
		}
	}
}

// Whoever asks for no class gets the exact one, as before there was a choice.
func TestClasses(t *testing.T) {
	signal, halves := desc(op.F32, 5, 12, 2), desc(op.F16, 4, 4)
	s := session{tensors: map[op.Handle]op.Desc{100: signal}}
	for _, c := range []struct {
		params []uint64
		want   op.Class
	}{{[]uint64{1}, op.Exact}, {[]uint64{1, 0}, op.Exact}, {[]uint64{1, 1}, op.Device}} {
		p, err := s.check(one(op.FFT, []op.Desc{signal}, []op.Desc{signal}, c.params...))
		require.NoError(t, err)
		require.Equal(t, c.want, p.Class, c.params)
	}
	for _, params := range [][]uint64{nil, {0, 2}, {0, math.MaxUint64}, {0, 0, 0}} {
		_, err := s.check(one(op.FFT, []op.Desc{signal}, []op.Desc{signal}, params...))
		requireFault(t, err, op.BadGraph)
	}
	s.tensors = map[op.Handle]op.Desc{100: halves, 101: halves}
	p, err := s.check(one(op.Gemm, []op.Desc{halves, halves}, []op.Desc{halves}, 0, 0, float(1), 0))
	require.NoError(t, err)
	require.Equal(t, op.Device, p.Class)
}

func TestBadGraphs(t *testing.T) {
	edit := func(f func(g *op.Graph)) error { g := layer(); f(g); _, err := sample.check(g); return err }
	for name, c := range map[string]struct {
		fault op.Fault
		edit  func(g *op.Graph)
	}{
		"forged handle":           {op.BadHandle, func(g *op.Graph) { g.Tensors[0].Handle = 1 << 40 }},
		"one tensor, two names":   {op.BadGraph, func(g *op.Graph) { g.Tensors[1].Handle = 7 }},
		"zero dimension":          {op.BadGraph, func(g *op.Graph) { g.Tensors[2].Desc.Shape = []int64{0, 3} }},
		"negative dimension":      {op.BadGraph, func(g *op.Graph) { g.Tensors[2].Desc.Shape = []int64{-4, -3} }},
		"overflowing shape":       {op.BadGraph, func(g *op.Graph) { g.Tensors[2].Desc.Shape = []int64{1 << 62, 4} }},
		"product that wraps":      {op.BadGraph, func(g *op.Graph) { g.Tensors[2].Desc.Shape = []int64{1 << 32, 1 << 32} }},
		"huge":                    {op.OverQuota, func(g *op.Graph) { g.Tensors[2].Desc.Shape = []int64{1 << 20, 1 << 12} }},
		"unknown type":            {op.BadGraph, func(g *op.Graph) { g.Tensors[2].Desc.DType = 9 }},
		"wrong type":              {op.BadGraph, func(g *op.Graph) { g.Tensors[0].Handle = 9 }},
		"cycle":                   {op.BadGraph, func(g *op.Graph) { g.Ops[0].In[0] = 3; g.Ops[1].In[0] = 2 }},
		"reads what it writes":    {op.BadGraph, func(g *op.Graph) { g.Ops[1].Out[0] = 2 }},
		"tensor that is not":      {op.BadGraph, func(g *op.Graph) { g.Ops[1].In[0] = 4 }},
		"output that is not":      {op.BadGraph, func(g *op.Graph) { g.Ops[1].Out[0] = 65535 }},
		"op that is not":          {op.BadGraph, func(g *op.Graph) { g.Ops[1].Code = 21 }},
		"op 0":                    {op.BadGraph, func(g *op.Graph) { g.Ops[1].Code = 0 }},
		"no inputs":               {op.BadGraph, func(g *op.Graph) { g.Ops[0].In = nil }},
		"no outputs":              {op.BadGraph, func(g *op.Graph) { g.Ops[0].Out = nil }},
		"nothing to do":           {op.BadGraph, func(g *op.Graph) { g.Ops = nil }},
		"kernel that is not":      {op.BadHandle, func(g *op.Graph) { g.Ops[1] = op.Op{Code: op.Map, Out: []uint16{3}, Params: []uint64{6}} }},
		"kernel's inputs missing": {op.BadGraph, func(g *op.Graph) { g.Ops[1] = op.Op{Code: op.Map, Out: []uint16{3}, Params: []uint64{5}} }},
	} {
		t.Run(name, func(t *testing.T) { requireFault(t, edit(c.edit), c.fault) })
	}
	g := &op.Graph{Tensors: []op.Tensor{{Desc: desc(op.F32, 1<<14, 1<<14)}, {Desc: desc(op.F32, 1<<14, 1<<14)}}, Ops: []op.Op{
		{Code: op.Fill, Out: []uint16{0}, Params: []uint64{0}}}}
	_, err := op.Check(g, nil, nil, op.Limits{Temp: 1 << 40, Work: 1 << 20})
	requireFault(t, err, op.OverBudget)
}

func TestHandlesOfATable(t *testing.T) {
	var table op.Table[string]
	a, b := table.Add("a"), table.Add("b")
	v, ok := table.Get(a)
	require.True(t, ok)
	require.Equal(t, "a", v)
	_, ok = table.Remove(a)
	require.True(t, ok)
	c := table.Add("c") // in a's place
	for _, dead := range []op.Handle{a, 0, 1, 3, b + 1, 1 << 63, math.MaxUint64} {
		_, ok = table.Get(dead)
		require.False(t, ok, "%#x", uint64(dead))
		_, ok = table.Remove(dead)
		require.False(t, ok)
	}
	v, _ = table.Get(c)
	require.Equal(t, "c", v)
	require.Equal(t, 2, table.Len())
}

// FuzzGraph: whatever the bytes, decoding and checking end with a plan or an *op.Error, and what was decoded is written as it was read.
func FuzzGraph(f *testing.F) {
	f.Add(layer().Append(nil))
	f.Add(one(op.Slice, nil, []op.Desc{desc(op.F32, 2)}, 1, 1).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := op.Decode(b)
		if err != nil {
			requireFault(t, err, op.BadGraph)
			return
		}
		require.Equal(t, b, g.Append(nil))
		p, err := sample.check(g)
		if err != nil {
			var known *op.Error
			require.True(t, errors.As(err, &known))
			return
		}
		require.GreaterOrEqual(t, p.Cost.Flops, int64(0))
		require.GreaterOrEqual(t, p.Cost.Moved, int64(0))
	})
}
