package ptx

import (
	"testing"
)

// FuzzParse gives any text to the parser, and runs what it takes for a while: it ends, and never in a panic.
func FuzzParse(f *testing.F) {
	for _, code := range []string{
		"@!%p0 bra A; mad.wide.u32 %d0, %r1, 4, %d1; A: st.global.v2.u32 [%d14+8], {%r1, %r2}; ret; }",
		"mov.u64 %d1, room; st.shared.b32 [%d1], -1; bar.red.popc.u32 %r2, 0, %p0; ld.shared.u8 %h1, [room+1]; ret; }",
		"shfl.sync.up.b32 %r2|%p1, %r1, 2, 0, -1; vote.sync.any.pred %p1, !%p0, -1; cvt.rn.f32.u64 %f1, %d1; ret; }",
		"mov.u64 %d1, room; cvt.u32.u64 %r1, %d1; mbarrier.init.shared::cta.b64 [%r1], 2; mbarrier.try_wait.parity.shared::cta.b64 %p1, [%r1], 0; ret; }",
		"mov.u32 %r1, 1024; cp.async.cg.shared.global [%r1], [%d13], 16, %r2; cp.async.commit_group; cp.async.wait_group 0; ret; }",
		"mov.u32 %r1, 1024; ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r2, %r3}, [%r1]; ret; }",
		"wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f0, %f1, %f2, %f3}, %d0, %d1, %p0, 1, 1, 0, 0; wgmma.wait_group.sync.aligned 0; ret; }",
		"cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%d1, {%r2, %r3}], [%r4]; fma.rn.f32 %f1, %f1, 0f3F800000, 0.5; ret; }",
	} {
		f.Add(head + code)
	}
	f.Add(head + "brx.idx %r15, T; T: .branchtargets A, A; A: bar.sync 0; st.global.u64 [%d14], %d0; ret; }")
	f.Add(".version 7.0\n.target sm_80\n.func (.param .b32 r) f(.param .b32 a) { .reg .b32 %x; ld.param.u32 %x, [a]; st.param.b32 [r], %x; ret; }\n" +
		".entry k() { .reg .b32 %r<3>; { .param .b32 p0; st.param.b32 [p0+0], 7; .param .b32 r0; call.uni (r0), f, (p0); ld.param.b32 %r1, [r0+0]; } }")
	f.Fuzz(func(t *testing.T, src string) {
		m, err := Parse(src)
		if err != nil {
			return
		}
		for _, kernel := range m.Kernels() {
			p, err := m.program(kernel)
			if err != nil {
				continue
			}
			params := make([]byte, p.paramSize)
			mem := NewMemory()
			x := mem.Alloc(64)
			for i := 0; i+8 <= len(params); i += 8 {
				put(params[i:], 8, x)
			}
			_ = m.Launch(mem, Launch{Kernel: kernel, Grid: p.cluster, Block: dim(33), Params: params, Budget: 20000, Descending: len(src)%2 == 0})
		}
	})
}
