// Package runtime is levee's WebAssembly engine (not the Go runtime; that one is imported as goruntime).
//
// The daemon's side never compiles or runs a module. It checks the bytes ([Preflight]) and hands them to worker
// processes: this very program, started again, which shuts itself in behind Landlock, seccomp and rlimits before it
// looks at them. A worker holds one module with one set of grants, runs each invocation on a fresh instance, and dies
// by SIGKILL when a deadline passes. See docs/node-abi.md for what modules see, docs/RATIONALE.md for why.
package runtime

import (
	"context"
	"log/slog"
	"os"
	"time"
)

// Isolation names how strictly workers are held.
type Isolation string

const (
	// IsolationProcess is the default: a worker process behind Landlock and seccomp, or no engine at all.
	IsolationProcess Isolation = "process"
	// IsolationWeak goes on without what the kernel lacks. Only for modules that the operator trusts.
	IsolationWeak Isolation = "weak"
)

// Config is what an engine is made of.
type Config struct {
	// Dir holds native code and the key that vouches for it. It is made if need be, mode 0700. Required.
	Dir string
	// Workers is how many workers run at once; 0 means the number of CPUs.
	Workers int
	// Isolation is IsolationProcess when empty.
	Isolation Isolation
	// IdleAfter is how long a worker may be idle before it leaves; 0 means 30 s.
	IdleAfter time.Duration
	// CompileTime bounds the processor time for compiling one module, with a quarter more for each MiB of it, and six times as much by the
	// clock; 0 means 10 s.
	CompileTime time.Duration
	// Executable is the program that becomes a worker; empty means this one. It must call WorkerMain first.
	Executable string
	// Log takes what an operator may want to know; nil means nothing is logged.
	Log *slog.Logger
}

// ABI is how a module's function is called.
type ABI byte

const (
	Reactor ABI = iota // levee_v1: an exported function that pulls its inputs
	Stdio              // a WASI program: stdin and arguments in, stdout out
)

// Limits bound one call. Zero fields mean the defaults.
type Limits struct {
	Memory int64 // bytes of linear memory; default 256 MiB, at most 4 GiB
	// Companion is bytes of memory for what an extension keeps for the guest; default as much as Memory, at most 4 GiB.
	Companion int64
	Output    int64         // bytes of all outputs together; default 256 MiB
	Log       int64         // bytes kept of each of log, stdout and stderr; default and at most 64 KiB
	Time      time.Duration // from when a worker starts the call; default 30 s
}

const (
	defaultMemory = 256 << 20
	defaultOutput = 256 << 20
	defaultTime   = 30 * time.Second
)

// withDefaults fills in what is zero and lowers what is too high.
func (l Limits) withDefaults() Limits {
	or := func(v *int64, def, most int64) {
		if *v <= 0 {
			*v = def
		}
		*v = min(*v, most)
	}
	or(&l.Memory, defaultMemory, 4<<30)
	or(&l.Companion, l.Memory, 4<<30)
	or(&l.Output, defaultOutput, 1<<40)
	or(&l.Log, streamMax, streamMax)
	if l.Time <= 0 {
		l.Time = defaultTime
	}
	return l
}

// Call is one invocation.
type Call struct {
	Module  *Module
	Node    string // for messages
	Export  string // the function to call; "_start" when empty and ABI is Stdio
	ABI     ABI
	Args    []string // command line after the program's name, for Stdio
	Inputs  []Input  // by port; for Stdio the first is stdin
	Outputs int      // number of output ports; for Stdio the first is stdout
	Streams []int    // the output ports that give items while the call runs, through Item, and nothing in the result
	// OutputTypes are the types of the output ports, for an extension that writes values; only where the module uses one.
	OutputTypes []string
	// Referable are the output ports whose values the extension may keep, where something is Handed.
	Referable []int
	Owner     string // whose turn it is among waiting calls: the run's id
	Limits    Limits
	Files     *Files
	Handed    *os.File // for the extension that the module uses: the worker gets it with the call, and closes it when the call has ended
	Seed      [32]byte // of random_get
	// Progress is called now and then while the guest reports progress; it must return quickly.
	Progress func(done, total int64)
	// Item takes the items of Streams, one after the other, in the order in which the guest made them; it is needed where there are
	// Streams. Until it returns the guest gets no further than a few items ahead, and the time that it waits is not its own. It must
	// return soon after ctx ends. An error ends the call, and Run returns that error. The item's file is closed by the engine.
	Item func(ctx context.Context, port int, item Output) error
}

