package cpu

import "slices"

// align is what every tensor's place in the arena is a multiple of: a cache line.
const align = 64

// span is a piece of a machine's memory.
type span struct{ at, size int64 }

// arena gives out pieces of a machine's memory, first fit. All lie within limit bytes from the first, so that a session can never hold
// more, whatever it frees and takes again.
type arena struct {
	machine Machine
	base    int64  // where the first piece may be
	end     int64  // behind the last piece that was ever given; what lies behind is zeros
	limit   int64  // what end - base may come to
	free    []span // ascending, none touching another
}

// take gives a piece of at least size bytes; what is in it is not defined.
func (a *arena) take(size int64) (span, bool) {
	if size > a.limit {
		return span{}, false
	}
	size = (size + align - 1) / align * align
	for i := range a.free {
		if f := &a.free[i]; f.size >= size {
			got := span{f.at, size}
			f.at, f.size = f.at+size, f.size-size
			if f.size == 0 {
				a.free = slices.Delete(a.free, i, i+1)
			}
			return got, true
		}
	}
	got := span{a.end, size}
	if n := len(a.free); n > 0 && a.free[n-1].at+a.free[n-1].size == a.end {
		got.at = a.free[n-1].at // the end can grow
	}
	if got.at+size-a.base > a.limit {
		return span{}, false
	}
	if more := got.at + size - int64(len(a.machine.Memory())); more > 0 && !a.machine.Grow(more) {
		return span{}, false
	}
	if got.at < a.end {
		a.free = a.free[:len(a.free)-1]
	}
	a.end = got.at + size
	return got, true
}

// give takes a piece back.
func (a *arena) give(s span) {
	i, _ := slices.BinarySearchFunc(a.free, s.at, func(f span, at int64) int { return int(f.at - at) })
	a.free = slices.Insert(a.free, i, s)
	if i+1 < len(a.free) && a.free[i+1].at == s.at+s.size {
		a.free[i].size += a.free[i+1].size
		a.free = slices.Delete(a.free, i+1, i+2)
	}
	if i > 0 && a.free[i-1].at+a.free[i-1].size == s.at {
		a.free[i-1].size += a.free[i].size
		a.free = slices.Delete(a.free, i, i+1)
	}
}

// bytes is a piece's memory, until the machine's memory grows.
func (a *arena) bytes(s span, n int64) []byte { return a.machine.Memory()[s.at:][:n:n] }
