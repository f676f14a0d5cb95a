package ptx

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFindings(t *testing.T) {
	m := module(t, "plain")
	mem := NewMemory()
	x := mem.Alloc(4 * 64)
	for _, c := range []struct {
		kernel string
		args   []any
		kind   Kind
		thread uint32
		text   string
	}{
		{"endless", []any{x}, Budget, 0, "more instructions than it may"},
		{"beyond", []any{x, int32(40)}, OutOfBounds, 24, "256 bytes after the start of the allocation of 256 bytes"},
		{"beyond", []any{x, int32(-1)}, OutOfBounds, 0, "after the start of counter"},
		{"beyond", []any{uint64(0), int32(0)}, OutOfBounds, 0, "below all allocations"},
		{"crooked", []any{x}, Misaligned, 1, "4 bytes at 0x700000000001"},
		{"lonely", []any{x}, Divergence, 0, "of 64 threads"},
	} {
		err := m.Launch(mem, Launch{Kernel: c.kernel, Grid: dim(1), Block: dim(64), Args: c.args, Budget: 100_000})
		f := finding(t, err, c.kind)
		require.Equal(t, c.kernel, f.Kernel)
		require.Equal(t, c.thread, f.Thread.X, "%v", err)
		require.NotZero(t, f.Line)
		require.Contains(t, err.Error(), c.text)
	}
}

func TestTrap(t *testing.T) {
	m := module(t, "plain")
	mem := NewMemory()
	x := array(mem, []int32{0, 0, 0, 0, 0, 0, 0, 1})
	l := Launch{Kernel: "gives_up", Grid: dim(1), Block: dim(8), Args: []any{x}}
	f := finding(t, m.Launch(mem, l), Trap)
	require.Equal(t, uint32(7), f.Thread.X)
}

func TestBadLaunches(t *testing.T) {
	m := module(t, "plain")
	mem := NewMemory()
	x := mem.Alloc(4)
	for _, l := range []Launch{
		{Kernel: "none", Grid: dim(1), Block: dim(1)},
		{Kernel: "crooked", Grid: dim(1), Block: dim(1)},
		{Kernel: "crooked", Grid: dim(1), Block: dim(1), Args: []any{uint32(1)}},
		{Kernel: "crooked", Grid: dim(1), Block: dim(1), Args: []any{"text"}},
		{Kernel: "crooked", Grid: dim(0), Block: dim(1), Args: []any{x}},
		{Kernel: "crooked", Grid: dim(1), Block: dim(1025), Args: []any{x}},
		{Kernel: "crooked", Grid: dim(1), Block: dim(1), Args: []any{x}, Shared: 1 << 20},
	} {
		finding(t, m.Launch(mem, l), BadLaunch)
	}
}

