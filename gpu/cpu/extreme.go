package cpu

import "math"

// extreme is the first of the least elements so far.
type extreme struct {
	key   int64
	index int32
}

// argExtreme finds, for each row, the first place of its least or largest element. A NaN is both, and -0 is below 0.
func argExtreme(in tensor, out []int32, l layout, largest bool) {
	chunks, blocks := (l.n+chunk-1)/chunk, (l.inner+columns-1)/columns
	var found []extreme // of each chunk, where a row has several
	if chunks > 1 {
		found = make([]extreme, l.outer*chunks*l.inner)
	}
	split(l.outer*chunks*blocks, max(1, grain/min(l.n, chunk)), func(from, to int64) {
		var best [columns]extreme
		for ; from < to; from++ {
			row, col := from/blocks, from%blocks*columns
			o, k := row/chunks, row%chunks
			w := min(columns, l.inner-col)
			scanExtremes(in, best[:w], o*l.n*l.inner+col, k*chunk, min(l.n, (k+1)*chunk), l.inner, largest)
			if found != nil {
				copy(found[row*l.inner+col:], best[:w])
				continue
			}
			for c := range w {
				out[o*l.inner+col+c] = best[c].index
			}
		}
	})
	if found == nil {
		return
	}
	for o := range l.outer {
		for c := range l.inner {
			best := found[o*chunks*l.inner+c]
			for k := range chunks {
				if e := found[(o*chunks+k)*l.inner+c]; e.key < best.key {
					best = e
				}
			}
			out[o*l.inner+c] = best.index
		}
	}
}

// scanExtremes goes through the elements first to end of neighbouring columns, the first of which starts at element base.
func scanExtremes(in tensor, best []extreme, base, first, end, inner int64, largest bool) {
	var keys [256]int64
	w := int64(len(best))
	for i := first; i < end; {
		m := int64(1)
		if inner == 1 {
			m = min(int64(len(keys)), end-i)
		}
		row := keys[:m*w]
		sortKeys(row, in, base+i*inner, largest)
		if i == first {
			for c := range best {
				best[c] = extreme{row[c], int32(i)}
			}
		}
		if inner == 1 {
			for j, key := range row {
				if key < best[0].key {
					best[0] = extreme{key, int32(i) + int32(j)}
				}
			}
		} else {
			for c, key := range row {
				if key < best[c].key {
					best[c] = extreme{key, int32(i)}
				}
			}
		}
		i += m
	}
}

// sortKeys gives integers in the order of the elements, or in the other one, with those of NaN as the least.
func sortKeys(dst []int64, t tensor, from int64, largest bool) {
	if !t.DType.Float() {
		loadInts(dst, t, from)
	} else {
		var floats [256]float64
		widen(floats[:len(dst)], t, from)
		for i, x := range floats[:len(dst)] {
			b := int64(math.Float64bits(x))
			dst[i] = b ^ b>>63&math.MaxInt64
			if x != x {
				dst[i] = math.MinInt64
				if largest {
					dst[i] = math.MaxInt64
				}
			}
		}
	}
	if largest {
		for i := range dst {
			dst[i] = ^dst[i]
		}
	}
}
