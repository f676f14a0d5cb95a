package gpu

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	kernels := filepath.Join(dir, "cache/levee/cuda")
	mine, _ := filepath.Rel(dir, compiled(kernels, "a", time.Now()))
	theirs, _ := filepath.Rel(dir, compiled(kernels, "b", time.Now()))
	needed := []string{"/proc/self/maps", "/proc/self/task", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system", "/dev/null", "/usr/lib",
		file(mine + "/kernel"), file("more/libraries/libcufft.so.12")}
	others := []string{"/", "/etc/passwd", "/home", "/tmp", dir, own + "status", own + "environ", own + "maps", "/proc/self/root/etc/passwd", "/proc/self/cwd/etc/passwd", shm.Name(), "/dev/shm", "/dev/tty",
		file(theirs + "/kernel"), file("home/secret"), file("home/.ssh/id"), file("state/levee/state.db"), file("cache/levee/cache.db"), file("flows/inbox/letter"), file("more/letter")}
	require.NoError(t, os.Symlink(file("elsewhere/libcublasLt.so.13.1"), filepath.Join(dir, "more/libraries/libcublasLt.so.13")))
	needed = append(needed, filepath.Join(dir, "more/libraries/libcublasLt.so.13"))
	t.Setenv("HOME", filepath.Join(dir, "home"))
	t.Setenv("LD_LIBRARY_PATH", strings.Join([]string{"", filepath.Join(dir, "more/libraries"), dir, filepath.Join(dir, "home"), filepath.Join(dir, "cache/levee")}, ":"))
	f := fakeDriver(t, "REFUSE=218", fmt.Sprintf("PEEK=%q", strings.Join(append(needed, others...), ":")))
	p := newPool(t, f, func(c *PoolConfig) { c.Cache = kernels })
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

// Each owner has a folder of compiled kernels, and there are not ever more of them.
func TestFoldersOfCompiledKernels(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cuda")
	begun := time.Now()
	first := compiled(cache, "owner 0", begun)
	require.NoError(t, os.WriteFile(filepath.Join(first, "kernel"), []byte("x"), 0o600))
	for i := range 2 * maxCompiled {
		dir := compiled(cache, fmt.Sprint("owner ", i%(maxCompiled+1)), begun.Add(time.Duration(i)*time.Second))
		require.DirExists(t, dir)
		list, err := os.ReadDir(cache)
		require.NoError(t, err)
		require.LessOrEqual(t, len(list), maxCompiled)
		if i < maxCompiled {
			require.FileExists(t, filepath.Join(first, "kernel"))
		}
	}
	require.NoFileExists(t, filepath.Join(first, "kernel"), "65 owners took their turns")
	require.Empty(t, compiled("/dev/null/cuda", "a", begun))
}

// What the driver opens only when it is asked for something it finds in a worker that is shut in: what compiles PTX, cuBLASLt, and cuFFT.
func TestLibrariesOnAGPU(t *testing.T) {
	_, e, l := realPool(t, func(c *PoolConfig) { c.Cache = t.TempDir() })
	require.NoError(t, sums(t, e), "a kernel that was never compiled here")
	one := math.Float64bits(1)
	product := ones(t, e, op.Op{Code: op.Gemm, Params: []uint64{0, 0, one, op.NoActivation}}, op.BF16, []int64{2048, 2048}, []int64{2048, 1024}, []int64{1024, 2048})
	require.Equal(t, []byte{0x80, 0x44, 0x80, 0x44}, product[:4], "1024")
	signal := []int64{1 << 14, 128, 2}
	spectrum := ones(t, e, op.Op{Code: op.FFT, Params: []uint64{0, uint64(op.Device)}}, op.F32, signal, signal)
	require.Equal(t, []byte{0, 0, 0, 0x43, 0, 0, 0, 0x43}, spectrum[:8], "128 + 128i")
	l.on.pool.mu.Lock()
	pid := l.on.proc.Pid
	l.on.pool.mu.Unlock()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	require.NoError(t, err)
	for name, here := range map[string]bool{"libnvidia-ptxjitcompiler": false, "libcublasLt": cuda.BlasVersion() != "", "libcufft": cuda.FFTVersion() != ""} {
		t.Logf("the worker has %s: %v", name, strings.Contains(string(maps), name))
		if here {
			require.Contains(t, string(maps), name)
		}
	}
}

// ones gives the beginning of an op's result, whose inputs are full of ones.
func ones(t *testing.T, e Executor, o op.Op, d op.DType, result []int64, inputs ...[]int64) []byte {
	t.Helper()
	var g op.Graph
	for i, shape := range inputs {
		g.Tensors = append(g.Tensors, op.Tensor{Desc: op.Desc{DType: d, Shape: shape}})
		g.Ops = append(g.Ops, op.Op{Code: op.Fill, Out: []uint16{uint16(i)}, Params: []uint64{math.Float64bits(1)}})
		o.In = append(o.In, uint16(i))
	}
	out, err := e.Alloc(op.Desc{DType: d, Shape: result})
	require.NoError(t, err)
	o.Out = []uint16{uint16(len(inputs))}
	g.Tensors, g.Ops = append(g.Tensors, op.Tensor{Handle: out}), append(g.Ops, o)
	fence, err := e.Submit(g.Append(nil))
	require.NoError(t, err)
	require.NoError(t, e.Wait(fence, -1))
	got := make([]byte, 16)
	require.NoError(t, e.Download(out, 0, got))
	return got
}
