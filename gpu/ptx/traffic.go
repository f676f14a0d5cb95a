package ptx

import "math/bits"

// Traffic is what the warps of launches ask for, in the units in which a device of compute capability 5.0 or newer serves them. A launch adds to it.
//
// An access of a warp to shared memory takes a pass for each different word of 4 bytes that one of the 32 banks has to give; one of 8 or 16
// bytes a lane is served by half or quarter warps. An access to global memory moves sectors of 32 bytes. What cp.async brings counts
// as both; what the copy engine and wgmma move does not count.
//
// CUDA C++ Programming Guide, Shared Memory and Global Memory of compute capability 5.x.
type Traffic struct {
	Instructions          int64 // of warps, of PTX
	Passes, LeastPasses   int64 // through the banks; how many there would be without conflicts
	Sectors, LeastSectors int64 // moved; how many the bytes that are asked for would fill
}

// Add adds what other launches asked for.
func (t *Traffic) Add(o Traffic) {
	t.Instructions += o.Instructions
	t.Passes += o.Passes
	t.LeastPasses += o.LeastPasses
	t.Sectors += o.Sectors
	t.LeastSectors += o.LeastSectors
}

const (
	banks  = 32
	sector = 32 // bytes
)

// asked is what the lanes of a warp want of memory in one instruction.
type asked struct{ shared, global []ask }

type ask struct {
	at uint64
	n  int
}

func (t *Traffic) ask(list *[]ask, at uint64, n int) {
	if t != nil {
		*list = append(*list, ask{at, n})
	}
}

// instruction counts one that begins, and what the one before has asked for.
func (t *Traffic) instruction(w *warp) {
	t.Instructions++
	t.sharedAccess(w.asked.shared)
	t.globalAccess(w.asked.global)
	w.asked.shared, w.asked.global = w.asked.shared[:0], w.asked.global[:0]
}

func (t *Traffic) sharedAccess(list []ask) {
	if len(list) == 0 {
		return
	}
	together := banks // lanes that are served at once
	if n := list[0].n; n > 4 {
		together = 4 * banks / n
	}
	for len(list) > 0 {
		n := min(together, len(list))
		words := map[uint64]bool{}
		var each [banks]int64
		for _, a := range list[:n] {
			for at := a.at / 4; at < (a.at+uint64(a.n)+3)/4; at++ {
				if !words[at] {
					words[at] = true
					each[at%banks]++
				}
			}
		}
		most := int64(0)
		for _, k := range each {
			most = max(most, k)
		}
		t.Passes += most
		t.LeastPasses += int64(len(words)+banks-1) / banks
		list = list[n:]
	}
}

func (t *Traffic) globalAccess(list []ask) {
	if len(list) == 0 {
		return
	}
	touched := map[uint64]uint32{} // which bytes of a sector
	for _, a := range list {
		for at := a.at; at < a.at+uint64(a.n); at++ {
			touched[at/sector] |= 1 << (at % sector)
		}
	}
	bytes := 0
	for _, m := range touched {
		bytes += bits.OnesCount32(m)
	}
	t.Sectors += int64(len(touched))
	t.LeastSectors += int64(bytes+sector-1) / sector
}
