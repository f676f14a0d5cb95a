package ptx

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
)

// wordCodes compute %r4, longCodes %d0, of what is in the registers of three words, three floats and three longs.
var wordCodes = strings.Split(`prmt.b32 %r4, %r1, %r2, %r3
dp4a.u32.u32 %r4, %r1, %r2, %r3
dp4a.s32.u32 %r4, %r1, %r2, %r3
dp4a.s32.s32 %r4, %r1, %r2, %r3
bfe.u32 %r4, %r1, %r2, %r3
bfe.s32 %r4, %r1, %r2, %r3
bfi.b32 %r4, %r1, %r2, %r3, 7
bfi.b32 %r4, %r1, %r2, 9, %r3
bfind.u32 %r4, %r1
bfind.s32 %r4, %r1
bfind.shiftamt.s32 %r4, %r1
lop3.b32 %r4, %r1, %r2, %r3, 0x6d
shf.l.wrap.b32 %r4, %r1, %r2, %r3
shf.l.clamp.b32 %r4, %r1, %r2, %r3
shf.r.wrap.b32 %r4, %r1, %r2, %r3
shf.r.clamp.b32 %r4, %r1, %r2, %r3
shl.b32 %r4, %r1, %r2
shr.u32 %r4, %r1, %r2
shr.s32 %r4, %r1, %r2
clz.b32 %r4, %r1
popc.b32 %r4, %r1
brev.b32 %r4, %r1
mul.hi.s32 %r4, %r1, %r2
mul.hi.u32 %r4, %r1, %r2
mad.hi.s32 %r4, %r1, %r2, %r3
mad.lo.s32 %r4, %r1, %r2, %r3
div.s32 %r4, %r1, %r2
div.u32 %r4, %r1, %r2
rem.s32 %r4, %r1, %r2
rem.u32 %r4, %r1, %r2
add.sat.s32 %r4, %r1, %r2
sub.sat.s32 %r4, %r1, %r2
sad.s32 %r4, %r1, %r2, %r3
min.s32 %r4, %r1, %r2
max.u32 %r4, %r1, %r2
abs.s32 %r4, %r1
cvt.sat.s8.s32 %r4, %r1
cvt.sat.u8.s32 %r4, %r1
cvt.sat.s16.u32 %r4, %r1
cvt.s8.s32 %r4, %r1
add.cc.u32 %r5, %r1, %r2; addc.u32 %r4, %r3, %r1
sub.cc.u32 %r5, %r1, %r2; subc.u32 %r4, %r3, %r1
slct.b32.s32 %r4, %r1, %r2, %r3
add.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
sub.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
mul.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
div.rn.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
fma.rn.f32 %f4, %f1, %f2, %f3; mov.b32 %r4, %f4
sqrt.rn.f32 %f4, %f1; mov.b32 %r4, %f4
rcp.rn.f32 %f4, %f1; mov.b32 %r4, %f4
add.rz.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
mul.rm.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
div.rp.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
fma.rm.f32 %f4, %f1, %f2, %f3; mov.b32 %r4, %f4
add.ftz.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
mul.ftz.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
fma.rn.sat.f32 %f4, %f1, %f2, %f3; mov.b32 %r4, %f4
min.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
max.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
min.NaN.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
abs.f32 %f4, %f1; mov.b32 %r4, %f4
neg.f32 %f4, %f1; mov.b32 %r4, %f4
copysign.f32 %f4, %f1, %f2; mov.b32 %r4, %f4
setp.lt.f32 %p1, %f1, %f2; selp.b32 %r4, 1, 2, %p1
setp.geu.f32 %p1, %f1, %f2; selp.b32 %r4, 1, 2, %p1
setp.ne.f32 %p1, %f1, %f2; selp.b32 %r4, 1, 2, %p1
cvt.rzi.s32.f32 %r4, %f1
cvt.rni.u32.f32 %r4, %f1
cvt.rmi.s32.f32 %r4, %f1
cvt.rpi.u32.f32 %r4, %f1
cvt.rzi.s16.f32 %h0, %f1; cvt.u32.u16 %r4, %h0
cvt.rzi.u8.f32 %h0, %f1; cvt.u32.u16 %r4, %h0
cvt.rni.f32.f32 %f4, %f1; mov.b32 %r4, %f4
cvt.rmi.f32.f32 %f4, %f1; mov.b32 %r4, %f4
cvt.rn.f32.s32 %f4, %r1; mov.b32 %r4, %f4
cvt.rp.f32.u32 %f4, %r1; mov.b32 %r4, %f4
cvt.rn.f32.u64 %f4, %d1; mov.b32 %r4, %f4
cvt.rm.f32.s64 %f4, %d1; mov.b32 %r4, %f4
cvt.rn.f16.f32 %h0, %f1; cvt.u32.u16 %r4, %h0
cvt.rz.f16.f32 %h0, %f1; cvt.u32.u16 %r4, %h0
cvt.rn.bf16.f32 %h0, %f1; cvt.u32.u16 %r4, %h0
cvt.rn.f16.f64 %h0, %e1; cvt.u32.u16 %r4, %h0
cvt.u16.u32 %h0, %r1; cvt.f32.f16 %f4, %h0; mov.b32 %r4, %f4
cvt.rn.f16.s32 %h0, %r1; cvt.u32.u16 %r4, %h0
cvt.rn.f32.f64 %f4, %e1; mov.b32 %r4, %f4
cvt.rz.f32.f64 %f4, %e1; mov.b32 %r4, %f4
cvt.sat.f32.f32 %f4, %f1; mov.b32 %r4, %f4
cvt.rn.f16x2.f32 %r4, %f1, %f2
cvt.rn.bf16x2.f32 %r4, %f1, %f2
cvt.rn.relu.bf16x2.f32 %r4, %f1, %f2
add.rn.f16x2 %r4, %r1, %r2
mul.rn.f16x2 %r4, %r1, %r2
fma.rn.f16x2 %r4, %r1, %r2, %r3
fma.rn.bf16x2 %r4, %r1, %r2, %r3
min.f16x2 %r4, %r1, %r2
max.NaN.bf16x2 %r4, %r1, %r2
neg.bf16x2 %r4, %r1
abs.f16x2 %r4, %r1
testp.subnormal.f32 %p1, %f1; selp.b32 %r4, 1, 2, %p1`, "\n")

