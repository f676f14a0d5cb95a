// Package wasm reads core WebAssembly modules that nobody trusts, without running, compiling or believing them.
//
// [Preflight] says what a module imports, exports and needs, or why it is refused. It exists because the engine's own
// decoder allocates what a module declares before it looks at how many bytes there are: fifteen bytes end a Go process.
// Here every count and size is held against a limit and against the bytes that are left before anything is allocated,
// and the work done is linear in the module's size.
//
// [Sanitize] writes the module that the engine is handed: the same code with tables and memory clamped, and without the
// custom sections, so that names, debug data and manifests never meet the engine's decoder.
//
// Preflight proves structure (sections, counts, indexes, nesting, the instruction set); it does not type-check operands.
// The engine's validator does that, later, in a worker process. Nor can it bound compile time; only a kill does that.
//
// Format: https://webassembly.github.io/spec/core/binary/ (release 2.0).
package wasm

import "fmt"

// Codes of an [Error].
const (
	CodeNotWasm     = "E_NOT_WASM"    // no core module: another kind of file, or a component
	CodeLimit       = "E_LIMIT"       // well formed as far as read, but beyond a limit
	CodeMalformed   = "E_MALFORMED"   // truncated or contradictory bytes
	CodeUnsupported = "E_UNSUPPORTED" // a proposal or a shape that nodes may not use
)

// Error says why a module is refused. What is written for the person who has the module; text taken from the module is
// quoted and shortened in it.
type Error struct {
	Code   string
	Offset int    // byte of the module at which it was noticed
	What   string // one sentence without a final stop
	Limit  int64  // the limit that was passed, when Code is E_LIMIT
}

func (e *Error) Error() string {
	if e.Offset == 0 { // the module as a whole
		return fmt.Sprintf("%s: %s", e.Code, e.What)
	}
	return fmt.Sprintf("%s: %s (at byte %d)", e.Code, e.What, e.Offset)
}

// Limits bound what a module may declare. They are far above what compilers emit and far below what hurts.
type Limits struct {
	ModuleBytes    int // size of the whole file
	Types          int
	Imports        int
	Functions      int // defined ones
	Exports        int
	Globals        int
	Tables         int
	TableEntries   uint32 // a table's minimum may not be more; its maximum is clamped to this by Sanitize
	MemoryPages    uint32 // 64 KiB each: the memory's minimum may not be more; its maximum is clamped to this by Sanitize
	Elements       int    // element segments
	ElementItems   int    // entries of all element segments together
	DataSegments   int
	CustomSections int
	Params         int // of one function type
	Results        int // of one function type
	Locals         int // of one function
	LocalsTotal    int // of all functions
	BodyBytes      int // of one function
	BranchTargets  int // of one br_table
	Depth          int // nested blocks in one function
	MultiResults   int // values that one function's multi-value calls and blocks can push, each counted once
	NameBytes      int // one import, export or custom section name
}

// DefaultLimits returns the limits of this version. Real guests stay far below them; the most seen, Go programs of 22 MB
// included: 100,000 data segments, blocks nested 1,076 deep, bodies of 62 KB, a br_table of 3.1 KB.
func DefaultLimits() Limits {
	return Limits{
		ModuleBytes:    32 << 20,
		Types:          100_000,
		Imports:        1_000,
		Functions:      100_000,
		Exports:        10_000,
		Globals:        100_000,
		Tables:         16,
		TableEntries:   100_000,
		MemoryPages:    4_096,
		Elements:       10_000,
		ElementItems:   1_000_000,
		DataSegments:   500_000,
		CustomSections: 1_000,
		Params:         1_000,
		Results:        1_000,
		Locals:         50_000,
		LocalsTotal:    2_000_000,
		BodyBytes:      1 << 20,
		BranchTargets:  32_768,
		Depth:          4_000,
		// The engine's validator keeps 8 bytes for every value on its stack and only stops at 2^27 values.
		MultiResults: 1_000_000,
		NameBytes:    8_192,
	}
}
