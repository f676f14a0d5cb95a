package gpu

import (
	"bytes"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/gpu/op"
	"levee/testdata/hostile/asm"
)

// Tests named OnAGPU run a real driver, where there is one, and say what they measured.

// realPool makes a pool over the machine's driver, and opens the first session of owner a.
func realPool(t *testing.T, change ...func(*PoolConfig)) (*Pool, Executor, *Lease) {
	t.Helper()
	cfg := PoolConfig{idle: time.Second}
	for _, c := range change {
		c(&cfg)
	}
	p := NewPool(cfg)
	t.Cleanup(p.Close)
	begin := time.Now()
	l, err := p.Session(t.Context(), realRequest("a"))
	if err != nil {
		t.Skipf("it needs a GPU: %v", err)
	}
	t.Cleanup(l.Close)
	t.Logf("worker, driver and context: %v", time.Since(begin))
	return p, dial(t, l), l
}

func realRequest(owner string) Request {
	return Request{Device: "first", Owner: owner, Memory: 4 << 30, Total: 16 << 30}
}

func dial(t *testing.T, l *Lease) Executor {
	t.Helper()
	e, err := Dial(int(l.File.Fd()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func realSession(t *testing.T, p *Pool, owner string) (Executor, *Lease) {
	t.Helper()
	l, err := p.Session(t.Context(), realRequest(owner))
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return dial(t, l), l
}

func bytesTensor(t *testing.T, e Executor, n int64) op.Handle {
	t.Helper()
	h, err := e.Alloc(op.Desc{DType: op.U8, Shape: []int64{n}})
	require.NoError(t, err)
	return h
}

// TestLatencyOnAGPU is what a node pays for a graph that is nearly nothing.
func TestLatencyOnAGPU(t *testing.T) {
	p, e, _ := realPool(t)
	a, err := e.Alloc(op.Desc{DType: op.I32, Shape: []int64{2, 3}})
	require.NoError(t, err)
	out, err := e.Alloc(op.Desc{DType: op.I32, Shape: []int64{2, 1}})
	require.NoError(t, err)
	g := sumGraph(a, out)
	var took []time.Duration
	for range 2000 {
		begin := time.Now()
		fence, err := e.Submit(g)
		require.NoError(t, err)
		require.NoError(t, e.Wait(fence, -1))
		took = append(took, time.Since(begin))
	}
	logTimes(t, "submit and wait", took[100:])
	begin := time.Now()
	var fence uint64
	for range 2000 {
		fence, err = e.Submit(g)
		require.NoError(t, err)
	}
	require.NoError(t, e.Wait(fence, -1))
	t.Logf("submit, 2000 in a row: %v each", time.Since(begin)/2000)

	took = took[:0]
	for range 50 {
		begin := time.Now()
		l, err := p.Session(t.Context(), realRequest("a"))
		require.NoError(t, err)
		e, err := Dial(int(l.File.Fd()))
		require.NoError(t, err)
		require.NoError(t, sums(t, e))
		took = append(took, time.Since(begin))
		require.NoError(t, e.Close())
		l.Close()
	}
	logTimes(t, "a session with one small graph", took)
}

func logTimes(t *testing.T, what string, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	t.Logf("%s: median %v, 9 of 10 within %v, at most %v", what, took[len(took)/2], took[len(took)*9/10], took[len(took)-1])
}

func TestTransfersOnAGPU(t *testing.T) {
	_, e, _ := realPool(t)
	const n = 1 << 30
	h := bytesTensor(t, e, n)
	up, down := bytes.Repeat([]byte("0123456789abcdef"), n/16), make([]byte, n)
	for range 3 {
		begin := time.Now()
		require.NoError(t, e.Upload(h, 0, up))
		require.NoError(t, e.Download(h, 0, down[:1]))
		to := time.Since(begin)
		begin = time.Now()
		require.NoError(t, e.Download(h, 0, down))
		t.Logf("1 GiB up: %.1f GB/s, down: %.1f GB/s", n/to.Seconds()/1e9, n/time.Since(begin).Seconds()/1e9)
	}
	require.True(t, bytes.Equal(up, down))
}

// TestQuotaOnAGPU takes all that a session may have, and sees that others have theirs.
func TestQuotaOnAGPU(t *testing.T) {
	p, greedy, _ := realPool(t)
	held := int64(0)
	for _, n := range []int64{1 << 30, 64 << 20, 1 << 20} {
		for {
			_, err := greedy.Alloc(op.Desc{DType: op.U8, Shape: []int64{n}})
			if err != nil {
				requireFault(t, op.OverQuota, err)
				break
			}
			held += n
		}
	}
	require.LessOrEqual(t, held, int64(4<<30))
	t.Logf("%d of %d MiB were given out", held>>20, int64(4<<30)>>20)
	modest, _ := realSession(t, p, "a")
	require.NoError(t, sums(t, modest))
}

// TestLeftoversOnAGPU looks for what earlier sessions left: in the same worker, and in one that was killed.
func TestLeftoversOnAGPU(t *testing.T) {
	p, e, l := realPool(t)
	const n = 1 << 30
	secret := bytes.Repeat([]byte{0x5a}, half)
	fill := func(e Executor) {
		h := bytesTensor(t, e, n)
		for off := int64(0); off < n; off += half {
			require.NoError(t, e.Upload(h, off, secret))
		}
		require.NoError(t, e.Download(h, n-1, make([]byte, 1)))
	}
	clean := func(e Executor) {
		got := make([]byte, n)
		require.NoError(t, e.Download(bytesTensor(t, e, n), 0, got))
		require.Zero(t, bytes.Count(got, secret[:1]))
		require.Equal(t, n, bytes.Count(got, []byte{0}))
	}
	fill(e)
	l.Close() // the session ends with its last socket
	next, lease := realSession(t, p, "a")
	clean(next)
	fill2, err := next.Alloc(op.Desc{DType: op.U8, Shape: []int64{half}})
	require.NoError(t, err)
	require.NoError(t, next.Upload(fill2, 0, secret))
	lease.on.kill("a test")
	last, _ := realSession(t, p, "a")
	clean(last)
}

// spinner is a kernel that takes so many turns for each element, of which nobody can know, and each turn so many steps, of which none can
// begin before the last one is done.
func spinner(turns, steps int32) []byte {
	var m asm.Module
	body := []byte{}
	for i := range steps {
		body = append(body, asm.I32Const(1664525+2*i)...)
		body = append(body, asm.Op(asm.I32Mul)...)
		body = append(body, asm.Tee(0)...)
		body = append(body, asm.Get(0)...)
		body = append(body, asm.I32Const(1+i%31)...)
		body = append(body, asm.Op(asm.I32ShrU)...)
		body = append(body, asm.Op(asm.I32Xor)...)
	}
	m.ExportFunc("spin", "i32", "i32", "i32",
		asm.LoopVoid(
			asm.Get(0), body, asm.Set(0),
			asm.Get(1), asm.I32Const(1), asm.Op(asm.I32Add), asm.Tee(1), asm.I32Const(turns), asm.Op(asm.I32Ne), asm.BrIf(0),
		),
		asm.Get(0))
	return m.Bytes()
}

// spin submits a map of so many elements with a kernel of those.
func spin(t *testing.T, e Executor, n int64, module []byte) uint64 {
	t.Helper()
	k, err := e.Kernel(module, "spin")
	require.NoError(t, err)
	in, err := e.Alloc(op.Desc{DType: op.I32, Shape: []int64{n}})
	require.NoError(t, err)
	out, err := e.Alloc(op.Desc{DType: op.I32, Shape: []int64{n}})
	require.NoError(t, err)
	g := op.Graph{Tensors: []op.Tensor{{Handle: in}, {Handle: out}}, Ops: []op.Op{{Code: op.Map, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{uint64(k)}}}}
	fence, err := e.Submit(g.Append(nil))
	require.NoError(t, err)
	return fence
}

// meanwhile has some of an owner's small graphs done, and says how long each took.
func meanwhile(t *testing.T, e Executor, n int) {
	t.Helper()
	var took []time.Duration
	for range n {
		begin := time.Now()
		require.NoError(t, sums(t, e))
		took = append(took, time.Since(begin))
	}
	logTimes(t, "another owner's small graphs meanwhile", took)
}

// TestLongWorkOnAGPU gives a device a map that takes some ten seconds, in launches of which none takes long. Another owner works, and the
// session is closed when the map has barely begun.
func TestLongWorkOnAGPU(t *testing.T) {
	p, e, l := realPool(t)
	other, _ := realSession(t, p, "b")
	meanwhile(t, other, 50)
	fence := spin(t, e, 48<<20, spinner(1_000_000, 1))
	requireFault(t, op.TimedOut, e.Wait(fence, 300*time.Millisecond))
	meanwhile(t, other, 100)
	requireFault(t, op.TimedOut, e.Wait(fence, 0))
	begin := time.Now()
	endOfSession(t, l)
	t.Logf("%v after the session was closed nothing ran for it any more", time.Since(begin))
	next, _ := realSession(t, p, "a")
	require.NoError(t, sums(t, next))
	l.on.pool.mu.Lock()
	require.False(t, l.on.doomed, "the worker lives")
	l.on.pool.mu.Unlock()
}

// endOfSession says to a worker that a session is over, and waits until it is.
func endOfSession(t *testing.T, l *Lease) {
	t.Helper()
	fd := int(l.File.Fd())
	require.NoError(t, unix.Shutdown(fd, unix.SHUT_WR))
	for {
		n, err := unix.Read(fd, make([]byte, 1))
		if err == unix.EINTR {
			continue
		}
		require.NoError(t, err)
		require.Zero(t, n)
		return
	}
}

// TestEndlessWorkOnAGPU gives a device one element that takes some seconds and looks short, in the worker of one owner, while another owner
// works. The first one loses its worker, the other one nothing.
func TestEndlessWorkOnAGPU(t *testing.T) {
	p, e, _ := realPool(t)
	other, _ := realSession(t, p, "b")
	meanwhile(t, other, 50)
	begin := time.Now()
	fence := spin(t, e, 1, spinner(1<<20-1, 1100))
	t.Logf("compiled and submitted after %v", time.Since(begin))
	begin = time.Now()
	requireFault(t, op.TimedOut, e.Wait(fence, 100*time.Millisecond))
	meanwhile(t, other, 20)
	requireFault(t, op.Lost, e.Wait(fence, -1))
	t.Logf("told of the loss after %v", time.Since(begin))
	meanwhile(t, other, 20)
	t.Logf("another owner's graphs were done after %v", time.Since(begin))
	next, _ := realSession(t, p, "a")
	require.NoError(t, sums(t, next))
	t.Logf("at work again after %v, of which 1s was the pause before a new worker", time.Since(begin))
	require.NoError(t, sums(t, other), "in the worker that it had")
}

// TestLossOnAGPU kills a worker, and sees how soon there is another one.
func TestLossOnAGPU(t *testing.T) {
	p, e, l := realPool(t)
	require.NoError(t, sums(t, e))
	begin := time.Now()
	l.on.kill("a test")
	requireFault(t, op.Lost, sums(t, e))
	t.Logf("told of the loss after %v", time.Since(begin))
	next, _ := realSession(t, p, "a")
	require.NoError(t, sums(t, next))
	t.Logf("at work again after %v, of which 1s was the pause", time.Since(begin))
}

// TestFairnessOnAGPU has two owners work at the same time, each in its own process, and counts what each gets done.
func TestFairnessOnAGPU(t *testing.T) {
	p, first, _ := realPool(t)
	second, _ := realSession(t, p, "b")
	var over atomic.Bool
	counts := make(chan [2]int, 2)
	for i, e := range []Executor{first, second} {
		a, err := e.Alloc(op.Desc{DType: op.F32, Shape: []int64{64, 4 << 20}})
		require.NoError(t, err)
		out, err := e.Alloc(op.Desc{DType: op.F32, Shape: []int64{64, 1}})
		require.NoError(t, err)
		g := sumGraph(a, out)
		go func() {
			n := 0
			for ; !over.Load(); n++ {
				fence, err := e.Submit(g)
				if err == nil {
					err = e.Wait(fence, -1)
				}
				if err != nil {
					t.Error(err)
					break
				}
			}
			counts <- [2]int{i, n}
		}()
	}
	timer := time.NewTimer(3 * time.Second)
	defer timer.Stop()
	<-timer.C
	over.Store(true)
	x, y := <-counts, <-counts
	t.Logf("in 3 s the one had %d graphs done, the other %d", x[1], y[1])
	require.Greater(t, min(x[1], y[1])*3, max(x[1], y[1]), "neither has more than three quarters")
}