var longCodes = strings.Split(`mul.hi.s64 %d0, %d1, %d2
mul.hi.u64 %d0, %d1, %d2
mad.lo.s64 %d0, %d1, %d2, %d3
mad.wide.s32 %d0, %r1, %r2, %d3
mad.wide.u32 %d0, %r1, %r2, %d3
div.s64 %d0, %d1, %d2
div.u64 %d0, %d1, %d2
rem.s64 %d0, %d1, %d2
rem.u64 %d0, %d1, %d2
shl.b64 %d0, %d1, %r1
shr.s64 %d0, %d1, %r1
bfe.s64 %d0, %d1, %r1, %r2
bfe.u64 %d0, %d1, %r1, %r2
bfi.b64 %d0, %d1, %d2, %r1, %r2
brev.b64 %d0, %d1
min.s64 %d0, %d1, %d2
max.u64 %d0, %d1, %d2
abs.s64 %d0, %d1
add.cc.u64 %d4, %d1, %d2; addc.u64 %d0, %d3, 0
add.f64 %e4, %e1, %e2; mov.b64 %d0, %e4
mul.f64 %e4, %e1, %e2; mov.b64 %d0, %e4
div.rn.f64 %e4, %e1, %e2; mov.b64 %d0, %e4
fma.rn.f64 %e4, %e1, %e2, %e3; mov.b64 %d0, %e4
sqrt.rn.f64 %e4, %e1; mov.b64 %d0, %e4
rcp.rn.f64 %e4, %e1; mov.b64 %d0, %e4
min.f64 %e4, %e1, %e2; mov.b64 %d0, %e4
max.f64 %e4, %e1, %e2; mov.b64 %d0, %e4
cvt.f64.f32 %e4, %f1; mov.b64 %d0, %e4
cvt.rn.f64.s64 %e4, %d1; mov.b64 %d0, %e4
cvt.rz.f64.u64 %e4, %d1; mov.b64 %d0, %e4
cvt.rni.f64.f64 %e4, %e1; mov.b64 %d0, %e4
cvt.rzi.s64.f64 %d0, %e1
cvt.rzi.u64.f64 %d0, %e1
cvt.rni.s32.f64 %r4, %e1; cvt.u64.u32 %d0, %r4
cvt.rzi.u32.f64 %r4, %e1; cvt.u64.u32 %d0, %r4
cvt.rmi.s64.f32 %d0, %f1
cvt.rzi.u64.f32 %d0, %f1
setp.le.f64 %p1, %e1, %e2; selp.b64 %d0, 1, 2, %p1
setp.gtu.f64 %p1, %e1, %e2; selp.b64 %d0, 1, 2, %p1
and.b32 %r1, %r1, 31; shfl.sync.idx.b32 %r4|%p1, %r2, %r1, 0x1c1f, -1; selp.b64 %d0, 1, 2, %p1; cvt.u64.u32 %d1, %r4; mad.lo.s64 %d0, %d1, 4, %d0
and.b32 %r1, %r3, 7; shfl.sync.up.b32 %r4|%p1, %r2, %r1, 0x1800, -1; selp.b64 %d0, 1, 2, %p1; cvt.u64.u32 %d1, %r4; mad.lo.s64 %d0, %d1, 4, %d0
and.b32 %r1, %r3, 15; match.any.sync.b32 %r4, %r1, -1; cvt.u64.u32 %d0, %r4
redux.sync.min.s32 %r4, %r1, -1; cvt.u64.u32 %d0, %r4
setp.lt.s32 %p1, %r1, 0; vote.sync.ballot.b32 %r4, %p1, -1; cvt.u64.u32 %d0, %r4`, "\n")

