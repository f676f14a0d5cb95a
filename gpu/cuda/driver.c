#include "driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUCCESS = 0, NOT_READY = 600, NOT_SUPPORTED = 801 };

#ifdef LEVEE_NOGPU

levee_cuda *levee_open(const char *path, char *text, size_t size, const char **missing, int *version)
{
	(void)path, (void)missing, (void)version;
	snprintf(text, size, "this program was built without GPU support");
	return NULL;
}

void levee_close(levee_cuda *cu) { (void)cu; }

#else

static const struct {
	const char *symbol;
	int required;
	size_t at;
} symbols[] = {
#define X(required, name, symbol, parameters) {symbol, required, offsetof(levee_cuda, name)},
	LEVEE_SYMBOLS(X)
#undef X
};

levee_cuda *levee_open(const char *path, char *text, size_t size, const char **missing, int *version)
{
	levee_cuda *cu = calloc(1, sizeof *cu);
	if (!cu) {
		snprintf(text, size, "out of memory");
		return NULL;
	}
	cu->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!cu->library) {
		const char *why = dlerror();
		snprintf(text, size, "%s", why ? why : "no reason given");
		free(cu);
		return NULL;
	}
	for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
		void *f = dlsym(cu->library, symbols[i].symbol);
		memcpy((char *)cu + symbols[i].at, &f, sizeof f);
		if (!f && symbols[i].required && !*missing)
			*missing = symbols[i].symbol;
	}
	if (cu->DriverGetVersion)
		cu->DriverGetVersion(version);
	if (*missing) {
		levee_close(cu);
		return NULL;
	}
	return cu;
}

void levee_close(levee_cuda *cu)
{
	dlclose(cu->library);
	free(cu);
}

#endif

// IN does a call in a context; HAVE stands before a call of a function that a driver may lack.
#define IN(ctx, call)                        \
	do {                                     \
		int rc = cu->CtxSetCurrent(ctx);     \
		return rc != SUCCESS ? rc : (call);  \
	} while (0)
#define HAVE(name)            \
	if (!cu->name)            \
		return NOT_SUPPORTED;

int levee_init(const levee_cuda *cu, int *count)
{
	int rc = cu->Init(0);
	return rc != SUCCESS ? rc : cu->DeviceGetCount(count);
}

const char *levee_error_name(const levee_cuda *cu, int code)
{
	const char *name = NULL;
	if (cu->GetErrorName)
		cu->GetErrorName(code, &name);
	return name;
}

int levee_device(const levee_cuda *cu, int index, int *device, char *name, int size, unsigned char *uuid, size_t *memory)
{
	int rc = cu->DeviceGet(device, index);
	if (rc == SUCCESS)
		rc = cu->DeviceGetName(name, size, *device);
	if (rc == SUCCESS)
		rc = cu->DeviceTotalMem(memory, *device);
	if (rc == SUCCESS && cu->DeviceGetUuid2) // of the MIG instance, where the older one gives its parent's
		rc = cu->DeviceGetUuid2(uuid, *device);
	else if (rc == SUCCESS && cu->DeviceGetUuid)
		rc = cu->DeviceGetUuid(uuid, *device);
	return rc;
}

int levee_attribute(const levee_cuda *cu, int device, int attribute, int *value) { return cu->DeviceGetAttribute(value, attribute, device); }
int levee_retain(const levee_cuda *cu, int device, uintptr_t *ctx) { return cu->PrimaryCtxRetain(ctx, device); }
int levee_release(const levee_cuda *cu, int device) { return cu->PrimaryCtxRelease(device); }

int levee_synchronize(const levee_cuda *cu, uintptr_t ctx) { IN(ctx, cu->CtxSynchronize()); }

int levee_mem_info(const levee_cuda *cu, uintptr_t ctx, size_t *available, size_t *total)
{
	HAVE(MemGetInfo)
	IN(ctx, cu->MemGetInfo(available, total));
}

int levee_alloc(const levee_cuda *cu, uintptr_t ctx, size_t n, uint64_t *at) { IN(ctx, cu->MemAlloc(at, n)); }
int levee_free(const levee_cuda *cu, uintptr_t ctx, uint64_t at) { IN(ctx, cu->MemFree(at)); }

int levee_set8(const levee_cuda *cu, uintptr_t ctx, uint64_t at, unsigned char v, size_t n, uintptr_t stream)
{
	IN(ctx, cu->MemsetD8Async(at, v, n, stream));
}

int levee_set32(const levee_cuda *cu, uintptr_t ctx, uint64_t at, unsigned v, size_t n, uintptr_t stream)
{
	IN(ctx, cu->MemsetD32Async(at, v, n, stream));
}

int levee_upload(const levee_cuda *cu, uintptr_t ctx, uint64_t to, const void *from, size_t n, uintptr_t stream)
{
	IN(ctx, cu->MemcpyHtoDAsync(to, from, n, stream));
}

int levee_download(const levee_cuda *cu, uintptr_t ctx, void *to, uint64_t from, size_t n, uintptr_t stream)
{
	IN(ctx, cu->MemcpyDtoHAsync(to, from, n, stream));
}

int levee_copy(const levee_cuda *cu, uintptr_t ctx, uint64_t to, uint64_t from, size_t n, uintptr_t stream)
{
	IN(ctx, cu->MemcpyDtoDAsync(to, from, n, stream));
}

int levee_host_alloc(const levee_cuda *cu, uintptr_t ctx, size_t n, void **at) { IN(ctx, cu->MemHostAlloc(at, n, 0)); }
int levee_host_free(const levee_cuda *cu, uintptr_t ctx, void *at) { IN(ctx, cu->MemFreeHost(at)); }

