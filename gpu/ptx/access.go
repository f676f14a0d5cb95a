package ptx

import "encoding/binary"

// space is an address space.
type space uint8

const (
	generic space = iota
	global
	sharedSpace
	localSpace
	paramSpace // of the kernel
	constSpace
	clusterSpace // shared memory of any block of the cluster
)

var spaces = map[string]space{
	"global": global, "shared": sharedSpace, "shared::cta": sharedSpace, "shared::cluster": clusterSpace, "local": localSpace, "param": paramSpace,
	"param::entry": paramSpace, "param::func": localSpace, "const": constSpace,
}

// access is what is done with memory.
type access uint8

const (
	reads access = iota
	writes
	updates     // atomically
	reservation // of bytes that no access may touch
)

// at gives n bytes at an address, or nil after a finding. n is a power of two, to which the address must be aligned.
func (w *warp) at(sp space, acc access, addr uint64, n, lane int) []byte {
	if addr&uint64(n-1) != 0 {
		w.fail(Misaligned, lane, "%d bytes at %#x", n, addr)
		return nil
	}
	if sp == generic {
		sp, addr = narrowAddress(addr)
	}
	switch sp {
	case global, constSpace:
		return w.global(sp, acc, addr, uint64(n), lane)
	case sharedSpace, clusterSpace:
		off := addr - sharedBase
		if off >= uint64(len(w.b.shared)) || uint64(len(w.b.shared))-off < uint64(n) {
			w.fail(OutOfBounds, lane, "%d bytes at offset %d of %d bytes of shared memory", n, int64(off), len(w.b.shared))
			return nil
		}
		if acc != reservation {
			w.b.traffic.ask(&w.asked.shared, off, n)
			w.b.shadow.note(w, acc, int(off), n, lane)
		}
		return w.b.shared[off:]
	case localSpace:
		size := uint64(w.b.prog.localSize)
		off := addr - localBase
		if off >= size || size-off < uint64(n) {
			w.fail(OutOfBounds, lane, "%d bytes at offset %d of %d bytes of local memory", n, int64(off), size)
			return nil
		}
		return w.local[uint64(lane)*size+off:]
	}
	if acc != reads || addr >= uint64(len(w.b.params)) || uint64(len(w.b.params))-addr < uint64(n) {
		w.fail(OutOfBounds, lane, "%d bytes at offset %d of %d bytes of parameters, which are only read", n, int64(addr), len(w.b.params))
		return nil
	}
	return w.b.params[addr:]
}

func narrowAddress(addr uint64) (space, uint64) {
	switch addr >> 32 {
	case sharedWindow >> 32:
		return sharedSpace, addr - sharedWindow
	case paramWindow >> 32:
		return paramSpace, addr - paramWindow
	case localWindow >> 32:
		return localSpace, addr - localWindow
	}
	return global, addr
}

func (w *warp) global(sp space, acc access, addr, n uint64, lane int) []byte {
	s := w.last
	if s == nil || addr-s.base >= uint64(len(s.data)) {
		if s = w.b.mem.find(addr); s == nil {
			w.fail(OutOfBounds, lane, "%d bytes at %#x, %s", n, addr, w.b.mem.where(addr))
			return nil
		}
		w.last = s
	}
	off := addr - s.base
	if size := uint64(len(s.data)); off >= size || size-off < n {
		w.fail(OutOfBounds, lane, "%d bytes at %#x, %s", n, addr, w.b.mem.where(addr))
		return nil
	}
	if s.readOnly && acc != reads || sp == constSpace && !s.readOnly {
		w.fail(OutOfBounds, lane, "%#x is not where this may be done: %s", addr, w.b.mem.where(addr))
		return nil
	}
	if sp != constSpace {
		w.b.traffic.ask(&w.asked.global, addr, int(n))
	}
	if w.b.races {
		w.noteGlobal(s, acc, int(off), int(n), lane)
	}
	return s.data[off:]
}

// get reads n bytes as a number, put writes them.
func get(p []byte, n int) uint64 {
	switch n {
	case 1:
		return uint64(p[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(p))
	case 4:
		return uint64(binary.LittleEndian.Uint32(p))
	}
	return binary.LittleEndian.Uint64(p)
}

func put(p []byte, n int, x uint64) {
	switch n {
	case 1:
		p[0] = byte(x)
	case 2:
		binary.LittleEndian.PutUint16(p, uint16(x))
	case 4:
		binary.LittleEndian.PutUint32(p, uint32(x))
	default:
		binary.LittleEndian.PutUint64(p, x)
	}
}
