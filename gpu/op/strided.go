package op

import "slices"

// Strided says where the elements of an output lie in the input that they are taken from: the element at i0, i1... of dimensions Dims is
// at Start + i0*Strides[0] + i1*Strides[1]... Dimensions of one element are left out, and neighbours that are one are made one.
type Strided struct {
	Start         int64
	Dims, Strides []int64
}

// Strided gives it for a checked Transpose or Slice.
func (o *Op) Strided(in, out Desc) Strided {
	n := len(in.Shape)
	of := make([]int64, n) // the strides of in
	for i, stride := n-1, int64(1); i >= 0; i-- {
		of[i] = stride
		stride *= in.Shape[i]
	}
	var s Strided
	for i, dim := range out.Shape {
		var stride int64
		if o.Code == Transpose {
			stride = of[o.Int(i)]
		} else {
			s.Start += o.Int(i) * of[i]
			if dim > 1 { // else the step may be anything
				stride = of[i] * o.Int(n+i)
			}
		}
		if dim == 1 {
			continue
		}
		last := len(s.Dims) - 1
		if last >= 0 && s.Strides[last] == stride*dim {
			s.Dims[last], s.Strides[last] = s.Dims[last]*dim, stride
		} else {
			s.Dims, s.Strides = append(s.Dims, dim), append(s.Strides, stride)
		}
	}
	if len(s.Dims) == 0 {
		s.Dims, s.Strides = []int64{1}, []int64{1}
	}
	return s
}

// Widen takes runs of elements as one, as large as everything allows: it gives how many elements, a power of two, make one, and the
// view in such. size is an element's bytes, most those of the largest run.
func (s Strided) Widen(size, most int64) (int64, Strided) {
	last := len(s.Dims) - 1
	if s.Strides[last] != 1 {
		return 1, s
	}
	run := int64(1)
	for 2*run*size <= most && s.divides(2*run) {
		run *= 2
	}
	w := Strided{s.Start / run, slices.Clone(s.Dims), slices.Clone(s.Strides)}
	w.Dims[last] /= run
	for i := range last {
		w.Strides[i] /= run
	}
	return run, w
}

func (s Strided) divides(run int64) bool {
	last := len(s.Dims) - 1
	for _, stride := range s.Strides[:last] {
		if stride%run != 0 {
			return false
		}
	}
	return s.Start%run == 0 && s.Dims[last]%run == 0
}
