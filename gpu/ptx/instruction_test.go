package ptx

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

const head = `.version 8.0
.target sm_90
.address_size 64
.visible .entry k(.param .u64 out, .param .u64 in) {
.reg .b16 %h<8>; .reg .b32 %r<16>; .reg .f32 %f<8>; .reg .b64 %d<16>; .reg .f64 %e<8>; .reg .pred %p<8>;
.shared .align 16 .b8 room[1024];
ld.param.u64 %d14, [out];
ld.param.u64 %d13, [in];
mov.u32 %r15, %tid.x;
mul.wide.u32 %d15, %r15, 8;
add.s64 %d14, %d14, %d15;
add.s64 %d15, %d15, %d13;
`

// run gives what the code leaves in %d0 of each thread; it finds 8 bytes of its own at %d15, and all of them at %d13.
func run(t *testing.T, code string, in []uint64) []uint64 {
	t.Helper()
	m, err := Parse(head + code + "\nst.global.u64 [%d14], %d0;\nret;\n}\n")
	require.NoError(t, err, code)
	mem := NewMemory()
	out := mem.Alloc(8 * len(in))
	require.NoError(t, m.Launch(mem, Launch{Kernel: "k", Grid: dim(1), Block: dim(uint32(len(in))), Args: []any{out, array(mem, in)}}), code)
	return read[uint64](t, mem, out, len(in))
}

