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
	multiply       func(sums *[stripA * stripB]T, a [][stripA]T, b [][stripB]T)
	finish         func(sums []T, z, row, col int64) // a row's part of a tile
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
				p.multiply(&t.sums[i*(tileN/stripB)+j], t.a[i*depth:][:depth], t.b[j*depth:][:depth])
			}
		}
	}
	for i := range m {
		line := t.line[:n]
		for j := range line {
			line[j] = t.sums[i/stripA*(tileN/stripB)+int64(j)/stripB][int64(j)%stripB*stripA+i%stripA]
		}
		p.finish(line, z, row+i, col)
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

// multiply32 adds the products of one strip of a and one of b to their sums.
func multiply32(sums *[stripA * stripB]float32, a [][stripA]float32, b [][stripB]float32) {
	s00, s10, s20, s30, s01, s11, s21, s31 := sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7]
	b = b[:len(a)]
	for k := range a {
		x0, x1, x2, x3, y0, y1 := a[k][0], a[k][1], a[k][2], a[k][3], b[k][0], b[k][1]
		s00 += float32(x0 * y0)
		s10 += float32(x1 * y0)
		s20 += float32(x2 * y0)
		s30 += float32(x3 * y0)
		s01 += float32(x0 * y1)
		s11 += float32(x1 * y1)
		s21 += float32(x2 * y1)
		s31 += float32(x3 * y1)
	}
	*sums = [stripA * stripB]float32{s00, s10, s20, s30, s01, s11, s21, s31}
}

// multiply64 is multiply32 for float64.
func multiply64(sums *[stripA * stripB]float64, a [][stripA]float64, b [][stripB]float64) {
	s00, s10, s20, s30, s01, s11, s21, s31 := sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7]
	b = b[:len(a)]
	for k := range a {
		x0, x1, x2, x3, y0, y1 := a[k][0], a[k][1], a[k][2], a[k][3], b[k][0], b[k][1]
		s00 += float64(x0 * y0)
		s10 += float64(x1 * y0)
		s20 += float64(x2 * y0)
		s30 += float64(x3 * y0)
		s01 += float64(x0 * y1)
		s11 += float64(x1 * y1)
		s21 += float64(x2 * y1)
		s31 += float64(x3 * y1)
	}
	*sums = [stripA * stripB]float64{s00, s10, s20, s30, s01, s11, s21, s31}
}

// load32 and load64 give the elements of a tensor as the type that sums have.
func load32(t tensor) func([]float32, int64) {
	return func(dst []float32, from int64) { widen(dst, t, from) }
}

func load64(t tensor) func([]float64, int64) {
	return func(dst []float64, from int64) { copy(dst, view[float64](t)[from:]) }
}

// ends is what comes after the sums: alpha, bias, activation, and the store into the output.
type ends struct {
	alpha float64
	bias  *tensor
	relu  bool
	out   tensor
	n     int64 // of a row of the output
}

func endsOf(r *run, alpha float64, activation int64) ends {
	_, n := r.out[0].Rows()
	e := ends{alpha: alpha, relu: activation == op.ReLU, out: r.out[0], n: n}
	if len(r.in) == 3 {
		e.bias = &r.in[2]
	}
	return e
}

func finish32(e ends) func([]float32, int64, int64) {
	alpha := float32(e.alpha)
	return func(sums []float32, row, col int64) {
		finishLine(sums, alpha, e, view[float32], col)
		narrow(e.out, row*e.n+col, sums)
	}
}

func finish64(e ends) func([]float64, int64, int64) {
	return func(sums []float64, row, col int64) {
		finishLine(sums, e.alpha, e, view[float64], col)
		out := view[float64](e.out)[row*e.n+col:]
		for i, v := range sums {
			out[i] = canon64(v)
		}
	}
}

func finishLine[T float32 | float64](sums []T, alpha T, e ends, view func(tensor) []T, col int64) {
	for i := range sums {
		sums[i] *= alpha
	}
	if e.bias != nil {
		for i, b := range view(*e.bias)[col:][:len(sums)] {
			sums[i] += b
		}
	}
	if e.relu {
		for i, v := range sums {
			if v < 0 {
				sums[i] = 0
			}
		}
	}
}
