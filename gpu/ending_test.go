package gpu

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/gpu/op"
)

// What a session holds is somebody else's only when the worker has let go of it, not when the lease is closed.
func TestPoolSessionEnds(t *testing.T) {
	c := fakeDriver(t)
	begun, goOn := make(chan struct{}, 9), make(chan struct{})
	c.OnLaunch(func(int, string) int {
		begun <- struct{}{}
		<-goOn
		return 0
	})
	p := newPool(t, c)
	l, err := p.Session(t.Context(), Request{Device: "fake", Owner: "a", Memory: testMemory})
	require.NoError(t, err)
	e := dial(t, l)
	spin(t, e, 1, spinner(1, 1))
	<-begun
	l.Close()
	select {
	case <-l.Ended():
		t.Fatal("it has work on the device")
	default:
	}
	close(goOn)
	<-l.Ended()
	idle, l := session(t, p, "a")
	require.NoError(t, sums(t, idle))
	kept, err := unix.Dup(int(l.File.Fd()))
	require.NoError(t, err)
	defer unix.Close(kept)
	l.Close()
	<-l.Ended() // also where a node's process keeps the socket
}

// A session whose other side has hung up is seen to have.
func TestHungUp(t *testing.T) {
	for name, end := range map[string]func(fd int) error{
		"closed": unix.Close,
		"ended":  func(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) },
	} {
		t.Run(name, func(t *testing.T) {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			require.NoError(t, err)
			defer unix.Close(pair[1])
			_, err = unix.Write(pair[0], []byte("a request that waits"))
			require.NoError(t, err)
			require.False(t, hungUp(pair[1]))
			require.NoError(t, end(pair[0]))
			require.True(t, hungUp(pair[1]))
		})
	}
}

// A process that its driver left behind does not keep a worker from having ended, and ends with it.
func TestPoolHelpers(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "lock")
	p := newPool(t, fakeDriver(t, `HELPER="`+lock+`"`), func(c *PoolConfig) { c.dying = time.Hour })
	e, l := session(t, p, "a")
	require.NoError(t, sums(t, e))
	l.Close()
	p.mu.Lock()
	l.on.leave()
	p.mu.Unlock()
	waitGone(t, p)
	f, err := os.Open(lock)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX)) // as soon as the helper is no more
}

// A driver that complains without end gets no memory for it.
func TestPoolComplaints(t *testing.T) {
	p := newPool(t, fakeDriver(t, "COMPLAINS", "ABORT=1"))
	fd, err := newWords()
	require.NoError(t, err)
	defer unix.Close(fd)
	for err == nil {
		_, err = unix.Write(fd, make([]byte, 10_000))
	}
	var st unix.Stat_t
	require.NoError(t, unix.Fstat(fd, &st))
	require.EqualValues(t, maxWords, st.Size)
	e, l := session(t, p, "a")
	requireFault(t, op.Lost, sums(t, e))
	require.Contains(t, l.Settle(t.Context()), "driver: all is bad, as it has always been, and will be worse yet")
}

// A device that one process does not let go of gets no work, whatever becomes of others at it.
func TestPoolUndead(t *testing.T) {
	p := newPool(t, fakeDriver(t), func(c *PoolConfig) { c.idle = time.Millisecond })
	_, l := session(t, p, "a")
	undead := &process{pool: p, host: &host{key: hostKey{"fake", "b"}}, lost: "it hangs", opened: true, idle: time.NewTimer(time.Hour)}
	p.mu.Lock()
	p.undead[undead] = true
	p.mu.Unlock()
	l.Close()
	waitGone(t, p)
	for _, owner := range []string{"a", "b", "c"} {
		_, err := p.Session(t.Context(), Request{Device: "fake", Owner: owner, Memory: testMemory})
		requireFault(t, op.Unavailable, err)
		require.ErrorContains(t, err, "does not end (it hangs)")
	}
	undead.died("at last")
	next, _ := session(t, p, "c")
	require.NoError(t, sums(t, next))
}

