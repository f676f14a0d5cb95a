package cpu

import (
	"slices"

	"levee/gpu/op"
)

// sortRows sorts each row by keys whose unsigned order is the wanted one, and equal ones by their place, so that the order is total. It
// takes no memory but the outputs.
func sortRows(r *run) error {
	d := r.in[0].DType
	if d.Size() == 4 {
		c := coding[uint32]{float: d.Float(), flip: -uint32(r.Int(0)), top: 1 << 31, inf: 0x7f800000, nan: op.NaN32}
		sortEach(r, &c)
	} else {
		c := coding[uint64]{float: d.Float(), flip: -uint64(r.Int(0)), top: 1 << 63, inf: 0x7ff << 52, nan: op.NaN64}
		sortEach(r, &c)
	}
	return nil
}

// coding makes keys of the bits of elements. flip is all ones where the order is descending.
type coding[K uint32 | uint64] struct {
	float               bool
	flip, top, inf, nan K
}

// key puts NaN behind all others.
func (c *coding[K]) key(b K) K {
	switch {
	case !c.float:
		b ^= c.top
	case b&^c.top > c.inf:
		return ^K(0)
	case b&c.top != 0:
		b = ^b
	default:
		b |= c.top
	}
	return b ^ c.flip
}

func (c *coding[K]) bits(k K) K {
	if c.float && k == ^K(0) {
		return c.nan
	}
	if k ^= c.flip; c.float && k&c.top == 0 {
		return ^k
	}
	return k ^ c.top
}

func sortEach[K uint32 | uint64](r *run, c *coding[K]) {
	src, dst, index := view[K](r.in[0]), view[K](r.out[0]), view[int32](r.out[1])
	rows, n := r.in[0].Rows()
	_, k := r.out[0].Rows()
	split(rows, max(grain/n, 1), func(from, to int64) {
		for ; from < to; from++ {
			s := sorter[K]{dst[from*k:][:k], index[from*k:][:k]}
			s.take(src[from*n:][:n], c)
			s.sort(int(r.in[0].DType.Size()-1) * 8)
			for i, k := range s.keys {
				s.keys[i] = c.bits(k)
			}
		}
	})
}

// sorter holds keys and the places that they come from, which it moves together. No two of its elements are equal.
type sorter[K uint32 | uint64] struct {
	keys  []K
	index []int32
}

func (s sorter[K]) less(i, j int) bool {
	return s.keys[i] < s.keys[j] || s.keys[i] == s.keys[j] && s.index[i] < s.index[j]
}

func (s sorter[K]) swap(i, j int) {
	s.keys[i], s.keys[j] = s.keys[j], s.keys[i]
	s.index[i], s.index[j] = s.index[j], s.index[i]
}

// take makes s hold the first of a row, as many as there is room for: all, or those that a heap keeps, the last of them at its top.
func (s sorter[K]) take(row []K, c *coding[K]) {
	k := len(s.keys)
	for i, b := range row[:k] {
		s.keys[i], s.index[i] = c.key(b), int32(i)
	}
	if k == len(row) {
		return
	}
	for i := k/2 - 1; i >= 0; i-- {
		s.sink(i)
	}
	for i, b := range row[k:] {
		if key := c.key(b); key < s.keys[0] {
			s.keys[0], s.index[0] = key, int32(k+i)
			s.sink(0)
		}
	}
}

func (s sorter[K]) sink(i int) {
	for {
		j := 2*i + 1
		if j >= len(s.keys) {
			return
		}
		if j+1 < len(s.keys) && s.less(j, j+1) {
			j++
		}
		if !s.less(i, j) {
			return
		}
		s.swap(i, j)
		i = j
	}
}

const fewElements = 32

// sort orders elements that differ in the keys' lowest shift+8 bits only: by the highest eight of these into 256 parts, in place, then
// each part by the rest. Where no bits are left the keys are equal, and the places decide.
func (s sorter[K]) sort(shift int) {
	if len(s.keys) <= fewElements {
		s.insert()
		return
	}
	var next, end [256]int
	for _, k := range s.keys {
		end[byte(k>>shift)]++
	}
	at := 0
	for d, n := range end {
		next[d], end[d] = at, at+n
		at += n
	}
	for d := range 256 {
		for ; next[d] < end[d]; next[d]++ {
			k, x := s.keys[next[d]], s.index[next[d]]
			for e := byte(k >> shift); int(e) != d; e = byte(k >> shift) { // whatever lies where k belongs goes on
				p := next[e]
				next[e]++
				k, s.keys[p] = s.keys[p], k
				x, s.index[p] = s.index[p], x
			}
			s.keys[next[d]], s.index[next[d]] = k, x
		}
	}
	split(256, max(int64(256*grain/len(s.keys)), 1), func(from, to int64) {
		for d := from; d < to; d++ {
			part := sorter[K]{s.keys[:end[d]], s.index[:end[d]]}
			if d > 0 {
				part = sorter[K]{part.keys[end[d-1]:], part.index[end[d-1]:]}
			}
			if shift == 0 {
				slices.Sort(part.index)
			} else {
				part.sort(shift - 8)
			}
		}
	})
}

func (s sorter[K]) insert() {
	for i := 1; i < len(s.keys); i++ {
		for j := i; j > 0 && s.less(j, j-1); j-- {
			s.swap(j, j-1)
		}
	}
}