// One instruction, what it gets in %r1 %r2 %r3, and what it gives.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		code    string
		x, y, z uint32
		want    uint64
	}{
		{"prmt.b32 %r4, %r1, %r2, 0x5410;", 0x33221100, 0x77665544, 0, 0x55441100},
		{"prmt.b32 %r4, %r1, %r2, 0xf3a8;", 0x80221190, 0x77665544, 0, 0x008000ff},
		{"dp4a.u32.u32 %r4, %r1, %r2, %r3;", 0xff020304, 0xff010203, 0xffffffff, 65044},
		{"dp4a.s32.u32 %r4, %r1, %r2, %r3;", 0xff000000, 0xff000001, 5, 0xffffff06},
		{"dp4a.u32.s32 %r4, %r1, %r2, %r3;", 0xff000080, 0xff000001, 0, 0xffffff81},
		{"bfe.u32 %r4, %r1, %r2, %r3;", 0xabcdef12, 8, 12, 0xdef},
		{"bfe.s32 %r4, %r1, %r2, %r3;", 0xabcdef12, 8, 12, 0xfffffdef},
		{"bfe.s32 %r4, %r1, %r2, %r3;", 0x80000000, 28, 12, 0xfffffff8},
		{"bfe.u32 %r4, %r1, %r2, %r3;", 0xabcdef12, 40, 12, 0},
		{"bfe.u32 %r4, %r1, %r2, %r3;", 0xabcdef12, 4, 0, 0},
		{"bfi.b32 %r4, %r1, %r3, 4, 8;", 0xfff, 0, 0x12345678, 0x12345ff8},
		{"bfi.b32 %r4, %r1, %r3, 28, 8;", 0xab, 0, 0x12345678, 0xb2345678},
		{"bfind.u32 %r4, %r1;", 0x00010000, 0, 0, 16},
		{"bfind.s32 %r4, %r1;", 0xffff0000, 0, 0, 15},
		{"bfind.u32 %r4, %r1;", 0, 0, 0, 0xffffffff},
		{"bfind.shiftamt.u32 %r4, %r1;", 0x00010000, 0, 0, 15},
		{"lop3.b32 %r4, %r1, %r2, %r3, 0xe8;", 0xff00ff00, 0xf0f0f0f0, 0xcccccccc, 0xfcc0fcc0},
		{"shf.l.wrap.b32 %r4, %r1, %r2, %r3;", 0x80000001, 0x2, 33, 0x5},
		{"shf.l.clamp.b32 %r4, %r1, %r2, %r3;", 0x80000001, 0x2, 33, 0x80000001},
		{"shf.r.wrap.b32 %r4, %r1, %r2, %r3;", 0x80000001, 0x3, 1, 0xc0000000},
		{"shf.r.clamp.b32 %r4, %r1, %r2, %r3;", 0x80000001, 0x3, 32, 0x3},
		{"shl.b32 %r4, %r1, %r2;", 1, 32, 0, 0},
		{"shr.u32 %r4, %r1, %r2;", 0x80000000, 40, 0, 0},
		{"shr.s32 %r4, %r1, %r2;", 0x80000000, 40, 0, 0xffffffff},
		{"clz.b32 %r4, %r1;", 0, 0, 0, 32},
		{"popc.b32 %r4, %r1;", 0xf0f0f0f1, 0, 0, 17},
		{"brev.b32 %r4, %r1;", 0x1, 0, 0, 0x80000000},
		{"mul.hi.s32 %r4, %r1, %r2;", 0xffffffff, 2, 0, 0xffffffff},
		{"mul.hi.u32 %r4, %r1, %r2;", 0xffffffff, 2, 0, 1},
		{"mad.lo.s32 %r4, %r1, %r2, %r3;", 0xffffffff, 2, 5, 3},
		{"mad.hi.s32 %r4, %r1, %r2, %r3;", 0xffffffff, 2, 5, 4},
		{"div.s32 %r4, %r1, %r2;", 0x80000000, 0xffffffff, 0, 0x80000000},
		{"div.u32 %r4, %r1, %r2;", 7, 0, 0, 0xffffffff},
		{"rem.s32 %r4, %r1, %r2;", 0xfffffff9, 4, 0, 0xfffffffd},
		{"rem.s32 %r4, %r1, %r2;", 0x80000000, 0xffffffff, 0, 0},
		{"rem.s32 %r4, %r1, %r2;", 0xcf000000, 0, 0, 0xffffffff},
		{"rem.u32 %r4, %r1, %r2;", 0x4b612423, 0, 0, 0xffffffff},
		{"add.sat.s32 %r4, %r1, %r2;", 0x7fffffff, 2, 0, 0x7fffffff},
		{"sub.sat.s32 %r4, %r1, %r2;", 0x80000000, 2, 0, 0x80000000},
		{"sad.s32 %r4, %r1, %r2, %r3;", 0xffffffff, 2, 10, 13},
		{"sad.u32 %r4, %r1, %r2, %r3;", 0xffffffff, 2, 10, 7},
		{"min.s32 %r4, %r1, %r2;", 0xffffffff, 2, 0, 0xffffffff},
		{"max.u32 %r4, %r1, %r2;", 0xffffffff, 2, 0, 0xffffffff},
		{"abs.s32 %r4, %r1;", 0xfffffffb, 0, 0, 5},
		{"cnot.b32 %r4, %r1;", 0, 0, 0, 1},
		{"add.cc.u32 %r5, %r1, %r2; addc.u32 %r4, %r3, 0;", 0xffffffff, 1, 7, 8},
		{"sub.cc.u32 %r5, %r1, %r2; subc.u32 %r4, %r3, 0;", 0, 1, 7, 6},
		{"slct.b32.s32 %r4, %r1, %r2, %r3;", 1, 2, 0x80000000, 2},
		{"set.gt.u32.s32 %r4, %r1, %r2;", 1, 0xffffffff, 0, 0xffffffff},
		{"cvt.sat.s8.s32 %r4, %r1;", 0xffffff00, 0, 0, 0xffffff80},
		{"cvt.sat.u8.s32 %r4, %r1;", 0xffffff00, 0, 0, 0},
		{"cvt.sat.u8.s32 %r4, %r1;", 300, 0, 0, 255},
		{"cvt.s8.s32 %r4, %r1;", 0x1ff, 0, 0, 0xffffffff},
		{"cvt.u16.u32 %r4, %r1;", 0x12345678, 0, 0, 0x5678},
		{"mov.b32 {%h0, %h1}, %r1; mov.b32 %r4, {%h1, %h0};", 0x12345678, 0, 0, 0x56781234},
		{"setp.lt.and.s32 %p1|%p2, %r1, %r2, %p0; selp.b32 %r4, 1, 2, %p2;", 1, 2, 0, 2},
		{"setp.ne.s32 %p0, %r3, 0; setp.lt.xor.s32 %p1|%p2, %r1, %r2, !%p0; selp.b32 %r4, 1, 2, %p1;", 1, 2, 9, 1},
		{"setp.lo.u32 %p1, %r1, %r2; selp.b32 %r4, 1, 2, %p1;", 0xffffffff, 2, 0, 2},
		{"fma.rn.f16x2 %r4, %r1, %r2, %r3;", 0x3c004000, 0x40003c00, 0x3c003c00, 0x42004200},
		{"add.rn.bf16x2 %r4, %r1, %r2;", 0x3f803f80, 0x3f804000, 0, 0x40004040},
		{"neg.f16x2 %r4, %r1;", 0x3c00c000, 0, 0, 0xbc004000},
		{"neg.bf16x2 %r4, %r1;", 0x7fc00000, 0, 0, 0x7fff8000},
		{"neg.bf16x2 %r4, %r1;", 0xfffffffe, 0, 0, 0x7fff7fff},
		{"abs.f16x2 %r4, %r1;", 0x7e078488, 0, 0, 0x7fff0488},
		{"abs.f16x2 %r4, %r1;", 0xff800000, 0, 0, 0x7fff0000},
		{"mov.b32 %f1, %r1; abs.f32 %f1, %f1; mov.b32 %r4, %f1;", 0x7f800001, 0, 0, 0x7fffffff},
		{"mov.b32 %f1, %r1; neg.ftz.f32 %f1, %f1; mov.b32 %r4, %f1;", 0x00000001, 0, 0, 0x80000000},
		{"max.f16x2 %r4, %r1, %r2;", 0x7e003c00, 0x40004000, 0, 0x40004000},
		{"max.NaN.f16x2 %r4, %r1, %r2;", 0x7e003c00, 0x40004000, 0, 0x7fff4000},
		{"max.NaN.bf16x2 %r4, %r1, %r2;", 0x7f800000, 0xfffffffe, 0, 0x7fff7fff},
		{"mov.b32 %f1, %r1; mov.b32 %f2, %r2; min.NaN.f32 %f1, %f1, %f2; mov.b32 %r4, %f1;", 0xff800000, 0x7f800001, 0, 0x7fffffff},
		{"mov.b32 %f1, %r1; mov.b32 %f2, %r2; mov.b32 %f3, %r3; fma.rm.f32 %f1, %f1, %f2, %f3; mov.b32 %r4, %f1;", 0x10001, 0, 0x80000000, 0x80000000},
		{"mov.b32 %f1, %r1; sub.rm.f32 %f1, %f1, %f1; mov.b32 %r4, %f1;", 0x3f800000, 0, 0, 0x80000000},
		{"mov.b32 %f1, %r1; add.rm.f32 %f1, %f1, %f1; mov.b32 %r4, %f1;", 0, 0, 0, 0},
		{"cvt.rn.f16x2.f32 %r4, 0f3F800000, 0f40000000;", 0, 0, 0, 0x3c004000},
		{"cvt.rn.relu.bf16x2.f32 %r4, 0fBF800000, 0f40000000;", 0, 0, 0, 0x4000},
		{"{ .reg .b32 %r1; mov.b32 %r1, 7; } mov.b32 %r4, %r1;", 5, 0, 0, 5},
		{"bmsk.clamp.b32 %r4, %r1, %r2;", 4, 8, 0, 0xff0},
	} {
		got := run(t, fmt.Sprintf("mov.b32 %%r1, %d; mov.b32 %%r2, %d; mov.b32 %%r3, %d; setp.eq.s32 %%p0, 1, 1;\n%s\ncvt.u64.u32 %%d0, %%r4;",
			c.x, c.y, c.z, c.code), []uint64{0})
		require.Equal(t, c.want, got[0], "%s %#x %#x %#x: %#x", c.code, c.x, c.y, c.z, got[0])
	}
}

