// Package op is the vocabulary of GPU work: tensors, the ops on them, graphs of ops as nodes submit them, and the one check that every
// graph passes before anything runs. It computes nothing but the tables that the executors under gpu, on the CPU and on CUDA devices, share.
package op

import (
	"fmt"
	"math"
)

// DType is the element type of a tensor. All are little endian.
type DType uint8

// The element types.
const (
	U8 DType = iota + 1
	I32
	I64
	F16  // IEEE 754 binary16
	BF16 // the upper half of an F32
	F32
	F64
)

var dtypes = [...]struct {
	name string
	size int64
}{U8: {"u8", 1}, I32: {"i32", 4}, I64: {"i64", 8}, F16: {"f16", 2}, BF16: {"bf16", 2}, F32: {"f32", 4}, F64: {"f64", 8}}

// Valid says whether d is one of the element types.
func (d DType) Valid() bool { return d >= U8 && d <= F64 }

// Size is the bytes of one element.
func (d DType) Size() int64 { return dtypes[d].size }

// Float says whether d is a floating point type.
func (d DType) Float() bool { return d >= F16 }

func (d DType) String() string {
	if !d.Valid() {
		return fmt.Sprintf("dtype %d", uint8(d))
	}
	return dtypes[d].name
}

// Limits of what a tensor and a graph may be.
const (
	MaxRank    = 6
	MaxBytes   = 1 << 40 // of one tensor
	MaxOps     = 256     // of a graph
	MaxTensors = 64      // that a graph names
	MaxPorts   = 16      // inputs, and outputs, of one op
	MaxParams  = 64      // of one op
	MaxGraph   = 256 << 10
	MaxObjects = 4096 // tensors and kernels of a session
)

// Desc is what a tensor is: its element type and its dimensions, the outermost first, in row-major order. No dimension is zero; a
// tensor of rank 0 has one element.
type Desc struct {
	DType DType
	Shape []int64
}

// Check refuses what no tensor can be. It never overflows.
func (d Desc) Check() error {
	if !d.DType.Valid() {
		return fmt.Errorf("unknown element type %d", uint8(d.DType))
	}
	if len(d.Shape) > MaxRank {
		return fmt.Errorf("a tensor of rank %d, at most %d", len(d.Shape), MaxRank)
	}
	n := int64(1)
	for i, dim := range d.Shape {
		if dim < 1 {
			return fmt.Errorf("dimension %d is %d: at least 1", i, dim)
		}
		if dim > MaxBytes/d.DType.Size()/n {
			return fmt.Errorf("a tensor %v of more than %d bytes", d, int64(MaxBytes))
		}
		n *= dim
	}
	return nil
}

// Elems is how many elements a checked tensor has.
func (d Desc) Elems() int64 {
	n := int64(1)
	for _, dim := range d.Shape {
		n *= dim
	}
	return n
}

// Bytes is the size of a checked tensor.
func (d Desc) Bytes() int64 { return d.Elems() * d.DType.Size() }

// Rows gives a checked tensor of rank 1 or more as so many rows of the length of its last dimension.
func (d Desc) Rows() (rows, length int64) {
	length = d.Shape[len(d.Shape)-1]
	return d.Elems() / length, length
}

func (d Desc) String() string { return fmt.Sprintf("%v%v", d.DType, d.Shape) }

// Handle names a tensor or a kernel of one session; zero names none. Its parts are nobody's business but the executor's.
type Handle uint64

// Code says what an op does. The numbers are part of the ABI: they never change.
type Code uint16

