package cpu

import "levee/gpu/op"

// segment is how many elements a scan adds up one after the other.
const segment = 32

// scan gives running sums.
func scan(r *run) error {
	switch r.in[0].DType {
	case op.I32:
		scanRows[int32](r)
	case op.I64:
		scanRows[int64](r)
	default:
		scanRows[float32](r)
		canonAll(view[float32](r.out[0]))
	}
	return nil
}

func scanRows[T int32 | int64 | float32](r *run) {
	src, dst := view[T](r.in[0]), view[T](r.out[0])
	rows, n := r.in[0].Rows()
	split(rows, max(grain/n, 1), func(from, to int64) {
		for i := from; i < to; i++ {
			row := dst[i*n:][:n]
			scanRow(row, src[i*n:][:n])
			if r.Int(0) == 1 {
				copy(row[1:], row)
				row[0] = 0
			}
		}
	})
}

// scanRow adds up segments by themselves, scans their sums in the same way, and adds to each segment the sum of those before it.
func scanRow[T int32 | int64 | float32](dst, src []T) {
	n := int64(len(src))
	segments := (n + segment - 1) / segment
	sums := make([]T, segments)
	split(segments, grain/segment, func(from, to int64) {
		for s := from; s < to; s++ {
			end := min((s+1)*segment, n)
			sum := src[s*segment]
			dst[s*segment] = sum
			for i := s*segment + 1; i < end; i++ {
				sum += src[i]
				dst[i] = sum
			}
			sums[s] = sum
		}
	})
	if segments == 1 {
		return
	}
	scanRow(sums, sums)
	split(segments-1, grain/segment, func(from, to int64) {
		for s := from + 1; s <= to; s++ {
			for i := s * segment; i < min((s+1)*segment, n); i++ {
				dst[i] += sums[s-1]
			}
		}
	})
}
