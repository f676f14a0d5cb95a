package cpu

import (
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// view gives a tensor's elements. T has the size of one.
func view[T any](t tensor) []T {
	var e T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(t.mem))), uintptr(len(t.mem))/unsafe.Sizeof(e))
}

// split calls f for pieces that are together [0, n), none shorter than grain but the last, side by side on all processors. What f
// computes for an element must not depend on the piece that it is in.
func split(n, grain int64, f func(from, to int64)) {
	workers := int64(goruntime.GOMAXPROCS(0))
	piece := max(grain, (n+8*workers-1)/(8*workers))
	if workers == 1 || piece >= n {
		f(0, n)
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, (n+piece-1)/piece) {
		wg.Go(func() {
			for {
				to := next.Add(piece)
				if to-piece >= n {
					return
				}
				f(to-piece, min(to, n))
			}
		})
	}
	wg.Wait()
}
