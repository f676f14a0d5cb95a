// Package ptx reads PTX and runs it, thread by thread, on no GPU: only tests import it. What it runs is what clang emits for the
// kernels of package builtin and what package kernel emits; anything else is refused by name, never passed over.
//
// It is stricter than a GPU: every access must lie in one live allocation and be aligned, every barrier must be reached by all,
// and shared memory must not depend on which warp runs first. What breaks that is a Finding with the line and the thread.
package ptx

import "fmt"

// Bounds of what is parsed. Real modules are far below.
const (
	maxSource   = 16 << 20
	maxRegs     = 1 << 16
	maxVariable = 64 << 20 // bytes of all that a module declares
	maxLocal    = 512 << 10
	maxFrames   = 1 << 12 // functions that are put in the places of their calls
	maxCode     = 1 << 20 // instructions of one kernel with the functions it calls in their places
)

// Module is a parsed source. It does not change when it runs, but for its global variables, which lie in the Memory that it was
// first launched with.
type Module struct {
	Version, Target string
	version, sm     int // as numbers: 7.8 is 78
	exact           bool
	globals         []*variable // .global and .const
	shared          []*variable // of the module's scope
	declared        int         // bytes
	funcs           map[string]*function
	entries         []string
	programs        map[string]*program
	loaded          map[*Memory]map[string]uint64
}

// Kernels names the entries in the order of the source.
func (m *Module) Kernels() []string { return m.entries }

// variable is what a declaration gives a name and bytes to: in memory, or a parameter.
type variable struct {
	space space
	name  string
	typ   typ
	align int
	size  int // bytes; 0 for an extern array, whose size the launch says
	array bool
	init  []byte
	line  int
}

// function is an entry or a function. Registers are numbered; names have been resolved.
type function struct {
	name    string
	entry   bool
	params  []*variable
	results []*variable
	regs    []typ
	body    []inst
	labels  map[string]int // index into body
	tables  map[string][]string
	vars    []*variable // local and shared ones, and the parameters of calls
	defined bool
	line    int
	maxTid  int // threads that a block may have, 0 where nothing is said
	cluster Dim
}

// inst is one instruction as it is written.
type inst struct {
	line  int
	op    string
	guard int // register of the predicate; -1: none
	not   bool
	args  []operand
}

type operandKind uint8

const (
	opRegister operandKind = iota
	opImmediate
	opFloat  // bits of a float64 in imm
	opSymbol // a variable, a function, a label
	opSpecial
	opMemory // [base + imm]
	opVector // {a, b}
	opList   // (a, b)
	opPair   // a|b
	opSink   // _
)

type operand struct {
	kind operandKind
	reg  int
	not  bool // !p as an operand
	imm  uint64
	bits int // of a float literal: 32 or 64 where written as bits, 0 where in decimals
	name string
	v    *variable // what the symbol names where it is a variable of the function
	list []operand // of a vector, a list, a pair; of memory: the base, or nothing
}

// SyntaxError is a source that cannot be read.
type SyntaxError struct {
	Line int
	Text string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("PTX line %d: %s", e.Line, e.Text) }
