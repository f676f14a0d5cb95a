package op

import "fmt"

// Fault says what kind of failure an Error is. The numbers are the ABI's status codes.
type Fault uint8

// The faults. A node gets them as negative status codes.
const (
	BadGraph    Fault = iota + 1 // it cannot be decoded, or an op of it is wrong
	BadHandle                    // a handle that is not this session's, or was freed
	OverQuota                    // more tensor memory than the session may hold
	OverBudget                   // it is estimated to take longer than it may
	BadKernel                    // a kernel outside of the accepted set
	Trapped                      // a kernel trapped, or used up its fuel
	OutOfBounds                  // a transfer outside of its tensor
	Unavailable                  // there is no such device, or not any more
	Lost                         // the process that held the tensors died: the node may be run again
	TimedOut                     // wait gave up; the graph goes on
)

var faults = [...]string{BadGraph: "bad graph", BadHandle: "bad handle", OverQuota: "over quota", OverBudget: "over budget", BadKernel: "bad kernel",
	Trapped: "kernel trapped", OutOfBounds: "out of bounds", Unavailable: "unavailable", Lost: "GPU worker lost", TimedOut: "timed out"}

func (f Fault) String() string {
	if int(f) >= len(faults) || faults[f] == "" {
		return fmt.Sprintf("fault %d", uint8(f))
	}
	return faults[f]
}

// Error is why something was refused or failed. Where nothing else is said, nothing ran.
type Error struct {
	Fault  Fault
	Detail string
	Last   bool // nothing more is heard of who said so: the process that held the tensors ends
}

func (e *Error) Error() string { return e.Fault.String() + ": " + e.Detail }

// Errorf makes an Error.
func Errorf(f Fault, format string, args ...any) *Error {
	return &Error{Fault: f, Detail: fmt.Sprintf(format, args...)}
}