func TestLongs(t *testing.T) {
	for _, c := range []struct {
		code string
		x, y uint64
		want uint64
	}{
		{"mul.hi.s64 %d0, %d1, %d2;", math.MaxUint64, 5, math.MaxUint64},
		{"mul.hi.u64 %d0, %d1, %d2;", math.MaxUint64, 5, 4},
		{"mov.b64 %e1, %d1; cvt.rn.f16.f64 %h0, %e1; cvt.u64.u16 %d0, %h0;", 0x7ff0000000000001, 0, 0x7e00},
		{"mov.b64 %e1, %d1; cvt.rn.f16.f64 %h0, %e1; cvt.u64.u16 %d0, %h0;", math.MaxUint64, 0, 0xffff},
		{"rem.s64 %d0, %d1, %d2;", 0x17d1f1180bf09b6b, 0, math.MaxUint64},
		{"rem.u64 %d0, %d1, %d2;", 0xc7eff933c78cdfad, 0, math.MaxUint64},
		{"div.u64 %d0, %d1, %d2;", 0xc7eff933c78cdfad, 0, math.MaxUint64},
		{"mov.b64 %e1, %d1; rcp.rn.f64 %e1, %e1; mov.b64 %d0, %e1;", 0x41effffffff00000, 0, 0x3df0000000080000},
		{"mov.b64 %e1, %d1; rcp.rn.f64 %e1, %e1; mov.b64 %d0, %e1;", 0x40a782f05f380fe0, 0, 0x3f35c6cef9777852},
		{"bfe.s64 %d0, %d1, 0xd7daea1d, 0x31b570f8;", 0xe480783902a61251, 0, math.MaxUint64},
		{"bfe.u64 %d0, %d1, 0xc6d75227, 0x1fba554b;", 0xdb6a9eab869a3d9f, 0, 0},
		{"bfe.u64 %d0, %d1, 0, 256;", 0xdb6a9eab869a3d9f, 0, 0xdb6a9eab869a3d9f},
		{"bfi.b64 %d0, %d1, %d2, 0xd7daea1d, 0x31b570f8;", 0xe480783902a61251, 0x4207abb6e4201870, 0x4207abb6e4201870},
		{"bfe.s64 %d0, %d1, 60, 10;", 1 << 63, 0, math.MaxUint64 - 7},
		{"bfi.b64 %d0, %d1, %d2, 60, 10;", 0xff, 1, 0xf000000000000001},
		{"shr.s64 %d0, %d1, 70;", 1 << 63, 0, math.MaxUint64},
		{"brev.b64 %d0, %d1;", 1, 0, 1 << 63},
		{"add.cc.u64 %d3, %d1, %d2; addc.cc.u64 %d3, %d1, %d2; addc.u64 %d0, 0, 0;", math.MaxUint64, 1, 1},
		{"cvt.rzi.s64.f64 %d0, 0dC3F0000000000000;", 0, 0, 1 << 63},
		{"cvt.rni.u32.f64 %r1, 0d4004000000000000; cvt.u64.u32 %d0, %r1;", 0, 0, 2},
		{"cvt.rpi.s32.f32 %r1, 0fBFC00000; cvt.s64.s32 %d0, %r1;", 0, 0, math.MaxUint64},
		{"cvt.rzi.s32.f32 %r1, 0f7FFFFFFF; cvt.s64.s32 %d0, %r1;", 0, 0, 0},
		{"cvt.rzi.s64.f32 %d0, 0f7FFFFFFF;", 0, 0, 1 << 63},
		{"testp.subnormal.f32 %p1, 0f00000001; selp.b64 %d0, 1, 2, %p1;", 0, 0, 1},
		{"setp.equ.f32 %p1, 0f7FFFFFFF, 0f00000000; selp.b64 %d0, 1, 2, %p1;", 0, 0, 1},
		{"setp.ne.f32 %p1, 0f7FFFFFFF, 0f00000000; selp.b64 %d0, 1, 2, %p1;", 0, 0, 2},
		{"setp.neu.f64 %p1, 0d7FF8000000000000, 0d0000000000000000; selp.b64 %d0, 1, 2, %p1;", 0, 0, 1},
		{"copysign.f64 %e0, 0dBFF0000000000000, 0d4000000000000000; mov.b64 %d0, %e0;", 0, 0, 0xc000000000000000},
		{"add.ftz.f32 %f0, 0f00000001, 0f80000001; mov.b32 %r1, %f0; cvt.u64.u32 %d0, %r1;", 0, 0, 0},
		{"mul.ftz.f32 %f0, 0f00800000, 0f3F000000; mov.b32 %r1, %f0; cvt.u64.u32 %d0, %r1;", 0, 0, 0},
		{"add.sat.f32 %f0, 0f3F800000, 0f3F800000; mov.b32 %r1, %f0; cvt.u64.u32 %d0, %r1;", 0, 0, 0x3f800000},
		{"add.rz.f32 %f0, 0f3F800000, 0f33FFFFFF; mov.b32 %r1, %f0; cvt.u64.u32 %d0, %r1;", 0, 0, 0x3f800000},
		{"add.rp.f32 %f0, 0f3F800000, 0f00000001; mov.b32 %r1, %f0; cvt.u64.u32 %d0, %r1;", 0, 0, 0x3f800001},
		{"add.rm.f32 %f0, 0fBF800000, 0f80000001; mov.b32 %r1, %f0; cvt.u64.u32 %d0, %r1;", 0, 0, 0xbf800001},
		{"ex2.approx.ftz.f32 %f0, 0f41200000; mov.b32 %r1, %f0; cvt.u64.u32 %d0, %r1;", 0, 0, 0x44800000},
		{"mov.u64 %d1, room; cvta.shared.u64 %d2, %d1; st.b64 [%d2+8], 77; ld.shared.u64 %d0, [room+8];", 0, 0, 77},
		{"mov.u64 %d1, room; st.shared.v2.u32 [%d1], {1, 2}; ld.shared.u64 %d0, [room];", 0, 0, 2<<32 | 1},
		{"cvta.param.u64 %d1, 8; ld.u64 %d2, [%d1]; sub.s64 %d0, %d2, %d13;", 0, 0, 0},
		{"mov.u64 %d1, room; cvta.shared.u64 %d2, %d1; isspacep.shared %p1, %d2; selp.b64 %d0, 1, 2, %p1;", 0, 0, 1},
		{"isspacep.global %p1, %d13; selp.b64 %d0, 1, 2, %p1;", 0, 0, 1},
		{"st.global.u32 [%d15+4], -1; ld.global.s8 %d0, [%d15+5];", 0, 0, math.MaxUint64},
		{"st.global.u32 [%d15+4], -1; ld.global.u8 %h0, [%d15+5]; cvt.u64.u16 %d0, %h0;", 0, 0, 255},
		{"atom.global.inc.u32 %r1, [%d15], 2; atom.global.inc.u32 %r1, [%d15], 0; ld.global.u64 %d0, [%d15];", 0, 0, 0},
		{"atom.global.dec.u32 %r1, [%d15], 9; ld.global.u64 %d0, [%d15];", 0, 0, 9},
		{"red.global.add.f64 [%d15], 0d3FF8000000000000; red.global.add.f64 [%d15], 0d3FF8000000000000; ld.global.u64 %d0, [%d15];", 0, 0, 0x4008000000000000},
		{"red.global.add.noftz.f16x2 [%d15], %r3; ld.global.u64 %d0, [%d15];", 0, 0, 0},
		{"atom.global.min.s64 %d1, [%d15], -3; ld.global.u64 %d0, [%d15];", 0, 0, math.MaxUint64 - 2},
		{"atom.global.cas.b64 %d1, [%d15], 0, 5; atom.global.exch.b64 %d0, [%d15], 9;", 0, 0, 5},
	} {
		got := run(t, fmt.Sprintf("mov.b64 %%d1, %d; mov.b64 %%d2, %d;\n%s", int64(c.x), int64(c.y), c.code), []uint64{0})
		require.Equal(t, c.want, got[0], "%s: %#x", c.code, got[0])
	}
}

