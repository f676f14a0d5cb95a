//go:build linux

package runtime

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/sys"
	"golang.org/x/sys/unix"

	"levee/runtime/wasm"
)

// guest is the one module of a worker, compiled, and the state of the call that it runs.
type guest struct {
	conn     *conn
	board    *board
	region   *region
	rt       wazero.Runtime
	compiled wazero.CompiledModule
	config   wazero.ModuleConfig
	ctx      context.Context
	call     callState
	ext      *extended // nil when the module uses no extension

	hasInit bool
	ahead   bool      // an instance may be made before its call is there
	ready   *instance // for the next call; nil: it makes its own
	spent   *instance // of the last call
}

// instance is one instance of the module, and the function that is called.
type instance struct {
	api.Module
	export string
	fn     api.Function
}

// callState is what a call has beside the guest's own memory. It is made anew for each call; buffers are kept.
type callState struct {
	msg       *callMsg
	inputs    []input
	outputs   []output
	total     int64 // bytes written to all outputs
	items     int   // items sent, in all
	ahead     ahead
	held      time.Duration // spent waiting for items to be taken
	streams   streams
	blobs     []blob
	lastError string
	clock     int64
	random    *rand.ChaCha8
	stdin     int64
	polls     int
	progress  progress
}

// stop ends a call from within a host function. wazero hands it back as an error.
type stop struct {
	code, detail string
}

func (s *stop) Error() string { return s.detail }

func bounds(format string, args ...any) {
	panic(&stop{CodeBounds, fmt.Sprintf(format, args...)})
}

// zeros stands in for wazero's own source, which it seeds at a cost of 10 us per instance; guests never see it.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// newGuest compiles a module, or loads its native code, and links exactly what it imports.
func newGuest(code []byte, m *loadMsg, cache wazero.CompilationCache, x *Extension, compilers int) (g *guest, err error) {
	// The compiler panics where it is not supported; it must never fall back to the interpreter in silence.
	defer func() {
		if r := recover(); r != nil {
			g, err = nil, fmt.Errorf("engine: %v", r)
		}
	}()
	g = &guest{}
	if g.region, err = newRegion(); err != nil {
		return nil, err
	}
	ctx := context.Background()
	// No check of the context in loops: a kill ends what runs too long, and loops go at full speed.
	g.rt = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCompilationCache(cache).
		WithCoreFeatures(api.CoreFeaturesV2).WithDebugInfoEnabled(false).WithCloseOnContextDone(false))
	if err := g.link(ctx, x, m.funcs); err != nil {
		return nil, err
	}
	if m.compile {
		ctx = experimental.WithCompilationWorkers(ctx, compilers)
	} else { // nothing is compiled where native code is expected: of a stub that would be another module
		ended, end := context.WithCancel(experimental.WithCompilationWorkers(ctx, 2)) // one alone would not look at the context
		end()
		ctx = ended
	}
	if g.compiled, err = g.compile(ctx, code); err != nil {
		return nil, err
	}
	switch {
	case m.extended(x):
		err = g.extend(ctx, x, code)
	case m.compile:
		err = g.shelve(ctx, m.dir, code)
	}
	if err != nil {
		return nil, err
	}
	_, g.hasInit = g.compiled.ExportedFunctions()["_initialize"]
	g.ahead = m.ahead && g.ext == nil
	g.config = wazero.NewModuleConfig().WithName("").WithStartFunctions().WithRandSource(zeros{})
	g.ctx = experimental.WithMemoryAllocator(context.Background(), g.region)
	return g, nil
}

// compile makes native code of a module, or loads it. wazero v1.12.0, the newest there is, miscompiles a few instructions where registers
// are short (https://github.com/wazero/wazero/issues/2516 is one case), and results are silently wrong: it is given modules without these.
func (g *guest) compile(ctx context.Context, code []byte) (wazero.CompiledModule, error) {
	code, err := wasm.Mend(code, wasm.Architecture())
	if err != nil {
		return nil, err
	}
	return g.rt.CompileModule(ctx, code)
}

