package cpu

import "levee/gpu/op"

// A matrix product is made in tiles of tileM x tileN sums. A tile walks along k in blocks of tileK, for which its parts of a and b are
// packed: strips of 4 rows of a and of 2 columns of b, the elements of one k side by side. Each sum starts at 0 and takes its products
// in ascending k, each rounded before it is added: in any other order, or fused, the bits would not be those of a device.
const (
	tileM, tileN, tileK = 64, 128, 256
	stripA, stripB      = 4, 2
)

// operand is a matrix of a product. read gives elements along k, or, across, along the rows of a or the columns of b: from the element
// (row, k) on, where row is a's row or b's column. z is the place in the batch.
type operand[T any] struct {
	across bool
	read   func(dst []T, z, row, k int64)
}

// product is what all matrix products are, convolutions too.
type product[T float32 | float64] struct {
	batch, m, n, k int64
	a, b           operand[T]
	finish         func(sums []T, row, col int64) // a row's part of a tile; rows are counted through the batch
}

func (p *product[T]) run() {
	rows, cols := (p.m+tileM-1)/tileM, (p.n+tileN-1)/tileN
	split(p.batch*rows*cols, 1, func(from, to int64) {
		t := new(sumTile[T])
		for ; from < to; from++ {
			in := from % (rows * cols)
			t.make(p, from/(rows*cols), in%rows*tileM, in/rows*tileN)
		}
	})
}

// sumTile is a tile at work.
type sumTile[T float32 | float64] struct {
	a    [tileM / stripA * tileK][stripA]T
	b    [tileN / stripB * tileK][stripB]T
	sums [tileM / stripA * tileN / stripB][stripA * stripB]T // of a strip of a and one of b: column by column
	line [tileK]T
}

func (t *sumTile[T]) make(p *product[T], z, row, col int64) {
	m, n := min(tileM, p.m-row), min(tileN, p.n-col)
	clear(t.sums[:])
	for k := int64(0); k < p.k; k += tileK {
		depth := min(tileK, p.k-k)
		pack(t.line[:], p.a, z, row, m, k, depth, func(i, k int64, v T) { t.a[i/stripA*depth+k][i%stripA] = v })
		pack(t.line[:], p.b, z, col, n, k, depth, func(i, k int64, v T) { t.b[i/stripB*depth+k][i%stripB] = v })
		for i := range (m + stripA - 1) / stripA {
			for j := range (n + stripB - 1) / stripB {
				multiply(&t.sums[i*(tileN/stripB)+j], t.a[i*depth:][:depth], t.b[j*depth:][:depth])
			}
		}
	}
	for i := range m {
		line := t.line[:n]
		for j := range line {
			line[j] = t.sums[i/stripA*(tileN/stripB)+int64(j)/stripB][int64(j)%stripB*stripA+i%stripA]
		}
		p.finish(line, z*p.m+row+i, col)
	}
}

// pack gives depth of k of some rows, one by one. A tile's last strip may be short of rows: what is in their place is summed up for nobody.
func pack[T any](line []T, o operand[T], z, row, rows, k, depth int64, put func(row, k int64, v T)) {
	if o.across {
		for j := range depth {
			o.read(line[:rows], z, row, k+j)
			for i, v := range line[:rows] {
				put(int64(i), j, v)
			}
		}
		return
	}
	for i := range rows {
		o.read(line[:depth], z, row+i, k)
		for j, v := range line[:depth] {
			put(i, int64(j), v)
		}
	}
}

// multiply adds the products of one strip of a and one of b to their sums.
func multiply[T float32 | float64](sums *[stripA * stripB]T, a [][stripA]T, b [][stripB]T) {
	s00, s10, s20, s30, s01, s11, s21, s31 := sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7]
	b = b[:len(a)]
	for k := range a {
		x0, x1, x2, x3, y0, y1 := a[k][0], a[k][1], a[k][2], a[k][3], b[k][0], b[k][1]
		s00 += T(x0 * y0)
		s10 += T(x1 * y0)
		s20 += T(x2 * y0)
		s30 += T(x3 * y0)
		s01 += T(x0 * y1)
		s11 += T(x1 * y1)
		s21 += T(x2 * y1)
		s31 += T(x3 * y1)
	}
	*sums = [stripA * stripB]T{s00, s10, s20, s30, s01, s11, s21, s31}
}

// load gives the elements of a tensor as the type that sums have.
func load[T float32 | float64](t tensor) func([]T, int64) {
	return func(dst []T, from int64) { widen(dst, t, from) }
}

// finish is what comes after the sums: alpha, bias, activation, and the store into the output.
func finish[T float32 | float64](r *run, alpha float64, activation int64) func(sums []T, row, col int64) {
	out := r.out[0]
	_, n := out.Rows()
	var bias []T
	if len(r.in) == 3 {
		bias = view[T](r.in[2])
	}
	return func(sums []T, row, col int64) {
		for i, v := range sums {
			sums[i] = T(v * T(alpha))
		}
		if bias != nil {
			for i, b := range bias[col:][:len(sums)] {
				sums[i] += b
			}
		}
		if activation == op.ReLU {
			for i, v := range sums {
				if v < 0 {
					sums[i] = 0
				}
			}
		}
		switch sums := any(sums).(type) {
		case []float32:
			narrow(out, row*n+col, sums)
		case []float64:
			storeFloats(out, row*n+col, sums)
		}
	}
}
