package device

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// rig is a session on the machine's own device, for what only a device can say: how its arithmetic rounds, and how fast it is.
type rig struct {
	testing.TB
	*Session
}

func newRig(t testing.TB) *rig {
	driver, err := cuda.Load(cuda.Library)
	if err != nil {
		t.Skipf("there is no CUDA device here: %v", err)
	}
	d, err := Open(driver, 0)
	require.NoError(t, err)
	s, err := d.Session(64<<30, 1<<62)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, d.Close())
	})
	return &rig{t, s}
}

// numbers are random elements of a tensor, over and over: the n-th is number n modulo their count.
type numbers []float64

func (v numbers) at(i int64) float64 { return v[i%int64(len(v))] }

// random makes an operand of numbers around 1.
func (r *rig) random(d op.DType, n int64) (tensor, numbers) {
	v := make(numbers, min(n, 1<<18-5))
	block := make([]byte, 0, int64(len(v))*d.Size())
	for i := range v {
		switch d {
		case op.F64:
			v[i] = rand.NormFloat64()
			block = binary.LittleEndian.AppendUint64(block, math.Float64bits(v[i]))
		case op.F32:
			v[i] = float64(float32(rand.NormFloat64()))
			block = binary.LittleEndian.AppendUint32(block, math.Float32bits(float32(v[i])))
		case op.BF16:
			h := op.F32ToBF16(float32(rand.NormFloat64()))
			v[i] = float64(op.BF16ToF32(h))
			block = binary.LittleEndian.AppendUint16(block, h)
		default:
			h := op.F32ToF16(float32(rand.NormFloat64()))
			v[i] = float64(op.F16ToF32(h))
			block = binary.LittleEndian.AppendUint16(block, h)
		}
	}
	t := tensor{r.alloc(n * d.Size()), op.Desc{DType: d, Shape: []int64{n}}}
	for off := int64(0); off < t.Bytes(); off += int64(len(block)) {
		require.NoError(r, r.dev.Upload(t.at+cuda.Ptr(off), block[:min(int64(len(block)), t.Bytes()-off)], r.stream))
	}
	return t, v
}

func (r *rig) alloc(n int64) cuda.Ptr {
	at, err := r.Session.alloc(n)
	require.NoError(r, err)
	return at
}

// element reads one element of a result.
func (r *rig) element(at cuda.Ptr, d op.DType, i int64) float64 {
	b := make([]byte, 8)
	require.NoError(r, r.dev.Download(b[:d.Size()], at+cuda.Ptr(i*d.Size()), r.stream))
	require.NoError(r, r.dev.WaitStream(r.stream))
	bits := binary.LittleEndian.Uint64(b)
	switch d {
	case op.F64:
		return math.Float64frombits(bits)
	case op.F32:
		return float64(math.Float32frombits(uint32(bits)))
	case op.BF16:
		return float64(op.BF16ToF32(uint16(bits)))
	}
	return float64(op.F16ToF32(uint16(bits)))
}

// gemmRig is a multiplication with the numbers in it.
type gemmRig struct {
	*rig
	multiplication
	x, y, weights numbers
}

func (r *rig) gemm(in, out op.DType, batch, m, n, k int64, ta, tb, bias bool) *gemmRig {
	g := &gemmRig{rig: r, multiplication: multiplication{in: in, out: out, batch: batch, m: m, n: n, k: k, alpha: 1}}
	a, x := r.random(in, batch*m*k)
	b, y := r.random(in, batch*n*k)
	g.x, g.y, g.a, g.b = x, y, operandOf(a.at, ta, m, k), operandOf(b.at, !tb, n, k)
	if bias {
		sum := op.F32
		if in == op.F64 {
			sum = op.F64
		}
		w, v := r.random(sum, n)
		g.bias, g.weights = w.at, v
	}
	g.c = r.alloc(batch * m * n * out.Size())
	require.NoError(r, r.dev.Set8(g.c, 0xff, batch*m*n*out.Size(), r.stream)) // NaN where nothing is written
	return g
}