int levee_register(const levee_cuda *cu, uintptr_t ctx, void *at, size_t n)
{
	HAVE(MemHostRegister)
	HAVE(MemHostUnregister)
	IN(ctx, cu->MemHostRegister(at, n, 0));
}

int levee_unregister(const levee_cuda *cu, uintptr_t ctx, void *at)
{
	HAVE(MemHostUnregister)
	IN(ctx, cu->MemHostUnregister(at));
}

int levee_stream(const levee_cuda *cu, uintptr_t ctx, uintptr_t *stream)
{
	enum { NON_BLOCKING = 1 };
	IN(ctx, cu->StreamCreate(stream, NON_BLOCKING));
}

int levee_stream_free(const levee_cuda *cu, uintptr_t ctx, uintptr_t stream) { IN(ctx, cu->StreamDestroy(stream)); }
int levee_stream_synchronize(const levee_cuda *cu, uintptr_t ctx, uintptr_t stream) { IN(ctx, cu->StreamSynchronize(stream)); }
int levee_event(const levee_cuda *cu, uintptr_t ctx, unsigned flags, uintptr_t *event) { IN(ctx, cu->EventCreate(event, flags)); }
int levee_event_free(const levee_cuda *cu, uintptr_t ctx, uintptr_t event) { IN(ctx, cu->EventDestroy(event)); }
int levee_event_record(const levee_cuda *cu, uintptr_t ctx, uintptr_t event, uintptr_t stream) { IN(ctx, cu->EventRecord(event, stream)); }
int levee_event_query(const levee_cuda *cu, uintptr_t ctx, uintptr_t event) { IN(ctx, cu->EventQuery(event)); }
int levee_event_synchronize(const levee_cuda *cu, uintptr_t ctx, uintptr_t event) { IN(ctx, cu->EventSynchronize(event)); }

int levee_event_elapsed(const levee_cuda *cu, uintptr_t ctx, uintptr_t from, uintptr_t to, float *ms)
{
	HAVE(EventElapsedTime)
	IN(ctx, cu->EventElapsedTime(ms, from, to));
}

int levee_module(const levee_cuda *cu, uintptr_t ctx, const void *ptx, char *log, size_t size, uintptr_t *module)
{
	enum { ERROR_LOG_BUFFER = 5, ERROR_LOG_BUFFER_SIZE_BYTES = 6 };
	int options[] = {ERROR_LOG_BUFFER, ERROR_LOG_BUFFER_SIZE_BYTES};
	void *values[] = {log, (void *)(uintptr_t)size};
	IN(ctx, cu->ModuleLoadDataEx(module, ptx, 2, options, values));
}

int levee_module_free(const levee_cuda *cu, uintptr_t ctx, uintptr_t module) { IN(ctx, cu->ModuleUnload(module)); }

int levee_function(const levee_cuda *cu, uintptr_t ctx, uintptr_t module, const char *name, uintptr_t *function)
{
	IN(ctx, cu->ModuleGetFunction(function, module, name));
}

int levee_function_attribute(const levee_cuda *cu, uintptr_t ctx, uintptr_t function, int attribute, int *value)
{
	IN(ctx, cu->FuncGetAttribute(value, attribute, function));
}

int levee_function_set(const levee_cuda *cu, uintptr_t ctx, uintptr_t function, int attribute, int value)
{
	IN(ctx, cu->FuncSetAttribute(function, attribute, value));
}

int levee_tensor_map(const levee_cuda *cu, uintptr_t ctx, unsigned rank, uint64_t at, const uint64_t *dims, const uint64_t *strides, const uint32_t *box,
                     const uint32_t *every, uint64_t map[16])
{
	enum { UINT16 = 1, INTERLEAVE_NONE = 0, SWIZZLE_128B = 3, L2_PROMOTION_256B = 3, FILL_ZEROS = 0 };
	_Alignas(64) uint64_t encoded[16];
	int rc;
	HAVE(TensorMapEncodeTiled)
	if ((rc = cu->CtxSetCurrent(ctx)) != SUCCESS)
		return rc;
	rc = cu->TensorMapEncodeTiled(encoded, UINT16, rank, (void *)at, dims, strides, box, every, INTERLEAVE_NONE, SWIZZLE_128B, L2_PROMOTION_256B, FILL_ZEROS);
	if (rc == SUCCESS)
		memcpy(map, encoded, sizeof encoded);
	return rc;
}

int levee_launch(const levee_cuda *cu, uintptr_t ctx, uintptr_t function, levee_dim grid, levee_dim block, unsigned shared, uintptr_t stream,
                 const void *params, size_t size)
{
	void *const end = NULL, *const buffer_pointer = (void *)1, *const buffer_size = (void *)2;
	void *extra[] = {buffer_pointer, (void *)params, buffer_size, &size, end};
	IN(ctx, cu->LaunchKernel(function, grid.x, grid.y, grid.z, block.x, block.y, block.z, shared, stream, NULL, extra));
}

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int levee_event_await(const levee_cuda *cu, uintptr_t ctx, uintptr_t event, int64_t most)
{
	enum { SPIN = 100000, LONGEST = 1000000 }; // ns
	int rc = cu->CtxSetCurrent(ctx);
	for (int64_t start = now(), waited = 0; rc == SUCCESS; waited = now() - start) {
		int state = cu->EventQuery(event);
		if (state != NOT_READY || waited >= most)
			return state;
		if (waited < SPIN)
			continue;
		int64_t nap = waited / 16 < LONGEST ? waited / 16 : LONGEST;
		struct timespec t = {0, nap < most - waited ? nap : most - waited};
		nanosleep(&t, NULL);
	}
	return rc;
}
