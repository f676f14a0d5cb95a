package ptx

// specials are the special registers, all of them u32: the value of a lane, which stays as it is while a block runs.
var specials = map[string]func(w *warp, lane int) uint64{
	"%tid.x":             func(w *warp, i int) uint64 { return uint64(w.thread(i).X) },
	"%tid.y":             func(w *warp, i int) uint64 { return uint64(w.thread(i).Y) },
	"%tid.z":             func(w *warp, i int) uint64 { return uint64(w.thread(i).Z) },
	"%ntid.x":            func(w *warp, _ int) uint64 { return uint64(w.b.dim.X) },
	"%ntid.y":            func(w *warp, _ int) uint64 { return uint64(w.b.dim.Y) },
	"%ntid.z":            func(w *warp, _ int) uint64 { return uint64(w.b.dim.Z) },
	"%ctaid.x":           func(w *warp, _ int) uint64 { return uint64(w.b.id.X) },
	"%ctaid.y":           func(w *warp, _ int) uint64 { return uint64(w.b.id.Y) },
	"%ctaid.z":           func(w *warp, _ int) uint64 { return uint64(w.b.id.Z) },
	"%nctaid.x":          func(w *warp, _ int) uint64 { return uint64(w.b.grid.X) },
	"%nctaid.y":          func(w *warp, _ int) uint64 { return uint64(w.b.grid.Y) },
	"%nctaid.z":          func(w *warp, _ int) uint64 { return uint64(w.b.grid.Z) },
	"%laneid":            func(_ *warp, i int) uint64 { return uint64(i) },
	"%warpid":            func(w *warp, _ int) uint64 { return uint64(w.id) },
	"%nwarpid":           func(w *warp, _ int) uint64 { return uint64(len(w.b.warps)) },
	"%lanemask_eq":       func(_ *warp, i int) uint64 { return 1 << i },
	"%lanemask_lt":       func(_ *warp, i int) uint64 { return 1<<i - 1 },
	"%lanemask_le":       func(_ *warp, i int) uint64 { return 2<<i - 1 },
	"%lanemask_gt":       func(_ *warp, i int) uint64 { return 0xffffffff &^ (2<<i - 1) },
	"%lanemask_ge":       func(_ *warp, i int) uint64 { return 0xffffffff &^ (1<<i - 1) },
	"%smid":              func(*warp, int) uint64 { return 0 },
	"%nsmid":             func(*warp, int) uint64 { return 1 },
	"%cluster_ctarank":   func(w *warp, _ int) uint64 { return uint64(w.b.rank) },
	"%cluster_nctarank":  func(w *warp, _ int) uint64 { return uint64(len(w.b.cluster.blocks)) },
	"%dynamic_smem_size": func(w *warp, _ int) uint64 { return uint64(len(w.b.shared) - w.b.prog.dynStart()) },
	"%total_smem_size":   func(w *warp, _ int) uint64 { return uint64(len(w.b.shared)) },
}

func (c *compiler) specialRow(name string) row {
	r, ok := c.p.special[name]
	if !ok {
		r = c.row()
		c.p.special[name] = r
	}
	return r
}
