// Package hostile holds inputs made to hurt: modules and workflow files, each with the answer that levee must give.
// They are built by code, so that a reader sees what each one does; ids D, C, R, W and Y are those of the security
// notes, a letter behind the number marks a variant.
//
// Three rules hold for all of them besides Want: the daemon goes on answering, no file or socket outside the grants is
// touched, and memory returns to where it was.
package hostile

import "levee/testdata/hostile/asm"

// Stage says at which step a module must be stopped, or that it runs.
type Stage string

const (
	Preflight Stage = "preflight" // refused from its bytes; no worker is started
	Load      Stage = "load"      // sound, but it asks for what the host does not give: refused before it runs, naming it
	Compile   Stage = "compile"   // the compiler would not end in time
	Run       Stage = "run"       // it runs, and ends as Want says
)

// OK is the Want of modules that must run to their end: the attack has been answered harmlessly.
const OK = "OK"

// Module is one hostile module.
type Module struct {
	ID   string
	Name string // what it does
	Wasm []byte
	// Stage at which it is stopped. From Load on, the module passes preflight.
	Stage Stage
	// Want is the error code, or OK. Modules that run export "run" of type ()->(), and those that call the host their
	// memory. Modules whose attack is answered by an error number check it themselves and trap when it is missing.
	Want string
	// Detail is a text that the error must contain: the trap's name, the import's, the exit status.
	Detail string
	// Stdio: it is run by its export "_start", as a WASI command, instead of "run".
	Stdio bool
}

// Modules gives them all, anew at each call; together they take some 54 MB.
func Modules() []Module {
	var all []Module
	for _, group := range [][]Module{decode(), names(), compile(), runs(), traps(), wasi(), hosts()} {
		all = append(all, group...)
	}
	return all
}

// tiny is a module whose run does what the code says, with a memory of one page.
func tiny(locals string, code ...[]byte) []byte {
	var m asm.Module
	m.Memory(1, -1)
	m.Run(locals, code...)
	return m.Bytes()
}

// spin never ends.
func spin() []byte { return asm.LoopVoid(asm.Br(0)) }
