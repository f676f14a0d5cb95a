package gpu

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/kernel"
	"levee/gpu/op"
)

// A compiler that takes longer than other calls of the driver may costs nobody anything, nor those who wait for it.
func TestPoolSlowCompiler(t *testing.T) {
	p := newPool(t, fakeDriver(t, "COMPILE=2000"), func(c *PoolConfig) {
		c.stuck = 1500 * time.Millisecond
		c.OnLost = func(_, reason string) { t.Errorf("lost: %s", reason) }
	})
	e, _ := session(t, p, "a")
	beside, _ := session(t, p, "a")
	spin(t, e, 1, spinner(1, 1))
	require.NoError(t, sums(t, beside))
	require.NoError(t, sums(t, e))
}

// A kernel with which the compiler is never done fails the node that has it, and says so. It is not tried again, so that what else the
// owner does goes on; another owner notices nothing.
func TestPoolCompilerHangs(t *testing.T) {
	endless := spinner(4711, 1)
	f, err := kernel.Parse(endless, "spin")
	require.NoError(t, err)
	text, err := f.PTX(kernel.Types{In: []op.DType{op.I32}, One: []bool{false}, Out: []op.DType{op.I32}})
	require.NoError(t, err)
	require.Contains(t, text, "4711")
	lost := make(chan string, 9)
	p := newPool(t, fakeDriver(t, `COMPILEHANG="4711"`), func(c *PoolConfig) {
		c.compile = 2 * time.Second
		c.OnLost = func(_, reason string) { lost <- reason }
	})
	other, _ := session(t, p, "b")
	beside, _ := session(t, p, "a")
	require.NoError(t, sums(t, beside))
	e, _ := session(t, p, "a")
	err = e.Wait(spin(t, e, 1, endless), -1)
	requireFault(t, op.Unavailable, err)
	require.ErrorContains(t, err, `the driver's compiler is not done with kernel "spin", `)
	require.ErrorContains(t, err, "only the end of the process at the GPU stops it")
	require.Equal(t, err, e.Wait(1, -1))
	requireFault(t, op.Lost, sums(t, beside))
	require.Contains(t, <-lost, `kernel "spin"`)
	require.NoError(t, sums(t, other))

	next, _ := session(t, p, "a")
	err = next.Wait(spin(t, next, 1, endless), -1)
	requireFault(t, op.Unavailable, err)
	require.ErrorContains(t, err, `kernel "spin" is not given to the driver before `)
	require.NoError(t, other.Wait(spin(t, other, 1, spinner(1, 1)), -1))
	again, _ := session(t, p, "a")
	require.NoError(t, sums(t, again))
	require.Empty(t, lost)
}
