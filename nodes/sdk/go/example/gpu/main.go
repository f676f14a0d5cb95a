//go:build wasip1

// Curve is a node module in Go that works on a GPU where there is one: it bends the values of a matrix.
package main

import (
	levee "levee/nodes/sdk/go"
)

func main() {} // not called: a node's function is

// bend gives x * |x| + index / 2 where x is under the limit, else the limit, and how far x was over it, as a whole number.
func bend() levee.Kernel {
	var b levee.KernelBuilder
	x, limit := b.Param(levee.F32), b.Param(levee.F32)
	index := b.To(levee.F32, b.Index())
	bent := b.Add(b.Mul(x, b.Abs(x)), b.Mul(index, b.Const(levee.F32, 0.5)))
	b.Result(b.Select(b.Less(x, limit), bent, limit))
	b.Result(b.To(levee.I32, b.Max(b.Sub(x, limit), b.Const(levee.F32, 0))))
	return b.Build()
}

//go:wasmexport curve
func curve() {
	x := levee.TensorInput(0)
	limit := levee.NewTensor(levee.F32)
	limit.Write(0, levee.EncodeFloat32s(float32(levee.Float(1))))
	y, over := levee.NewTensor(levee.F32, x.Shape...), levee.NewTensor(levee.I32, x.Shape...)
	var g levee.Graph
	in := []levee.Place{g.Tensor(x), g.Tensor(limit)}
	out := []levee.Place{g.Tensor(y), g.Tensor(over)}
	g.Map(bend(), in, out)
	g.Run()
	y.Output(0)
	over.Output(1)
}
