package suite

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"levee/gpu/op"
)

// Tensor is one with its bytes.
type Tensor struct {
	op.Desc
	Data []byte
}

// Case is one op with its inputs. The outputs must have the bits that Want gives, or, without it, those of the executor on the
// processors; Near says whether other ones will do, too.
type Case struct {
	Name   string
	Code   op.Code
	Kernel string // of Map: the function, whose handle becomes the parameter
	Module []byte // that it is of, if not of Kernels
	Params []uint64
	In     []Tensor
	Out    []op.Desc
	Want   func(in []Tensor, out []op.Desc) [][]byte
	Near   func(d op.Desc, got, want []byte) error
}

func (c *Case) compare(d op.Desc, got, want []byte) error {
	if c.Near != nil {
		return c.Near(d, got, want)
	}
	return Same(d, got, want)
}

// Same says at which element two results differ first.
func Same(d op.Desc, got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d bytes, not %d", len(got), len(want))
	}
	size := int(d.DType.Size())
	for i := 0; i < len(got); i += size {
		if string(got[i:i+size]) != string(want[i:i+size]) {
			return fmt.Errorf("element %d of %v is %s, it must be %s", i/size, d, text(d.DType, got[i:]), text(d.DType, want[i:]))
		}
	}
	return nil
}

// place gives a case tensors: its inputs, and behind them its outputs.
func (c *Case) place(ex Executor) ([]op.Handle, error) {
	var handles []op.Handle
	for i, d := range slices.Concat(descs(c.In), c.Out) {
		h, err := ex.Alloc(d)
		if err != nil {
			return nil, err
		}
		handles = append(handles, h)
		if i < len(c.In) {
			if err := ex.Upload(h, 0, c.In[i].Data); err != nil {
				return nil, err
			}
		}
	}
	return handles, nil
}

// graph has nothing but the case's op.
func (c *Case) graph(handles []op.Handle) *op.Graph {
	o := op.Op{Code: c.Code, Params: c.Params}
	for i := range handles {
		if i < len(c.In) {
			o.In = append(o.In, uint16(i))
		} else {
			o.Out = append(o.Out, uint16(i))
		}
	}
	return &op.Graph{Tensors: named(handles...), Ops: []op.Op{o}}
}

// compute runs the graph to its end.
func (c *Case) compute(ex Executor, handles []op.Handle) error {
	g := c.graph(handles)
	if c.Kernel != "" {
		module := Kernels
		if c.Module != nil {
			module = c.Module
		}
		k, err := ex.Kernel(module, c.Kernel)
		if err != nil {
			return err
		}
		defer ex.Free(k)
		g.Ops[0].Params = []uint64{uint64(k)}
	}
	fence, err := ex.Submit(g.Append(nil))
	if err != nil {
		return err
	}
	return ex.Wait(fence, time.Minute)
}

func free(ex Executor, handles []op.Handle) error {
	for _, h := range handles {
		if err := ex.Free(h); err != nil {
			return err
		}
	}
	return nil
}

// run computes a case: outputs hold garbage before, so that every element must be written.
func (c *Case) run(ex Executor) ([][]byte, error) {
	handles, err := c.place(ex)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(c.Out))
	for i, d := range c.Out {
		out[i] = make([]byte, d.Bytes())
		for k := range out[i] {
			out[i][k] = byte(0xa5 + k)
		}
		if err := ex.Upload(handles[len(c.In)+i], 0, out[i]); err != nil {
			return nil, err
		}
	}
	if err := c.compute(ex, handles); err != nil {
		return nil, err
	}
	for i := range out {
		if err := ex.Download(handles[len(c.In)+i], 0, out[i]); err != nil {
			return nil, err
		}
	}
	for i, in := range c.In { // an op writes nothing but its outputs
		data := make([]byte, len(in.Data))
		if err := ex.Download(handles[i], 0, data); err != nil {
			return nil, err
		}
		if err := Same(in.Desc, data, in.Data); err != nil {
			return nil, fmt.Errorf("input %d was changed: %w", i, err)
		}
	}
	return out, free(ex, handles)
}
