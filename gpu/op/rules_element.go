package op

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

func checkFill(_ *checker, o *Op, _, out []Desc) error {
	if v := o.Int(0); out[0].DType == U8 && (v < 0 || v > 255) || out[0].DType == I32 && int64(int32(v)) != v {
		return fmt.Errorf("%d is no value of %v", v, out[0].DType)
	}
	return nil
}

func checkCopy(_ *checker, _ *Op, in, out []Desc) error {
	if in[0].Elems() != out[0].Elems() {
		return fmt.Errorf("%v has not as many elements as %v", out[0], in[0])
	}
	return sameType("the output", in[0], out[0])
}

func checkCast(_ *checker, _ *Op, in, out []Desc) error {
	return sameShape("the output", in[0], out[0])
}

func checkTranspose(_ *checker, o *Op, in, out []Desc) error {
	a := in[0]
	if len(o.Params) != len(a.Shape) || len(out[0].Shape) != len(a.Shape) {
		return fmt.Errorf("%d parameters for %v and %v: one for each dimension", len(o.Params), a, out[0])
	}
	seen := [MaxRank]bool{}
	for i := range o.Params {
		p := o.Int(i)
		if p < 0 || p >= int64(len(a.Shape)) || seen[p] {
			return fmt.Errorf("its parameters %v are no permutation of the dimensions", o.Params)
		}
		seen[p] = true
		if out[0].Shape[i] != a.Shape[p] {
			return fmt.Errorf("dimension %d of %v is not dimension %d of %v", i, out[0], p, a)
		}
	}
	return sameType("the output", a, out[0])
}

func checkConcat(_ *checker, o *Op, in, out []Desc) error {
	if err := axis(o.Int(0), out[0]); err != nil {
		return err
	}
	at, sum := int(o.Int(0)), int64(0)
	for _, d := range in {
		if len(d.Shape) != len(out[0].Shape) {
			return fmt.Errorf("%v has not as many dimensions as %v", d, out[0])
		}
		if err := sameType("an input", out[0], d); err != nil {
			return err
		}
		for i := range d.Shape {
			if i != at && d.Shape[i] != out[0].Shape[i] {
				return fmt.Errorf("%v does not fit into %v", d, out[0])
			}
		}
		sum = add(sum, d.Shape[at])
	}
	if sum != out[0].Shape[at] {
		return fmt.Errorf("the inputs are %d long together along axis %d, the output %v is not", sum, at, out[0])
	}
	return nil
}

func checkSlice(_ *checker, o *Op, in, out []Desc) error {
	a, n := in[0], len(in[0].Shape)
	if len(o.Params) != 2*n || len(out[0].Shape) != n {
		return fmt.Errorf("%d parameters for %v and %v: a start and a step for each dimension", len(o.Params), a, out[0])
	}
	for i := range n {
		start, step, length := o.Int(i), o.Int(n+i), out[0].Shape[i]
		if start < 0 || start >= a.Shape[i] || step < 1 {
			return fmt.Errorf("dimension %d of %v from %d in steps of %d", i, a, start, step)
		}
		if length > 1 && step > (a.Shape[i]-1-start)/(length-1) {
			return fmt.Errorf("%d from %d in steps of %d goes beyond dimension %d of %v", length, start, step, i, a)
		}
	}
	return sameType("the output", a, out[0])
}

func checkGather(_ *checker, _ *Op, in, out []Desc) error {
	if err := oneOf("the index", in[1], I32, I64); err != nil {
		return err
	}
	if len(in[0].Shape) == 0 {
		return errors.New("there are no rows in a tensor of rank 0")
	}
	if want := slices.Concat(in[1].Shape, in[0].Shape[1:]); !slices.Equal(out[0].Shape, want) {
		return fmt.Errorf("the output is %v, its shape must be %v", out[0], want)
	}
	return sameType("the output", in[0], out[0])
}

// takes says whether a kernel's parameter or result of type t may be an element of type d.
func takes(t, d DType) bool {
	return t == d || t == I32 && d == U8 || t == F32 && (d == F16 || d == BF16)
}

func checkMap(c *checker, o *Op, in, out []Desc) error {
	sig, ok := c.kernel(Handle(o.Params[0]))
	if !ok {
		return Errorf(BadHandle, "%#x is no kernel of this session", o.Params[0])
	}
	c.sig = sig
	if len(in) != len(sig.Params)+len(sig.Slots) || len(out) != len(sig.Results) {
		return fmt.Errorf("%d inputs and %d outputs, the kernel takes %d and %d slots and gives %d", len(in), len(out), len(sig.Params), len(sig.Slots), len(sig.Results))
	}
	n := out[0].Elems()
	for i, d := range out {
		if d.Elems() != n || !takes(sig.Results[i], d.DType) {
			return fmt.Errorf("output %d is %v, the kernel gives %v for each of %d elements", i, d, sig.Results[i], n)
		}
	}
	for i, d := range in[:len(sig.Params)] {
		if e := d.Elems(); e != n && e != 1 || !takes(sig.Params[i], d.DType) {
			return fmt.Errorf("input %d is %v, the kernel takes %v for each of %d elements", i, d, sig.Params[i], n)
		}
	}
	for i, d := range in[len(sig.Params):] {
		if sig.Slots[i] != 0 && sig.Slots[i] != d.DType {
			return fmt.Errorf("slot %d is %v, the kernel reads %v from it", i, d, sig.Slots[i])
		}
	}
	return nil
}

func flopsMap(c *checker, _ *Op, _, out []Desc) int64 {
	return mul(out[0].Elems(), max(c.sig.Flops, 1))
}

func checkReduce(_ *checker, o *Op, in, out []Desc) error {
	a, kind := in[0], o.Int(0)
	if err := axis(o.Int(1), a); err != nil {
		return err
	}
	want := slices.Clone(a.Shape)
	if want[o.Int(1)] > math.MaxInt32 {
		return fmt.Errorf("%v is too long", a)
	}
	want[o.Int(1)] = 1
	t := a.DType
	switch {
	case kind < Sum || kind > Mean:
		return fmt.Errorf("there is no kind %d", kind)
	case kind == ArgMin, kind == ArgMax, kind <= Prod && t == U8:
		t = I32
	case kind == Mean && !t.Float():
		return fmt.Errorf("the mean of %v: cast it first", a)
	}
	if out[0].DType != t || !slices.Equal(out[0].Shape, want) {
		return fmt.Errorf("the output is %v, it must be %v", out[0], Desc{t, want})
	}
	return nil
}
