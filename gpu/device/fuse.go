package device

import (
	"errors"
	"slices"

	"levee/gpu/builtin"
	"levee/gpu/cuda"
	"levee/gpu/op"
)

// fusion is a map of one number that a product's kernel does before it stores: the product itself is never seen.
type fusion struct {
	*mapKernel
	via  op.DType // what the product would have been stored as
	code func(register string) string
}

// fusable says whether the op number i is a product that only the map behind it reads, of whose kernel it can become a part.
func (l *lower) fusable(i int) *fusion {
	ops := l.plan.Ops
	if i+1 >= len(ops) || ops[i].Code != op.Gemm && ops[i].Code != op.Conv2D || ops[i+1].Code != op.Map {
		return nil
	}
	o, next := &ops[i], &ops[i+1]
	between := o.Out[0]
	t := l.plan.Tensors[between]
	if t.Handle != 0 || l.plan.LastUse[between] != i+1 || len(next.In) != 1 || next.In[0] != between || len(next.Out) != 1 || slices.Contains(o.In, next.Out[0]) {
		return nil
	}
	in, out := l.plan.Tensors[o.In[0]].Desc.DType, l.plan.Tensors[next.Out[0]].Desc
	if in == op.F64 || out.Elems() != t.Desc.Elems() || in.Size() == 2 && out.DType != in && out.DType != op.F32 { // the kernels store what a product may be
		return nil
	}
	named, _ := l.s.objects.Get(op.Handle(next.Params[0]))
	f := &fusion{named.kernel, t.Desc.DType, named.kernel.inline(t.Desc.DType)}
	if f.code == nil || in.Size() == 2 && l.dev.cc >= tensorCores && !l.pays(o, named.kernel) {
		return nil
	}
	return f
}

const (
	// fusedWork is how many operations a map may have that is done by a kernel for tensor cores, which multiplies nothing meanwhile: with
	// more than ten, memory brings the product once more in less time.
	fusedWork = 8
	// fusedDepth is up to which k a product with its map is faster than cuBLASLt and the map.
	fusedDepth = 4096
)

func (l *lower) pays(o *op.Op, k *mapKernel) bool {
	a, b := l.plan.Tensors[o.In[0]].Desc, l.plan.Tensors[o.In[1]].Desc
	return k.Signature().Flops <= fusedWork && (o.Code != op.Gemm || o.GemmShape(a, b).K <= fusedDepth)
}

// errApart says that a product and its map are lowered one after the other.
var errApart = errors.New("no fusion")

// fused lowers a product with the map behind it. What is in the list before errApart writes nothing but what the map writes again.
func (l *lower) fused(o, next *op.Op, f *fusion) error {
	l.fusion = f
	defer func() { l.fusion = nil }()
	return l.op(o, next.Out)
}

// launchProduct is launch for the kernels that make products.
func (l *lower) launchProduct(file, kernel string, grid, block dim, shared int, args *cuda.Args) error {
	f := l.fusion
	if f == nil {
		return l.launch(file, kernel, grid, block, shared, args)
	}
	code, err := l.dev.maps.get(mapKey{f.key, file + " " + kernel + " " + f.via.String()}, func() (*function, error) {
		ptx, ok := builtin.Fused(file, kernel, f.code)
		if !ok {
			return nil, op.Errorf(op.Unavailable, "no kernel can be put into %s of %s", kernel, file)
		}
		if _, slow := l.dev.Compiler.notBefore(ptx); slow {
			return nil, errApart // the compiler may be done with each alone
		}
		return l.dev.compile(ptx, kernel, "kernel "+kernel+" of "+file+" with "+f.called)
	})
	switch {
	case err == errApart:
		return err
	case err != nil:
		return l.dev.fault(err)
	}
	return l.launchFunction(code, grid, block, shared, args)
}
