package op

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

func checkFill(s *step) error {
	if v := s.Int(0); s.out[0].DType == U8 && (v < 0 || v > 255) || s.out[0].DType == I32 && int64(int32(v)) != v {
		return fmt.Errorf("%d is no value of %v", v, s.out[0].DType)
	}
	return nil
}

func checkCopy(s *step) error {
	if s.in[0].Elems() != s.out[0].Elems() {
		return fmt.Errorf("%v has not as many elements as %v", s.out[0], s.in[0])
	}
	return sameType("the output", s.in[0], s.out[0])
}

func checkCast(s *step) error {
	return sameShape("the output", s.in[0], s.out[0])
}

func checkTranspose(s *step) error {
	a := s.in[0]
	if len(s.Params) != len(a.Shape) || len(s.out[0].Shape) != len(a.Shape) {
		return fmt.Errorf("%d parameters for %v and %v: one for each dimension", len(s.Params), a, s.out[0])
	}
	seen := [MaxRank]bool{}
	for i := range s.Params {
		p := s.Int(i)
		if p < 0 || p >= int64(len(a.Shape)) || seen[p] {
			return fmt.Errorf("its parameters %v are no permutation of the dimensions", s.Params)
		}
		seen[p] = true
		if s.out[0].Shape[i] != a.Shape[p] {
			return fmt.Errorf("dimension %d of %v is not dimension %d of %v", i, s.out[0], p, a)
		}
	}
	return sameType("the output", a, s.out[0])
}

func checkConcat(s *step) error {
	if err := axis(s.Int(0), s.out[0]); err != nil {
		return err
	}
	at, sum := int(s.Int(0)), int64(0)
	for _, d := range s.in {
		if len(d.Shape) != len(s.out[0].Shape) {
			return fmt.Errorf("%v has not as many dimensions as %v", d, s.out[0])
		}
		if err := sameType("an input", s.out[0], d); err != nil {
			return err
		}
		for i := range d.Shape {
			if i != at && d.Shape[i] != s.out[0].Shape[i] {
				return fmt.Errorf("%v does not fit into %v", d, s.out[0])
			}
		}
		sum = add(sum, d.Shape[at])
	}
	if sum != s.out[0].Shape[at] {
		return fmt.Errorf("the inputs are %d long together along axis %d, the output %v is not", sum, at, s.out[0])
	}
	return nil
}

func checkSlice(s *step) error {
	a, n := s.in[0], len(s.in[0].Shape)
	if len(s.Params) != 2*n || len(s.out[0].Shape) != n {
		return fmt.Errorf("%d parameters for %v and %v: a start and a step for each dimension", len(s.Params), a, s.out[0])
	}
	for i := range n {
		start, step, length := s.Int(i), s.Int(n+i), s.out[0].Shape[i]
		if start < 0 || start >= a.Shape[i] || step < 1 {
			return fmt.Errorf("dimension %d of %v from %d in steps of %d", i, a, start, step)
		}
		if length > 1 && step > (a.Shape[i]-1-start)/(length-1) {
			return fmt.Errorf("%d from %d in steps of %d goes beyond dimension %d of %v", length, start, step, i, a)
		}
	}
	return sameType("the output", a, s.out[0])
}

func checkGather(s *step) error {
	if err := oneOf("the index", s.in[1], I32, I64); err != nil {
		return err
	}
	if len(s.in[0].Shape) == 0 {
		return errors.New("there are no rows in a tensor of rank 0")
	}
	return first(shaped("the output", s.out[0], slices.Concat(s.in[1].Shape, s.in[0].Shape[1:])...), sameType("the output", s.in[0], s.out[0]))
}

// takes says whether a kernel's parameter or result of type t may be an element of type d.
func takes(t, d DType) bool {
	return t == d || t == I32 && d == U8 || t == F32 && (d == F16 || d == BF16)
}

func checkMap(s *step) error {
	sig := s.kernel
	if len(s.in) != len(sig.Params)+len(sig.Slots) || len(s.out) != len(sig.Results) {
		return fmt.Errorf("%d inputs and %d outputs, the kernel takes %d and %d slots and gives %d", len(s.in), len(s.out), len(sig.Params), len(sig.Slots), len(sig.Results))
	}
	n := s.out[0].Elems()
	for i, d := range s.out {
		if d.Elems() != n || !takes(sig.Results[i], d.DType) {
			return fmt.Errorf("output %d is %v, the kernel gives %v for each of %d elements", i, d, sig.Results[i], n)
		}
	}
	for i, d := range s.in[:len(sig.Params)] {
		if e := d.Elems(); e != n && e != 1 || !takes(sig.Params[i], d.DType) {
			return fmt.Errorf("input %d is %v, the kernel takes %v for each of %d elements", i, d, sig.Params[i], n)
		}
	}
	for i, d := range s.in[len(sig.Params):] {
		if sig.Slots[i] != 0 && sig.Slots[i] != d.DType {
			return fmt.Errorf("slot %d is %v, the kernel reads %v from it", i, d, sig.Slots[i])
		}
	}
	return nil
}

func flopsMap(s *step) int64 {
	return mul(s.out[0].Elems(), max(s.kernel.Flops, 1))
}

func checkReduce(s *step) error {
	a, kind := s.in[0], s.Int(0)
	if err := axis(s.Int(1), a); err != nil {
		return err
	}
	want := slices.Clone(a.Shape)
	if want[s.Int(1)] > math.MaxInt32 {
		return fmt.Errorf("%v is too long", a)
	}
	want[s.Int(1)] = 1
	t := a.DType
	switch {
	case kind < Sum || kind > Mean:
		return fmt.Errorf("there is no kind %d", kind)
	case kind == ArgMin, kind == ArgMax, kind <= Prod && t == U8:
		t = I32
	case kind == Mean && !t.Float():
		return fmt.Errorf("the mean of %v: cast it first", a)
	}
	return exactly("the output is ", s.out[0], t, want...)
}
