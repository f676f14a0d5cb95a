package device

import (
	"encoding/binary"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/fake"
	"levee/gpu/op"
)

// farProduct is a product or convolution whose last element is further away than 32 bits count. All is zeros, but for what its first and
// last term need; so only the last tile is made.
type farProduct struct {
	name    string
	o       op.Op
	a, b, c op.Desc
}

// farProducts have one dimension, the product of two, or the steps of a batch beyond 32 bits, in bytes or in elements.
func farProducts(in, out op.DType) (list []farProduct) {
	tensor := func(d op.DType, shape ...int64) op.Desc { return op.Desc{DType: d, Shape: shape} }
	for _, s := range []struct {
		what           string
		batch, m, n, k int64
	}{
		{"rows", 1, 50_000_001, 128, 64}, {"columns", 1, 32, 50_000_008, 64}, {"matrices", 1<<19 + 3, 136, 40, 64}, {"depth", 1, 1 << 16, 1 << 17, 64},
		{"rows beyond 31 bits", 1, 1<<31 + 77, 8, 8}, {"columns beyond 31 bits", 1, 8, 1<<31 + 80, 8},
	} {
		for way := range uint64(4) {
			a, b := tensor(in, s.batch, s.m, s.k), tensor(in, s.batch, s.k, s.n)
			ta, tb := way&1, way>>1
			if ta == 1 {
				a.Shape[1], a.Shape[2] = s.k, s.m
			}
			if tb == 1 {
				b.Shape[1], b.Shape[2] = s.n, s.k
			}
			if ta == 1 && s.m%8 != 0 || tb == 0 && s.n%8 != 0 { // it would be copied as a whole
				continue
			}
			list = append(list, farProduct{fmt.Sprintf("%s %d%d", s.what, ta, tb), op.Op{Code: op.Gemm, Params: []uint64{ta, tb, math.Float64bits(1), 0}}, a, b, tensor(out, s.batch, s.m, s.n)})
		}
	}
	conv := func(stride uint64) op.Op { return op.Op{Code: op.Conv2D, Params: []uint64{1, stride, 0, 0, 1, 1, 0}} }
	return append(list,
		farProduct{"a large picture", conv(1), tensor(in, 1, 16384, 4096, 40), tensor(in, 256, 2, 2, 40), tensor(out, 1, 16383, 4095, 256)},
		farProduct{"large pictures", conv(2), tensor(in, 5, 8192, 4096, 16), tensor(in, 128, 2, 2, 16), tensor(out, 5, 8191, 2048, 128)},
		farProduct{"many pictures", conv(9), tensor(in, 77_174_019, 1, 18, 4), tensor(in, 24, 1, 9, 4), tensor(out, 77_174_019, 1, 2, 24)})
}

// TestProductsFarAway makes the last tile of products that no test could make as a whole.
func TestProductsFarAway(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skipf("the fake driver is built with gcc: %v", err)
	}
	seen := map[string]bool{}
	for _, c := range []struct {
		cc      int
		in, out op.DType
	}{{90, op.BF16, op.F32}, {90, op.F16, op.F16}, {80, op.BF16, op.F32}, {80, op.F16, op.F16}, {80, op.F32, op.F32}, {80, op.F64, op.F64}} {
		driver, err := cuda.Load(fake.NewCUDA(t, fmt.Sprint("CC=", c.cc), "MEMORY=300000").Library())
		require.NoError(t, err)
		d, err := Open(driver, 0)
		require.NoError(t, err)
		for _, p := range farProducts(c.in, c.out) {
			t.Run(fmt.Sprintf("cc%d/%v/%s", c.cc, c.in, p.name), func(t *testing.T) {
				s, err := d.Session(290<<30, 1<<62)
				require.NoError(t, err)
				p.run(t, s, seen)
				require.NoError(t, s.Close())
			})
		}
		require.NoError(t, d.Close())
	}
	t.Log(len(seen), "kernels")
}