// What lanes do together: each gives a value by its number.
func TestWarps(t *testing.T) {
	var in [40]uint64
	for i := range in {
		in[i] = uint64(i * i)
	}
	for _, c := range []struct {
		code string
		want func(i, n int) uint64 // of lane i, in a warp of n
	}{
		{"shfl.sync.up.b32 %r2|%p1, %r1, 2, 0, -1; selp.b64 %d1, 1000, 0, %p1;", func(i, _ int) uint64 {
			if i < 2 {
				return uint64(i)
			}
			return uint64(i-2) + 1000
		}},
		{"shfl.sync.idx.b32 %r2|%p1, %r1, 9, 0x181f, -1; selp.b64 %d1, 1000, 0, %p1;", func(i, n int) uint64 { return uint64(i/8*8+1) + 1000 }},
		{"vote.sync.any.pred %p1, %p0, -1; selp.b32 %r2, 1, 2, %p1; mov.b64 %d1, 0;", func(_, n int) uint64 { return map[bool]uint64{true: 1, false: 2}[n > 9] }},
		{"vote.sync.all.pred %p1, !%p0, -1; selp.b32 %r2, 1, 2, %p1; mov.b64 %d1, 0;", func(_, n int) uint64 { return 1 + truth(n > 9) }},
		{"redux.sync.add.s32 %r2, %r1, -1; mov.b64 %d1, 0;", func(_, n int) uint64 { return uint64(n * (n - 1) / 2) }},
		{"redux.sync.max.u32 %r2, %r1, -1; mov.b64 %d1, 0;", func(_, n int) uint64 { return uint64(n - 1) }},
		{"and.b32 %r3, %r1, 3; match.any.sync.b32 %r2, %r3, -1; mov.b64 %d1, 0;", func(i, n int) uint64 { return 0x11111111 << (i % 4) & (1<<n - 1) }},
		{"activemask.b32 %r2; mov.b64 %d1, 0;", func(_, n int) uint64 { return 1<<n - 1 }},
		{"mov.u32 %r2, %lanemask_lt; mov.b64 %d1, 0;", func(i, _ int) uint64 { return 1<<i - 1 }},
		{"elect.sync _|%p1, -1; selp.b32 %r2, 1, 2, %p1; mov.b64 %d1, 0;", func(i, _ int) uint64 { return uint64(2 - truth(i == 0)) }},
		// half of the lanes come to a shuffle of their own by another way, and meet the others at one of all
		{"setp.lt.u32 %p1, %r1, 4; @%p1 bra A; mov.u32 %r2, %r1; bra B; A: add.u32 %r2, %r1, 50; shfl.sync.bfly.b32 %r2, %r2, 1, 31, 15;\n" +
			"B: shfl.sync.down.b32 %r2, %r2, 0, 31, -1; mov.b64 %d1, 0;", func(i, _ int) uint64 {
			if i < 4 {
				return uint64(i ^ 1 + 50)
			}
			return uint64(i)
		}},
		// a table of branches
		{"mov.b64 %d1, 0; and.b32 %r3, %r1, 1; brx.idx %r3, T; T: .branchtargets E, O; E: mov.u32 %r2, 10; bra Z; O: mov.u32 %r2, 11; Z: bar.warp.sync -1;",
			func(i, _ int) uint64 { return uint64(10 + i%2) }},
	} {
		got := run(t, "mov.u32 %r1, %laneid; setp.eq.s32 %p0, %r1, 9; "+c.code+" cvt.u64.u32 %d0, %r2; add.s64 %d0, %d0, %d1;", in[:])
		for i, x := range got {
			n := min(32, len(in)-i/32*32)
			require.Equal(t, c.want(i%32, n), x, "%s: lane %d of %d", c.code, i%32, n)
		}
	}
}

