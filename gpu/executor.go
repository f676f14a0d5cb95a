// Package gpu gives nodes tensors and graphs of ops: the host functions of levee_gpu_v1, which check what a guest passes, over an
// executor, which runs graphs on the processors or on a CUDA device. All that talks to a device lives in a process of its own, the GPU
// worker, one for each device and owner; this package starts, feeds and ends it. See docs/gpu.md.
package gpu

import (
	"time"

	"levee/gpu/op"
)

// Version changes whenever results of host functions may. It is part of the action key of nodes that use them.
const Version = "gpu1"

// keeper is an executor that keeps tensors for later sessions of the same owner, by the content of their values. It finds out the
// content by itself.
type keeper interface {
	// Find makes a tensor of what is kept under a digest as a value that begins with head; no handle when nothing is.
	Find(digest [32]byte, head []byte, d op.Desc) (op.Handle, error)
	// Keep keeps a tensor, as the value that it is behind head, when there is room. Offer does too, until it is released, and gives the
	// value's digest: it need not be written now.
	Keep(h op.Handle, head []byte) error
	Offer(h op.Handle, head []byte) (digest [32]byte, ok bool, err error)
}

// holder is the worker's side of what is kept.
type holder interface {
	keeper
	// Fetch reads from a value that is kept, and says how much that was.
	Fetch(digest [32]byte, off int64, p []byte) (int, error)
	Release(digest [32]byte)
}

// namer is an executor whose errors call a kernel by its name in the node's module, which does not travel.
type namer interface {
	NameKernel(h op.Handle, name string)
}

// Executor runs graphs and holds the tensors of one session. Errors are *op.Error. It is used by one goroutine.
//
// A kernel's trap is told by Wait for its graph or a later one, and by Download; from then on everything but Free, Info, Class and
// Close gives that same error.
type Executor interface {
	Info() op.Info
	// Alloc makes a tensor of zeros.
	Alloc(op.Desc) (op.Handle, error)
	Desc(op.Handle) (op.Desc, error)
	Free(op.Handle) error
	// Upload writes a part of a tensor, before what is submitted later. The bytes may be reused when it returns.
	Upload(h op.Handle, off int64, p []byte) error
	// Download reads a part of a tensor, after everything that was submitted before.
	Download(h op.Handle, off int64, p []byte) error
	// Kernel makes a kernel of a function that a wasm module exports.
	Kernel(module []byte, export string) (op.Handle, error)
	// Submit checks an encoded graph, and has it run. It gives a fence, greater than 0.
	Submit(graph []byte) (uint64, error)
	// Wait waits until the graph of a fence, and all before it, have ended; TimedOut when that takes longer than most.
	Wait(fence uint64, most time.Duration) error
	Estimate(graph []byte) (op.Cost, error)
	// Class is op.Device once a graph gave results of that class.
	Class() op.Class
	Close() error
}
