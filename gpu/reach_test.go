package gpu

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	llsys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"github.com/stretchr/testify/require"

	"levee/gpu/cuda"
	"levee/gpu/op"
)

// A driver in a real worker tries to read what is its owner's, and what it needs.
func TestAWorkerReadsWhatADriverNeeds(t *testing.T) {
	if _, err := llsys.LandlockGetABIVersion(); err != nil {
		t.Skipf("this kernel has no Landlock (%v): a GPU worker may read what its user may", err)
	}
	dir := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
		return path
	}
	shm, err := os.CreateTemp("/dev/shm", "levee")
	require.NoError(t, err)
	defer os.Remove(shm.Name())
	defer shm.Close()
	own := fmt.Sprintf("/proc/%d/", os.Getpid())
	needed := []string{"/proc/self/maps", "/proc/self/task", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system", "/dev/null", "/usr/lib",
		file("cache/levee/cuda/kernel"), file("more/libraries/libcufft.so.12")}
	others := []string{"/", "/etc/passwd", "/home", "/tmp", dir, own + "status", own + "environ", own + "maps", shm.Name(), "/dev/shm", "/dev/tty",
		file("home/secret"), file("home/.ssh/id"), file("state/levee/state.db"), file("cache/levee/cache.db"), file("flows/inbox/letter"), file("more/letter")}
	t.Setenv("HOME", filepath.Join(dir, "home"))
	t.Setenv("LD_LIBRARY_PATH", strings.Join([]string{"", filepath.Join(dir, "more/libraries"), dir, filepath.Join(dir, "home"), filepath.Join(dir, "cache/levee")}, ":"))
	f := fakeDriver(t, "REFUSE=218", fmt.Sprintf("PEEK=%q", strings.Join(append(needed, others...), ":")))
	p := newPool(t, f, func(c *PoolConfig) { c.Cache = filepath.Join(dir, "cache/levee/cuda") })
	e, _ := session(t, p, "a")
	err = sums(t, e)
	requireFault(t, op.Unavailable, err)
	said := err.Error()[strings.LastIndex(err.Error(), " ")+1:]
	require.Len(t, said, len(needed)+len(others), "%v", err)
	for i, path := range append(needed, others...) {
		if i < len(needed) {
			require.Equal(t, "y", said[i:i+1], "%s must be readable", path)
		} else {
			require.NotEqual(t, "y", said[i:i+1], "%s must not be readable", path)
		}
	}
	require.Contains(t, said, "n", "somebody was refused")
}

// What the driver opens only when it is asked for something it finds in a worker that is shut in: what compiles PTX, and cuBLASLt.
func TestLibrariesOnAGPU(t *testing.T) {
	_, e, l := realPool(t, func(c *PoolConfig) { c.Cache = t.TempDir() })
	require.NoError(t, sums(t, e), "a kernel that was never compiled here")
	out, err := e.Alloc(op.Desc{DType: op.BF16, Shape: []int64{2048, 2048}})
	require.NoError(t, err)
	one := math.Float64bits(1)
	g := op.Graph{Tensors: []op.Tensor{{Desc: op.Desc{DType: op.BF16, Shape: []int64{2048, 1024}}}, {Desc: op.Desc{DType: op.BF16, Shape: []int64{1024, 2048}}}, {Handle: out}},
		Ops: []op.Op{{Code: op.Fill, Out: []uint16{0}, Params: []uint64{one}}, {Code: op.Fill, Out: []uint16{1}, Params: []uint64{one}},
			{Code: op.Gemm, In: []uint16{0, 1}, Out: []uint16{2}, Params: []uint64{0, 0, one, op.NoActivation}}}}
	fence, err := e.Submit(g.Append(nil))
	require.NoError(t, err)
	require.NoError(t, e.Wait(fence, -1))
	got := make([]byte, 4)
	require.NoError(t, e.Download(out, 2048*2048*2-4, got))
	require.Equal(t, []byte{0x80, 0x44, 0x80, 0x44}, got, "1024")
	l.on.pool.mu.Lock()
	pid := l.on.proc.Pid
	l.on.pool.mu.Unlock()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	require.NoError(t, err)
	for _, name := range []string{"libnvidia-ptxjitcompiler", "libcublasLt"} {
		t.Logf("the worker has %s: %v", name, strings.Contains(string(maps), name))
	}
	if cuda.BlasVersion() != "" {
		require.Contains(t, string(maps), "libcublasLt")
	}
}
