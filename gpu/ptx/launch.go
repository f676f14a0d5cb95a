package ptx

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Launch is one launch of a kernel.
type Launch struct {
	Kernel      string
	Grid, Block Dim // a zero Y or Z counts as 1
	Shared      int // dynamic shared memory, in bytes
	// Args are the parameters: uint64 (pointers too), int64, uint32, int32, float32, float64, uint16, uint8, or []byte for what is
	// passed by value.
	Args   []any
	Params []byte // in the place of Args: the parameters as they lie
	// Descending runs the last warp of a block first and the last block first. What is right gives the same in both orders.
	Descending bool
	Races      bool     // look for races in global memory too, where no threads talk by atomic operations; it takes time
	Traffic    *Traffic // counts what its warps do, unless it is nil; it takes time
	Budget     int64    // most instructions, counted per thread; 0 means 10 billion
}

const defaultBudget = 10_000_000_000

// Launch runs a kernel to its end on a memory. An error is a *Finding.
func (m *Module) Launch(mem *Memory, l Launch) error {
	p, err := m.program(l.Kernel)
	if err != nil {
		return err
	}
	params, err := p.pack(l.Args)
	if l.Params != nil {
		params, err = p.padded(l.Params)
	}
	if err != nil {
		return err
	}
	for _, d := range []*Dim{&l.Grid, &l.Block} {
		d.Y, d.Z = max(d.Y, 1), max(d.Z, 1)
	}
	if err := p.check(l); err != nil {
		return err
	}
	c := newCluster(p, l, mem, m.load(mem), params)
	grid := c.grid(l.Grid)
	for n := range grid.count() {
		if l.Descending {
			n = grid.count() - 1 - n
		}
		c.begin(grid.at(n))
		if f := c.run(); f != nil {
			return f
		}
	}
	return nil
}

func (p *program) bad(format string, args ...any) error {
	return &Finding{Kind: BadLaunch, Kernel: p.name, Detail: fmt.Sprintf(format, args...)}
}

// check refuses what a driver would.
func (p *program) check(l Launch) error {
	threads := l.Block.count()
	switch {
	case l.Grid.X == 0 || l.Grid.X > math.MaxInt32 || l.Grid.Y > 65535 || l.Grid.Z > 65535:
		return p.bad("a grid of %v", l.Grid)
	case threads == 0 || threads > 1024 || l.Block.Z > 64:
		return p.bad("blocks of %v", l.Block)
	case l.Grid.X%p.cluster.X != 0 || l.Grid.Y%p.cluster.Y != 0 || l.Grid.Z%p.cluster.Z != 0:
		return p.bad("a grid of %v for clusters of %v", l.Grid, p.cluster)
	case threads > uint64(p.mostThreads()):
		return p.bad("blocks of %d threads, at most %d for what the kernel says", threads, p.mostThreads())
	case l.Shared < 0 || p.dynStart()+l.Shared > 227<<10:
		return p.bad("%d bytes of shared memory", p.dynStart()+l.Shared)
	case p.localSize > maxLocal:
		return p.bad("%d bytes of local memory", p.localSize)
	case p.sharedSize > 48<<10:
		return p.bad("%d bytes of static shared memory; at most 48 KiB", p.sharedSize)
	}
	return nil
}

// padded takes parameters that somebody else has laid out, with some bytes behind them or not.
func (p *program) padded(params []byte) ([]byte, error) {
	if len(params) < p.paramSize || len(params) >= p.paramSize+8 {
		return nil, p.bad("%d bytes of parameters, and it takes %d", len(params), p.paramSize)
	}
	return params[:p.paramSize], nil
}

// pack lays the arguments out as the kernel's parameters.
func (p *program) pack(args []any) ([]byte, error) {
	if len(args) != len(p.params) {
		return nil, p.bad("%d arguments for %d parameters", len(args), len(p.params))
	}
	var buf []byte
	for i, a := range args {
		for len(buf) < p.params[i].offset {
			buf = append(buf, 0)
		}
		at := len(buf)
		switch a := a.(type) {
		case []byte:
			buf = append(buf, a...)
		case uint64, int64, uint32, int32, uint16, uint8, float32, float64:
			buf, _ = binary.Append(buf, binary.LittleEndian, a)
		default:
			return nil, p.bad("argument %d is a %T", i, a)
		}
		if n := len(buf) - at; n != p.params[i].size {
			return nil, p.bad("argument %d has %d bytes, the parameter %d", i, n, p.params[i].size)
		}
	}
	return buf, nil
}
