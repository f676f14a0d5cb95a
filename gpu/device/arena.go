package device

import (
	"errors"
	"slices"

	"levee/gpu/cuda"
)

const (
	align     = 256      // of everything that is given out
	largeStep = 2 << 20  // the driver hands out memory in pieces of this size
	slabSize  = 64 << 20 // of slabs that are not made for one tensor, at most
)

// errFull says that the arena may not, or need not try to, take more from the device.
var errFull = errors.New("arena full")

// arena is the memory of one session: slabs taken from the device, never more than quota together, and given out in parts. It is the
// hard limit of what a session holds: tensors, what graphs need while they run, and tables.
type arena struct {
	take  func(n int64) (cuda.Ptr, error) // from the device
	give  func(span) error
	quota int64
	held  int64 // in slabs
	slabs []slab
	used  map[cuda.Ptr]int64 // what is given out, and its size
	hold  bool               // slabs that something is given out from stay, until letGo
}

// slab is a piece of the device's memory. free is sorted by address, and no two spans of it touch.
type slab struct {
	at   cuda.Ptr
	n    int64
	free []span
	held bool // see arena.hold
}

type span struct {
	at cuda.Ptr
	n  int64
}

func roundUp(n, step int64) int64 { return (n + step - 1) / step * step }

// alloc gives n bytes, n > 0: from the smallest gap that holds them, else from a new slab. It gives up with errFull.
func (a *arena) alloc(n int64) (cuda.Ptr, error) {
	if n > a.quota {
		return 0, errFull
	}
	n = roundUp(n, align)
	if at, ok := a.fit(n); ok {
		return at, nil
	}
	if err := a.grow(n); err != nil {
		return 0, err
	}
	at, ok := a.fit(n)
	if !ok {
		return 0, errFull
	}
	return at, nil
}

func (a *arena) fit(n int64) (cuda.Ptr, bool) {
	var in *slab
	best := -1
	for i := range a.slabs {
		for j, f := range a.slabs[i].free {
			if f.n >= n && (best < 0 || f.n < in.free[best].n) {
				in, best = &a.slabs[i], j
			}
		}
	}
	if best < 0 {
		return 0, false
	}
	f := &in.free[best]
	at := f.at
	f.at, f.n = f.at+cuda.Ptr(n), f.n-n
	if f.n == 0 {
		in.free = slices.Delete(in.free, best, best+1)
	}
	a.used[at] = n
	in.held = in.held || a.hold
	return at, true
}

// grow takes a slab of n bytes or more from the device. Where the quota is in the way, slabs that nothing is in go back first.
func (a *arena) grow(n int64) error {
	size := roundUp(max(n, min(a.held, slabSize, a.quota/8)), largeStep) // as much again, until slabs are large
	if size > a.quota-a.held {
		if err := a.shrink(); err != nil {
			return err
		}
		size = min(size, (a.quota-a.held)/align*align)
	}
	if size < n {
		return errFull
	}
	at, err := a.take(size)
	if least := roundUp(n, largeStep); err != nil && least < size { // the device may still have room for what is wanted now
		size = least
		at, err = a.take(size)
	}
	if err != nil {
		return err
	}
	a.held += size
	a.slabs = append(a.slabs, slab{at: at, n: size, free: []span{{at, size}}})
	return nil
}

// shrink gives the slabs back that nothing is in.
func (a *arena) shrink() error {
	var err error
	a.slabs = slices.DeleteFunc(a.slabs, func(s slab) bool {
		if err != nil || s.held || len(s.free) != 1 || s.free[0].n != s.n {
			return false
		}
		a.held -= s.n
		err = a.give(span{s.at, s.n})
		return true
	})
	return err
}

// letGo ends hold.
func (a *arena) letGo() {
	a.hold = false
	for i := range a.slabs {
		a.slabs[i].held = false
	}
}

// free takes back what alloc gave.
func (a *arena) free(at cuda.Ptr) {
	n := a.used[at]
	delete(a.used, at)
	i := slices.IndexFunc(a.slabs, func(s slab) bool { return at >= s.at && at < s.at+cuda.Ptr(s.n) })
	s := &a.slabs[i]
	j, _ := slices.BinarySearchFunc(s.free, at, func(f span, at cuda.Ptr) int {
		if f.at < at {
			return -1
		}
		return 1
	})
	s.free = slices.Insert(s.free, j, span{at, n})
	if j+1 < len(s.free) && at+cuda.Ptr(n) == s.free[j+1].at {
		s.free[j].n += s.free[j+1].n
		s.free = slices.Delete(s.free, j+1, j+2)
	}
	if j > 0 && s.free[j-1].at+cuda.Ptr(s.free[j-1].n) == at {
		s.free[j-1].n += s.free[j].n
		s.free = slices.Delete(s.free, j, j+1)
	}
}

// close gives every slab back.
func (a *arena) close() error {
	var err error
	for _, s := range a.slabs {
		err = errors.Join(err, a.give(span{s.at, s.n}))
	}
	a.slabs, a.held = nil, 0
	return err
}

// left is how much could be given out at best.
func (a *arena) left() int64 {
	n := a.quota
	for _, u := range a.used {
		n -= u
	}
	return max(n, 0)
}
