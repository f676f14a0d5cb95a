package cpu

import (
	"math"

	"levee/gpu/op"
)

// The order in which a row is added up is a part of the op's meaning, so that a sum has the same bits everywhere: in chunks of 65,536
// elements; in a chunk lane j of 256 adds the elements j, j+256..., from the kind's neutral element on; then, for s = 128, 64... 1, lane
// j adds lane j+s; what the chunks give is a row again.
const (
	lanes = 256
	chunk = 1 << 16
)

// layout is a tensor as rows along an axis: element i of row (o, c) is number (o*n+i)*inner + c.
type layout struct{ outer, n, inner int64 }

func layoutOf(d op.Desc, axis int64) layout {
	l := layout{1, d.Shape[axis], 1}
	for i, dim := range d.Shape {
		switch {
		case int64(i) < axis:
			l.outer *= dim
		case int64(i) > axis:
			l.inner *= dim
		}
	}
	return l
}

func reduce(r *run) error {
	in, out, kind := r.in[0], r.out[0], r.Int(0)
	l := layoutOf(in.Desc, r.Int(1))
	if kind == op.ArgMin || kind == op.ArgMax {
		argExtreme(in, view[int32](out), l, kind == op.ArgMax)
		return nil
	}
	switch in.DType {
	case op.U8:
		load := func(buf []int32, from int64) []int32 {
			convert(buf, view[uint8](in)[from:])
			return buf
		}
		if kind <= op.Prod {
			reduceRows(load, l, kind, func(at int64, v []int32) { copy(view[int32](out)[at:], v) })
		} else {
			reduceRows(load, l, kind, func(at int64, v []int32) { convert(view[uint8](out)[at:][:len(v)], v) })
		}
	case op.I32:
		reduceRows(direct[int32](in), l, kind, func(at int64, v []int32) { copy(view[int32](out)[at:], v) })
	case op.I64:
		reduceRows(direct[int64](in), l, kind, func(at int64, v []int64) { copy(view[int64](out)[at:], v) })
	case op.F64:
		reduceRows(direct[float64](in), l, kind, func(at int64, v []float64) {
			for i, x := range v {
				if kind == op.Mean {
					x /= float64(l.n)
				}
				view[float64](out)[at+int64(i)] = canon64(x)
			}
		})
	default:
		reduceRows(floats(in), l, kind, func(at int64, v []float32) {
			for i := range v {
				if kind == op.Mean {
					v[i] /= float32(l.n)
				}
			}
			narrow(out, at, v)
		})
	}
	return nil
}

// A source gives the elements from number from on, as many as buf has, in buf or where they are.
type source[A any] func(buf []A, from int64) []A

func direct[A any](t tensor) source[A] {
	all := view[A](t)
	return func(buf []A, from int64) []A { return all[from:][:len(buf)] }
}

// floats gives elements of any float type but f64.
func floats(t tensor) source[float32] {
	if t.DType == op.F32 {
		return direct[float32](t)
	}
	return func(buf []float32, from int64) []float32 {
		widen(buf, t, from)
		return buf
	}
}

// reduceRows reduces every row; emit gets the results of neighbouring columns.
func reduceRows[A sum](src source[A], l layout, kind int64, emit func(at int64, v []A)) {
	if l.n <= chunk {
		reduceChunks(src, l, chunk, kind, emit)
		return
	}
	chunks := (l.n + chunk - 1) / chunk
	partial := make([]A, l.outer*chunks*l.inner)
	reduceChunks(src, l, chunk, kind, func(at int64, v []A) { copy(partial[at:], v) })
	reduceChunks(func(buf []A, from int64) []A { return partial[from:][:len(buf)] }, layout{l.outer, chunks, l.inner}, chunk, kind, emit)
}

// columns that are reduced at once, where an axis is not the last.
const columns = 16

// reduceChunks reduces each piece of a row of at most size elements.
func reduceChunks[A sum](src source[A], l layout, size, kind int64, emit func(at int64, v []A)) {
	pieces, blocks := (l.n+size-1)/size, (l.inner+columns-1)/columns
	split(l.outer*pieces*blocks, max(1, grain/min(l.n, size)), func(from, to int64) {
		f := folder[A]{src: src, inner: l.inner, kind: kind, start: neutral[A](kind)}
		if l.inner == 1 { // short rows: what neighbours give is told at once
			var results [64]A
			for ; from < to; from += int64(len(results)) {
				n := min(int64(len(results)), to-from)
				for i := range n {
					o, k := (from+i)/pieces, (from+i)%pieces
					results[i] = f.fold(o*l.n+k*size, min(size, l.n-k*size), 1)[0]
				}
				emit(from, results[:n])
			}
			return
		}
		for ; from < to; from++ {
			row, col := from/blocks, from%blocks*columns
			o, k := row/pieces, row%pieces
			w := min(columns, l.inner-col)
			emit(row*l.inner+col, f.fold((o*l.n+k*size)*l.inner+col, min(size, l.n-k*size), w))
		}
	})
}

type sum interface {
	~int32 | ~int64 | ~float32 | ~float64
}

// folder reduces one piece at a time.
type folder[A sum] struct {
	src   source[A]
	inner int64
	kind  int64
	start A // what is neutral
	acc   [lanes * columns]A
	buf   [lanes * columns]A
}

// fold reduces n elements of w neighbouring columns, the first of which is number at.
func (f *folder[A]) fold(at, n, w int64) []A {
	top := int64(1) // the lanes from here on hold what is neutral: adding them changes nothing
	for top < min(n, lanes) {
		top *= 2
	}
	for i := range f.acc[:top*w] {
		f.acc[i] = f.start
	}
	for i := int64(0); i < n; i += lanes {
		m := min(lanes, n-i)
		if w == f.inner { // whole rows of all columns lie side by side
			f.into(f.acc[:m*w], f.src(f.buf[:m*w], at+i*w))
			continue
		}
		for j := range m {
			f.into(f.acc[j*w:][:w], f.src(f.buf[:w], at+(i+j)*f.inner))
		}
	}
	for s := top / 2; s > 0; s /= 2 {
		f.into(f.acc[:s*w], f.acc[s*w:2*s*w])
	}
	return f.acc[:w]
}

// into reduces elements into others. min and max are those of wasm: a NaN wins, and -0 is below 0.
func (f *folder[A]) into(acc, x []A) {
	x = x[:len(acc)]
	switch f.kind {
	case op.Prod:
		for j := range acc {
			acc[j] *= x[j]
		}
	case op.Min:
		for j := range acc {
			acc[j] = min(acc[j], x[j])
		}
	case op.Max:
		for j := range acc {
			acc[j] = max(acc[j], x[j])
		}
	default:
		for j := range acc {
			acc[j] += x[j]
		}
	}
}

// neutral is what a kind starts from.
func neutral[A sum](kind int64) (v A) {
	switch kind {
	case op.Prod:
		return 1
	case op.Min, op.Max:
		switch p := any(&v).(type) {
		case *int32:
			*p = math.MinInt32
		case *int64:
			*p = math.MinInt64
		case *float32:
			*p = float32(math.Inf(-1))
		case *float64:
			*p = math.Inf(-1)
		}
	}
	if kind == op.Min {
		v = -1 - v // the largest: of an integer because it has one fewer above zero, of a float because it is infinite
	}
	return v
}
