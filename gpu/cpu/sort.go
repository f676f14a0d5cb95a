package cpu

import (
	"cmp"
	"math"
	"slices"

	"levee/gpu/op"
)

// sortRows sorts each row by a key whose unsigned order is the wanted one, and equal ones by their place, so that the order is total.
func sortRows(r *run) error {
	flip := uint64(0)
	if r.Int(0) == 1 {
		flip = math.MaxUint64
	}
	narrow := order[uint64]{slices.Sort[[]uint64], func(a, b uint64) bool { return a < b }}
	wide := order[keyed]{func(s []keyed) { slices.SortFunc(s, keyed.compare) }, func(a, b keyed) bool { return a.compare(b) < 0 }}
	switch r.in[0].DType {
	case op.F32:
		pack := func(x float32, i int) uint64 { return uint64(key32(x)^uint32(flip)|nanMask(x))<<32 | uint64(i) }
		sortEach(r, pack, func(e uint64) (float32, int32) { return float32Of(uint32(e>>32) ^ uint32(flip)), int32(e) }, narrow)
	case op.I32:
		pack := func(x int32, i int) uint64 { return uint64(uint32(x)^1<<31^uint32(flip))<<32 | uint64(i) }
		sortEach(r, pack, func(e uint64) (int32, int32) { return int32(uint32(e>>32) ^ 1<<31 ^ uint32(flip)), int32(e) }, narrow)
	case op.F64:
		pack := func(x float64, i int) keyed { return keyed{key64(x) ^ flip | nanMask64(x), int32(i)} }
		sortEach(r, pack, func(e keyed) (float64, int32) { return float64Of(e.key ^ flip), e.index }, wide)
	default:
		pack := func(x int64, i int) keyed { return keyed{uint64(x) ^ 1<<63 ^ flip, int32(i)} }
		sortEach(r, pack, func(e keyed) (int64, int32) { return int64(e.key ^ 1<<63 ^ flip), e.index }, wide)
	}
	return nil
}

// keyed is an element of 64 bits with its place. One of 32 bits is a uint64: the key in the upper half.
type keyed struct {
	key   uint64
	index int32
}

func (a keyed) compare(b keyed) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.index, b.index))
}

type order[E any] struct {
	sort func([]E)
	less func(a, b E) bool
}

func sortEach[T, E any](r *run, pack func(T, int) E, unpack func(E) (T, int32), o order[E]) {
	src, values, index := view[T](r.in[0]), view[T](r.out[0]), view[int32](r.out[1])
	rows, n := r.in[0].Rows()
	_, k := r.out[0].Rows()
	split(rows, max(grain/n, 1), func(from, to int64) {
		var buf []E
		for ; from < to; from++ {
			row := src[from*n:][:n]
			buf = first(buf[:0], int(k), int(n), func(i int) E { return pack(row[i], i) }, o)
			for j, e := range buf {
				values[from*k+int64(j)], index[from*k+int64(j)] = unpack(e)
			}
		}
	})
}

// first gives the first k of n elements in order. Where k is much smaller it sorts a few at a time, and passes over those that lie
// behind k others.
func first[E any](buf []E, k, n int, at func(int) E, o order[E]) []E {
	size := min(n, 4*k+1024)
	buf = slices.Grow(buf, size)
	cut := false // the k-th of those seen is buf[k-1]
	for i := range n {
		e := at(i)
		if cut && !o.less(e, buf[k-1]) {
			continue
		}
		if buf = append(buf, e); len(buf) == size {
			o.sort(buf)
			buf, cut = buf[:k], true
		}
	}
	o.sort(buf)
	return buf[:k]
}

// key32 and key64 order floats: negative ones by their inverted bits, others above them. float32Of and float64Of turn them back.
func key32(x float32) uint32 {
	b := math.Float32bits(x)
	return b ^ (uint32(int32(b)>>31) | 1<<31)
}

func key64(x float64) uint64 {
	b := math.Float64bits(x)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

func float32Of(key uint32) float32 {
	return canon(math.Float32frombits(key ^ (^uint32(int32(key)>>31) | 1<<31)))
}

func float64Of(key uint64) float64 {
	return canon64(math.Float64frombits(key ^ (^uint64(int64(key)>>63) | 1<<63)))
}

// nanMask and nanMask64 are all ones for NaN: a key behind all others, in both directions, and one that turns back into NaN.
func nanMask(x float32) uint32 {
	if x != x {
		return math.MaxUint32
	}
	return 0
}

func nanMask64(x float64) uint64 {
	if x != x {
		return math.MaxUint64
	}
	return 0
}
