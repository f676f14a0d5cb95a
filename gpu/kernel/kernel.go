// Package kernel turns functions of a node's WebAssembly module into GPU work. A kernel is an exported function of numbers, called
// once for each element of its tensors. [Parse] checks one: it is bounded, it touches no memory and calls nothing but loads from
// tensors that are bounds-checked and gid, the number of the element. [Func.PTX] compiles it for CUDA devices, [Companion] puts all
// kernels of a module into another module, with a loop around each, which runs them on the CPU. Both give the same bits.
//
// What makes the bits the same: WebAssembly fixes them for all but NaN. A NaN is seen as the one canonical one wherever its bits can
// be seen at all: in results, in reinterpretation as an integer, and in the sign that copysign takes. In between it may be any.
//
// Loops are bounded by fuel: each time the head of a loop is reached costs one, and each element has [Fuel].
package kernel

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"levee/gpu/op"
)

// Fuel is how often heads of loops may be reached for one element.
const Fuel = 1 << 20

// Trap is why a kernel was ended.
type Trap uint8

// The traps.
const (
	Unreachable    Trap = iota + 1 // the instruction of that name
	DivisionByZero                 // of integers
	Overflow                       // of a division or of a conversion to an integer
	NaNToInteger                   // a conversion to an integer, of NaN
	OutOfFuel
)

var traps = [...]string{Unreachable: "unreachable code", DivisionByZero: "division by zero", Overflow: "integer overflow",
	NaNToInteger: "NaN converted to an integer", OutOfFuel: "out of fuel"}

func (t Trap) String() string {
	if int(t) >= len(traps) || traps[t] == "" {
		return fmt.Sprintf("trap %d", uint8(t))
	}
	return traps[t]
}

// Trapped is the error for what a kernel left in its trap word, or a batch function of the companion returned: the number of the
// element, shifted left by 8, and the Trap.
func Trapped(word uint64) error {
	return op.Errorf(op.Trapped, "%v at element %d", Trap(word), word>>8)
}

// Func is a checked kernel.
type Func struct {
	sig    signature
	locals []valType // parameters first
	code   []instr   // what can be reached; the last is the end of the function
	slots  []op.DType
	flops  int64
	forks  int
	loops  bool
	module []byte

	once    sync.Once
	program program // for Run
}

// Parse finds an exported function of a module and checks that it is a kernel. Errors are *op.Error of BadKernel; they name what is
// refused and where it is in the module. Work and memory are in proportion to the module's size.
func Parse(wasm []byte, export string) (*Func, error) {
	m, err := open(wasm)
	if err != nil {
		return nil, err
	}
	e, err := m.export(export)
	if err != nil {
		return nil, err
	}
	return m.parse(e)
}

func (m *module) parse(e named) (*Func, error) {
	r := &reader{}
	defined := int64(e.index) - int64(len(m.imports))
	if defined < 0 || defined >= int64(len(m.funcs)) {
		r.fail(e.at, "export %.80q is no function of the module's own", e.name)
		return nil, r.err
	}
	body := m.bodies[defined]
	sig, err := m.typeAt(m.funcs[defined], body.from)
	if err != nil {
		return nil, err
	}
	switch {
	case body.to-body.from > maxBody:
		r.fail(body.from, "a function of %d bytes, at most %d", body.to-body.from, maxBody)
	case len(sig.params) > maxParams:
		r.fail(body.from, "a function with %d parameters, at most %d", len(sig.params), maxParams)
	case len(sig.results) < 1, len(sig.results) > maxResults:
		r.fail(body.from, "a function with %d results, 1 to %d are possible", len(sig.results), maxResults)
	}
	if r.err != nil {
		return nil, r.err
	}
	c := &checker{reader: reader{b: m.b[:body.to], pos: body.from}, m: m, f: &Func{sig: sig}}
	if c.body(); c.err != nil {
		return nil, c.err
	}
	size := 0
	if c.f.module, size = c.f.minimal(); size > maxBody || len(c.f.code) > maxInstrs {
		c.fail(body.from, "a function of %d bytes and %d instructions, at most %d and %d", size, len(c.f.code), maxBody, maxInstrs)
		return nil, c.err
	}
	return c.f, nil
}

// Signature says what the kernel takes and gives for one element.
func (f *Func) Signature() op.Signature {
	return op.Signature{Params: dtypes(f.sig.params), Results: dtypes(f.sig.results), Slots: f.slots, Flops: f.flops}
}

// Loops says whether the kernel has a loop: then nobody knows how long it takes, and Flops is a guess.
func (f *Func) Loops() bool { return f.loops }

// Traps says whether the kernel may trap: else nobody has to ask whether it did.
func (f *Func) Traps() bool {
	return f.loops || slices.ContainsFunc(f.code, func(i instr) bool { return mayTrap(i.op) })
}

// Module is a module with nothing but this function, exported as "kernel", and the imports that it uses. It is canonical: functions
// of the same instructions give the same bytes, whatever module they come from, and Parse of it gives the same function.
func (f *Func) Module() []byte { return f.module }

// Key names the kernel by what it does.
func (f *Func) Key() [sha256.Size]byte { return sha256.Sum256(f.module) }

func dtypes(types string) []op.DType {
	d := make([]op.DType, len(types))
	for i := range d {
		d[i] = valType(types[i]).dtype()
	}
	return d
}
