//go:build wasip1

package levee

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// GPU work: this file beside levee.go. The same node runs with and without a GPU.
//
//	a := levee.TensorInput(0)
//	out := levee.NewTensor(levee.F32, a.Shape...)
//	var g levee.Graph
//	g.Map(kernel, []levee.Place{g.Tensor(a)}, []levee.Place{g.Tensor(out)}) // kernel: see KernelBuilder
//	g.Run()
//	out.Output(0)
//
// docs/gpu.md says what each op takes. Whatever is refused ends the invocation with the reason.

//go:wasmimport levee_gpu_v1 tensor_new
func hostTensorNew(dtype int32, shape unsafe.Pointer, rank int32) int64

//go:wasmimport levee_gpu_v1 tensor_free
func hostTensorFree(tensor int64) int32

//go:wasmimport levee_gpu_v1 tensor_desc
func hostTensorDesc(tensor int64, ptr unsafe.Pointer, n int32) int32

//go:wasmimport levee_gpu_v1 tensor_write
func hostTensorWrite(tensor, offset int64, ptr unsafe.Pointer, n int32) int32

//go:wasmimport levee_gpu_v1 tensor_read
func hostTensorRead(tensor, offset int64, ptr unsafe.Pointer, n int32) int32

//go:wasmimport levee_gpu_v1 tensor_input
func hostTensorInput(port int32) int64

//go:wasmimport levee_gpu_v1 tensor_output
func hostTensorOutput(port int32, tensor int64) int32

//go:wasmimport levee_gpu_v1 kernel_code
func hostKernelCode(code unsafe.Pointer, n int32, name unsafe.Pointer, nameLen int32) int64

//go:wasmimport levee_gpu_v1 submit
func hostSubmit(graph unsafe.Pointer, n int32) int64

//go:wasmimport levee_gpu_v1 wait
func hostWait(fence, milliseconds int64) int32

//go:wasmimport levee_gpu_v1 last_error
func hostGPULastError(ptr unsafe.Pointer, n int32) int32

func gpuOK(status int64) int64 {
	if status < 0 {
		text := make([]byte, 4096)
		n := hostGPULastError(at(text), int32(len(text)))
		Fail("%s", text[:max(0, min(int(n), len(text)))])
	}
	return status
}

// DType is the element type of a tensor.
type DType uint32

// The element types.
const (
	U8 DType = iota + 1
	I32
	I64
	F16
	BF16
	F32
	F64
)

// The ops of Graph.Op.
const (
	OpFill = iota + 1
	OpCopy
	OpCast
	OpTranspose
	OpConcat
	OpSlice
	OpGather
	OpMap
	OpReduce
	OpSoftmax
	OpLayerNorm
	OpSort
	OpScan
	OpHistogram
	OpRandom
	OpResize
	OpNormalise
	OpGemm
	OpConv2D
	OpFFT
)

// The classes of OpFFT, its second parameter: the same bits everywhere, or what is fastest.
const (
	FFTExact = iota
	FFTDevice
)

// The kinds of OpReduce.
const (
	ReduceSum = iota
	ReduceProd
	ReduceMin
	ReduceMax
	ReduceArgMin
	ReduceArgMax
	ReduceMean
)

// FloatParam is a float as a parameter of an op.
func FloatParam(v float64) uint64 { return math.Float64bits(v) }

// Tensor is one on the device that the node was given. Free it when many are made; what is left goes with the invocation.
type Tensor struct {
	handle int64
	DType  DType
	Shape  []uint64 // the outermost dimension first
}

// NewTensor makes a tensor of zeros.
func NewTensor(t DType, shape ...uint64) Tensor {
	h := gpuOK(hostTensorNew(int32(t), unsafe.Pointer(unsafe.SliceData(shape)), int32(len(shape))))
	return Tensor{h, t, shape}
}

