// The functions of libcuda.so.1 that levee uses, with prototypes of our own: neither cuda.h nor the toolkit is needed to build. The
// library is found when it is opened. Each function below makes the context current on the thread it happens to run on and then does
// the call, in one crossing from Go; all return the CUresult.
#ifndef LEVEE_DRIVER_H
#define LEVEE_DRIVER_H

#include <stddef.h>
#include <stdint.h>

// LEVEE_LIBRARY is added to what a library of the vendor answers, to tell it from what the driver does: no number of either is as large.
enum { LEVEE_LIBRARY = 100000 };

// LEVEE_SYMBOLS(X): X(required, name, symbol, parameters). Handles are pointers of the driver's; here they are numbers as wide.
#define LEVEE_SYMBOLS(X)                                                                                                               \
	X(1, Init, "cuInit", (unsigned))                                                                                                   \
	X(1, DriverGetVersion, "cuDriverGetVersion", (int *))                                                                              \
	X(0, GetErrorName, "cuGetErrorName", (int, const char **))                                                                         \
	X(1, DeviceGetCount, "cuDeviceGetCount", (int *))                                                                                  \
	X(1, DeviceGet, "cuDeviceGet", (int *, int))                                                                                       \
	X(1, DeviceGetName, "cuDeviceGetName", (char *, int, int))                                                                         \
	X(0, DeviceGetUuid, "cuDeviceGetUuid", (unsigned char *, int))                                                                     \
	X(0, DeviceGetUuid2, "cuDeviceGetUuid_v2", (unsigned char *, int))                                                                 \
	X(1, DeviceTotalMem, "cuDeviceTotalMem_v2", (size_t *, int))                                                                       \
	X(1, DeviceGetAttribute, "cuDeviceGetAttribute", (int *, int, int))                                                                \
	X(1, PrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (uintptr_t *, int))                                                             \
	X(1, PrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (int))                                                                     \
	X(1, CtxSetCurrent, "cuCtxSetCurrent", (uintptr_t))                                                                                \
	X(1, CtxSynchronize, "cuCtxSynchronize", (void))                                                                                   \
	X(0, MemGetInfo, "cuMemGetInfo_v2", (size_t *, size_t *))                                                                          \
	X(1, MemAlloc, "cuMemAlloc_v2", (uint64_t *, size_t))                                                                              \
	X(1, MemFree, "cuMemFree_v2", (uint64_t))                                                                                          \
	X(1, MemsetD8Async, "cuMemsetD8Async", (uint64_t, unsigned char, size_t, uintptr_t))                                               \
	X(1, MemsetD32Async, "cuMemsetD32Async", (uint64_t, unsigned, size_t, uintptr_t))                                                  \
	X(1, MemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", (uint64_t, const void *, size_t, uintptr_t))                                         \
	X(1, MemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void *, uint64_t, size_t, uintptr_t))                                               \
	X(1, MemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2", (uint64_t, uint64_t, size_t, uintptr_t))                                             \
	X(1, MemHostAlloc, "cuMemHostAlloc", (void **, size_t, unsigned))                                                                  \
	X(1, MemFreeHost, "cuMemFreeHost", (void *))                                                                                       \
	X(0, MemHostRegister, "cuMemHostRegister_v2", (void *, size_t, unsigned))                                                          \
	X(0, MemHostUnregister, "cuMemHostUnregister", (void *))                                                                           \
	X(1, StreamCreate, "cuStreamCreate", (uintptr_t *, unsigned))                                                                      \
	X(1, StreamDestroy, "cuStreamDestroy_v2", (uintptr_t))                                                                             \
	X(1, StreamSynchronize, "cuStreamSynchronize", (uintptr_t))                                                                        \
	X(1, EventCreate, "cuEventCreate", (uintptr_t *, unsigned))                                                                        \
	X(1, EventDestroy, "cuEventDestroy_v2", (uintptr_t))                                                                               \
	X(1, EventRecord, "cuEventRecord", (uintptr_t, uintptr_t))                                                                         \
	X(1, EventQuery, "cuEventQuery", (uintptr_t))                                                                                      \
	X(1, EventSynchronize, "cuEventSynchronize", (uintptr_t))                                                                          \
	X(0, EventElapsedTime, "cuEventElapsedTime", (float *, uintptr_t, uintptr_t))                                                      \
	X(1, ModuleLoadDataEx, "cuModuleLoadDataEx", (uintptr_t *, const void *, unsigned, int *, void **))                                \
	X(1, ModuleUnload, "cuModuleUnload", (uintptr_t))                                                                                  \
	X(1, ModuleGetFunction, "cuModuleGetFunction", (uintptr_t *, uintptr_t, const char *))                                             \
	X(1, FuncGetAttribute, "cuFuncGetAttribute", (int *, int, uintptr_t))                                                              \
	X(1, FuncSetAttribute, "cuFuncSetAttribute", (uintptr_t, int, int))                                                                \
	X(0, TensorMapEncodeTiled, "cuTensorMapEncodeTiled",                                                                               \
	  (void *, int, unsigned, void *, const uint64_t *, const uint64_t *, const uint32_t *, const uint32_t *, int, int, int, int))     \
	X(1, LaunchKernel, "cuLaunchKernel",                                                                                               \
	  (uintptr_t, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, uintptr_t, void **, void **))

