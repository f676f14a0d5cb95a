package device

import (
	"time"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// multiplication is a matrix product to be put into the stream: a [m,k] times b [k,n], each of a batch; across says of a that it is stored
// [k,m], of b that it is stored [k,n].
type multiplication struct {
	in, out        op.DType
	batch, m, n, k int64
	a, b           operand
	c, bias        cuda.Ptr // no bias: zero
	alpha          float64
	relu           bool
}

// operand is a or b: its rows are a's rows or b's columns, ld elements from one stored row to the next, step from one matrix of the
// batch to the next.
type operand struct {
	at       cuda.Ptr
	across   bool
	rows     int64
	ld, step int64
}

func lowerGemm(l *lower, o *op.Op) error {
	s := o.GemmShape(l.in[0].Desc, l.in[1].Desc)
	if s.SharedB && o.Int(0) == 0 { // the batch is more rows
		s.M, s.Batch = s.M*s.Batch, 1
	}
	p := multiplication{in: l.in[0].DType, out: l.out[0].DType, batch: s.Batch, m: s.M, n: s.N, k: s.K, c: l.out[0].at,
		alpha: o.Float(2), relu: o.Int(3) == op.ReLU}
	p.a = operandOf(l.in[0].at, o.Int(0) == 1, s.M, s.K)
	p.b = operandOf(l.in[1].at, o.Int(1) == 0, s.N, s.K)
	if s.SharedB {
		p.b.step = 0
	}
	if len(l.in) == 3 {
		p.bias = l.in[2].at
	}
	if l.fusion == nil && l.product(o) { // the library has no place for a map
		return nil
	}
	return l.multiply(p)
}

func operandOf(at cuda.Ptr, across bool, rows, k int64) operand {
	if across {
		return operand{at, true, rows, rows, rows * k}
	}
	return operand{at, false, rows, k, rows * k}
}

// tensorCores is the compute capability from which on the kernels for tensor cores run.
const tensorCores = 80

// multiply picks the kernel: tensor cores for 16-bit floats where there are any, else the exact ones, with 16-bit floats made f32 before.
func (l *lower) multiply(p multiplication) error {
	if p.in.Size() != 2 {
		return l.exactProduct(p)
	}
	if l.dev.cc >= tensorCores {
		return l.tensorProduct(p)
	}
	var err error
	if p.a, err = l.inF32(p.a, p.in, p.batch, p.k); err != nil {
		return err
	}
	if p.b, err = l.inF32(p.b, p.in, p.batch, p.k); err != nil {
		return err
	}
	return l.exactProduct(p)
}

// inF32 gives an operand of a 16-bit type as f32.
func (l *lower) inF32(o operand, d op.DType, batch, k int64) (operand, error) {
	n := o.rows * k
	if o.step != 0 {
		n *= batch
	}
	at, err := l.scratch(n * 4)
	if err != nil {
		return o, err
	}
	args := l.args().Ptr(o.at).Ptr(at).I64(n).U32(uint32(d))
	o.at = at
	return o, l.launch("conv", "to_f32", l.cover(n), dim{X: 256}, 0, args)
}

// cover is a grid for kernels of 256 threads in which each thread takes every so many elements.
func (l *lower) cover(n int64) dim {
	return dim{X: uint32(min((n+255)/256, int64(l.dev.sms)*16))}
}

// exactProduct puts launches of the kernels in gemm.c.
func (l *lower) exactProduct(p multiplication) error {
	kernel, side, pace := l.exact(p)
	return l.tiled(p, side, side, pace, func(first int64, blocks uint32) error {
		args := l.args()
		for _, o := range []operand{p.a, p.b} {
			row, k := o.ld, int64(1)
			if o.across {
				row, k = 1, o.ld
			}
			args.Ptr(o.at).I64(row).I64(k)
		}
		args.Ptr(p.c).Ptr(p.bias).I64(p.m).I64(p.n).I64(p.k).I64(p.a.step).I64(p.b.step).I64(first)
		if p.in == op.F64 {
			args.F64(p.alpha)
		} else {
			args.F32(float32(p.alpha))
		}
		return l.launchProduct("gemm", "gemm_"+kernel, dim{X: blocks}, dim{X: 256}, 0, args.U32(word(p.relu)).U32(uint32(p.out)))
	})
}

// exact is which of the exact kernels makes a product: the end of its name, the side of its tiles, and its pace. Small tiles are slower by
// about a quarter; they are for products that large ones would leave multiprocessors idle with, or be mostly empty.
func (l *lower) exact(p multiplication) (kernel string, side int64, pace int) {
	tiles := func(side int64) int64 { return p.batch * ((p.m + side - 1) / side) * ((p.n + side - 1) / side) }
	switch {
	case p.in == op.F64:
		return "f64", 64, 1
	case tiles(128) < int64(l.dev.sms) || tiles(64) < 3*tiles(128):
		return "small_f32", 64, 8
	}
	return "f32", 128, 16
}

func word(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// tiled puts the tiles of a product into as many launches as keep each of them short: other work gets its turn between them. pace is how
// many products a multiprocessor adds up in one clock, at the least.
func (l *lower) tiled(p multiplication, m, n int64, pace int, launch func(first int64, blocks uint32) error) error {
	const most = 50e-3 // seconds
	clock := 1e9
	if l.dev.ClockKHz != 0 {
		clock = float64(l.dev.ClockKHz) * 1e3
	}
	all := p.batch * ((p.m + m - 1) / m) * ((p.n + n - 1) / n)
	each := float64(m*n) * float64(p.k) / (float64(pace) * clock) // seconds for one tile
	rounds := (all + int64(l.dev.sms) - 1) / int64(l.dev.sms)
	l.beyond += time.Duration(min(float64(rounds)*each, 60) * float64(time.Second)) // a few tiles with a long k do not fill the device
	step := int64(min(max(most/each, 1), 1<<20)) * int64(l.dev.sms)
	for first := int64(0); first < all; first += step {
		if err := launch(first, uint32(min(step, all-first))); err != nil {
			return err
		}
	}
	return nil
}

// tensorProduct puts launches of the kernels for tensor cores. They read 16 bytes at once.
func (l *lower) tensorProduct(p multiplication) error {
	var err error
	if p.a, err = l.aligned(p.a, p.batch, p.k); err != nil {
		return err
	}
	if p.b, err = l.aligned(p.b, p.batch, p.k); err != nil {
		return err
	}
	if l.canMap(p) {
		return l.mappedProduct(p)
	}
	if p.batch*((p.m+wide.m-1)/wide.m)*((p.n+wide.n-1)/wide.n) < int64(l.dev.sms) { // too few tiles for all
		return l.tiledProduct(p, square)
	}
	return l.tiledProduct(p, wide)
}

// variant is a tile shape of the kernels in gemm_bf16.c and gemm_f16.c.
type variant struct {
	name    string
	m, n    int64
	threads uint32
	shared  int
}

var (
	wide   = variant{"wide", 128, 256, 256, 96 << 10}
	square = variant{"square", 128, 128, 128, 64 << 10}
)

func (l *lower) tiledProduct(p multiplication, v variant) error {
	return l.tiled(p, v.m, v.n, 256, func(first int64, blocks uint32) error {
		args := l.args().Ptr(p.a.at).Ptr(p.b.at).Ptr(p.c).Ptr(p.bias).I64(p.m).I64(p.n).I64(p.k).I64(p.a.ld).I64(p.b.ld)
		args.I64(p.a.step).I64(p.b.step).I64(first).F32(float32(p.alpha)).U32(uint32(p.out)).U32(word(p.relu))
		return l.launchProduct("gemm_"+p.in.String(), v.name+"_"+p.ways(), dim{X: blocks}, dim{X: v.threads}, v.shared, args)
	})
}

// ways is how the names of kernels end: n for a matrix as it is, t for a transposed one.
func (p *multiplication) ways() string {
	name := []byte("nn")
	if p.a.across {
		name[0] = 't'
	}
	if !p.b.across {
		name[1] = 't'
	}
	return string(name)
}

// aligned gives an operand whose stored rows start at multiples of 16 bytes.
func (l *lower) aligned(o operand, batch, k int64) (operand, error) {
	if o.ld%8 == 0 {
		return o, nil
	}
	rows := o.rows
	if o.across {
		rows = k
	}
	ld, step := roundUp(o.ld, 8), int64(0)
	all := rows
	if o.step != 0 {
		all, step = rows*batch, rows*ld
	}
	at, err := l.scratch(all * ld * 2)
	if err != nil {
		return o, err
	}
	args := l.args().Ptr(o.at).Ptr(at).I64(all).I64(o.ld).I64(ld)
	o.at, o.ld, o.step = at, ld, step
	return o, l.launch("conv", "widen", l.cover(all*ld), dim{X: 256}, 0, args)
}
