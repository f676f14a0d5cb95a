package device

import (
	"math"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

const (
	scanChunk = 1024 // elements that a warp takes
	scanWarps = 4    // of a block
	maxGrid   = math.MaxInt32
)

// inParts calls f for parts of n, none larger than most.
func inParts(n, most int64, f func(from, n int64) error) error {
	for from := int64(0); from < n; from += most {
		if err := f(from, min(most, n-from)); err != nil {
			return err
		}
	}
	return nil
}

func lowerScan(l *lower, o *op.Op) error {
	rows, n := l.in[0].Rows()
	size := l.in[0].DType.Size()
	return inParts(rows, max(maxGrid/((n+scanChunk-1)/scanChunk), 1), func(from, rows int64) error {
		at := cuda.Ptr(from * n * size)
		return l.scan(l.in[0].DType, l.in[0].at+at, l.out[0].at+at, rows, n, o.Int(0) == 1)
	})
}

// scan gives the running sums of rows. The sums of chunks are scanned in the same way.
func (l *lower) scan(d op.DType, in, out cuda.Ptr, rows, n int64, exclusive bool) error {
	chunks := (n + scanChunk - 1) / scanChunk
	grid, block := dim{X: uint32((rows*chunks + scanWarps - 1) / scanWarps)}, dim{X: 32 * scanWarps}
	var sums, scanned cuda.Ptr
	if chunks > 1 {
		var err error
		if sums, err = l.scratch(rows * chunks * d.Size()); err != nil {
			return err
		}
		if scanned, err = l.scratch(rows * chunks * d.Size()); err != nil {
			return err
		}
		args := l.args().Ptr(in).Ptr(sums).I64(rows).I64(n).I64(chunks)
		if err := l.launch("scan", "scan_sums_"+d.String(), grid, block, 0, args); err != nil {
			return err
		}
		if err := l.scan(d, sums, scanned, rows, chunks, false); err != nil {
			return err
		}
	}
	args := l.args().Ptr(in).Ptr(out).Ptr(sums).Ptr(scanned).I64(rows).I64(n).I64(chunks).U32(word(exclusive))
	return l.launch("scan", "scan_"+d.String(), grid, block, 0, args)
}

func lowerHistogram(l *lower, o *op.Op) error {
	in, bins := l.in[0], l.out[0].Elems()
	if err := l.set32(l.out[0].at, 0, bins); err != nil {
		return err
	}
	kernel, shared := "histogram_", int(4*bins)
	switch {
	case in.DType == op.U8:
		shared = 0
	case shared > 32<<10:
		kernel, shared = "histogram_wide_", 0
	}
	low, high := o.Float(0), o.Float(1)
	args := l.args().Ptr(in.at).Ptr(l.out[0].at).I64(in.Elems()).U32(uint32(bins)).F64(low).F64(high).F64(float64(bins) / (high - low))
	return l.launch("histogram", kernel+in.DType.String(), l.blocks((in.Elems()+3)/4), eachThread, shared, args)
}
