//go:build linux

package runtime

import (
	"fmt"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// region is the one linear memory of a worker: address space reserved once, made usable as the guest grows, and zeroed
// between instances. It implements wazero's allocator. A worker runs one instance at a time, so one region is enough.
type region struct {
	base   []byte
	usable int   // bytes at the start of base that may be read and written
	size   int   // of the present instance
	limit  int64 // of the present call
	peak   int64 // of the present call
	denied bool  // a grow of the present call was over the limit
}

const regionReserve = 4 << 30 // all that 32-bit addresses reach

func newRegion() (*region, error) {
	base, err := unix.Mmap(-1, 0, regionReserve, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve guest memory: %w", err)
	}
	return &region{base: base}, nil
}

// Allocate implements [experimental.MemoryAllocator].
func (r *region) Allocate(_, _ uint64) experimental.LinearMemory { return r }

// Reallocate implements [experimental.LinearMemory]. It returns nil, which the guest sees as a failed grow, beyond the
// limit of the call.
func (r *region) Reallocate(size uint64) []byte {
	if size > uint64(min(r.limit, regionReserve)) {
		r.denied = true
		return nil
	}
	n := int(size)
	if n > r.usable {
		if err := unix.Mprotect(r.base[r.usable:n], unix.PROT_READ|unix.PROT_WRITE); err != nil {
			r.denied = true
			return nil
		}
		r.usable = n
	}
	r.size, r.peak = n, max(r.peak, int64(n))
	return r.base[:n:n]
}

// clearBelow is the size up to which writing zeros is cheaper than giving the pages back and faulting them in again.
const clearBelow = 256 << 10

// Free implements [experimental.LinearMemory]: the region is zero afterwards.
func (r *region) Free() {
	if r.size <= clearBelow {
		clear(r.base[:r.size])
	} else {
		_ = unix.Madvise(r.base[:r.size], unix.MADV_DONTNEED)
	}
	r.size = 0
}

// begin is called before a call, for which there may be an instance already.
func (r *region) begin(limit int64) { r.limit, r.peak, r.denied = limit, int64(r.size), false }
