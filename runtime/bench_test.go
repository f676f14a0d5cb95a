//go:build linux

package runtime

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// Each benchmark has its floor beside it as a sub-benchmark, run in the same process and minute: machines are noisy,
// so only ratios mean something. p50-us is the median of single round trips.

// bareGuest is a module on a bare engine, tuned as ours is: own memory, own random source, one runtime.
type bareGuest struct {
	guest
	in  []byte
	out []byte
}

// newBare makes a guest that runs in this process, without worker, socket or scheduler.
func newBare(b testing.TB, m *Module) *bareGuest {
	b.Helper()
	g := &bareGuest{}
	var err error
	g.region, err = newRegion()
	require.NoError(b, err)
	g.region.begin(256 << 20)
	ctx := context.Background()
	g.rt = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithDebugInfoEnabled(false))
	b.Cleanup(func() { _ = g.rt.Close(ctx); _ = unix.Munmap(g.region.base) })
	for mod, funcs := range hostFuncs {
		hb := g.rt.NewHostModuleBuilder(mod)
		for name, f := range funcs {
			call := func(api.Memory, []uint64) {}
			switch name {
			case "input_read":
				call = func(mem api.Memory, s []uint64) {
					dst, _ := mem.Read(u32(s[2]), u32(s[3]))
					n := 0
					if s[1] < uint64(len(g.in)) {
						n = copy(dst, g.in[s[1]:])
					}
					s[0] = uint64(n)
				}
			case "output_write":
				call = func(mem api.Memory, s []uint64) {
					src, _ := mem.Read(u32(s[1]), u32(s[2]))
					g.out = append(g.out, src...)
				}
			}
			hb.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, s []uint64) {
				call(m.Memory(), s)
			}), []api.ValueType(f.typ.Params), []api.ValueType(f.typ.Results)).Export(name)
		}
		_, err := hb.Instantiate(ctx)
		require.NoError(b, err)
	}
	g.compiled, err = g.rt.CompileModule(ctx, m.code)
	require.NoError(b, err)
	g.config = wazero.NewModuleConfig().WithName("").WithStartFunctions().WithRandSource(zeros{})
	g.ctx = experimental.WithMemoryAllocator(ctx, g.region)
	return g
}

// call makes an instance, calls, and drops it.
func (g *bareGuest) call(b testing.TB, export string) {
	g.out = g.out[:0]
	mod, err := g.rt.InstantiateModule(g.ctx, g.compiled, g.config)
	if err != nil {
		b.Fatal(err)
	}
	var stack [1]uint64
	if err := mod.ExportedFunction(export).CallWithStack(g.ctx, stack[:]); err != nil {
		b.Fatal(err)
	}
	_ = mod.Close(g.ctx)
}

// measure runs f b.N times and reports the median.
func measure(b *testing.B, f func()) time.Duration {
	times := make([]time.Duration, 0, b.N)
	for b.Loop() {
		begin := time.Now()
		f()
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	p50 := times[len(times)/2]
	b.ReportMetric(float64(p50)/1e3, "p50-us")
	return p50
}

func (e *Engine) mustRun(b testing.TB, c *Call) *Result {
	res, err := e.Run(context.Background(), c)
	if err != nil {
		b.Fatal(err)
	}
	return res
}

// line prints one line of the design's table of numbers; `make bench` shows these.
func line(what string, measured, floor time.Duration, goal string) {
	if measured > 0 && floor > 0 { // else a part was not asked for
		fmt.Printf("bench: %-58s %10.1f us  floor %10.1f us  %5.2f x  goal %s\n", what, float64(measured)/1e3, float64(floor)/1e3, float64(measured)/float64(floor), goal)
	}
}

const echoEnv = "LEVEE_TEST_ECHO"

// echoMain is the other end of the bare round trip: a process that sends back what it gets.
func echoMain() {
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(3, buf)
		if err != nil || n == 0 {
			os.Exit(0)
		}
		_, _ = unix.Write(3, buf[:n])
	}
}

// newEcho starts the other end and returns this one.
func newEcho(b testing.TB) *os.File {
	b.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(b, err)
	require.NoError(b, unix.SetNonblock(pair[1], false))
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{echoEnv + "=1", "GOMAXPROCS=1"}
	cmd.ExtraFiles = []*os.File{theirs}
	require.NoError(b, cmd.Start())
	_ = theirs.Close()
	b.Cleanup(func() { _ = ours.Close(); _ = cmd.Wait() })
	return ours
}

