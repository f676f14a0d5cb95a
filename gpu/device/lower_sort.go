package device

import (
	"levee/gpu/cuda"
	"levee/gpu/op"
)

// sorter are the kernels for elements of one size.
type sorter struct {
	bits  string
	size  int64
	short int64 // elements that a block holds
	tile  int64 // elements of a long row that a block moves
}

var sorters = map[int64]sorter{4: {"32", 4, 4096, 4096}, 8: {"64", 8, 2048, 2048}}

const (
	sortThreads = 256
	sortDigits  = 256
	sortSampled = 8       // tiles of a row, from which on a sample pays
	sortScratch = 1 << 25 // elements of long rows that are sorted at a time, or one row
)

func lowerSort(l *lower, o *op.Op) error {
	in := l.in[0]
	rows, n := in.Rows()
	_, k := l.out[0].Rows()
	s := sorters[in.DType.Size()]
	flip := uint32(-o.Int(0))
	if n <= s.short || k <= s.short/8 {
		return l.sortShort(s, rows, n, k, flip)
	}
	most := min(max(sortScratch/n, 1), rows)
	space, err := l.sortSpace(s, most, n, k)
	if err != nil {
		return err
	}
	return inParts(rows, most, func(from, rows int64) error {
		return l.sortLong(s, space, from, rows, n, k, flip)
	})
}

// sortShort sorts rows that a block can hold, several to a block where they are shorter than eight for each thread. Of longer ones it takes
// the first k of each tile, and goes on with those. Where there are many tiles, a sample of each row says first behind which key none of
// the row's first k can be, so that tiles have few to sort.
func (l *lower) sortShort(s sorter, rows, n, k int64, flip uint32) error {
	t := tiles{sorter: s, rows: rows, n: n, k: k, step: 1, kind: uint32(l.in[0].DType), flip: flip, from: l.in[0].at}
	if t.count() >= sortSampled {
		sample := t
		sample.step = n / s.short
		bound, err := l.sortTiles(sample, 1)
		if err != nil {
			return err
		}
		t.bound = bound.from
	}
	for {
		next, err := l.sortTiles(t, t.count())
		if err != nil || next.from == l.out[0].at {
			return err
		}
		t = next
	}
}

// tiles are rows of n elements, of which a launch takes the first k of each tile.
type tiles struct {
	sorter
	rows, n, k, step   int64
	kind, flip         uint32
	from, index, bound cuda.Ptr
}

func (t *tiles) log() int     { return op.FFTLog(min(t.n, t.short)) }
func (t *tiles) count() int64 { return (t.n + 1<<t.log() - 1) >> t.log() }

// sortTiles launches for so many tiles of each row, and gives what they make, which are the outputs where one tile is the whole row.
func (l *lower) sortTiles(t tiles, count int64) (next tiles, err error) {
	next = tiles{sorter: t.sorter, rows: t.rows, n: count * t.k, k: t.k, step: 1, flip: t.flip, from: l.out[0].at, index: l.out[1].at}
	outKind := uint32(l.in[0].DType)
	if count > 1 || t.step > 1 {
		outKind = 0
		if next.from, err = l.scratch(t.rows * next.n * t.size); err != nil {
			return next, err
		}
		if next.index, err = l.scratch(t.rows * next.n * 4); err != nil {
			return next, err
		}
	}
	together := max(op.FFTLog(8*sortThreads)-t.log(), 0)
	blocks := (t.rows*count + 1<<together - 1) >> together
	if blocks > maxGrid {
		return next, op.Errorf(op.OverBudget, "%d rows to sort at a time", t.rows)
	}
	args := l.args().Ptr(t.from).Ptr(t.index).Ptr(t.bound).Ptr(next.from).Ptr(next.index).I64(t.rows).I64(t.n).U32(uint32(t.k)).I64(count).I64(t.step).
		U32(uint32(t.log())).U32(uint32(together)).U32(t.kind).U32(outKind).U32(t.flip)
	return next, l.launch("sort", "sort_short_"+t.bits, dim{X: uint32(blocks)}, dim{X: sortThreads}, 0, args)
}

// sortSpace is what rows that are sorted together need: how many elements of a tile have each digit, where these belong, and two places
// for the elements, of which the second is zero where the outputs are.
type sortSpace struct {
	counts, offsets cuda.Ptr
	keys, index     [2]cuda.Ptr
}

func (l *lower) sortSpace(s sorter, rows, n, k int64) (space sortSpace, err error) {
	counts := rows * sortDigits * ((n + s.tile - 1) / s.tile) * 4
	want := []struct {
		at    *cuda.Ptr
		bytes int64
	}{{&space.counts, counts}, {&space.offsets, counts}, {&space.keys[0], rows * n * s.size}, {&space.index[0], rows * n * 4},
		{&space.keys[1], rows * n * s.size}, {&space.index[1], rows * n * 4}}
	if k == n { // the outputs have room for all
		want = want[:4]
	}
	for _, w := range want {
		if *w.at, err = l.scratch(w.bytes); err != nil {
			return space, err
		}
	}
	return space, nil
}

// sortLong moves the elements by one digit after the other, to and fro between two places, and at last to the outputs.
func (l *lower) sortLong(s sorter, space sortSpace, first, rows, n, k int64, flip uint32) error {
	tiles := (n + s.tile - 1) / s.tile
	out, outIndex := l.out[0].at+cuda.Ptr(first*k*s.size), l.out[1].at+cuda.Ptr(first*k*4)
	if k == n {
		space.keys[1], space.index[1] = out, outIndex
	}
	grid, block := dim{X: uint32(rows * tiles)}, dim{X: sortThreads}
	from, fromIndex, kind := l.in[0].at+cuda.Ptr(first*n*s.size), cuda.Ptr(0), uint32(l.in[0].DType)
	for digit := range s.size {
		shift := uint32(8 * digit)
		if err := l.launch("sort", "sort_count_"+s.bits, grid, block, 0, l.args().Ptr(from).Ptr(space.counts).I64(n).I64(tiles).U32(shift).U32(kind).U32(flip)); err != nil {
			return err
		}
		if err := l.scan(op.I32, space.counts, space.offsets, rows, sortDigits*tiles, true); err != nil {
			return err
		}
		to, toIndex, length, outKind := space.keys[digit&1], space.index[digit&1], n, uint32(0)
		if digit == s.size-1 {
			to, toIndex, length, outKind = out, outIndex, k, uint32(l.in[0].DType)
		}
		args := l.args().Ptr(from).Ptr(fromIndex).Ptr(to).Ptr(toIndex).Ptr(space.offsets).I64(n).I64(length).I64(tiles).U32(shift).U32(kind).U32(outKind).U32(flip)
		if err := l.launch("sort", "sort_move_"+s.bits, grid, block, 0, args); err != nil {
			return err
		}
		from, fromIndex, kind = to, toIndex, 0
	}
	return nil
}
