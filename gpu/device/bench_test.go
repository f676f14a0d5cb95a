package device_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"levee/gpu/builtin"
	"levee/gpu/cuda"
	"levee/gpu/device"
	gpukernel "levee/gpu/kernel"
	"levee/gpu/op"
)

// What is measured here wants a real device: the fake one has no speed.
func benchDevice(b *testing.B) *device.Device {
	d, err := realDevice()
	if err != nil {
		b.Skipf("no GPU to measure: %v", err)
	}
	return d
}

func benchSession(b *testing.B, quota int64) *device.Session {
	s, err := benchDevice(b).Session(quota, large)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	return s
}

// BenchmarkContext is what a worker pays before its first graph, once.
func BenchmarkContext(b *testing.B) {
	driver, err := cuda.Load(cuda.Library)
	if err != nil {
		b.Skipf("no GPU to measure: %v", err)
	}
	for b.Loop() {
		d, err := device.Open(driver, 0)
		require.NoError(b, err)
		free, err := d.Available()
		require.NoError(b, err)
		b.ReportMetric(float64(d.Memory-free)/(1<<20), "MiB-held")
		require.NoError(b, d.Close())
	}
}

func BenchmarkSession(b *testing.B) {
	d := benchDevice(b)
	for b.Loop() {
		s, err := d.Session(256<<20, large)
		require.NoError(b, err)
		alloc(b, s, op.F32, 1024)
		require.NoError(b, s.Close())
	}
}

// BenchmarkJIT is the time in which the driver compiles what levee brings, once each, without its own cache on disk.
func BenchmarkJIT(b *testing.B) {
	b.Setenv("CUDA_CACHE_DISABLE", "1") // works before the first context of the process only: run this one alone
	d := benchDevice(b)
	load := func(ptx string) {
		m, err := d.Load(ptx)
		if err != nil {
			b.Logf("not for this device: %v", err)
			return
		}
		require.NoError(b, d.Unload(m))
	}
	b.Run("map", func(b *testing.B) {
		ptx := mapPTX(b)
		for b.Loop() {
			load(ptx)
		}
	})
	for _, k := range [][2]string{{"elementwise", "fill"}, {"cast", "cast_f32_f16"}, {"sort", "sort_move_32"}, {"fft", "fft_pass"}, {"gemm", "gemm_f32"}, {"gemm_bf16", "wide_nn"}} {
		b.Run(k[1], func(b *testing.B) {
			ptx, ok := builtin.Kernel(k[0], k[1])
			require.True(b, ok)
			for b.Loop() {
				load(ptx)
			}
		})
	}
}

// mapPTX is a kernel of a node's.
func mapPTX(b *testing.B) string {
	f, err := gpukernel.Parse(axpb, "k")
	require.NoError(b, err)
	ptx, err := f.PTX(gpukernel.Types{In: []op.DType{op.F32, op.F32}, One: make([]bool, 2), Out: []op.DType{op.F32}})
	require.NoError(b, err)
	return ptx
}

// BenchmarkLaunch is the driver's part of a launch: a hundred of a kernel that does next to nothing, and the wait for the last one.
func BenchmarkLaunch(b *testing.B) {
	d := benchDevice(b)
	m, err := d.Load(mapPTX(b))
	require.NoError(b, err)
	f, err := d.Function(m, "kernel")
	require.NoError(b, err)
	s, err := d.NewStream()
	require.NoError(b, err)
	var args cuda.Args
	args.Ptr(0).Ptr(0).Ptr(0).I64(0).I64(0).Ptr(0) // from 0 to 0
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				for range n {
					require.NoError(b, d.Launch(f, cuda.Dim{}, cuda.Dim{X: 32}, 0, s, args.Params()))
				}
				require.NoError(b, d.WaitStream(s))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/launch")
		})
	}
}