// What is not known is refused, with its line.
func TestUnknown(t *testing.T) {
	const head = ".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry k(.param .u64 p) {\n.reg .b32 %r<4>; .reg .f32 %f<4>; .reg .b64 %d<4>; .reg .pred %p<2>;\n"
	for _, c := range []struct{ code, text string }{
		{"tcgen05.fence;", "tcgen05 is not known"},
		{"add.s32.odd %r1, %r2, %r3;", "[odd]"},
		{"add.rn.s32 %r1, %r2, %r3;", "[rn]"},
		{"add.s32 %r1, %r2;", "2 operands"},
		{"add.s32 %f1, %r2, %r3;", "another type"},
		{"add.s64 %r1, %r2, %r3;", "another type"},
		{"mul.s32 %r1, %r2, %r3;", "which part"},
		{"cvt.f32.s32 %f1, %r1;", "how to round"},
		{"cvt.f32.f64 %f1, %d1;", "does not where it must"},
		{"ld.global.u32 %r1, [%r2];", "no register for an address"},
		{"ld.shared.u32 %r1, [p];", "another space"},
		{"bra nowhere;", "no label"},
		{"setp.lt.b32 %p1, %r1, %r2;", "not of this type"},
		{"call nothing;", "no function"},
		{"wgmma.fence.sync.aligned;", "it needs PTX 8.0 and sm_90a; this is PTX 7.0 for sm_80"},
		{"add.bf16x2 %r1, %r2, %r3;", "it needs PTX 7.8 and sm_90"},
		{"fence.proxy.tensormap::generic.acquire.sys [%d1], 128;", "it needs PTX 8.3"},
		{"fma.f32 %f1, %f2, %f3, %f1;", "how to round"},
		{"div.f32 %f1, %f2, %f3;", "not of this type"},
		{"shl.u32 %r1, %r2, 1;", "not of this type"},
		{"atom.global.add.s64 %d1, [%d2], 1;", "not of this type"},
		{"ld.global.f16 %r1, [%d2];", "not of this type"},
		{"ld.global.v4.u64 {%d0, %d1, %d2, %d3}, [%d2];", "not of this type"},
		{"mov.f16 %r1, %r2;", "not of this type"},
		{"clz.u32 %r1, %r2;", "not of this type"},
		{"atom.global.add.f16 %r1, [%d1], %r2;", "not of this type"},
	} {
		m, err := Parse(head + c.code + "\nret;\n}\n")
		require.NoError(t, err, c.code)
		f := finding(t, m.Check(), Unknown)
		require.Equal(t, 6, f.Line, c.code)
		require.Contains(t, f.Error(), c.text, c.code)
	}
}

func TestSyntaxErrors(t *testing.T) {
	for src, text := range map[string]string{
		"":                                       "no .version",
		".version 7.0\n.target sm_80\n.entry k(": "line 3",
		".version 7.0\n.target sm_80\n.entry k() {\n.reg .b32 %r<99999999>;\n}": "line 4",
		".version 7.0\n.target sm_80\n.entry k() { mov.u32 %r1, 1; }":           "%r1 is no register",
		".version 7.0\n.target sm_80\n.entry k() { @%p bra x; }":                "not a predicate",
		".version 7.0\n.target sm_80\n.entry k() {":                             "has no end",
		".version 7.0\n.target sm_80\n.global .u32 x[300000000];":               "not a number up to",
		".version 7.0\n.target sm_80\n.entry k() { a: a: ret; }":                "twice",
		".version 7.0\n.target sm_80\n.entry k() {} .entry k() {}":              "twice",
	} {
		_, err := Parse(src)
		require.ErrorContains(t, err, text, src)
	}
	_, err := Parse(strings.Repeat(" ", maxSource+1))
	require.Error(t, err)
}

// What is read must not be what another thread writes; a barrier helps within a block, and nothing does between blocks.
func TestRacesInGlobalMemory(t *testing.T) {
	m := module(t, "plain")
	both(t, func(t *testing.T, descending bool) {
		mem := NewMemory()
		x := mem.Alloc(4 * 128)
		for _, c := range []struct {
			kernel string
			blocks uint32
			by     int32
			text   string // of the race; empty: none
		}{
			{"shifts", 2, 0, ""},
			{"shifts", 1, 1, "with no barrier between"},
			{"shifts", 1, 40, "with no barrier between"},
			{"shifts_with_barrier", 1, 1, ""},
			{"shifts_with_barrier", 2, 0, ""},
			{"shifts_with_barrier", 2, 1, "of another block"},
			{"shifts_with_barrier", 2, 64, "of another block"},
		} {
			l := Launch{Kernel: c.kernel, Grid: dim(c.blocks), Block: dim(64), Args: []any{x, c.by}, Descending: descending, Races: true}
			for range 2 {
				err := m.Launch(mem, l)
				if c.text == "" {
					require.NoError(t, err, "%+v", c)
					continue
				}
				finding(t, err, GlobalRace)
				require.ErrorContains(t, err, c.text)
			}
			l.Races = false
			require.NoError(t, m.Launch(mem, l))
		}
	})
}