func (p *farProduct) run(t *testing.T, s *Session, seen map[string]bool) {
	x, y, z := p.tensor(t, s, p.a), p.tensor(t, s, p.b), p.tensor(t, s, p.c)
	ends := func(to tensor, from, last int64, first, second float32) {
		size := to.DType.Size()
		require.NoError(t, s.dev.Upload(to.at+cuda.Ptr(size*from), number(to.DType, first), s.stream))
		require.NoError(t, s.dev.Upload(to.at+cuda.Ptr(size*last), number(to.DType, second), s.stream))
	}
	ends(x, p.term(p.a, p.o.Code == op.Gemm && p.o.Int(0) == 1), x.Elems()-1, 1, 2)
	ends(y, p.term(p.b, p.o.Code == op.Gemm && p.o.Int(1) == 0), y.Elems()-1, 5, 3)

	l := &lower{s: s, dev: s.dev, in: []tensor{x, y}, out: []tensor{z}}
	var names []string
	s.launching = func(file, kernel string) { names = append(names, file+" "+kernel) }
	require.NoError(t, lowerings[p.o.Code](l, &p.o))
	l.lastTile(t, names)
	for _, name := range names {
		seen[name] = true
	}
	t.Log(names[len(names)-1])
	require.NoError(t, l.play())
	size := z.DType.Size()
	got := make([]byte, 2*size)
	require.NoError(t, s.drain())
	require.NoError(t, s.dev.Download(got, z.at+cuda.Ptr(z.Bytes()-2*size), s.stream))
	require.Equal(t, append(number(z.DType, 0), number(z.DType, 11)...), got)
}

func (p *farProduct) tensor(t *testing.T, s *Session, d op.Desc) tensor {
	h, err := s.Alloc(d)
	require.NoError(t, err)
	o, _ := s.objects.Get(h)
	return o.tensor
}

// term gives where the first term of the last element is in an operand, of which the last one is at the end.
func (p *farProduct) term(d op.Desc, across bool) int64 {
	shape := d.Shape
	if p.o.Code == op.Conv2D {
		if shape[0] == p.b.Shape[0] && d.Shape[1] == p.b.Shape[1] && d.Shape[2] == p.b.Shape[2] { // the weights
			return (shape[0] - 1) * shape[1] * shape[2] * shape[3]
		}
		w := p.b.Shape
		return (((shape[0]-1)*shape[1]+shape[1]-w[1])*shape[2] + shape[2] - w[2]) * shape[3]
	}
	all, last := d.Elems(), shape[len(shape)-1]
	if across { // rows of it are along k
		return all - shape[1]*last + last - 1
	}
	return all - last
}

func number(d op.DType, v float32) []byte {
	switch bits := math.Float32bits(v); d {
	case op.F64:
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(v)))
	case op.BF16:
		return binary.LittleEndian.AppendUint16(nil, uint16(bits>>16))
	case op.F16:
		if v == 0 {
			return []byte{0, 0}
		}
		return binary.LittleEndian.AppendUint16(nil, uint16(bits>>13-(127-15)<<10))
	default:
		return binary.LittleEndian.AppendUint32(nil, bits)
	}
}

// lastTile leaves of the launches of a product those of the last tile, and of other kernels the last one: what is left out would read and write
// zeros.
func (l *lower) lastTile(t *testing.T, names []string) {
	var list []command
	last := map[string]int{}
	for i, name := range names {
		last[name] = i
	}
	launch := -1
	for _, c := range l.list {
		if c.kind != launchKernel {
			list = append(list, c)
			continue
		}
		launch++
		file, kernel, _ := strings.Cut(names[launch], " ")
		if last[names[launch]] != launch {
			continue
		}
		at := map[string]int{"gemm": 13, "gemm_bf16": 11, "gemm_f16": 11, "gemm_bf16_sm90": 7, "gemm_f16_sm90": 7, "conv": 6}[file]
		params := l.params[c.from:c.to]
		word := func(i int) uint64 { return binary.LittleEndian.Uint64(params[8*i:]) }
		add := func(i int, n uint64) { binary.LittleEndian.PutUint64(params[8*i:], word(i)+n) }
		switch {
		case strings.HasSuffix(file, "_sm90"):
			add(at, word(at+1)-1-word(at))
			c.grid.X = 1
		case kernel == "windows": // from the first row of the tile on
			skip := (word(3) - 1) / 128 * 128
			add(1, skip*word(4)*2)
			add(2, skip)
			add(3, -skip)
		case file != "conv" || strings.HasPrefix(kernel, "conv_"):
			add(at, uint64(c.grid.X)-1)
			c.grid.X = 1
		}
		list = append(list, c)
	}
	require.Equal(t, len(names)-1, launch)
	l.list = list
}
