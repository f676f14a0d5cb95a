package suite

import (
	"math"
	"math/rand/v2"

	"levee/gpu/op"
)

// made makes the random inputs of a round of Big.Run, about n elements each, quickly.
type made struct {
	*rand.Rand
	room  []byte // where they are put; what does not fit there is allocated
	n     int64
	round int
	dry   bool // tensors have no elements: only their shapes are wanted
}

// stretch is how many elements are made in one way.
const stretch = 64

// A way to make the elements of a stretch, of random bits.
const (
	wild  = iota // as they come: NaN with every load, infinities, denormals
	sizes        // floats of sizes that other types have, or just not any more, with few digits, so that many lie in the middle of two; integers likewise
	tame         // floats from 1/16 to 16, of both signs; integers up to 2^20
	one          // floats that are nearly 1; integers from -8 to 7
	few          // whole numbers from -4 to 3, and -0: many are equal
	edge         // tame ones, and now and then a zero, a denormal, the least and the largest of its kind
	ways
)

// any makes a tensor of all ways, mixed.
func (m *made) any(d op.DType, shape ...int64) Tensor {
	return m.tensor(d, shape, func() int { return m.IntN(ways) })
}

// sums makes one of which a sum, or another function of whole rows, says something: every other round has no NaN and no infinity, the
// others have them so seldom that they spoil short rows, or only long ones, or none.
func (m *made) sums(d op.DType, shape ...int64) Tensor {
	seldom := [...]int{0, 4, 0, 64, 0, 1 << 10, 0, 1 << 14}[m.round%8]
	way := []int{tame, one, few, edge}[(m.round+m.round/8)%4]
	return m.tensor(d, shape, func() int {
		if seldom > 0 && m.IntN(seldom) == 0 {
			return wild
		}
		return way
	})
}

// places makes one of places of n rows, of which a few are not there.
func (m *made) places(d op.DType, n int64) Tensor {
	t := m.any(d, n)
	for i := 0; i < len(t.Data); i += int(d.Size()) {
		k := m.Int64N(n+2) - 1
		if d == op.I32 {
			le.PutUint32(t.Data[i:], uint32(k))
		} else {
			le.PutUint64(t.Data[i:], uint64(k))
		}
	}
	return t
}

// length is a random number from low to high, low more often than not.
func (m *made) length(low, high int64) int64 {
	return min(high, low+int64(float64(high-low+1)*math.Pow(m.Float64(), 2)))
}

func (m *made) tensor(d op.DType, shape []int64, way func() int) Tensor {
	t := Tensor{Desc: desc(d, shape...)}
	size := t.Bytes()
	if m.dry {
		return t
	}
	if t.Data = m.room[:min(size, int64(len(m.room)))]; int64(len(t.Data)) < size {
		t.Data = make([]byte, size)
	} else {
		m.room = m.room[min(int64(len(m.room)), (size+255)&^255):]
	}
	each := stretch * d.Size()
	for b := t.Data; len(b) > 0; b = b[min(int64(len(b)), each):] {
		m.stretch(d, b[:min(int64(len(b)), each)], way())
	}
	return t
}

func (m *made) stretch(d op.DType, b []byte, way int) {
	var bits [stretch]uint64
	n := len(b) / int(d.Size())
	if way == wild {
		whole := b
		for ; len(whole) >= 8; whole = whole[8:] {
			le.PutUint64(whole, m.Uint64())
		}
		for i := range whole {
			whole[i] = byte(m.Uint64())
		}
		return
	}
	for i := range n {
		bits[i] = m.Uint64()
	}
	if d.Float() {
		formats[d].shape(m.Rand, bits[:n], way)
	} else {
		integers(m.Rand, bits[:n], way)
	}
	switch d.Size() {
	case 1:
		for i, v := range bits[:n] {
			b[i] = byte(v)
		}
	case 2:
		for i, v := range bits[:n] {
			le.PutUint16(b[2*i:], uint16(v))
		}
	case 4:
		for i, v := range bits[:n] {
			le.PutUint32(b[4*i:], uint32(v))
		}
	default:
		for i, v := range bits[:n] {
			le.PutUint64(b[8*i:], v)
		}
	}
}

func integers(r *rand.Rand, bits []uint64, way int) {
	down, up := r.IntN(64), r.IntN(40)
	for i, v := range bits {
		switch way {
		case sizes:
			v = uint64(int64(v)>>down) << up
		case tame:
			v = uint64(int64(v) >> 43)
		case one:
			v = uint64(int64(v) >> 60)
		case few:
			v = uint64(int64(v) >> 61)
		case edge:
			if v>>60 == 0 {
				v = uint64(1)<<(v&63) - v>>6&1
			}
		}
		bits[i] = v
	}
}

// format is a type of floats: how many bits its fractions have, and the exponent of 1.
type format struct{ fraction, bias, width uint }

var formats = map[op.DType]format{op.F16: {10, 15, 16}, op.BF16: {7, 127, 16}, op.F32: {23, 127, 32}, op.F64: {52, 1023, 64}}

// shape makes floats of random bits.
func (f format) shape(r *rand.Rand, bits []uint64, way int) {
	sign, fraction := uint64(1)<<(f.width-1), uint64(1)<<f.fraction-1
	bias := uint64(f.bias)
	unity := bias << f.fraction
	cut := uint64(math.MaxUint64) << r.IntN(int(f.fraction)+1)
	var whole [16]uint64
	for v := range whole {
		whole[v] = f.whole(v)
	}
	for i, v := range bits {
		switch way {
		case sizes:
			exponent := bias - 30 + v>>8&127
			if f.bias == 15 {
				exponent = v >> 59
			}
			v = v&sign | v>>1&fraction&cut | min(exponent, 2*bias+1)<<f.fraction
		case tame:
			v = v&(sign|fraction) | (bias-4+v>>61)<<f.fraction
			if f.width == 64 {
				v = v&(sign|fraction) | (bias-4+v>>53&7)<<f.fraction
			}
		case one:
			v = unity - 128 + v>>56
			if f.width == 16 {
				v = unity - 1 + v>>61&3
			}
		case few:
			v = whole[v>>60]
		case edge:
			w := v&(sign|fraction) | (bias-2+v>>54&3)<<f.fraction
			if v>>58 == 0 {
				w = v&sign | [...]uint64{0, 1, fraction, fraction + 1, (2*bias+1)<<f.fraction - 1, unity, unity - 1, unity | 1}[v&7]
			}
			v = w
		}
		bits[i] = v
	}
}

// whole gives -0, and the numbers from -4 to 3.
func (f format) whole(v int) uint64 {
	n, negative := v%8-4, uint64(1)<<(f.width-1)
	switch {
	case n == 0 && v > 8:
		return negative
	case n == 0:
		return 0
	case n > 0:
		negative = 0
	}
	n = max(n, -n)
	log := n / 2 // of 1 to 4
	return negative | (uint64(f.bias)+uint64(log))<<f.fraction | uint64(n)<<f.fraction>>log&(uint64(1)<<f.fraction-1)
}
