package op

import "math"

// Taps say how Resize makes one dimension of a picture: place i of the output is the sum over j below Count[i], in this order, of
// Weights[i*Stride+j] times place First[i]+j of the input.
type Taps struct {
	First, Count []int32
	Stride       int
	Weights      []float32
}

// ResizeTaps gives the taps of a filter that is not Nearest. The filter is as wide as the output's places are in the input, but no
// narrower than the input's; it is cut at the edges, and its weights add up to 1.
func ResizeTaps(filter int64, in, out int64) *Taps {
	weight, support := triangle, 1.0
	if filter == Lanczos3 {
		weight, support = lanczos3, 3
	}
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	reach := float64(support * wide)
	t := &Taps{First: make([]int32, out), Count: make([]int32, out), Stride: int(min(2*math.Ceil(reach)+1, float64(in)))}
	t.Weights = make([]float32, int(out)*t.Stride)
	row := make([]float64, t.Stride)
	for i := range int(out) {
		centre := float64((float64(i) + 0.5) * scale)
		first := int64(max(centre-reach+0.5, 0))
		last := int64(min(centre+reach+0.5, float64(in)))
		w, sum := row[:last-first], 0.0
		for j := range w {
			w[j] = weight((float64(first+int64(j)) + 0.5 - centre) / wide)
			sum += w[j]
		}
		for len(w) > 1 && w[0] == 0 { // a tap without weight is none: a picture that keeps its size is copied
			first, w = first+1, w[1:]
		}
		for len(w) > 1 && w[len(w)-1] == 0 {
			w = w[:len(w)-1]
		}
		t.First[i], t.Count[i] = int32(first), int32(len(w))
		for j := range w {
			t.Weights[i*t.Stride+j] = float32(w[j] / sum)
		}
	}
	return t
}

// NearestTap is the place of the input whose area holds the middle of place i of the output.
func NearestTap(i, in, out int64) int64 { return (2*i + 1) * in / (2 * out) }

func triangle(x float64) float64 { return max(1-math.Abs(x), 0) }

// lanczos3 is sinc(x) sinc(x/3).
func lanczos3(x float64) float64 {
	switch {
	case x == 0:
		return 1
	case math.Abs(x) >= 3:
		return 0
	}
	a := float64(math.Pi * x)
	return float64(3*float64(sinPi(x)*sinPi(x/3))) / float64(a*a)
}

// ResizeAcrossFirst says which of Resize's two passes comes first: the one that leaves less between them, else the one across. So what
// lies between is never more than the larger picture.
func ResizeAcrossFirst(h, w, outH, outW int64) bool { return h*outW <= outH*w }
