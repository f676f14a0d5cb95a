package fake

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"levee/gpu/ptx"
)

// CUDA is a libcuda.so.1 and the server that runs its kernels. Each process that opens the library has devices of its own.
type CUDA struct {
	Dir string // to stand in LD_LIBRARY_PATH; the library is Dir/libcuda.so.1

	served sync.WaitGroup

	mu       sync.Mutex
	findings []*ptx.Finding         // guarded by mu
	conns    map[*net.UnixConn]bool // guarded by mu; nil at the end
	fault    Fault                  // guarded by mu
	traffic  map[string]ptx.Traffic // guarded by mu; nil: it is not counted
}

// Fault decides what becomes of a launch, by the process and the kernel's name: 0, a code with which the context is lost, or Endless. It
// is called from many goroutines. While it does not return the launch is under way.
type Fault func(pid int, kernel string) int

// Endless is the fault of a launch that never ends.
const Endless = 1 << 20

// OnLaunch has a function decide from now on; nil: all launches end well.
func (c *CUDA) OnLaunch(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = f
}

func (c *CUDA) faultOf(pid int, kernel string) int {
	c.mu.Lock()
	f := c.fault
	c.mu.Unlock()
	if f == nil {
		return 0
	}
	return f(pid, kernel)
}

// Library is the path to open.
func (c *CUDA) Library() string { return filepath.Join(c.Dir, "libcuda.so.1") }

// NewCUDA builds a libcuda.so.1 and serves it until the test ends. The macros of c/cuda.c say what it pretends, as in "MEMORY=64". What
// the interpreter finds wrong with a kernel is a failure of the test, unless Findings has asked for it.
func NewCUDA(t testing.TB, macros ...string) *CUDA {
	t.Helper()
	c := &CUDA{Dir: t.TempDir(), conns: map[*net.UnixConn]bool{}}
	socket := filepath.Join(c.Dir, "server")
	if len(socket) > 100 { // a socket's name is short
		dir, err := os.MkdirTemp("", "cuda")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		socket = filepath.Join(dir, "server")
	}
	if err := c.build(socket, macros); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	c.served.Go(func() { c.accept(l) })
	t.Cleanup(func() {
		_ = l.Close()
		c.hangUp()
		c.served.Wait()
		for _, f := range c.Findings() {
			t.Error(f)
		}
	})
	return c
}

func (c *CUDA) build(socket string, macros []string) error {
	macros = slices.Concat(macros, []string{"SOCKET=" + strconv.Quote(socket)})
	path, err := build(c.Dir, "libcuda.so.1", "cuda.c", macros, "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-pthread")
	if err != nil {
		return err
	}
	// The loader knows a library by its inode, and a process that has one open keeps it. So this inode is never given to another file.
	_, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return err
}

// Findings gives what the interpreter found wrong since the last time.
func (c *CUDA) Findings() []*ptx.Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.findings
	c.findings = nil
	return list
}

// Traffic gives what the launches of each kernel have asked for since the last call, and begins to count it at the first one.
func (c *CUDA) Traffic() map[string]ptx.Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	counted := c.traffic
	c.traffic = map[string]ptx.Traffic{}
	return counted
}

// counter gives what a launch is to count with, and who takes it then.
func (c *CUDA) counter(kernel string) (t *ptx.Traffic, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.traffic == nil {
		return nil, func() {}
	}
	t = &ptx.Traffic{}
	return t, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		all := c.traffic[kernel]
		all.Add(*t)
		c.traffic[kernel] = all
	}
}

func (c *CUDA) found(f *ptx.Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.findings = append(c.findings, f)
}

// accept serves one process after the other, all at once, until the listener is closed.
func (c *CUDA) accept(l *net.UnixListener) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		c.mu.Lock()
		if c.conns == nil {
			_ = conn.Close()
		} else {
			c.conns[conn] = true
			c.served.Go(func() { c.serve(conn) })
		}
		c.mu.Unlock()
	}
}

// hangUp ends all connections, of processes that are still there too.
func (c *CUDA) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// What the driver would answer.
const (
	invalid   = 1
	badPTX    = 218
	badHandle = 400
	notFound  = 500
)

var codes = map[ptx.Kind]int{ptx.OutOfBounds: 700, ptx.Misaligned: 716, ptx.Budget: 702, ptx.BadLaunch: invalid}

func codeOf(f *ptx.Finding) int {
	if code, ok := codes[f.Kind]; ok {
		return code
	}
	return 719
}