// BenchmarkMapGrid is how fast a map of 3 GiB moves with grids and blocks of several sizes.
func BenchmarkMapGrid(b *testing.B) {
	const n = 256 << 20
	d := benchDevice(b)
	m, err := d.Load(mapPTX(b))
	require.NoError(b, err)
	f, err := d.Function(m, "kernel")
	require.NoError(b, err)
	s, err := d.NewStream()
	require.NoError(b, err)
	at, err := d.Alloc(12*n + 256)
	require.NoError(b, err)
	defer func() { require.NoError(b, d.Free(at)) }()
	var args cuda.Args
	args.Ptr(at).Ptr(at + 4*n).Ptr(at + 8*n).I64(0).I64(n).Ptr(at + 12*n)
	for _, threads := range []int{128, 256, 512, 1024} {
		for _, blocks := range []int{d.SMs * 8, d.SMs * 32, d.SMs * 128, n / threads} {
			b.Run(fmt.Sprintf("%dx%d", blocks, threads), func(b *testing.B) {
				b.SetBytes(12 * n)
				for b.Loop() {
					require.NoError(b, d.Launch(f, cuda.Dim{X: uint32(blocks)}, cuda.Dim{X: uint32(threads)}, 0, s, args.Params()))
					require.NoError(b, d.WaitStream(s))
				}
			})
		}
	}
}

// BenchmarkSubmit is a graph of one small map, submitted and waited for; pipelined ones are waited for a hundred at a time.
func BenchmarkSubmit(b *testing.B) {
	s := benchSession(b, 64<<20)
	x, y, z := alloc(b, s, op.F32, 1024), alloc(b, s, op.F32, 1024), alloc(b, s, op.F32, 1024)
	k := kernel(b, s, axpb)
	g := one(op.Map, k, x, y, z)
	b.Run("wait", func(b *testing.B) {
		for b.Loop() {
			f, err := s.Submit(g)
			require.NoError(b, err)
			require.NoError(b, s.Wait(f, -1))
		}
	})
	b.Run("pipelined", func(b *testing.B) {
		n := 0
		for b.Loop() {
			f, err := s.Submit(g)
			require.NoError(b, err)
			if n++; n%100 == 0 {
				require.NoError(b, s.Wait(f, -1))
			}
		}
	})
	hundred := op.Graph{Tensors: []op.Tensor{{Handle: x}, {Handle: y}, {Handle: z}}}
	for range 100 {
		hundred.Ops = append(hundred.Ops, op.Op{Code: op.Map, In: []uint16{0, 1}, Out: []uint16{2}, Params: k})
	}
	text := hundred.Append(nil)
	b.Run("100 ops", func(b *testing.B) {
		for b.Loop() {
			f, err := s.Submit(text)
			require.NoError(b, err)
			require.NoError(b, s.Wait(f, -1))
		}
	})
}

// BenchmarkMap is the bandwidth of a map beside that of the device's own copy, of the same number of bytes.
func BenchmarkMap(b *testing.B) {
	const n = 256 << 20 // elements: well over every cache
	s := benchSession(b, 5<<30)
	x, y, z := alloc(b, s, op.F32, n), alloc(b, s, op.F32, n), alloc(b, s, op.F32, n)
	k := kernel(b, s, axpb)
	for _, c := range []struct {
		name  string
		graph []byte
		moved int64
	}{
		{"copy", one(op.Copy, nil, x, z), 8 * n},
		{"map", one(op.Map, k, x, y, z), 12 * n},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(c.moved)
			for b.Loop() {
				f, err := s.Submit(c.graph)
				require.NoError(b, err)
				require.NoError(b, s.Wait(f, -1))
			}
		})
	}
}

// BenchmarkTransfer is both ways, from memory as Go has it and from a shared mapping that was pinned.
func BenchmarkTransfer(b *testing.B) {
	const n = 64 << 20
	d := benchDevice(b)
	s, err := d.Session(n, large)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	h := alloc(b, s, op.U8, n)
	file, err := os.Create(filepath.Join(b.TempDir(), "shared"))
	require.NoError(b, err)
	require.NoError(b, file.Truncate(n))
	shared, err := unix.Mmap(int(file.Fd()), 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(b, err)
	start := time.Now()
	pinErr := d.Pin(shared)
	b.Logf("64 MiB pinned in %v: %v", time.Since(start), pinErr)
	for name, p := range map[string][]byte{"heap": make([]byte, n), "pinned": shared} {
		for _, size := range []int{4 << 10, n} {
			run := func(way string, do func(op.Handle, int64, []byte) error) {
				b.Run(fmt.Sprintf("%s/%s/%d", name, way, size), func(b *testing.B) {
					b.SetBytes(int64(size))
					for b.Loop() {
						require.NoError(b, do(h, 0, p[:size]))
					}
				})
			}
			run("up", s.Upload)
			run("down", s.Download)
		}
	}
}