// Barriers with numbers, for some of the warps, and those that count.
func TestBarriers(t *testing.T) {
	var in [96]uint64
	got := run(t, `cvt.u64.u32 %d0, %r15; shl.b64 %d1, %d0, 3; mov.u64 %d2, room; add.s64 %d2, %d2, %d1; st.shared.u64 [%d2], %d0;
		setp.lt.u32 %p1, %r15, 64; @!%p1 bra C;
		xor.b32 %r1, %r15, 32; mul.wide.u32 %d1, %r1, 8; mov.u64 %d2, room; add.s64 %d2, %d2, %d1;
		bar.sync 1, 64; ld.shared.u64 %d0, [%d2];
		C: setp.lt.u32 %p2, %r15, 5; bar.red.popc.u32 %r2, 0, %p2; bar.red.and.pred %p3, 0, %p2; bar.red.or.pred %p4, 0, %p2;
		@%p3 add.s64 %d0, %d0, 1000; @%p4 add.s64 %d0, %d0, 2000; cvt.u64.u32 %d1, %r2; mad.lo.s64 %d0, %d1, 10000, %d0;`, in[:])
	for i, x := range got {
		want := uint64(i) + 2000 + 50000
		if i < 64 {
			want = uint64(i^32) + 2000 + 50000
		}
		require.Equal(t, want, x)
	}
}