// The ops: in -> out (parameters). Every parameter is one 64-bit word; a float parameter is the bits of an f64, an integer one is two's
// complement. What each computes, to the bit, is in docs/gpu.md.
const (
	Fill      Code = 1  // -> out (value: as f64 bits for floats, as an integer else)
	Copy      Code = 2  // a -> out of the same type and count: another shape of the same elements
	Cast      Code = 3  // a -> out of the same shape and any type
	Transpose Code = 4  // a -> out (perm...: output dimension i is input dimension perm[i])
	Concat    Code = 5  // a... -> out (axis)
	Slice     Code = 6  // a -> out (start..., step...: per dimension; lengths are the output's)
	Gather    Code = 7  // a [n, rest...], index i32|i64 [m...] -> out [m..., rest...]
	Map       Code = 8  // x..., slots... -> y... (kernel): a parameter of the kernel for each x, which has as many elements as y or one
	Reduce    Code = 9  // a -> out: shape of a with the axis' dimension 1 (kind, axis)
	Softmax   Code = 10 // a -> out; f32, f16, bf16
	LayerNorm Code = 11 // a, gamma f32 [n], beta f32 [n] -> out (eps); f32, f16, bf16
	Sort      Code = 12 // a -> values, index i32, whose last dimension is k <= n (descending); f32, i32, i64, f64
	Scan      Code = 13 // a -> out (exclusive); i32, i64, f32
	Histogram Code = 14 // a -> counts i32 [bins] (low, high); f32, i32, u8
	Random    Code = 15 // -> out (seed, offset); i32, f32
	Resize    Code = 16 // [n,]h,w,c -> [n,]h,w,c of the same type (filter); u8, f32
	Normalise Code = 17 // u8 [n,]h,w,c, mean f32 [c], scale f32 [c] -> f32 [n,]h,w,c or, planar, [n,]c,h,w (planar)
	Gemm      Code = 18 // a [batch,]m,k, b [batch,]k,n [, bias [n]] -> c [batch,]m,n (transA, transB, alpha, activation)
	Conv2D    Code = 19 // x [n,h,w,c], weights [o,kh,kw,c] [, bias [o]] -> [n,h',w',o] (strideY, strideX, padY, padX, dilationY, dilationX, activation)
	FFT       Code = 20 // complex f32 [..., n, 2] -> the same shape (inverse[, class])
)

// Kinds of Reduce. Floats narrower than f32 are added up as f32 and rounded once. NaN wins in min and max, and its first place in argmin and argmax.
const (
	Sum    = 0 // same type; u8 gives i32
	Prod   = 1
	Min    = 2
	Max    = 3
	ArgMin = 4 // i32; the first one
	ArgMax = 5
	Mean   = 6 // floats
)

// Filters of Resize.
const (
	Nearest  = 0 // moves elements, bit by bit
	Bilinear = 1 // a triangle, widened when the picture shrinks
	Lanczos3 = 2
)

// Activations of Gemm and Conv2D, after the bias.
const (
	NoActivation = 0
	ReLU         = 1
)

// FastFFT says whether an op is a transform of the class Device.
func (o *Op) FastFFT() bool {
	return o.Code == FFT && len(o.Params) == 2 && o.Params[1] == uint64(Device)
}

// Op is one step of a graph. In and Out are places in the graph's tensors.
type Op struct {
	Code    Code
	In, Out []uint16
	Params  []uint64
}

// Int and Float give a parameter.
func (o *Op) Int(i int) int64     { return int64(o.Params[i]) }
func (o *Op) Float(i int) float64 { return math.Float64frombits(o.Params[i]) }

// Tensor is one that a graph names: one of the session's, by its handle, or, with handle zero, one that lives as long as the graph runs.
type Tensor struct {
	Handle Handle
	Desc   Desc // of a session's tensor too, once the graph is checked
}

// Graph is what a node submits. Ops run as if one after the other, in this order.
type Graph struct {
	Tensors []Tensor
	Ops     []Op
}

// Signature is what a kernel takes and gives for one element: types among i32, i64, f32, f64.
type Signature struct {
	Params  []DType
	Results []DType
	Slots   []DType // the type that loads from slot i read; 0 where the kernel reads none from it
	Flops   int64   // arithmetic for one element, estimated
}

// Class says how far a result is the same everywhere.
type Class uint8

const (
	// Exact results have the same bits on every machine, with and without a GPU.
	Exact Class = iota
	// Device results are rounded as the device likes: tensor cores, and libraries of the vendor.
	Device
)

// Cost is what a graph is estimated to take.
type Cost struct {
	Flops int64 // arithmetic; a map counts what its kernel counts for one element
	Moved int64 // bytes read and written
	Temp  int64 // bytes of the graph's own tensors
}

// Info is what an executor says about itself.
type Info struct {
	Kind   string // "cpu" or "cuda"
	Name   string // of the device
	Memory int64  // bytes that this session may hold in tensors
}
