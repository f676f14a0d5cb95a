package ptx

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each case is one access by a warp: its width in bytes, and how far the lanes are apart.
func TestTraffic(t *testing.T) {
	for _, c := range []struct {
		what           string
		bytes, apart   int
		passes, least  int64
		sectors, fewer int64
	}{
		{"side by side", 4, 4, 1, 1, 4, 4},
		{"all the same", 4, 0, 1, 1, 1, 1},
		{"bytes of the same words", 1, 1, 1, 1, 1, 1},
		{"every other word", 4, 8, 2, 1, 8, 4},
		{"a bank for all", 4, 128, 32, 1, 32, 4},
		{"odd distance", 4, 132, 1, 1, 32, 4},
		{"two words side by side", 8, 8, 2, 2, 8, 8},
		{"two words of four", 8, 16, 4, 2, 16, 8},
		{"four words side by side", 16, 16, 4, 4, 16, 16},
		{"four words in the same banks", 16, 128, 32, 4, 32, 16},
	} {
		vector, values := "", "%r2"
		if n := c.bytes / 4; n > 1 {
			vector, values = fmt.Sprintf(".v%d", n), []string{"", "", "{%r2, %r3}", "", "{%r2, %r3, %r4, %r5}"}[n]
		}
		m, err := Parse(fmt.Sprintf(`.version 7.0
.target sm_80
.address_size 64
.visible .entry k(.param .u64 p) {
.reg .b32 %%r<8>; .reg .b64 %%d<4>;
.shared .align 16 .b8 s[8192];
mov.u32 %%r1, %%tid.x;
mul.lo.u32 %%r1, %%r1, %d;
mov.u32 %%r6, s;
add.u32 %%r6, %%r6, %%r1;
ld.param.u64 %%d1, [p];
cvt.u64.u32 %%d2, %%r1;
add.u64 %%d1, %%d1, %%d2;
ld.global%s.u%d %s, [%%d1];
st.shared%s.u%d [%%r6], %s;
ret;
}
`, c.apart, vector, min(32, 8*c.bytes), values, vector, min(32, 8*c.bytes), values))
		require.NoError(t, err)
		mem, traffic := NewMemory(), Traffic{}
		l := Launch{Kernel: "k", Grid: dim(3), Block: dim(32), Args: []any{mem.Alloc(8192)}, Traffic: &traffic}
		if c.apart == 0 { // else all lanes write to one place, which is a race
			l.Block = dim(1)
		}
		require.NoError(t, m.Launch(mem, l), c.what)
		require.Equal(t, Traffic{3 * 10, 3 * c.passes, 3 * c.least, 3 * c.sectors, 3 * c.fewer}, traffic, c.what)
	}
}

// What cp.async brings counts once, when it is asked for.
func TestTrafficOfCopies(t *testing.T) {
	m, err := Parse(`.version 7.0
.target sm_80
.address_size 64
.visible .entry k(.param .u64 p) {
.reg .b32 %r<8>; .reg .b64 %d<4>;
.shared .align 16 .b8 s[512];
mov.u32 %r1, %tid.x;
shl.b32 %r1, %r1, 4;
mov.u32 %r6, s;
add.u32 %r6, %r6, %r1;
ld.param.u64 %d1, [p];
cvt.u64.u32 %d2, %r1;
add.u64 %d1, %d1, %d2;
cp.async.cg.shared.global [%r6], [%d1], 16;
cp.async.commit_group;
cp.async.wait_group 0;
ret;
}
`)
	require.NoError(t, err)
	mem, traffic := NewMemory(), Traffic{}
	require.NoError(t, m.Launch(mem, Launch{Kernel: "k", Grid: dim(1), Block: dim(32), Args: []any{mem.Alloc(512)}, Traffic: &traffic}))
	require.Equal(t, Traffic{11, 4, 4, 16, 16}, traffic)
}
