package ptx

import "fmt"

// Kind is what a Finding is about.
type Kind int

const (
	OutOfBounds Kind = iota + 1
	Misaligned
	Divergence    // a barrier, or what a whole warp does together, that some threads do not reach
	Race          // shared memory whose content depends on which thread comes first
	GlobalRace    // global memory, likewise; only looked for where a launch asks for it
	Uninitialised // shared memory that is read before it was written
	Unknown       // an instruction that is not known here
	Budget        // more instructions than the launch may take
	Trap          // the kernel gave up itself
	BadLaunch     // what a launch asks for cannot be
)

var kinds = map[Kind]string{
	OutOfBounds: "out of bounds", Misaligned: "misaligned", Divergence: "divergence", Race: "race in shared memory", GlobalRace: "race in global memory",
	Uninitialised: "shared memory read before written", Unknown: "unknown instruction", Budget: "instruction budget",
	Trap: "trap", BadLaunch: "bad launch",
}

func (k Kind) String() string { return kinds[k] }

// Dim is the size of a grid or a block, or a place in it.
type Dim struct{ X, Y, Z uint32 }

func (d Dim) count() uint64 { return uint64(d.X) * uint64(d.Y) * uint64(d.Z) }

func (d Dim) String() string { return fmt.Sprintf("(%d,%d,%d)", d.X, d.Y, d.Z) }

// at is the place of the n-th thread or block, x running fastest.
func (d Dim) at(n uint64) Dim {
	return Dim{uint32(n % uint64(d.X)), uint32(n / uint64(d.X) % uint64(d.Y)), uint32(n / uint64(d.X) / uint64(d.Y))}
}

// Finding is what is wrong with a kernel. Line and Instruction are 0 and empty where no instruction is at fault.
type Finding struct {
	Kind          Kind
	Kernel        string
	Line          int
	Instruction   string
	Block, Thread Dim
	Detail        string
}

func (f *Finding) Error() string {
	s := f.Kernel
	if f.Line > 0 {
		s += fmt.Sprintf(": line %d: %s: block %v, thread %v", f.Line, f.Instruction, f.Block, f.Thread)
	}
	return s + ": " + f.Kind.String() + ": " + f.Detail
}

// fail records the first thing that went wrong, at the current instruction, in one lane.
func (w *warp) fail(kind Kind, lane int, format string, args ...any) {
	if w.finding == nil {
		w.finding = w.failure(kind, w.pc, lane, format, args...)
	}
}

func (w *warp) failure(kind Kind, pc, lane int, format string, args ...any) *Finding {
	in := &w.code[pc]
	return &Finding{
		Kind: kind, Kernel: w.b.prog.name, Line: in.line, Instruction: in.text, Block: w.b.id, Thread: w.thread(lane),
		Detail: fmt.Sprintf(format, args...),
	}
}

func (w *warp) thread(lane int) Dim { return w.b.dim.at(uint64(w.id*32 + lane)) }