// check compares some elements, those at the edges too, with their sums: to the bit for exact ones.
func (g *gemmRig) check(t testing.TB, samples int64) {
	all := g.batch * g.m * g.n
	for s := range samples {
		i := rand.Int64N(all)
		if all <= samples {
			i = s
		}
		if s == 0 {
			i = all - 1
		}
		if s >= all {
			return
		}
		z, row, col := i/(g.m*g.n), i/g.n%g.m, i%g.n
		exact, wide := float32(0), 0.0
		for k := range g.k {
			p, q := row*g.k+k, col*g.k+k
			if g.a.across {
				p = k*g.m + row
			}
			if g.b.across {
				q = k*g.n + col
			}
			x, y := g.x.at(z*g.m*g.k+p), g.y.at(z*g.b.step+q)
			exact += float32(float32(x) * float32(y))
			wide += float64(x * y)
		}
		if g.bias != 0 {
			exact, wide = exact+float32(g.weights.at(col)), wide+g.weights.at(col)
		}
		got := g.element(g.c, g.out, i)
		switch {
		case g.in == op.F32:
			require.Equal(t, float64(exact), got, "element %d", i)
		case g.in == op.F64:
			require.Equal(t, wide, got, "element %d", i)
		default:
			tolerance := map[op.DType]float64{op.F32: 1e-5, op.F16: 1e-3, op.BF16: 8e-3}[g.out]
			require.InDelta(t, wide, got, tolerance*(math.Abs(wide)+math.Sqrt(float64(g.k))), "element %d", i)
		}
	}
}

// launches collects the commands of a lowering, to be played more than once.
func (r *rig) launches(f func(*lower) error) *lower {
	l := &lower{s: r.Session, dev: r.dev}
	require.NoError(r, f(l))
	return l
}

// median plays the commands 3 times unmeasured and 20 times measured.
func (r *rig) median(l *lower) time.Duration {
	var times []time.Duration
	from, err := r.dev.NewEvent(true)
	require.NoError(r, err)
	to, err := r.dev.NewEvent(true)
	require.NoError(r, err)
	for i := range 23 {
		require.NoError(r, r.dev.Record(from, r.stream))
		require.NoError(r, l.play())
		require.NoError(r, r.dev.Record(to, r.stream))
		require.NoError(r, r.dev.WaitEvent(to))
		took, err := r.dev.Elapsed(from, to)
		require.NoError(r, err)
		if i >= 3 {
			times = append(times, took)
		}
	}
	require.NoError(r, r.dev.FreeEvent(from))
	require.NoError(r, r.dev.FreeEvent(to))
	slices.Sort(times)
	return times[len(times)/2]
}

func (g *gemmRig) flops() float64 {
	return 2 * float64(g.batch) * float64(g.m) * float64(g.n) * float64(g.k)
}

func TestProductsOnTheDevice(t *testing.T) {
	r := newRig(t)
	types := []struct{ in, out op.DType }{{op.F32, op.F32}, {op.F64, op.F64}, {op.F16, op.F16}, {op.F16, op.F32}, {op.BF16, op.BF16}, {op.BF16, op.F32}}
	for _, d := range types {
		for _, s := range [][4]int64{{1, 1, 1, 1}, {2, 129, 257, 33}, {1, 512, 768, 256}, {3, 77, 40, 1000}, {1, 1000, 1000, 8}, {1, 3000, 2000, 520}} {
			for ways := range 4 {
				t.Run(fmt.Sprint(d.in, d.out, s, ways), func(t *testing.T) {
					g := r.gemm(d.in, d.out, s[0], s[1], s[2], s[3], ways&1 == 1, ways>>1 == 1, ways != 0)
					l := r.launches(func(l *lower) error { return l.multiply(g.multiplication) })
					require.NoError(t, l.play())
					g.check(t, 300)
				})
			}
		}
	}
}

// way to make a product of 16-bit floats on tensor cores.
type way struct {
	name string
	make func(l *lower, p multiplication) error
}

func (r *rig) every(mapped bool) []way {
	if !mapped {
		return []way{{"wide", func(l *lower, p multiplication) error { return l.tiledProduct(p, wide) }},
			{"square", func(l *lower, p multiplication) error { return l.tiledProduct(p, square) }}}
	}
	if r.dev.cc != 90 || !r.dev.Driver().CanMap() {
		r.Skip("this device has no copy engine that we can use")
	}
	return []way{{"mapped", (*lower).mappedProduct}}
}

func TestTiledOnTheDevice(t *testing.T) { testWays(t, false) }