// comparison is a kernel of some code, whose threads each have 48 bytes of operands and give 8.
func comparison(code string) string {
	end := "; cvt.u64.u32 %d0, %r4;"
	if strings.Contains(code, "%d0") {
		end = ";"
	}
	return strings.Replace(strings.Replace(head, ".version 8.0", ".version 7.0", 1), "sm_90", "sm_80", 1) + `
		mov.u32 %r14, %ctaid.x; mad.lo.s32 %r15, %r14, 128, %r15; ld.param.u64 %d14, [out];
		mul.wide.u32 %d15, %r15, 8; add.s64 %d14, %d14, %d15; mul.wide.u32 %d15, %r15, 48; add.s64 %d15, %d15, %d13;
		ld.global.v2.u32 {%r1, %r2}, [%d15]; ld.global.v2.u32 {%r3, %r0}, [%d15+8]; ld.global.u64 %d1, [%d15+16];
		ld.global.v2.u64 {%d2, %d3}, [%d15+32];
		mov.b32 %f1, %r1; mov.b32 %f2, %r2; mov.b32 %f3, %r3; mov.b64 %e1, %d1; mov.b64 %e2, %d2; mov.b64 %e3, %d3;
		` + code + end + "\nst.global.u64 [%d14], %d0;\nret;\n}\n"
}

// Every instruction gives on a GPU what it gives here, to the bit, but for what is in a NaN.
func TestInstructionsOnAGPU(t *testing.T) {
	c := device(t)
	const threads, blocks = 128, 64
	in := operands(threads * blocks)
	for _, code := range append(wordCodes, longCodes...) {
		src := comparison(code)
		m, err := Parse(src)
		require.NoError(t, err, code)
		mem := NewMemory()
		out := mem.Alloc(8 * threads * blocks)
		require.NoError(t, m.Launch(mem, Launch{Kernel: "k", Grid: dim(blocks), Block: dim(threads), Args: []any{out, mem.Put(in)}}), code)
		want := read[uint64](t, mem, out, threads*blocks)
		compare(t, code, want, onDevice(t, c, src, in, blocks, threads), in)
	}
}