typedef struct levee_cuda {
	void *library;
#define X(required, name, symbol, parameters) int(*name) parameters;
	LEVEE_SYMBOLS(X)
#undef X
} levee_cuda;

#ifdef LEVEE_NOGPU
enum { LEVEE_BUILT = 0 };
#else
enum { LEVEE_BUILT = 1 };
#endif

// levee_open opens the library and looks every symbol up. NULL: then text says why, and missing names the required symbol that is not
// there, if that was it. version is set whenever the library can tell it.
levee_cuda *levee_open(const char *path, char *text, size_t size, const char **missing, int *version);
void levee_close(levee_cuda *cu);

int levee_init(const levee_cuda *cu, int *count);
const char *levee_error_name(const levee_cuda *cu, int code);
int levee_device(const levee_cuda *cu, int index, int *device, char *name, int size, unsigned char *uuid, size_t *memory);
int levee_attribute(const levee_cuda *cu, int device, int attribute, int *value);
int levee_retain(const levee_cuda *cu, int device, uintptr_t *ctx);
int levee_release(const levee_cuda *cu, int device);

int levee_synchronize(const levee_cuda *cu, uintptr_t ctx);
int levee_mem_info(const levee_cuda *cu, uintptr_t ctx, size_t *available, size_t *total);
int levee_alloc(const levee_cuda *cu, uintptr_t ctx, size_t n, uint64_t *at);
int levee_free(const levee_cuda *cu, uintptr_t ctx, uint64_t at);
int levee_set8(const levee_cuda *cu, uintptr_t ctx, uint64_t at, unsigned char v, size_t n, uintptr_t stream);
int levee_set32(const levee_cuda *cu, uintptr_t ctx, uint64_t at, unsigned v, size_t n, uintptr_t stream);
int levee_upload(const levee_cuda *cu, uintptr_t ctx, uint64_t to, const void *from, size_t n, uintptr_t stream);
int levee_download(const levee_cuda *cu, uintptr_t ctx, void *to, uint64_t from, size_t n, uintptr_t stream);
int levee_copy(const levee_cuda *cu, uintptr_t ctx, uint64_t to, uint64_t from, size_t n, uintptr_t stream);
int levee_host_alloc(const levee_cuda *cu, uintptr_t ctx, size_t n, void **at);
int levee_host_free(const levee_cuda *cu, uintptr_t ctx, void *at);
int levee_register(const levee_cuda *cu, uintptr_t ctx, void *at, size_t n);
int levee_unregister(const levee_cuda *cu, uintptr_t ctx, void *at);

int levee_stream(const levee_cuda *cu, uintptr_t ctx, uintptr_t *stream);
int levee_stream_free(const levee_cuda *cu, uintptr_t ctx, uintptr_t stream);
int levee_stream_synchronize(const levee_cuda *cu, uintptr_t ctx, uintptr_t stream);
int levee_event(const levee_cuda *cu, uintptr_t ctx, unsigned flags, uintptr_t *event);
int levee_event_free(const levee_cuda *cu, uintptr_t ctx, uintptr_t event);
int levee_event_record(const levee_cuda *cu, uintptr_t ctx, uintptr_t event, uintptr_t stream);
int levee_event_query(const levee_cuda *cu, uintptr_t ctx, uintptr_t event);
int levee_event_synchronize(const levee_cuda *cu, uintptr_t ctx, uintptr_t event);
// levee_event_await asks until the event is reached, at most so many ns: then it is not ready. It asks all the time at first, then ever more
// seldom.
int levee_event_await(const levee_cuda *cu, uintptr_t ctx, uintptr_t event, int64_t most);
int levee_event_elapsed(const levee_cuda *cu, uintptr_t ctx, uintptr_t from, uintptr_t to, float *ms);

// levee_module takes PTX that ends in a zero byte; log gets what the driver's compiler complains about.
int levee_module(const levee_cuda *cu, uintptr_t ctx, const void *ptx, char *log, size_t size, uintptr_t *module);
int levee_module_free(const levee_cuda *cu, uintptr_t ctx, uintptr_t module);
int levee_function(const levee_cuda *cu, uintptr_t ctx, uintptr_t module, const char *name, uintptr_t *function);
int levee_function_attribute(const levee_cuda *cu, uintptr_t ctx, uintptr_t function, int attribute, int *value);
int levee_function_set(const levee_cuda *cu, uintptr_t ctx, uintptr_t function, int attribute, int value);

typedef struct levee_dim {
	uint32_t x, y, z;
} levee_dim;

// levee_tensor_map encodes rank dimensions of 16-bit elements, at most 5; strides are the bytes from one to the next of all but the first.
// Boxes cover so many elements, of which one in every[i] is copied.
int levee_tensor_map(const levee_cuda *cu, uintptr_t ctx, unsigned rank, uint64_t at, const uint64_t *dims, const uint64_t *strides, const uint32_t *box,
                     const uint32_t *every, uint64_t map[16]);

// levee_launch takes the kernel's parameters as one block, laid out as the kernel declares them.
int levee_launch(const levee_cuda *cu, uintptr_t ctx, uintptr_t function, levee_dim grid, levee_dim block, unsigned shared, uintptr_t stream,
                 const void *params, size_t size);

#endif
