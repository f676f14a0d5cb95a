package gpu

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"os/exec"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/gpu/fake"
	"levee/gpu/op"
)

// GPU workers are this test binary, started again.
func TestMain(m *testing.M) {
	if WorkerMain() {
		return
	}
	if cache := os.Getenv(tryEnv); cache != "" {
		_ = json.NewEncoder(os.Stdout).Encode(attempts(cache))
		return
	}
	os.Exit(m.Run())
}

// fakeDriver makes a driver that pretends. The macros are those of gpu/fake/c/cuda.c.
func fakeDriver(t testing.TB, macros ...string) *fake.CUDA {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skipf("the fake driver is built with gcc: %v", err)
	}
	return fake.NewCUDA(t, macros...)
}

// newPool makes a pool over a fake driver. It is as patient as a slow machine needs; tests of what never returns bear less.
func newPool(t *testing.T, f *fake.CUDA, change ...func(*PoolConfig)) *Pool {
	t.Helper()
	cfg := PoolConfig{library: f.Library(), stuck: time.Minute, backoff: []time.Duration{time.Millisecond}}
	for _, c := range change {
		c(&cfg)
	}
	p := NewPool(cfg)
	t.Cleanup(p.Close)
	return p
}

const testMemory = 64 << 20

// session opens a session of an owner, as a runtime worker has it.
func session(t *testing.T, p *Pool, owner string) (Executor, *Lease) {
	t.Helper()
	l, err := p.Session(t.Context(), Request{Device: "fake", Owner: owner, Memory: testMemory})
	require.NoError(t, err)
	t.Cleanup(l.Close)
	e, err := Dial(int(l.File.Fd()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e, l
}

// sums adds up the rows of a matrix of two rows in a session.
func sums(t *testing.T, e Executor) error {
	t.Helper()
	a, err := e.Alloc(op.Desc{DType: op.I32, Shape: []int64{2, 3}})
	if err != nil {
		return err
	}
	out, err := e.Alloc(op.Desc{DType: op.I32, Shape: []int64{2, 1}})
	if err != nil {
		return err
	}
	var in []byte
	for i := range 6 {
		in = binary.LittleEndian.AppendUint32(in, uint32(i+1))
	}
	if err := e.Upload(a, 0, in); err != nil {
		return err
	}
	fence, err := e.Submit(sumGraph(a, out))
	if err == nil {
		err = e.Wait(fence, -1)
	}
	got := make([]byte, 8)
	if err == nil {
		err = e.Download(out, 0, got)
	}
	if err != nil {
		return err
	}
	require.Equal(t, []byte{6, 0, 0, 0, 15, 0, 0, 0}, got)
	return nil
}

func sumGraph(a, out op.Handle) []byte {
	g := op.Graph{Tensors: []op.Tensor{{Handle: a}, {Handle: out}},
		Ops: []op.Op{{Code: op.Reduce, In: []uint16{0}, Out: []uint16{1}, Params: []uint64{op.Sum, 1}}}}
	return g.Append(nil)
}

func requireFault(t *testing.T, f op.Fault, err error) {
	t.Helper()
	var fault *op.Error
	require.ErrorAs(t, err, &fault)
	require.Equal(t, f, fault.Fault, fault.Detail)
}

func TestPool(t *testing.T) {
	p := newPool(t, fakeDriver(t))
	e, _ := session(t, p, "a")
	require.Equal(t, "cuda", e.Info().Kind)
	require.Equal(t, int64(testMemory), e.Info().Memory)
	require.NoError(t, sums(t, e))
	require.NoError(t, sums(t, e))
	require.Equal(t, op.Exact, e.Class())
	same, _ := session(t, p, "a")
	require.NoError(t, sums(t, same))
	other, _ := session(t, p, "b")
	require.NoError(t, sums(t, other))
	p.mu.Lock()
	require.Len(t, p.hosts, 2, "owners share no process")
	p.mu.Unlock()
}

// Large tensors take many turns through the staging memory, small ones share it.
func TestPoolTransfers(t *testing.T) {
	p := newPool(t, fakeDriver(t))
	e, _ := session(t, p, "a")
	n := int64(5*half + 4321)
	h, err := e.Alloc(op.Desc{DType: op.U8, Shape: []int64{n}})
	require.NoError(t, err)
	want, got := make([]byte, n), make([]byte, n)
	for i := range want {
		want[i] = byte(i * i >> 8)
	}
	require.NoError(t, e.Upload(h, 0, want))
	require.NoError(t, e.Download(h, 0, got))
	require.True(t, bytes.Equal(want, got))
	for i := int64(0); i < 3*half; i += half / 3 {
		want[i] ^= 0xff
		require.NoError(t, e.Upload(h, i, want[i:i+half/4]))
	}
	require.NoError(t, e.Download(h, 1, got[1:]))
	got[0] = want[0]
	require.True(t, bytes.Equal(want, got))
	requireFault(t, op.OutOfBounds, e.Upload(h, n-1, want[:2]))
	requireFault(t, op.OutOfBounds, e.Download(h, -1, want[:2]))
}

// Everybody has what was granted, and no more.
func TestPoolQuota(t *testing.T) {
	p := newPool(t, fakeDriver(t))
	greedy, _ := session(t, p, "a")
	modest, _ := session(t, p, "a")
	for {
		_, err := greedy.Alloc(op.Desc{DType: op.U8, Shape: []int64{testMemory / 5}})
		if err != nil {
			requireFault(t, op.OverQuota, err)
			break
		}
	}
	require.NoError(t, sums(t, modest))
}

// A driver that never answers costs the sessions of one owner, and another one goes on.
func TestPoolHang(t *testing.T) {
	lost := make(chan string, 1)
	onLost := func(c *PoolConfig) { c.stuck, c.OnLost = 3*time.Second, func(_, reason string) { lost <- reason } }
	for macro, why := range map[string]string{"HANG=1": "is not done after", "CALLHANG=40": "has not returned after"} {
		p := newPool(t, fakeDriver(t, macro), onLost)
		other, _ := session(t, p, "b")
		h, err := other.Alloc(op.Desc{DType: op.U8, Shape: []int64{5}})
		require.NoError(t, err)
		require.NoError(t, other.Upload(h, 0, []byte("hello")))
		e, _ := session(t, p, "a")
		for err == nil {
			err = sums(t, e)
		}
		requireFault(t, op.Lost, err)
		require.Contains(t, <-lost, why)
		got := make([]byte, 5)
		require.NoError(t, other.Download(h, 0, got))
		require.Equal(t, "hello", string(got))
		require.Empty(t, lost)
	}
}

// A launch that never ends costs an owner its worker, which is told so after a second, and another owner nothing.
func TestPoolEndlessWork(t *testing.T) {
	lost := make(chan string, 1)
	p := newPool(t, fakeDriver(t, "HANG=2"), func(c *PoolConfig) { c.OnLost = func(_, reason string) { lost <- reason } })
	e, _ := session(t, p, "a")
	other, _ := session(t, p, "b")
	require.NoError(t, sums(t, e))
	fence := spin(t, e, 1, spinner(1<<20-1, 1100))
	requireFault(t, op.TimedOut, e.Wait(fence, time.Millisecond))
	require.NoError(t, sums(t, other))
	requireFault(t, op.Lost, e.Wait(fence, -1))
	require.Contains(t, <-lost, "graph 2 is not done after 1s")
	_, err := other.Alloc(op.Desc{DType: op.U8})
	require.NoError(t, err)
	next, _ := session(t, p, "a")
	require.NoError(t, sums(t, next))
}

// The end of a session is the end of its work, and of nothing else.
func TestPoolLongWork(t *testing.T) {
	p := newPool(t, fakeDriver(t, "SLOW=500"))
	e, l := session(t, p, "a")
	beside, _ := session(t, p, "a")
	var fence uint64
	for range 3 {
		fence = spin(t, e, 100, spinner(3, 1))
	}
	requireFault(t, op.TimedOut, e.Wait(fence, 0))
	endOfSession(t, l)
	require.NoError(t, sums(t, beside))
	for range 2 {
		next, _ := session(t, p, "a")
		require.NoError(t, next.Wait(spin(t, next, 100, spinner(3, 1)), -1))
	}
}

// After the driver says that the context is poisoned there is a new process, and that is all there is to it.
func TestPoolRestarts(t *testing.T) {
	for _, macros := range [][]string{{"STICKY=700", "STICKYAT=2"}, {"ABORT=2"}} {
		lost := make(chan string, 9)
		p := newPool(t, fakeDriver(t, macros...), func(c *PoolConfig) {
			c.OnLost = func(_, reason string) { lost <- reason }
			c.backoff = []time.Duration{time.Millisecond, time.Millisecond}
		})
		e, _ := session(t, p, "a")
		var err error
		for err == nil {
			err = sums(t, e)
		}
		requireFault(t, op.Lost, err)
		_, err = e.Alloc(op.Desc{DType: op.U8})
		requireFault(t, op.Lost, err)
		require.NotEmpty(t, <-lost)
		next, _ := session(t, p, "a")
		require.NoError(t, sums(t, next))
		require.Empty(t, lost, "one restart")
	}
}

// What dies again and again is left alone for a while.
func TestPoolGivesUp(t *testing.T) {
	p := newPool(t, fakeDriver(t, "ABORT=1"))
	for range 2 {
		e, _ := session(t, p, "a")
		requireFault(t, op.Lost, sums(t, e))
		waitGone(t, p)
	}
	_, err := p.Session(t.Context(), Request{Device: "fake", Owner: "a", Memory: testMemory})
	requireFault(t, op.Unavailable, err)
	require.ErrorContains(t, err, "has died 2 times, the last time because: exit status 2: SIGABRT")
	other, _ := session(t, p, "b")
	require.NotNil(t, other, "another owner is not held to account")
}

// waitGone waits until no worker is there.
func waitGone(t *testing.T, p *Pool) {
	t.Helper()
	for {
		p.mu.Lock()
		live, change := 0, p.change
		for _, h := range p.hosts {
			if h.now != nil {
				live++
			}
		}
		p.mu.Unlock()
		if live == 0 {
			return
		}
		select {
		case <-change:
		case <-t.Context().Done():
			t.Fatal("the worker is still there")
		}
	}
}

func TestPoolNoDevice(t *testing.T) {
	for _, tc := range []struct{ macro, library, want string }{
		{"INIT=100", "", "cuInit"}, {"COUNT=1", "/nonexistent/libcuda.so.1", "no CUDA driver"},
	} {
		p := newPool(t, fakeDriver(t, tc.macro), func(c *PoolConfig) {
			if tc.library != "" {
				c.library = tc.library
			}
		})
		_, err := p.Session(t.Context(), Request{Device: "fake", Owner: "a", Memory: testMemory})
		requireFault(t, op.Unavailable, err)
		require.ErrorContains(t, err, tc.want)
	}
	p := newPool(t, fakeDriver(t, "INITHANG"), func(c *PoolConfig) { c.start = 300 * time.Millisecond })
	_, err := p.Session(t.Context(), Request{Device: "fake", Owner: "a", Memory: testMemory})
	requireFault(t, op.Unavailable, err)
	require.ErrorContains(t, err, "had not opened the device after 300ms")
}

// Two workers are at a device at a time; who comes third waits until one leaves.
func TestPoolTurns(t *testing.T) {
	p := newPool(t, fakeDriver(t))
	_, first := session(t, p, "a")
	session(t, p, "b")
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := context.Canceled
	cancel(stop)
	_, err := p.Session(ctx, Request{Device: "fake", Owner: "c", Memory: testMemory})
	require.ErrorIs(t, err, stop)
	first.Close()
	e, _ := session(t, p, "c")
	require.NoError(t, sums(t, e))
}

// An owner whose sessions overlap for ever does not keep a device for itself.
func TestPoolYields(t *testing.T) {
	p := newPool(t, fakeDriver(t), func(c *PoolConfig) { c.turn, c.idle = time.Nanosecond, time.Hour })
	request := func(owner string) Request {
		return Request{Device: "fake", Owner: owner, Memory: testMemory, Alone: true}
	}
	first, err := p.Session(t.Context(), request("a"))
	require.NoError(t, err)
	got := make(chan *Lease)
	go func() {
		l, err := p.Session(t.Context(), request("b"))
		if err != nil {
			t.Error(err)
		}
		got <- l
	}()
	for waits := false; !waits; goruntime.Gosched() {
		p.mu.Lock()
		waits = p.next["fake"] == "b"
		p.mu.Unlock()
	}
	w, wait, err := p.reserve(request("a"), time.Hour)
	require.NoError(t, err)
	require.Nil(t, w, "it is another one's turn")
	require.NotNil(t, wait)
	w, wait, err = p.reserve(request("c"), time.Hour)
	require.NoError(t, err)
	require.Nil(t, w)
	require.NotNil(t, wait)
	beside := request("a")
	beside.Beside = true
	second, err := p.Session(t.Context(), beside)
	require.NoError(t, err, "what a session gave is still brought away")
	first.Close()
	select {
	case <-got:
		t.Fatal("two workers at a device for one")
	default:
	}
	second.Close()
	theirs := <-got
	require.Empty(t, p.next)
	theirs.Close()
	again, err := p.Session(t.Context(), request("a"))
	require.NoError(t, err)
	again.Close()
}

func TestPoolIdle(t *testing.T) {
	p := newPool(t, fakeDriver(t), func(c *PoolConfig) { c.idle = time.Millisecond })
	e, l := session(t, p, "a")
	require.NoError(t, sums(t, e))
	l.Close()
	waitGone(t, p)
	p.mu.Lock()
	require.Empty(t, p.hosts)
	p.mu.Unlock()
}
