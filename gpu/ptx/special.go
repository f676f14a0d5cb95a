package ptx

// specials are the special registers: their type, and the value of a lane, which stays as it is while a block runs.
var specials = map[string]struct {
	typ   typ
	value func(w *warp, lane int) uint64
}{
	"%tid.x":             {types["u32"], func(w *warp, i int) uint64 { return uint64(w.thread(i).X) }},
	"%tid.y":             {types["u32"], func(w *warp, i int) uint64 { return uint64(w.thread(i).Y) }},
	"%tid.z":             {types["u32"], func(w *warp, i int) uint64 { return uint64(w.thread(i).Z) }},
	"%ntid.x":            {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.b.dim.X) }},
	"%ntid.y":            {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.b.dim.Y) }},
	"%ntid.z":            {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.b.dim.Z) }},
	"%ctaid.x":           {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.b.id.X) }},
	"%ctaid.y":           {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.b.id.Y) }},
	"%ctaid.z":           {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.b.id.Z) }},
	"%nctaid.x":          {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.b.grid.X) }},
	"%nctaid.y":          {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.b.grid.Y) }},
	"%nctaid.z":          {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.b.grid.Z) }},
	"%laneid":            {types["u32"], func(_ *warp, i int) uint64 { return uint64(i) }},
	"%warpid":            {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.id) }},
	"%nwarpid":           {types["u32"], func(w *warp, _ int) uint64 { return uint64(len(w.b.warps)) }},
	"%lanemask_eq":       {types["u32"], func(_ *warp, i int) uint64 { return 1 << i }},
	"%lanemask_lt":       {types["u32"], func(_ *warp, i int) uint64 { return 1<<i - 1 }},
	"%lanemask_le":       {types["u32"], func(_ *warp, i int) uint64 { return 2<<i - 1 }},
	"%lanemask_gt":       {types["u32"], func(_ *warp, i int) uint64 { return 0xffffffff &^ (2<<i - 1) }},
	"%lanemask_ge":       {types["u32"], func(_ *warp, i int) uint64 { return 0xffffffff &^ (1<<i - 1) }},
	"%smid":              {types["u32"], func(*warp, int) uint64 { return 0 }},
	"%nsmid":             {types["u32"], func(*warp, int) uint64 { return 1 }},
	"%cluster_ctarank":   {types["u32"], func(w *warp, _ int) uint64 { return uint64(w.b.rank) }},
	"%cluster_nctarank":  {types["u32"], func(w *warp, _ int) uint64 { return uint64(len(w.b.cluster.blocks)) }},
	"%dynamic_smem_size": {types["u32"], func(w *warp, _ int) uint64 { return uint64(len(w.b.shared) - w.b.prog.dynStart()) }},
	"%total_smem_size":   {types["u32"], func(w *warp, _ int) uint64 { return uint64(len(w.b.shared)) }},
}

func (c *compiler) specialRow(name string) row {
	r, ok := c.p.special[name]
	if !ok {
		r = row(c.p.rows)
		c.p.rows++
		c.p.special[name] = r
	}
	return r
}