// BenchmarkInvoke1K is one invocation in a warm worker, 1 KB in and out, and what it is made of.
func BenchmarkInvoke1K(b *testing.B) {
	m := guestModule(b)
	var ours, socket, instance time.Duration
	in := random(b, 1024)
	b.Run("levee", func(b *testing.B) {
		e := newEngine(b)
		c := &Call{Module: m, Export: "echo", Inputs: []Input{{Bytes: in}}, Outputs: 1}
		for range 200 {
			e.mustRun(b, c)
		}
		ours = measure(b, func() { e.mustRun(b, c) })
	})
	b.Run("floor-socket", func(b *testing.B) {
		f := newEcho(b)
		buf := make([]byte, 64<<10)
		socket = measure(b, func() {
			_, _ = f.Write(in)
			for n := 0; n < len(in); {
				k, err := f.Read(buf)
				if err != nil {
					b.Fatal(err)
				}
				n += k
			}
		})
	})
	b.Run("floor-instance", func(b *testing.B) {
		g := newBare(b, m)
		g.in = in
		instance = measure(b, func() { g.call(b, "echo") })
	})
	line("invocation in a warm worker, 1 KB in and out, p50", ours, socket+instance, "<= 1.5 x")
}

// BenchmarkReady1000 is 1,000 invocations that are ready at once, per invocation.
func BenchmarkReady1000(b *testing.B) {
	const calls = 1000
	m := guestModule(b)
	var ours, both time.Duration
	in := random(b, 1024)
	b.Run("levee", func(b *testing.B) {
		e := newEngine(b)
		c := &Call{Module: m, Export: "echo", Inputs: []Input{{Bytes: in}}, Outputs: 1}
		round := func() {
			var wg sync.WaitGroup
			for range calls {
				wg.Go(func() { e.mustRun(b, c) })
			}
			wg.Wait()
		}
		for range 5 {
			round()
		}
		for b.Loop() {
			round()
		}
		ours = b.Elapsed() / time.Duration(b.N*calls)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*calls)/1e3, "us/call")
	})
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprintf("floor-pool-%d", n), func(b *testing.B) {
			var pool []*bareGuest
			for range n {
				g := newBare(b, m)
				g.in = in
				pool = append(pool, g)
			}
			for b.Loop() {
				var wg sync.WaitGroup
				for _, g := range pool {
					wg.Go(func() {
						for range calls / n {
							g.call(b, "echo")
						}
					})
				}
				wg.Wait()
			}
			both = b.Elapsed() / time.Duration(b.N*calls) // the last one is that of both cores
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*calls)/1e3, "us/call")
		})
	}
	line("1,000 ready invocations of one module, each", ours, both, "<= 3 x")
}

// BenchmarkInvoke1M is one invocation with 1 MB in and out.
func BenchmarkInvoke1M(b *testing.B) {
	m := guestModule(b)
	var ours, memfd, instance time.Duration
	in := random(b, 1<<20)
	b.Run("levee", func(b *testing.B) {
		e := newEngine(b)
		fd, err := sealedCopy(in)
		require.NoError(b, err)
		f := os.NewFile(uintptr(fd), "in")
		defer f.Close()
		c := &Call{Module: m, Export: "echo", Inputs: []Input{{File: f, Size: 1 << 20}}, Outputs: 1}
		e.mustRun(b, c).Close()
		ours = measure(b, func() { e.mustRun(b, c).Close() })
	})
	b.Run("floor-memfd", func(b *testing.B) { // the pages of the output, once
		memfd = measure(b, func() {
			fd, err := sealedCopy(in)
			if err != nil {
				b.Fatal(err)
			}
			_ = unix.Close(fd)
		})
	})
	b.Run("floor-instance", func(b *testing.B) {
		g := newBare(b, m)
		g.in = in
		instance = measure(b, func() { g.call(b, "echo") })
	})
	line("the same with 1 MB", ours, memfd+instance, "-")
}

// BenchmarkLoop is a tight loop of 100 million rounds.
func BenchmarkLoop(b *testing.B) {
	m := guestModule(b)
	var ours, instance time.Duration
	b.Run("levee", func(b *testing.B) {
		e := newEngine(b)
		c := &Call{Module: m, Export: "loop", Outputs: 1}
		e.mustRun(b, c)
		ours = measure(b, func() { e.mustRun(b, c) })
	})
	b.Run("floor-instance", func(b *testing.B) {
		g := newBare(b, m)
		instance = measure(b, func() { g.call(b, "loop") })
	})
	line("tight loop of 100 million rounds in a worker", ours, instance, "<= 1.05 x")
}
