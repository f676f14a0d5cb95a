package op

import (
	"fmt"
	"slices"
)

// rule is what one op asks of its tensors and parameters.
type rule struct {
	name         string
	minIn, maxIn int
	maxOut       int
	params       int // -1: as check says
	check        func(s *step) error
	flops        func(s *step) int64 // nil: one for each element of the first output
}

// step is an op that is being checked, with what its tensors are.
type step struct {
	*Op
	in, out []Desc
	kernel  Signature // of a Map
}

// rules holds the op of each code.
var rules [FFT + 1]rule

func init() { // not in the declaration: the checks name ops by this table
	rules = [FFT + 1]rule{
		Fill:      {"fill", 0, 0, 1, 1, checkFill, nil},
		Copy:      {"copy", 1, 1, 1, 0, checkCopy, nil},
		Cast:      {"cast", 1, 1, 1, 0, checkCast, nil},
		Transpose: {"transpose", 1, 1, 1, -1, checkTranspose, nil},
		Concat:    {"concat", 1, MaxPorts, 1, 1, checkConcat, nil},
		Slice:     {"slice", 1, 1, 1, -1, checkSlice, nil},
		Gather:    {"gather", 2, 2, 1, 0, checkGather, nil},
		Map:       {"map", 0, MaxPorts, MaxPorts, 1, checkMap, flopsMap},
		Reduce:    {"reduce", 1, 1, 1, 2, checkReduce, flopsIn(1)},
		Softmax:   {"softmax", 1, 1, 1, 0, checkSoftmax, flopsIn(20)},
		LayerNorm: {"layernorm", 3, 3, 1, 1, checkLayerNorm, flopsIn(10)},
		Sort:      {"sort", 1, 1, 2, 1, checkSort, flopsIn(64)},
		Scan:      {"scan", 1, 1, 1, 1, checkScan, flopsIn(2)},
		Histogram: {"histogram", 1, 1, 1, 2, checkHistogram, flopsIn(4)},
		Random:    {"random", 0, 0, 1, 2, checkRandom, flopsOut(10)},
		Resize:    {"resize", 1, 1, 1, 1, checkResize, flopsResize},
		Normalise: {"normalise", 3, 3, 1, 1, checkNormalise, nil},
		Gemm:      {"gemm", 2, 3, 1, 4, checkGemm, flopsGemm},
		Conv2D:    {"conv2d", 2, 3, 1, 7, checkConv, flopsConv},
		FFT:       {"fft", 1, 1, 1, -1, checkFFT, flopsFFT},
	}
}

func (c Code) String() string {
	if int(c) < len(rules) && rules[c].name != "" {
		return rules[c].name
	}
	return fmt.Sprintf("op %d", uint16(c))
}

func flopsIn(each int64) func(*step) int64 {
	return func(s *step) int64 { return mul(s.in[0].Elems(), each) }
}

func flopsOut(each int64) func(*step) int64 {
	return func(s *step) int64 { return mul(s.out[0].Elems(), each) }
}

func sameShape(what string, a, b Desc) error {
	if !slices.Equal(a.Shape, b.Shape) {
		return fmt.Errorf("%s is %v, it must have the shape of %v", what, b, a)
	}
	return nil
}

func sameType(what string, a, b Desc) error {
	if a.DType != b.DType {
		return fmt.Errorf("%s is %v, it must have the type of %v", what, b, a)
	}
	return nil
}

// alike asks for the same shape and type.
func alike(what string, a, b Desc) error { return first(sameShape(what, a, b), sameType(what, a, b)) }

func shaped(what string, d Desc, shape ...int64) error {
	if !slices.Equal(d.Shape, shape) {
		return fmt.Errorf("%s is %v, its shape must be %v", what, d, shape)
	}
	return nil
}

func exactly(what string, d Desc, t DType, shape ...int64) error {
	if d.DType != t || !slices.Equal(d.Shape, shape) {
		return fmt.Errorf("%s%v, it must be %v", what, d, Desc{t, shape})
	}
	return nil
}

func oneOf(what string, d Desc, types ...DType) error {
	if !slices.Contains(types, d.DType) {
		return fmt.Errorf("%s is %v, it may be of %v", what, d, types)
	}
	return nil
}

func flag(what string, v int64) error {
	if v != 0 && v != 1 {
		return fmt.Errorf("%s is %d: 0 or 1", what, v)
	}
	return nil
}

func axis(v int64, d Desc) error {
	if v < 0 || v >= int64(len(d.Shape)) {
		return fmt.Errorf("axis %d of %v", v, d)
	}
	return nil
}

// first gives the first error of a list: one mistake at a time.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