// Input is one port's value in its canonical encoding.
type Input struct {
	Type   string // such as list<int>
	Bytes  []byte
	File   *os.File // instead of Bytes: a read-only file, or a sealed memfd, that holds Size bytes from its start
	Size   int64    // of File
	Absent bool     // an optional port without a value
	Digest [32]byte // of the value, for an extension with a descriptor of its own; zero: not known
	// Head is how a value begins whose File is still being filled; Filled returns when it is, or never will be. For calls where
	// something is Handed only.
	Head   []byte
	Filled func(context.Context) error
}

// Files serves what a guest asks of the outside. A nil function is not granted: a module that imports it is refused.
// The functions are called on behalf of a running call, whose time they use up.
type Files struct {
	// Read opens a file for reading; the engine closes it.
	Read func(ctx context.Context, path string) (*os.File, int64, error)
	// List gives the relative slash paths that a pattern matches.
	List func(ctx context.Context, glob string) ([]string, error)
	// Write stores size bytes from the start of data as a file. data is immutable and is closed by the engine.
	Write func(ctx context.Context, path string, data *os.File, size int64) error
}

// Result is how an invocation ended well.
type Result struct {
	Outputs        []Output
	Log            []LogLine
	Stdout, Stderr []byte        // for Stdio calls stdout is the first output instead
	Dropped        int64         // bytes of log, stdout and stderr beyond their limits
	Duration       time.Duration // how long it ran, without Held
	Held           time.Duration // how long it waited for its items to be taken
	Compile        time.Duration // how much of its wait was for the module to be compiled; loading native code that is there does not count
	PeakMemory     int64         // bytes of linear memory
	DeviceClass    bool          // an extension says that the outputs may be others on another device

	free func() // tells the engine that the outputs' memory is given back
}

// Output is one port's value in its canonical encoding, not yet validated.
type Output struct {
	Bytes   []byte
	File    *os.File // instead of Bytes: a sealed memfd of Size bytes, to be read by offset; the caller closes it
	Size    int64
	Written bool     // the guest wrote to the port, if only nothing
	Refers  bool     // it is kept where the extension of the call keeps things, under Digest, and begins with Bytes; the worker says so, and nobody has looked
	Digest  [32]byte // of an output that Refers
}

// Close releases the files of the outputs. While results with much in such files are not closed no more calls begin.
func (r *Result) Close() {
	if r.free != nil {
		defer r.free()
		r.free = nil
	}
	for i := range r.Outputs {
		if f := r.Outputs[i].File; f != nil {
			_ = f.Close()
			r.Outputs[i].File = nil
		}
	}
}

// SandboxReport is what the machine gives to hold workers with, found out by a worker that tries to break out.
type SandboxReport struct {
	Isolation Isolation `json:"isolation"`
	Landlock  int       `json:"landlock"` // version of the kernel's interface, 0 without it
	Seccomp   bool      `json:"seccomp"`
	Engine    string    `json:"engine"` // such as "wazero v1.12.0 compiler, amd64"
	Probes    []Probe   `json:"probes"`
}

// Probe is one attempt of a worker to break out.
type Probe struct {
	Name    string `json:"name"`
	Blocked bool   `json:"blocked"`
	Detail  string `json:"detail"` // what the attempt ended with
}

// Stats counts since the engine was made; Workers, Running and Queued are the present numbers.
type Stats struct {
	Compiled int64 // modules compiled
	Loaded   int64 // workers that loaded native code
	Ran      int64 // calls that ended, well or not
	Failed   int64 // of those, not well
	Killed   int64 // workers killed for a timeout, a cancelled call or nonsense
	Crashed  int64 // workers that died by themselves
	Workers  int
	Running  int
	Queued   int
}