// device opens a GPU, or skips the test.
func device(t *testing.T) *cuda.Context {
	t.Helper()
	d, err := cuda.Load(cuda.Library)
	if err != nil {
		t.Skipf("this needs a GPU: %v", err)
	}
	c, err := d.Open(0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func onDevice(t *testing.T, c *cuda.Context, src string, in []byte, blocks, threads uint32) []uint64 {
	t.Helper()
	m, err := c.Load(src)
	require.NoError(t, err, src)
	defer func() { require.NoError(t, c.Unload(m)) }()
	fn, err := c.Function(m, "k")
	require.NoError(t, err)
	n := int64(blocks) * int64(threads)
	out, err := c.Alloc(8 * n)
	require.NoError(t, err)
	from, err := c.Alloc(int64(len(in)))
	require.NoError(t, err)
	require.NoError(t, c.Upload(from, in, 0))
	var a cuda.Args
	require.NoError(t, c.Launch(fn, cuda.Dim{X: blocks}, cuda.Dim{X: threads}, 0, 0, a.Ptr(out).Ptr(from).Params()))
	p := make([]byte, 8*n)
	require.NoError(t, c.Download(p, out, 0))
	require.NoError(t, c.Synchronize())
	require.NoError(t, c.Free(out))
	require.NoError(t, c.Free(from))
	got := make([]uint64, n)
	for i := range got {
		got[i] = get(p[8*i:], 8)
	}
	return got
}

// operands are 48 bytes for each of n threads: three words, and three longs from 16, 32 and 40 on. Some are of those that are special.
func operands(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := []uint32{0, 1, 2, 31, 32, 33, 255, 0x7f, 0x80, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000,
		0x7fc00000, 0x7f800001, 0x00000001, 0x807fffff, 0x00800000, 0x4f000000, 0x4effffff, 0xcf000000, 0x3f000000, 0x40200000, 0x477fefff, 0x477ff000,
		0x7f7fffff, 0x33800000, 0x33000000, 0x33000001, 0x38ffffff, 0x3c003c00, 0x7bff7bff, 0x7e007c01, 0x00010001, 0x80018400}
	var longs []uint64
	for _, f := range someFloats {
		longs = append(longs, math.Float64bits(f), math.Float64bits(-f))
	}
	longs = append(longs, 0, 1, math.MaxUint64, 1<<63, 1<<63-1, 1<<53+1, 0x7ff0000000000001, 0xfff8000000000000)
	word := func() uint32 {
		switch r.IntN(3) {
		case 0:
			return words[r.IntN(len(words))]
		case 1:
			return math.Float32bits(float32(r.NormFloat64() * math.Pow(2, float64(r.IntN(60)-30))))
		}
		return r.Uint32()
	}
	long := func() uint64 {
		switch r.IntN(3) {
		case 0:
			return longs[r.IntN(len(longs))]
		case 1:
			return math.Float64bits(r.NormFloat64() * math.Pow(2, float64(r.IntN(100)-50)))
		}
		return r.Uint64()
	}
	p := make([]byte, 0, 48*n)
	for range n {
		for range 4 {
			p = binary.LittleEndian.AppendUint32(p, word())
		}
		for range 4 {
			p = binary.LittleEndian.AppendUint64(p, long())
		}
	}
	return p
}

// The interpreter can run all that the comparison with a GPU asks for.
func TestInstructionsOfTheComparison(t *testing.T) {
	in := operands(128)
	for _, code := range append(wordCodes, longCodes...) {
		m, err := Parse(comparison(code))
		require.NoError(t, err, code)
		mem := NewMemory()
		out := mem.Alloc(8 * 128)
		require.NoError(t, m.Launch(mem, Launch{Kernel: "k", Grid: dim(1), Block: dim(128), Args: []any{out, mem.Put(in)}}), code)
		different := map[uint64]bool{}
		for _, x := range read[uint64](t, mem, out, 128) {
			different[x] = true
		}
		require.Greater(t, len(different), 1, code)
	}
}

// Tensor cores lay their operands out on a GPU as they do here.
func TestMatrixProductOnAGPU(t *testing.T) {
	c := device(t)
	const k = 64
	m, err := c.Load(sourceOf(t, "matrix"))
	require.NoError(t, err)
	for kernel, ty := range map[string]typ{"product_f16": types["f16"], "product_bf16": types["bf16"]} {
		fn, err := c.Function(m, kernel)
		require.NoError(t, err)
		var a, b []byte
		for range 16 * k {
			a = binary.LittleEndian.AppendUint16(a, uint16(narrow(float64(rand.IntN(64)-32)/8, ty.format(), nearest)))
			b = binary.LittleEndian.AppendUint16(b, uint16(narrow(float64(rand.IntN(64)-32)/8, ty.format(), nearest)))
		}
		b = b[:k*8*2]
		mem := NewMemory()
		want := mem.Alloc(4 * 16 * 8)
		require.NoError(t, module(t, "matrix").Launch(mem, Launch{
			Kernel: kernel, Grid: dim(1), Block: dim(32), Shared: 768, Args: []any{mem.Put(a), mem.Put(b), want, uint32(k)},
		}))
		var at [3]cuda.Ptr
		for i, p := range [][]byte{a, b, make([]byte, 4*16*8)} {
			at[i], err = c.Alloc(int64(len(p)))
			require.NoError(t, err)
			require.NoError(t, c.Upload(at[i], p, 0))
		}
		var args cuda.Args
		require.NoError(t, c.Launch(fn, cuda.Dim{X: 1}, cuda.Dim{X: 32}, 768, 0, args.Ptr(at[0]).Ptr(at[1]).Ptr(at[2]).U32(k).Params()))
		got := make([]byte, 4*16*8)
		require.NoError(t, c.Download(got, at[2], 0))
		require.NoError(t, c.Synchronize())
		require.Equal(t, mem.Bytes(want, len(got)), got, kernel)
		for _, p := range at {
			require.NoError(t, c.Free(p))
		}
	}
	require.NoError(t, c.Unload(m))
}