// A worker that has to leave before it was there has not failed.
func TestPoolLeavesEarly(t *testing.T) {
	p := newPool(t, fakeDriver(t), func(c *PoolConfig) {
		c.OnLost = func(_, reason string) { t.Errorf("lost: %s", reason) }
	})
	r := Request{Device: "fake", Owner: "a", Memory: testMemory}
	p.mu.Lock()
	h := p.host(hostKey{r.Device, r.Owner})
	h.now = p.start(h, &r)
	h.now.leave()
	p.mu.Unlock()
	waitGone(t, p)
	require.Zero(t, h.failures)
	e, _ := session(t, p, "a")
	require.NoError(t, sums(t, e))
}

// A worker that does not even end when it is killed keeps nobody from closing the pool.
func TestPoolClosesWithoutTheUndead(t *testing.T) {
	p := NewPool(PoolConfig{})
	hangs := &process{pool: p, host: p.host(hostKey{"fake", "a"}), idle: time.NewTimer(time.Hour), control: -1}
	p.mu.Lock()
	p.hosts[hostKey{"fake", "a"}].now = hangs
	p.running++
	p.undead[hangs] = true
	p.mu.Unlock()
	p.Close()
}

// Owners of whom there is nothing to remember are forgotten, and no others.
func TestPoolForgets(t *testing.T) {
	p := NewPool(PoolConfig{})
	host := func(owner string) *host { return p.host(hostKey{"fake", owner}) }
	host("waits").failures = 0
	host("failed long ago").last = time.Now().Add(-2 * slowFor)
	failed := host("failed")
	failed.failed(p.cfg.backoff, "it was killed")
	host("works").now = &process{}
	host("new")
	require.Len(t, p.hosts, 3)
	require.Same(t, failed, host("failed"))
}

// held is what a process has: descriptors, and staging memory.
func held(t *testing.T, pid int) (files, staging int) {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	require.NoError(t, err)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	require.NoError(t, err)
	return len(list), strings.Count(string(text), "levee-staging")
}

// Sessions leave nothing in the worker nor here, however they end.
func TestSessionsLeaveNothing(t *testing.T) {
	_, others := held(t, os.Getpid()) // other tests'
	p := newPool(t, fakeDriver(t))
	_, stays := session(t, p, "a")
	ends := []func(l *Lease){
		func(l *Lease) { // used, and ended
			e, err := Dial(int(l.File.Fd()))
			require.NoError(t, err)
			require.NoError(t, sums(t, e))
			require.NoError(t, e.Close())
		},
		func(l *Lease) {}, // nobody ever greeted
		func(l *Lease) { // nonsense
			_, err := l.File.Write(make([]byte, 2*requestSize))
			require.NoError(t, err)
		},
		func(l *Lease) { // staging memory pinned, and kernels
			e, err := Dial(int(l.File.Fd()))
			require.NoError(t, err)
			h, err := e.Alloc(op.Desc{DType: op.U8, Shape: []int64{pinFrom + half}})
			require.NoError(t, err)
			require.NoError(t, e.Upload(h, 0, make([]byte, pinFrom+half)))
			require.NoError(t, e.Wait(spin(t, e, 1, spinner(1, 1)), -1))
			require.NoError(t, e.Close())
		},
	}
	round := func() {
		for _, end := range ends {
			l, err := p.Session(t.Context(), Request{Device: "fake", Owner: "a", Memory: testMemory})
			require.NoError(t, err)
			end(l)
			l.Close()
			<-l.Ended()
		}
	}
	round() // what is kept for the next ones is there
	worker := stays.on.proc.Pid
	files, staging := held(t, worker)
	ours, _ := held(t, os.Getpid())
	for range 5 {
		round()
	}
	again, mapped := held(t, worker)
	require.LessOrEqual(t, again, files+1, "one may be on its way to be closed")
	require.LessOrEqual(t, mapped, staging)
	again, mapped = held(t, os.Getpid())
	require.LessOrEqual(t, again, ours)
	require.Equal(t, others+1, mapped, "that of the session that stays")
}
