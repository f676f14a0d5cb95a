package ptx

// What threads do with a piece of memory leaves marks. Two accesses of a piece by different threads, of which one writes, must have a
// barrier of the block between them, or one of the warp where they are of one; nothing orders those of different blocks. Atomic ones may
// meet each other.

// mark is what happened to a piece, each as the epoch (<<32), the warp's own epoch (<<12), and who: 1 and the thread, or more than one.
type mark struct {
	write, read, update uint64
	copy                int // 1 and the thread whose cp.async is under way
}

const (
	many     = 0xfff // threads of several warps
	manyWarp = 0x800 // with the warp's number: several of its threads
)

// clock tells what was before what in a memory: its epochs are the barriers of all blocks.
type clock struct {
	epoch    uint64
	block    uint64 // the epoch in which this block began
	launched uint64 // and that in which the first block of those began that may be on their way at the same time
}

// grain says that the kernel has an access of n bytes in a space.
func (d *decoder) grain(sp space, n int) {
	p := d.fr.c.p
	least := func(grain *int) {
		if *grain == 0 || n < *grain {
			*grain = n
		}
	}
	if sp == sharedSpace || sp == generic {
		least(&p.grain)
	}
	if sp == global || sp == generic {
		least(&p.globalGrain)
	}
}

// clashes says whether another thread's mark is not ordered before what the thread of the warp does now.
func (c *clock) clashes(m uint64, w *warp, me uint64) bool {
	who := m & 0xfff
	switch epoch := m >> 32; {
	case epoch < c.launched:
		return false
	case epoch < c.block:
		return true
	case epoch != c.epoch || who == me:
		return false
	case who == many:
		return true
	case who&manyWarp != 0:
		return int(who&^manyWarp) != w.id || m>>12&0xfffff == w.epoch
	}
	return int(who-1)/32 != w.id || m>>12&0xfffff == w.epoch
}

// joined is a mark to which a thread is added; that another block was there stays known.
func (c *clock) joined(m uint64, w *warp, me uint64) uint64 {
	now := c.epoch<<32 | w.epoch<<12
	who := m & 0xfff
	switch epoch := m >> 32; {
	case epoch >= c.launched && epoch < c.block:
		return m
	case epoch != c.epoch || who == me:
		return now | me
	case who == many, who&manyWarp != 0 && int(who&^manyWarp) != w.id, who&manyWarp == 0 && int(who-1)/32 != w.id:
		return now | many
	}
	return now | manyWarp | uint64(w.id)
}

// clash says in words with what an access is in a race; empty: with nothing.
func (c *clock) clash(m *mark, acc access, w *warp, me uint64) string {
	switch {
	case c.clashes(m.write, w, me):
		return "was written by " + c.who(m.write, w)
	case acc != updates && c.clashes(m.update, w, me):
		return "was changed atomically by " + c.who(m.update, w)
	case acc != reads && c.clashes(m.read, w, me):
		return "was read by " + c.who(m.read, w)
	}
	return ""
}

func (c *clock) who(m uint64, w *warp) string {
	const apart = ", with no barrier between"
	switch who := m & 0xfff; {
	case m>>32 < c.block:
		return "a thread of another block"
	case who == many:
		return "threads of several warps" + apart
	case who&manyWarp != 0:
		return "threads of warp " + itoa(int(who&^manyWarp)) + apart
	default:
		return "thread " + w.b.dim.at(who-1).String() + apart
	}
}

// note adds an access to a mark.
func (c *clock) note(m *mark, acc access, w *warp, me uint64) {
	switch acc {
	case reads:
		m.read = c.joined(m.read, w, me)
	case writes:
		m.write = c.epoch<<32 | w.epoch<<12 | me
	case updates:
		m.update = c.joined(m.update, w, me)
	}
}

func (w *warp) me(lane int) uint64 { return uint64(w.id*32 + lane + 1) }

// synced says that the lanes of a warp see what the others wrote.
func (w *warp) synced() { w.epoch = (w.epoch + 1) & 0xfffff }
