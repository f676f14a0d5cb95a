package gpu

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"time"

	"levee/gpu/op"
)

// info tells what runs the graphs. Whoever asks may do otherwise elsewhere, so the result is the device's.
func (s *Session) info(args []uint64) {
	to := s.guest.View("info", uint32(args[0]), uint32(args[1]))
	s.device = true
	e, err := s.executor()
	if err != nil {
		put32(args, s.status(0, err))
		return
	}
	about := e.Info()
	text, err := json.Marshal(struct {
		Kind   string `json:"kind"`
		Name   string `json:"name"`
		Memory int64  `json:"memory"`
	}{about.Kind, about.Name, about.Memory})
	copy(to, text)
	put32(args, s.status(int64(len(text)), err))
}

func (s *Session) kernel(args []uint64) {
	name := s.name("kernel", uint32(args[0]), uint32(args[1]))
	put64(args, s.status(s.makeKernel(s.guest.Module(), name)))
}

func (s *Session) kernelCode(args []uint64) {
	size := uint32(args[1])
	if size > maxCode {
		put64(args, s.status(0, op.Errorf(op.BadKernel, "a kernel of %d bytes, at most %d", size, maxCode)))
		return
	}
	code := s.guest.View("kernel_code", uint32(args[0]), size)
	name := s.name("kernel_code", uint32(args[2]), uint32(args[3]))
	put64(args, s.status(s.makeKernel(code, name)))
}

func (s *Session) name(what string, ptr, size uint32) string {
	if size > maxName {
		s.guest.Bounds("%s: a name of %d bytes, at most %d", what, size, maxName)
	}
	return string(s.guest.View(what, ptr, size))
}

func (s *Session) makeKernel(module []byte, export string) (int64, error) {
	if s.kernels >= maxKernels {
		return 0, op.Errorf(op.BadKernel, "more than %d kernels", maxKernels)
	}
	e, err := s.executor()
	if err != nil {
		return 0, err
	}
	h, err := e.Kernel(module, export)
	if err == nil {
		s.kernels++
	}
	return int64(h), err
}

// graph is a graph's bytes in the guest's memory.
func (s *Session) graph(what string, ptr, size uint32) ([]byte, error) {
	if size > op.MaxGraph {
		return nil, op.Errorf(op.BadGraph, "a graph of %d bytes, at most %d", size, op.MaxGraph)
	}
	return s.guest.View(what, ptr, size), nil
}

func (s *Session) submit(args []uint64) {
	g, err := s.graph("submit", uint32(args[0]), uint32(args[1]))
	var e Executor
	if err == nil {
		e, err = s.executor()
	}
	var fence uint64
	if err == nil {
		fence, err = e.Submit(g)
	}
	put64(args, s.status(int64(fence), err))
}

func (s *Session) wait(args []uint64) {
	fence, ms := args[0], int64(args[1])
	most := time.Duration(math.MaxInt64)
	if ms >= 0 {
		s.device = true // how far it gets in that time depends on the device
	}
	if ms >= 0 && ms <= math.MaxInt64/int64(time.Millisecond) {
		most = time.Duration(ms) * time.Millisecond
	}
	e, err := s.executor()
	if err == nil {
		err = e.Wait(fence, most)
	}
	put32(args, s.status(0, err))
}

func (s *Session) estimate(args []uint64) {
	g, err := s.graph("estimate", uint32(args[0]), uint32(args[1]))
	to := s.guest.View("estimate", uint32(args[2]), uint32(args[3]))
	var e Executor
	if err == nil {
		e, err = s.executor()
	}
	var cost op.Cost
	if err == nil {
		cost, err = e.Estimate(g)
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(cost.Flops))
	b = binary.LittleEndian.AppendUint64(b, uint64(cost.Moved))
	b = binary.LittleEndian.AppendUint64(b, uint64(cost.Temp))
	if err == nil {
		copy(to, b)
	}
	put32(args, s.status(int64(len(b)), err))
}

// lastError tells what went wrong in words, which are the executor's own: the faults are the same everywhere, their texts are not.
func (s *Session) lastError(args []uint64) {
	s.device = s.device || s.last != ""
	to := s.guest.View("last_error", uint32(args[0]), uint32(args[1]))
	copy(to, s.last)
	put32(args, int64(len(s.last)))
}