// pack rounds as arithmetic without bounds does.
func TestRounding(t *testing.T) {
	modes := map[rounding]big.RoundingMode{nearest: big.ToNearestEven, zero: big.ToZero, down: big.ToNegativeInf, up: big.ToPositiveInf}
	for range 4000 {
		mant, exp, neg := rand.Uint64()>>rand.IntN(64), rand.IntN(330)-200, rand.IntN(2) == 0
		for mode, bigMode := range modes {
			var x big.Float
			x.SetMantExp(new(big.Float).SetUint64(mant), exp)
			if neg {
				x.Neg(&x)
			}
			y := new(big.Float).SetMode(bigMode).SetPrec(24).Set(&x)
			if e := x.MantExp(nil); mant != 0 && e < -125 { // fewer bits near zero
				if prec := 24 + e + 125; prec > 0 {
					y = new(big.Float).SetMode(bigMode).SetPrec(uint(prec)).Set(&x)
				} else {
					continue
				}
			}
			got := formatF32.pack(neg, mant, exp, mode)
			want, _ := y.Float64()
			if math.Abs(want) > math.MaxFloat32 {
				want = math.Inf(1)
				if mode == zero || mode == down && !neg || mode == up && neg {
					want = math.MaxFloat32
				}
				want = math.Copysign(want, float64(1-2*int(truth(neg))))
			}
			require.Equal(t, want, float64(f32(got)), "%v %d %d %v", neg, mant, exp, mode)
		}
	}
}

