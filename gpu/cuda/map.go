package cuda

/*
#include "driver.h"

#cgo noescape levee_tensor_map
#cgo nocallback levee_tensor_map
*/
import "C"

import "unsafe"

// TensorMap tells the copy engine of compute capability 9.0 what a matrix is: kernels find it in the device's memory, aligned to 64 bytes.
type TensorMap [16]uint64

// CanMap says whether the driver makes tensor maps: it does from CUDA 12 on.
func (d *Driver) CanMap() bool { return d.cu.TensorMapEncodeTiled != nil }

// Map encodes up to five dimensions of 16-bit elements at an address, the innermost first, and the boxes that are copied of them: swizzled
// in 128 bytes, with zeros for what lies outside. strides are bytes from one to the next of all dimensions but the first: multiples of 16,
// like at. A box covers up to 256 elements along each dimension, of which one in every, which is up to 8, is copied.
func (c *Context) Map(at Ptr, dims, strides []uint64, box, every []uint32) (m TensorMap, err error) {
	err = c.result("cuTensorMapEncodeTiled", C.levee_tensor_map(c.cu, c.ctx, C.uint(len(dims)), C.uint64_t(at), (*C.uint64_t)(unsafe.Pointer(&dims[0])),
		(*C.uint64_t)(unsafe.Pointer(&strides[0])), (*C.uint32_t)(unsafe.Pointer(&box[0])), (*C.uint32_t)(unsafe.Pointer(&every[0])), (*C.uint64_t)(unsafe.Pointer(&m[0]))))
	return m, err
}
