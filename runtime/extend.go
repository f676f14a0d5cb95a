//go:build linux

package runtime

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// extended is what a guest has beside itself when it uses an extension.
type extended struct {
	ext      *Extension
	code     []byte // of the guest's module
	compiled wazero.CompiledModule
	region   *region
	ctx      context.Context
	call     ExtensionCall
}

// extend compiles the companion of the guest's module.
func (g *guest) extend(ctx context.Context, x *Extension, code []byte) error {
	second, err := x.Companion(code)
	if err != nil {
		return fmt.Errorf("companion: %w", err)
	}
	e := &extended{ext: x, code: code}
	if e.compiled, err = g.compile(ctx, second); err != nil {
		return fmt.Errorf("companion: %w", err)
	}
	if e.region, err = newRegion(); err != nil {
		return err
	}
	e.ctx = experimental.WithMemoryAllocator(context.Background(), e.region)
	g.ext = e
	return nil
}

// ExtensionCall is a call as an extension sees it. It is valid until the extension's End returns, in the goroutine that runs the call.
type ExtensionCall struct {
	guest     *guest
	memory    api.Memory
	state     any
	begun     bool
	companion *Companion
}

// enter gives the state of the running call, which begins when a function of the extension is called first.
func (g *guest) enter(mem api.Memory) any {
	c := &g.ext.call
	c.memory = mem
	if !c.begun {
		c.guest, c.begun = g, true
		c.state = g.ext.ext.Begin(c)
	}
	return c.state
}

// leave ends the extension's part of a call.
func (g *guest) leave() (device bool) {
	if g.ext == nil || !g.ext.call.begun {
		return false
	}
	c := &g.ext.call
	if c.state != nil { // else Begin ended the call
		device = g.ext.ext.End(c.state)
	}
	if c.companion != nil {
		_ = c.companion.mod.Close(g.ext.ctx)
	}
	*c = ExtensionCall{}
	return device
}

// Bounds ends the call: the guest passed what it may not pass. It does not return.
func (c *ExtensionCall) Bounds(format string, args ...any) { bounds(format, args...) }

// Lost ends the call: what the extension kept for it is gone, through no fault of the guest. It does not return.
func (c *ExtensionCall) Lost(detail string) { panic(&stop{CodeLost, detail}) }

// View returns the guest's bytes [ptr, ptr+size), or ends the call. They are valid until the guest runs on.
func (c *ExtensionCall) View(what string, ptr, size uint32) []byte {
	return view(c.memory, what, ptr, size)
}

// Module is the bytes of the guest's module, as the engine compiled it.
func (c *ExtensionCall) Module() []byte { return c.guest.ext.code }

// Input gives the type and size of an input port's value, or ends the call. The size of an absent one is -1.
func (c *ExtensionCall) Input(what string, port uint32) (typ string, size int64) {
	in := c.guest.call.port(what, port)
	if in.how == valueAbsent {
		return c.guest.call.msg.types[port], -1
	}
	return c.guest.call.msg.types[port], in.size
}

// ReadInput copies what lies at off of an input's value into p, and returns how much that was. The port is one that Input took.
func (c *ExtensionCall) ReadInput(port uint32, p []byte, off int64) int {
	in := &c.guest.call.inputs[port]
	if in.how == valueAbsent || off < 0 {
		return 0
	}
	return c.guest.readInput(port, p, uint64(off))
}

// InputDigest names the content of an input that Input took; zero: it is not known.
func (c *ExtensionCall) InputDigest(port uint32) (d [32]byte) {
	if list := c.guest.call.msg.digests; int64(port) < int64(len(list)) {
		d = list[port]
	}
	return d
}

// Output gives the type of an output port, empty where the call did not say, or ends the call.
func (c *ExtensionCall) Output(what string, port uint32) (typ string) {
	if n := len(c.guest.call.outputs); int64(port) >= int64(n) {
		noPort(what, "output", port, n)
	}
	if types := c.guest.call.msg.outputTypes; int64(port) < int64(len(types)) {
		typ = types[port]
	}
	return typ
}