// link makes host modules with the functions that the module imports, and no others.
func (g *guest) link(ctx context.Context, x *Extension, funcs [][2]string) error {
	builders := map[string]wazero.HostModuleBuilder{}
	for _, name := range funcs {
		f, ok := find(x, name[0], name[1])
		if !ok {
			return fmt.Errorf("no host function %s.%s", name[0], name[1])
		}
		b := builders[name[0]]
		if b == nil {
			b = g.rt.NewHostModuleBuilder(name[0])
			builders[name[0]] = b
		}
		call := f.call
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, m api.Module, s []uint64) {
			call(g, m.Memory(), s)
		}), []api.ValueType(f.typ.Params), []api.ValueType(f.typ.Results)).Export(name[1])
	}
	for _, b := range builders {
		if _, err := b.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

// run executes one call on a fresh instance. The result refers to memory that the next call overwrites.
func (g *guest) run(m *callMsg) *resultMsg {
	c := &g.call
	c.begin(m, g.board)
	g.region.begin(m.limits.Memory)
	if g.ext != nil {
		g.ext.region.begin(0) // until the companion is wanted
	}
	begin := time.Now()
	err := g.invoke(m)
	device := g.leave()
	res := &resultMsg{seq: m.seq, elapsed: time.Since(begin) - c.held, held: c.held, peak: g.peak(), device: device}
	if err == nil {
		err = c.unfinished()
	}
	if err == nil {
		if res.outputs, err = c.finish(); err != nil {
			err = &stop{CodeOutput, err.Error()}
		}
	}
	if err != nil {
		g.explain(err, res)
		res.detail = res.detail[:min(len(res.detail), maxDetail)]
		c.dropOutputs()
	}
	c.closeBlobs()
	c.progress.flush(g)
	res.streams = c.streams
	return res
}

// peak is how much memory the call had.
func (g *guest) peak() int64 {
	if g.ext == nil {
		return g.region.peak
	}
	return g.region.peak + g.ext.region.peak
}

// instantiate makes an instance for calls of an export.
func (g *guest) instantiate(export string) (*instance, error) {
	mod, err := g.rt.InstantiateModule(g.ctx, g.compiled, g.config)
	if err != nil {
		g.region.Free()
		return nil, err
	}
	return &instance{mod, export, mod.ExportedFunction(export)}, nil
}

// renew closes the instance of the last call, which the caller of that need not wait for, and makes the next one when there is time for it.
func (g *guest) renew(time bool) {
	if g.spent == nil {
		return // there was no instance
	}
	_ = g.spent.Close(g.ctx)
	export := g.spent.export
	g.spent = nil
	if g.ahead && time {
		g.region.begin(regionReserve)      // a module that begins with more than a call may have is not sent here
		g.ready, _ = g.instantiate(export) // on an error the call tries again, and says it
	}
}

func (g *guest) invoke(m *callMsg) (err error) {
	if g.spent, g.ready = g.ready, nil; g.spent == nil {
		if g.spent, err = g.instantiate(m.export); err != nil {
			return err
		}
	}
	mod, fn := g.spent.Module, g.spent.fn
	if g.spent.export != m.export {
		fn = mod.ExportedFunction(m.export)
	}
	var stack [1]uint64
	if m.abi == Reactor && g.hasInit {
		if err := mod.ExportedFunction("_initialize").CallWithStack(g.ctx, stack[:]); err != nil {
			return err
		}
	}
	if fn == nil {
		return &stop{CodeRefused, fmt.Sprintf("it exports no function %q", m.export)}
	}
	err = fn.CallWithStack(g.ctx, stack[:])
	var exit *sys.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 0 {
		return nil
	}
	return err
}

// trapTexts are the traps of WebAssembly as the engine words them.
var trapTexts = map[string]bool{
	"unreachable": true, "integer divide by zero": true, "integer overflow": true, "invalid conversion to integer": true,
	"out of bounds memory access": true, "invalid table access": true, "indirect call type mismatch": true,
	"stack overflow": true,
}

// explain turns what the engine returned into a code and a sentence.
func (g *guest) explain(err error, res *resultMsg) {
	var s *stop
	var exit *sys.ExitError
	switch {
	case errors.As(err, &s):
		res.code, res.detail = s.code, s.detail
		return
	case errors.As(err, &exit):
		res.code, res.exit = CodeExit, exit.ExitCode()
		res.detail = fmt.Sprintf("the guest ended itself with exit code %d", exit.ExitCode())
	default:
		res.code, res.detail = CodeTrap, trapOf(err)
	}
	if g.region.denied {
		// What it did then is a consequence: guests abort in many ways when memory is refused.
		res.code = CodeMemory
		res.detail += " after it was refused more memory"
	}
}

// trapOf gives the trap's exact words, or for what is no trap of a call (such as a data segment out of bounds when
// instantiating) what the engine said in its first line.
func trapOf(err error) string {
	inner := err
	for next := errors.Unwrap(inner); next != nil; next = errors.Unwrap(inner) {
		inner = next
	}
	if text := inner.Error(); trapTexts[text] {
		return text
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	for text := range trapTexts {
		if strings.HasSuffix(line, text) {
			return text
		}
	}
	return line
}

// begin readies the state for a call.
func (c *callState) begin(m *callMsg, b *board) {
	c.msg = m
	c.streams = b.streams()
	b.note(&c.streams)
	c.inputs = c.inputs[:0]
	for i := range m.inputs {
		c.inputs = append(c.inputs, input{wireValue: &m.inputs[i]})
		if i < len(m.heads) {
			c.inputs[i].head = m.heads[i]
		}
	}
	for len(c.outputs) < m.outputs {
		c.outputs = append(c.outputs, output{})
	}
	c.outputs = c.outputs[:m.outputs]
	for i := range c.outputs {
		c.outputs[i].reset()
	}
	for _, port := range m.streams {
		c.outputs[port].stream = true
	}
	c.items, c.ahead, c.held = 0, ahead{}, 0
	c.total, c.stdin, c.clock, c.polls, c.lastError, c.random = 0, 0, 0, 0, "", nil
	c.progress = progress{}
}

func (c *callState) closeBlobs() {
	for i := range c.blobs {
		if fd := c.blobs[i].fd; fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	c.blobs = c.blobs[:0]
}
