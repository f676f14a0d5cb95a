package ptx

import "math/bits"

// cluster is blocks that run at the same time and reach each other's shared memory. A kernel that says nothing of clusters has one
// block in each.
type cluster struct {
	blocks     []*block // by rank
	dim        Dim
	descending bool
	arrived    int // threads at the barrier of the cluster
	bulk       []bulkCopy
	mem        *Memory
}

// rankShift is where the rank of a block stands in an address of another block's shared memory, plus one.
const rankShift = 24

func newCluster(p *program, l Launch, mem *Memory, globals map[string]uint64, params []byte) *cluster {
	c := &cluster{dim: p.cluster, descending: l.Descending, mem: mem}
	budget := l.Budget
	if budget == 0 {
		budget = defaultBudget
	}
	for rank := range int(c.dim.count()) {
		b := newBlock(p, l, mem, globals, params)
		b.cluster, b.rank, b.budget, b.clock.launched = c, rank, &budget, mem.epoch+1
		c.blocks = append(c.blocks, b)
	}
	return c
}

// grid is how many clusters there are each way.
func (c *cluster) grid(g Dim) Dim { return Dim{g.X / c.dim.X, g.Y / c.dim.Y, g.Z / c.dim.Z} }

// begin makes everything as it is when the cluster at a place starts.
func (c *cluster) begin(at Dim) {
	c.arrived, c.bulk = 0, c.bulk[:0]
	for rank, b := range c.blocks {
		in := c.dim.at(uint64(rank))
		b.begin(Dim{at.X*c.dim.X + in.X, at.Y*c.dim.Y + in.Y, at.Z*c.dim.Z + in.Z})
	}
}

// run goes on until all blocks have ended. What the copy engine brings comes as late as it may, when nobody can go on without it; in
// descending order it comes at once.
func (c *cluster) run() *Finding {
	for {
		moved := false
		for i := range c.blocks {
			if c.descending {
				i = len(c.blocks) - 1 - i
			}
			m, f := c.blocks[i].advance()
			if f != nil {
				return f
			}
			moved = moved || m
		}
		if moved || c.release() {
			continue
		}
		if len(c.bulk) > 0 {
			if f := c.deliver(); f != nil {
				return f
			}
			continue
		}
		if !c.wake(yielded) {
			return c.stuck()
		}
	}
}

func (c *cluster) stuck() *Finding {
	for _, b := range c.blocks {
		if f := b.stuck(); f != nil {
			return f
		}
	}
	return nil
}

// wake lets the groups go on that are in a state; it says whether there are any.
func (c *cluster) wake(state groupState) (any bool) {
	for _, b := range c.blocks {
		any = b.wake(state) || any
	}
	return any
}

func (b *block) wake(state groupState) (any bool) {
	for _, w := range b.warps {
		for i := range w.groups {
			if g := &w.groups[i]; g.state == state {
				g.state, any = canRun, true
				if state == atCluster {
					g.pc++
				}
			}
		}
	}
	return any
}

// release lets all go on if all threads of the cluster have come to its barrier.
func (c *cluster) release() bool {
	if c.arrived == 0 || c.arrived < len(c.blocks)*int(c.blocks[0].dim.count()) {
		return false
	}
	c.arrived = 0
	for _, b := range c.blocks {
		b.step()
	}
	c.wake(atCluster)
	return true
}

// peer gives the block that an address of the cluster's shared memory belongs to, and the address within it.
func (b *block) peer(addr uint64) (*block, uint64) {
	rank := int(addr>>rankShift&0xff) - 1
	switch {
	case rank < 0:
		return b, addr
	case rank >= len(b.cluster.blocks):
		return nil, 0
	}
	return b.cluster.blocks[rank], addr & (1<<rankShift - 1)
}

// clusterBarrier is barrier.cluster: all threads of all blocks of the cluster come to it before any goes on.
func (d *decoder) clusterBarrier() {
	arrive := d.oneOf("arrive", "wait") == "arrive"
	d.oneOf("release", "acquire", "relaxed")
	d.take("aligned")
	d.count(0)
	if arrive {
		d.out.run = func(w *warp, m uint32) { w.b.cluster.arrived += bits.OnesCount32(m) }
		return
	}
	d.out.flow = flowWait
	d.out.wait = func(w *warp, m uint32) (uint32, groupState) { return 0, atCluster }
}

// mapAddress is mapa: the address of what another block of the cluster has at the same place.
func (d *decoder) mapAddress() {
	sp := d.space()
	t := d.typ()
	if sp != clusterSpace || t.size < 4 {
		d.fail("not of this type")
	}
	d.compute2(t, t, types["u32"], func(addr, rank uint64) uint64 {
		return addr&(1<<rankShift-1) | (rank&0xff+1)<<rankShift
	})
}