// WriteOutput appends to the value of an output port that Output took, within the limit of the call's outputs, or ends the call.
func (c *ExtensionCall) WriteOutput(port uint32, p []byte) { c.guest.call.write(port, p) }

// Referable reports whether an output port that Output took may be given as a reference.
func (c *ExtensionCall) Referable(port uint32) bool {
	return slices.Contains(c.guest.call.msg.referable, int64(port)) && !c.guest.call.outputs[port].written
}

// ReferOutput gives a value of size bytes that is kept elsewhere, and begins with head, as an output that is Referable. It counts as if
// it had been written.
func (c *ExtensionCall) ReferOutput(port uint32, digest [32]byte, head []byte, size int64) {
	call := &c.guest.call
	if call.total += size; call.total > call.msg.limits.Output {
		panic(&stop{CodeOutput, "it wrote more output than it may"})
	}
	o := &call.outputs[port]
	o.written, o.size, o.refers = true, size, append(digest[:], head[:min(len(head), maxRefHead)]...)
}

// Handed is the descriptor that came with the call; -1 when none did. It is closed when the call has ended.
func (c *ExtensionCall) Handed() int { return c.guest.call.msg.handedFD }

// CompanionLimit is how many bytes the memory of the companion may have in this call, beside those that it begins with.
func (c *ExtensionCall) CompanionLimit() int64 {
	return min(c.guest.call.msg.limits.Companion, companionMost-c.guest.ext.own())
}

// own is the size that the companion's memory begins with.
func (e *extended) own() (n int64) {
	for _, m := range e.compiled.ExportedMemories() {
		n = int64(m.Min()) << 16
	}
	return n
}

// companionMost is a page less than 32 bits reach, so that the size of a memory is a 32-bit number.
const companionMost = regionReserve - 64<<10

// Companion is an instance of the companion module, with zeroed memory. It lives as long as the call.
type Companion struct {
	ext   *extended
	mod   api.Module
	funcs map[string]api.Function
	stack [16]uint64
}

// Companion instantiates the companion, once a call.
func (c *ExtensionCall) Companion() (*Companion, error) {
	if c.companion != nil {
		return c.companion, nil
	}
	e := c.guest.ext
	e.region.begin(e.own() + c.CompanionLimit())
	mod, err := c.guest.rt.InstantiateModule(e.ctx, e.compiled, c.guest.config)
	if err != nil {
		e.region.Free()
		return nil, fmt.Errorf("companion: %w", err)
	}
	c.companion = &Companion{ext: e, mod: mod, funcs: map[string]api.Function{}}
	return c.companion, nil
}

// Memory is all of the companion's memory. It stays where it is when the memory grows.
func (k *Companion) Memory() []byte { return k.ext.region.base[:k.ext.region.size:k.ext.region.size] }

// Grow adds at least so many zero bytes to the memory, and says whether it may.
func (k *Companion) Grow(more int64) bool {
	if more < 0 || more > companionMost {
		return false
	}
	_, ok := k.mod.Memory().Grow(uint32((more + math.MaxUint16) >> 16))
	return ok
}

// Call calls a function that the companion exports, and gives its one result, or 0 where it has none. A trap is an error with the
// trap's own words.
func (k *Companion) Call(name string, args ...uint64) (uint64, error) {
	fn := k.funcs[name]
	if fn == nil {
		if fn = k.mod.ExportedFunction(name); fn == nil {
			return 0, fmt.Errorf("companion: it exports no function %q", name)
		}
		k.funcs[name] = fn
	}
	params, results := len(fn.Definition().ParamTypes()), len(fn.Definition().ResultTypes())
	if len(args) != params || results > 1 || params >= len(k.stack) {
		return 0, fmt.Errorf("companion: %q called with %d arguments", name, len(args))
	}
	k.stack[0] = 0
	copy(k.stack[:], args)
	if err := fn.CallWithStack(k.ext.ctx, k.stack[:max(params, 1)]); err != nil {
		return 0, errors.New(trapOf(err))
	}
	return k.stack[0] * uint64(results), nil
}
