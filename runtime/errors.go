package runtime

import (
	"fmt"
	"strings"
	"time"

	"levee/runtime/wasm"
)

// Codes of an [Error]: who must act differs, so callers decide by them.
const (
	CodeTrap           = "E_TRAP"            // the guest broke a rule of WebAssembly; Detail names the trap
	CodeExit           = "E_EXIT"            // the guest called proc_exit with another code than 0
	CodeTimeout        = "E_TIMEOUT"         // the call ran longer than its limit and was killed
	CodeMemory         = "E_MEMORY"          // the guest, or its worker, needed more memory than its limit
	CodeOutput         = "E_OUTPUT"          // the guest wrote more than its limit
	CodeCompile        = "E_COMPILE"         // the module is invalid, or compiling it needed too much memory
	CodeCompileTimeout = "E_COMPILE_TIMEOUT" // compiling took longer than Config.CompileTime and what its size adds
	CodeCrash          = "E_CRASH"           // the worker process died or spoke nonsense
	CodeFailed         = "E_FAILED"          // the guest itself said that it failed
	CodeBounds         = "E_BOUNDS"          // the guest passed a bad pointer, port or handle to a host function
	CodeLost           = "E_LOST"            // what an extension kept for the call is gone; the same call may go well
	CodeRefused        = "E_REFUSED"         // the module wants something that is not there or was not granted
)

// Error is why an invocation failed. It always names the module, and the node where the call named one.
type Error struct {
	Code   string
	Module string // name and the start of its hash
	Node   string
	Detail string // one sentence without a final stop; what a guest said is in it unchanged
	Limit  string // the limit that was passed, such as "time 30s"; empty when none was
	Exit   uint32 // exit code, when Code is E_EXIT

	// What the guest wrote before it failed, as far as it is known.
	Log            []LogLine
	Stdout, Stderr []byte
	Dropped        int64 // bytes of log, stdout and stderr beyond their limits
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Node != "" {
		fmt.Fprintf(&b, "node %s: ", e.Node)
	}
	fmt.Fprintf(&b, "%s: module %s: %s", e.Code, e.Module, e.Detail)
	if e.Limit != "" {
		fmt.Fprintf(&b, " (limit: %s)", e.Limit)
	}
	return b.String()
}

// ModuleError says why a module is refused before anything of it runs. Its codes are those of package wasm and E_REFUSED.
type ModuleError = wasm.Error

// SandboxError says what the machine lacks for running modules of strangers. Its text tells the operator what to do.
type SandboxError struct {
	Missing []string // such as "Landlock (kernel 5.13 or newer)"
	Report  SandboxReport
}

func (e *SandboxError) Error() string {
	return "this machine cannot hold modules in a full sandbox: " + strings.Join(e.Missing, "; ") +
		". Start with the isolation mode \"weak\" to run anyway, with modules that you trust"
}

func sizeText(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

func memoryLimit(n int64) string          { return "memory " + sizeText(n) }
func outputLimit(n int64) string          { return "output " + sizeText(n) }
func timeLimit(d time.Duration) string    { return "time " + d.String() }
func compileLimit(d time.Duration) string { return "compile time " + d.String() }