// TensorInput is the tensor or the picture (u8 [height, width, channels]) of an input port; it does not pass through the node's memory.
func TensorInput(port int) Tensor {
	t := Tensor{handle: gpuOK(hostTensorInput(int32(port)))}
	desc := make([]byte, 8+8*8)
	gpuOK(int64(hostTensorDesc(t.handle, at(desc), int32(len(desc)))))
	t.DType = DType(binary.LittleEndian.Uint32(desc))
	for i := range binary.LittleEndian.Uint32(desc[4:]) {
		t.Shape = append(t.Shape, binary.LittleEndian.Uint64(desc[8+8*i:]))
	}
	return t
}

// Output gives the whole tensor to an output port of type tensor, or image for u8 [height, width, 1, 3 or 4].
func (t Tensor) Output(port int) { gpuOK(int64(hostTensorOutput(int32(port), t.handle))) }

// Write writes bytes at an offset of bytes.
func (t Tensor) Write(offset int64, p []byte) {
	for ; len(p) > 0; p = p[min(len(p), part):] {
		n := min(len(p), part)
		gpuOK(int64(hostTensorWrite(t.handle, offset, at(p), int32(n))))
		offset += int64(n)
	}
}

// Read reads bytes at an offset of bytes, after all graphs that were run.
func (t Tensor) Read(offset int64, p []byte) {
	for ; len(p) > 0; p = p[min(len(p), part):] {
		n := min(len(p), part)
		gpuOK(int64(hostTensorRead(t.handle, offset, at(p), int32(n))))
		offset += int64(n)
	}
}

// EncodeFloat32s is numbers as Write takes them.
func EncodeFloat32s(v ...float32) []byte {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// Free gives the tensor's memory back.
func (t Tensor) Free() { hostTensorFree(t.handle) }

// Place is where a tensor stands in a graph.
type Place uint16

// Graph is ops that run as if one after the other. The zero Graph has none.
type Graph struct {
	tensors, ops  []byte
	places, count uint16
}

// Tensor names a tensor; once for each.
func (g *Graph) Tensor(t Tensor) Place {
	g.tensors = binary.LittleEndian.AppendUint64(g.tensors, uint64(t.handle))
	g.places++
	return Place(g.places - 1)
}

// Temporary is a tensor that lives as long as the graph runs.
func (g *Graph) Temporary(t DType, shape ...uint64) Place {
	le := binary.LittleEndian
	g.tensors = le.AppendUint64(g.tensors, 0)
	g.tensors = le.AppendUint32(le.AppendUint32(g.tensors, uint32(t)), uint32(len(shape)))
	for _, d := range shape {
		g.tensors = le.AppendUint64(g.tensors, d)
	}
	g.places++
	return Place(g.places - 1)
}

// Op appends an op.
func (g *Graph) Op(code int, in, out []Place, params ...uint64) {
	le := binary.LittleEndian
	for _, n := range []int{code, len(in), len(out), len(params)} {
		g.ops = le.AppendUint16(g.ops, uint16(n))
	}
	for _, list := range [2][]Place{in, out} {
		for _, p := range list {
			g.ops = le.AppendUint16(g.ops, uint16(p))
		}
	}
	for len(g.ops)%8 != 0 {
		g.ops = append(g.ops, 0)
	}
	for _, p := range params {
		g.ops = le.AppendUint64(g.ops, p)
	}
	g.count++
}

// Map appends a kernel for each element: in are its parameters' tensors, then its slots'.
func (g *Graph) Map(k Kernel, in, out []Place) { g.Op(OpMap, in, out, uint64(k)) }

// Run runs the graph and waits for its end.
func (g *Graph) Run() {
	le := binary.LittleEndian
	b := le.AppendUint16(le.AppendUint16(le.AppendUint32(nil, 1), g.places), g.count)
	b = append(append(b, g.tensors...), g.ops...)
	gpuOK(int64(hostWait(gpuOK(hostSubmit(at(b), int32(len(b)))), -1)))
}

// Kernel is what the device computes for each element.
type Kernel int64