// fma of f32, which rounds once, against arithmetic without bounds, near ties above all.
func TestFusedRoundsOnce(t *testing.T) {
	for range 30000 {
		a, b := math.Float32frombits(rand.Uint32()&0x83fff000|0x3f000000), math.Float32frombits(rand.Uint32()&0x87fff000|0x38000000)
		c := math.Float32frombits(rand.Uint32()&0x8fffffff | 0x30000000)
		require.Equal(t, fma32(a, b, c), float32(sumOdd(float64(a)*float64(b), float64(c))), "%v %v %v", a, b, c)
	}
}

// Every f16 and bf16 survives the way to f32 and back, and what lies between two is rounded to the nearer.
func TestHalves(t *testing.T) {
	for _, ty := range []typ{types["f16"], types["bf16"]} {
		f := ty.format()
		for h := range f.inf() {
			x := ty.widen(h)
			require.Equal(t, h, narrow(x, f, nearest))
			require.Equal(t, h|0x8000, narrow(-x, f, nearest))
			next := ty.widen(h + 1)
			if h+1 == f.inf() {
				next = x + (x - ty.widen(h-1))
			}
			middle := x + (next-x)/2
			require.Equal(t, h+h&1, narrow(middle, f, nearest))
			require.Equal(t, h, narrow(math.Nextafter(middle, 0), f, nearest))
			require.Equal(t, h+1, narrow(math.Nextafter(middle, math.Inf(1)), f, nearest))
			require.Equal(t, h+1, narrow(math.Nextafter(x, math.Inf(1)), f, up))
			require.Equal(t, h, narrow(middle, f, zero))
		}
	}
}
