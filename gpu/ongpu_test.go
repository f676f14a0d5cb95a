package gpu

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/op"
)

// TestPoolOnAGPU runs a real driver, where there is one, and says what it measured.
func TestPoolOnAGPU(t *testing.T) {
	p := NewPool(PoolConfig{})
	defer p.Close()
	request := func(owner string) Request {
		return Request{Device: "first", Owner: owner, Memory: 4 << 30, Total: 16 << 30}
	}
	begin := time.Now()
	l, err := p.Session(t.Context(), request("a"))
	if err != nil {
		t.Skipf("it needs a GPU: %v", err)
	}
	defer l.Close()
	t.Logf("worker, driver and context: %v", time.Since(begin))
	begin = time.Now()
	e, err := Dial(int(l.File.Fd()))
	require.NoError(t, err)
	t.Logf("session: %v; %+v", time.Since(begin), e.Info())
	require.NoError(t, sums(t, e))
	measureSmall(t, e)
	measureTransfers(t, e)
	require.NoError(t, e.Close())
	measureSessions(t, p, request("a"))
	measureLoss(t, p, request("b"))
}

// measureSmall is what a node pays for a graph that is nearly nothing: submit and wait.
func measureSmall(t *testing.T, e Executor) {
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
	slices.Sort(took)
	t.Logf("submit and wait: median %v, 99 of 100 within %v", took[len(took)/2], took[len(took)*99/100])
	begin := time.Now()
	var fence uint64
	for range 2000 {
		fence, err = e.Submit(g)
		require.NoError(t, err)
	}
	require.NoError(t, e.Wait(fence, -1))
	t.Logf("submit, 2000 in a row: %v each", time.Since(begin)/2000)
}

func measureTransfers(t *testing.T, e Executor) {
	const n = 1 << 30
	h, err := e.Alloc(op.Desc{DType: op.U8, Shape: []int64{n}})
	require.NoError(t, err)
	up, down := bytes.Repeat([]byte("0123456789abcdef"), n/16), make([]byte, n)
	for range 3 {
		begin := time.Now()
		require.NoError(t, e.Upload(h, 0, up))
		require.NoError(t, e.Download(h, 0, down[:1]))
		to := time.Since(begin)
		begin = time.Now()
		require.NoError(t, e.Download(h, 0, down))
		back := time.Since(begin)
		t.Logf("1 GiB up: %.1f GB/s, down: %.1f GB/s", n/to.Seconds()/1e9, n/back.Seconds()/1e9)
	}
	require.True(t, bytes.Equal(up, down))
	require.NoError(t, e.Free(h))
}

// measureSessions is what a call of a node pays for its session, in a worker that is there.
func measureSessions(t *testing.T, p *Pool, r Request) {
	var took []time.Duration
	for range 50 {
		begin := time.Now()
		l, err := p.Session(t.Context(), r)
		require.NoError(t, err)
		e, err := Dial(int(l.File.Fd()))
		require.NoError(t, err)
		require.NoError(t, sums(t, e))
		took = append(took, time.Since(begin))
		require.NoError(t, e.Close())
		l.Close()
	}
	slices.Sort(took)
	t.Logf("a session with one small graph: median %v, at most %v", took[len(took)/2], took[len(took)-1])
}

// measureLoss kills a worker while it is at work, and sees how soon there is another one.
func measureLoss(t *testing.T, p *Pool, r Request) {
	l, err := p.Session(t.Context(), r)
	require.NoError(t, err)
	defer l.Close()
	e, err := Dial(int(l.File.Fd()))
	require.NoError(t, err)
	defer e.Close()
	require.NoError(t, sums(t, e))
	begin := time.Now()
	l.on.kill("a test")
	var fault *op.Error
	require.ErrorAs(t, sums(t, e), &fault)
	require.Equal(t, op.Lost, fault.Fault)
	t.Logf("told of the loss after %v", time.Since(begin))
	again, err := p.Session(t.Context(), r)
	require.NoError(t, err)
	defer again.Close()
	next, err := Dial(int(again.File.Fd()))
	require.NoError(t, err)
	defer next.Close()
	require.NoError(t, sums(t, next))
	t.Logf("at work again after %v, of which 1s was the pause", time.Since(begin))
}
