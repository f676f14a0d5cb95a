package cpu

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"
	"unsafe"

	"levee/gpu/kernel"
	"levee/gpu/op"
)

// The machine's first page is where kernels get their arguments, and where elements are that kernels take or give in another type.
const (
	page    = 1 << 16
	buffers = 1024 // behind the records of the arguments
)

// prepare finds the machine's function that runs a kernel. A kernel that is none of the machine's is run step by step: Batch is empty.
func (e *Executor) prepare(module []byte, export string) (*kernel.Entry, error) {
	f, err := kernel.Parse(module, export)
	if err != nil {
		return nil, err
	}
	if !e.looked {
		if _, e.entries, err = kernel.Companion(e.module); err != nil {
			return nil, err
		}
		e.looked = true
	}
	for i := range e.entries {
		if bytes.Equal(e.entries[i].Func.Module(), f.Module()) {
			return &e.entries[i], nil
		}
	}
	return &kernel.Entry{Func: f}, nil
}

// batch runs a kernel for the elements from to to, and gives 0, or the first element that trapped and why.
func (e *Executor) batch(k *kernel.Entry, from, to int64) (uint64, error) {
	if k.Batch != "" {
		return e.arena.machine.Call(k.Batch, 0, uint64(from), uint64(to))
	}
	mem := e.arena.machine.Memory()
	var first atomic.Uint64
	split(to-from, 1<<10, func(a, b int64) {
		if known := first.Load(); known != 0 && known>>8 < uint64(from+a) {
			return
		}
		trapped := k.Func.Run(mem, 0, from+a, from+b)
		for trapped != 0 {
			known := first.Load()
			if known != 0 && known <= trapped || first.CompareAndSwap(known, trapped) {
				return
			}
		}
	})
	return first.Load(), nil
}

// argument is a tensor of a kernel.
type argument struct {
	tensor
	native op.DType // what the kernel takes or gives
	at     int64    // in the machine's memory, of element 0
	stride int64
	buffer []byte // of elements in another type: they pass through here
}

// mapOp runs a kernel for each element.
func mapOp(r *run) error {
	object, _ := r.ex.objects.Get(op.Handle(r.Params[0]))
	sig := object.kernel.Func.Signature()
	mem := r.ex.arena.machine.Memory()
	n, step := r.out[0].Elems(), r.out[0].Elems()
	params, slots := r.in[:len(sig.Params)], r.in[len(sig.Params):]
	in, out := arguments(mem, params, sig.Params), arguments(mem, r.out, sig.Results)
	if narrow := place(mem, in, out); narrow > 0 {
		step = min(n, narrow)
	}
	for from := int64(0); from < n; from += step {
		to := min(n, from+step)
		at := mem[:0]
		for i := range in {
			in[i].load(from, to)
			at = in[i].record(at, from)
		}
		for i, t := range slots {
			count := t.Elems()
			if sig.Slots[i] == 0 {
				count = 0
			}
			at = binary.LittleEndian.AppendUint64(at, uint64(address(mem, t.mem)))
			at = binary.LittleEndian.AppendUint64(at, uint64(count))
		}
		for i := range out {
			at = out[i].record(at, from)
		}
		trapped, err := r.ex.batch(object.kernel, from, to)
		if err != nil {
			return op.Errorf(op.Lost, "%v", err)
		}
		if trapped != 0 {
			return kernel.Trapped(trapped)
		}
		for i := range out {
			out[i].store(from, to)
		}
	}
	return nil
}

// address is where a piece of the machine's memory begins.
func address(mem, piece []byte) int64 {
	return int64(uintptr(unsafe.Pointer(unsafe.SliceData(piece))) - uintptr(unsafe.Pointer(unsafe.SliceData(mem))))
}

func arguments(mem []byte, tensors []tensor, native []op.DType) []argument {
	list := make([]argument, len(tensors))
	for i, t := range tensors {
		list[i] = argument{tensor: t, native: native[i], at: address(mem, t.mem), stride: native[i].Size()}
		if t.Elems() == 1 {
			list[i].stride = 0
		}
	}
	return list
}

// place gives each argument that passes through a buffer one, and says how many elements that holds; 0: none does.
func place(mem []byte, lists ...[]argument) int64 {
	var through []*argument
	for _, list := range lists {
		for i := range list {
			if list[i].native != list[i].DType {
				through = append(through, &list[i])
			}
		}
	}
	if len(through) == 0 {
		return 0
	}
	size := int64(page-buffers) / int64(len(through)) / align * align
	for i, a := range through {
		a.at = buffers + int64(i)*size
		a.buffer = mem[a.at:][:size]
	}
	return size / 4 // i32 and f32 alone stand for other types
}

// record writes where an element is to be found: those of a buffer as if all before were there, too.
func (a *argument) record(at []byte, from int64) []byte {
	first := a.at
	if a.buffer != nil {
		first -= from * a.stride
	}
	at = binary.LittleEndian.AppendUint64(at, uint64(first))
	return binary.LittleEndian.AppendUint64(at, uint64(a.stride))
}

// load fills the buffer with elements; with the one element, where there is only one.
func (a *argument) load(from, to int64) {
	if a.buffer == nil {
		return
	}
	if a.stride == 0 {
		from, to = 0, 1
	}
	t := tensor{mem: a.buffer}
	if a.native == op.F32 {
		widen(view[float32](t)[:to-from], a.tensor, from)
	} else {
		convert(view[int32](t)[:to-from], view[uint8](a.tensor)[from:])
	}
}

// store takes results out of the buffer.
func (a *argument) store(from, to int64) {
	if a.buffer == nil {
		return
	}
	t := tensor{mem: a.buffer}
	if a.native == op.F32 {
		narrow(a.tensor, from, view[float32](t)[:to-from])
	} else {
		store(a.tensor, from, view[int32](t)[:to-from], func(v int32) uint8 { return uint8(min(max(v, 0), 255)) })
	}
}