func TestMappedOnTheDevice(t *testing.T) { testWays(t, true) }

func testWays(t *testing.T, mapped bool) {
	r := newRig(t)
	for _, w := range r.every(mapped) {
		for _, s := range [][4]int64{{1, 64, 64, 64}, {1, 128, 256, 64}, {1, 256, 512, 640}, {2, 704, 520, 200}, {1, 1000, 1000, 80}, {3, 3000, 1112, 504}} {
			for ways := range 4 {
				for i, out := range []op.DType{op.BF16, op.F32, op.F16} {
					t.Run(fmt.Sprint(w.name, s, ways, out), func(t *testing.T) {
						in := [...]op.DType{op.BF16, op.BF16, op.F16}[i]
						g := r.gemm(in, out, s[0], s[1], s[2], s[3], ways&1 == 1, ways>>1 == 1, ways != 0)
						if i == 1 { // one b for the batch
							g.b.step = 0
						}
						l := r.launches(func(l *lower) error { return w.make(l, g.multiplication) })
						require.NoError(t, l.play())
						g.check(t, 300)
					})
				}
			}
		}
	}
}

func BenchmarkTiledProducts(b *testing.B) { benchmarkWays(b, false) }

func BenchmarkMappedProducts(b *testing.B) { benchmarkWays(b, true) }

func benchmarkWays(b *testing.B, mapped bool) {
	r := newRig(b)
	for _, s := range [][2]int64{{8192, 8192}, {4096, 4096}, {2048, 2048}, {1024, 1024}, {8192, 128}, {8192, 64}} {
		for _, ways := range []string{"nn", "nt"} {
			n := s[0]
			g := r.gemm(op.BF16, op.BF16, 1, n, s[1], n, false, ways == "nt", false)
			for _, w := range r.every(mapped) {
				b.Run(fmt.Sprintf("%dx%d/%s/%s", n, s[1], ways, w.name), func(b *testing.B) {
					l := r.launches(func(l *lower) error { return w.make(l, g.multiplication) })
					for range b.N {
						b.ReportMetric(g.flops()/r.median(l).Seconds()/1e12, "TFLOP/s")
					}
					g.check(b, 20)
				})
			}
		}
	}
}

func BenchmarkExactProducts(b *testing.B) {
	r := newRig(b)
	for _, d := range []op.DType{op.F32, op.F64} {
		for _, n := range []int64{4096, 512} {
			for _, ways := range []string{"nn", "nt"} {
				g := r.gemm(d, d, 1, n, n, n, false, ways == "nt", false)
				b.Run(fmt.Sprintf("%v/%d/%s", d, n, ways), func(b *testing.B) {
					l := r.launches(func(l *lower) error { return l.exactProduct(g.multiplication) })
					for range b.N {
						b.ReportMetric(g.flops()/r.median(l).Seconds()/1e12, "TFLOP/s")
					}
					g.check(b, 20)
				})
			}
		}
	}
}

func BenchmarkConvolutions(b *testing.B) {
	r := newRig(b)
	for _, d := range []op.DType{op.BF16, op.F32} {
		for _, s := range [][4]int64{{32, 56, 256, 1}, {32, 112, 64, 1}, {32, 56, 256, 2}, {32, 112, 64, 2}} {
			n, side, channels, stride := s[0], s[1], s[2], s[3]
			o := &op.Op{Code: op.Conv2D, Params: []uint64{uint64(stride), uint64(stride), 1, 1, 1, 1, 0}}
			x, _ := r.random(d, n*side*side*channels)
			w, _ := r.random(d, channels*9*channels)
			x.Shape, w.Shape = []int64{n, side, side, channels}, []int64{channels, 3, 3, channels}
			y := tensor{r.alloc(x.Bytes()), op.Desc{DType: d, Shape: []int64{n, side / stride, side / stride, channels}}}
			b.Run(fmt.Sprintf("%v/%v/%d", d, x.Shape, stride), func(b *testing.B) {
				l := r.launches(func(l *lower) error {
					l.in, l.out = []tensor{x, w}, []tensor{y}
					return lowerConv(l, o)
				})
				for range b.N {
					b.ReportMetric(2*9*float64(y.Elems())*float64(channels)/r.median(l).Seconds()/1e12, "TFLOP/s")
				}
			})
		}
	}
}
