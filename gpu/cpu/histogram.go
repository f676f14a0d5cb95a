package cpu

import (
	"sync"

	"levee/gpu/op"
)

// maxOwnBins is up to how many bins each processor counts in some of its own.
const maxOwnBins = 1 << 16

// histogram counts the elements of each bin. What lies outside of them is not counted, and NaN lies nowhere.
func histogram(r *run) error {
	switch r.in[0].DType {
	case op.U8:
		count[uint8](r)
	case op.I32:
		count[int32](r)
	default:
		count[float32](r)
	}
	return nil
}

func count[T uint8 | int32 | float32](r *run) {
	src, counts := view[T](r.in[0]), view[int32](r.out[0])
	clear(counts)
	low, high := r.Float(0), r.Float(1)
	bins := len(counts)
	scale := float64(bins) / (high - low)
	add := func(counts []int32, from, to int64) {
		for _, v := range src[from:to] {
			x := float64(v)
			if !(x >= low && x <= high) {
				continue
			}
			bin := bins - 1 // high itself is in the last bin
			if at := (x - low) * scale; at < float64(bins) {
				bin = int(at)
			}
			counts[bin]++
		}
	}
	if bins > maxOwnBins {
		add(counts, 0, int64(len(src)))
		return
	}
	var mu sync.Mutex
	split(int64(len(src)), max(grain, 4*int64(bins)), func(from, to int64) {
		own := make([]int32, bins)
		add(own, from, to)
		mu.Lock()
		defer mu.Unlock()
		for i, n := range own {
			counts[i] += n
		}
	})
}
