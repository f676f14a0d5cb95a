// A libcuda.so.1 for tests. Device memory is a memfd that it shares with an interpreter of PTX, which runs the launches: a server behind
// SOCKET. Calls happen at once; what a driver does later is only told later. What it pretends is said by macros:
//   INIT=n     cuInit answers n                 COUNT=n     so many devices           VERSION=n  of the driver
//   MEMORY=n   MiB of each device (1024)        CC=n        compute capability times ten
//   INITHANG   cuInit never returns             CALLHANG=n  from the n-th launch on cuLaunchKernel never returns
//   HANG=n     the n-th launch never ends       SLOW=n      a launch takes n ms       ABORT=n    the n-th launch aborts the process
//   STICKY=c   the launch number STICKYAT (1) loses the context with the code c
//   REFUSE=c   modules are refused with the code c, and, with PEEK="PATH:...", the log says which of these could be opened
//   QUEUE=n    launches wait while so many are to be done
//   COMPILE=n  a module takes n ms              COMPILEHANG="x" and one with x in it takes for ever
//   ONLY="x"   INIT is for who asks for that device, by CUDA_VISIBLE_DEVICES
//   CONTEXT=c  no context can be made: c        STREAMS=n   so many streams can be made, then memory is short
//   HELPER="f"  cuInit leaves a process behind, which holds a lock of this file
//   COMPLAINS  cuInit writes a MiB to standard error
//   NAME="x"   is the name of every error
//   NOREGISTER no cuMemHostRegister_v2          NOLAUNCH    no cuLaunchKernel         BARE       nothing optional
//   DESCENDING the last block and warp run first   RACES    races in global memory are looked for too
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#ifdef HELPER
#include <sys/file.h>
#endif

#ifndef INIT
#define INIT 0
#endif
#ifndef COUNT
#define COUNT 1
#endif
#ifndef VERSION
#define VERSION 13000
#endif
#ifndef MEMORY
#define MEMORY 1024
#endif
#ifndef CC
#define CC 90
#endif
#ifndef CALLHANG
#define CALLHANG 0
#endif
#ifndef HANG
#define HANG 0
#endif
#ifndef SLOW
#define SLOW 0
#endif
#ifndef ABORT
#define ABORT 0
#endif
#ifndef STICKY
#define STICKY 0
#endif
#ifndef STICKYAT
#define STICKYAT 1
#endif
#ifndef REFUSE
#define REFUSE 0
#endif
#ifndef COMPILE
#define COMPILE 0
#endif
#ifndef COMPILEHANG
#define COMPILEHANG ""
#endif
#ifndef CONTEXT
#define CONTEXT 0
#endif
#ifndef STREAMS
#define STREAMS 1000000
#endif
#ifdef DESCENDING
#define ORDER 1
#else
#define ORDER 0
#endif
#ifdef RACES
#define LOOK 2
#else
#define LOOK 0
#endif

enum {
	INVALID = 1, NO_MEMORY = 2, NOT_INITIALISED = 3, BAD_DEVICE = 101, BAD_CONTEXT = 201, BAD_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600,
	REGISTERED = 712, NOT_REGISTERED = 713, UNKNOWN = 999
};
#define MIB ((size_t)1 << 20)
#define SIZE (MEMORY * MIB)
#define BASE 0x600000000000ull
// OPTIN is the shared memory that a block may ask for, as devices of that compute capability have it.
#define OPTIN (CC < 75 ? 98304 : CC < 80 ? 65536 : CC == 86 || CC == 89 || CC >= 120 ? 101376 : CC < 90 ? 166912 : 232448)
#define GAP 512 // bytes between allocations, so that what runs over is seen

typedef struct block { uint64_t at, size; struct block *next; } block;
typedef struct event { int64_t due; int recorded; } event;
typedef struct function { uint64_t id; int threads, shared, local, dynamic; } function;
typedef struct range { char *at; size_t n; struct range *next; } range;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int ready, sock = -1, launches, sticky, hung;
static char *memory;           // of all devices
static block *blocks[COUNT ? COUNT : 1]; // by address
static range *ranges;
static int64_t busy; // until when the device has work, in ns
static __thread int device = -1;

static int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}
static void forever(void) { for (;;) pause(); }
static void until(int64_t due) {
	if (hung) forever();
	for (int64_t left; (left = due - now()) > 0;) {
		struct timespec t = {left / 1000000000, left % 1000000000};
		nanosleep(&t, NULL);
	}
}

// The way to the server: a request is its code, its length and its bytes; so is the answer.
static int all(int fd, void *p, size_t n, int out) {
	for (char *q = p; n > 0;) {
		ssize_t k = out ? send(fd, q, n, MSG_NOSIGNAL) : recv(fd, q, n, 0);
		if (k < 0 && errno == EINTR) continue;
		if (k <= 0) return -1;
		q += k, n -= (size_t)k;
	}
	return 0;
}
static int ask(uint32_t what, const void *p, uint32_t n, void *answer, uint32_t room, uint32_t *got) {
	uint32_t head[2] = {what, n};
	char rest[256];
	pthread_mutex_lock(&lock);
	int rc = UNKNOWN;
	if (all(sock, head, sizeof head, 1) || all(sock, (void *)p, n, 1) || all(sock, head, sizeof head, 0)) goto end;
	uint32_t take = head[1] < room ? head[1] : room, left = head[1] - take;
	if (all(sock, answer, take, 0)) goto end;
	for (; left > 0; left -= take > left ? left : take)
		if (all(sock, rest, take = left < sizeof rest ? left : sizeof rest, 0)) goto end;
	if (got) *got = head[1] < room ? head[1] : room;
	rc = (int)head[0];
end:
	pthread_mutex_unlock(&lock);
	return rc;
}
static int hello(int memfd) {
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = SOCKET};
	uint64_t body[3] = {BASE, SIZE * COUNT, ORDER | LOOK};
	char space[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec part = {body, sizeof body};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &memfd, sizeof memfd);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&name, sizeof name) || sendmsg(sock, &m, MSG_NOSIGNAL) != sizeof body) return -1;
	return 0;
}

int cuInit(unsigned flags) {
	(void)flags;
#ifdef INITHANG
	forever();
#endif
#ifdef HELPER
	int lock = open(HELPER, O_RDWR | O_CREAT, 0600);
	flock(lock, LOCK_EX);
	if (fork() == 0) forever();
	close(lock);
#endif
#ifdef COMPLAINS
	for (int i = 0; i < 1 << 14; i++) fputs("driver: all is bad, as it has always been, and will be worse yet\n", stderr);
#endif
	int answer = INIT;
#ifdef ONLY
	const char *visible = getenv("CUDA_VISIBLE_DEVICES");
	if (!visible || strcmp(visible, ONLY)) answer = 0;
#endif
	if (answer || ready || COUNT == 0) return answer ? answer : COUNT == 0 ? 100 : 0;
	int fd = memfd_create("device", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)(SIZE * COUNT))) return UNKNOWN;
	memory = mmap(NULL, SIZE * COUNT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (memory == MAP_FAILED || hello(fd)) return UNKNOWN;
	close(fd);
	ready = 1;
	return 0;
}
int cuDriverGetVersion(int *v) { *v = VERSION; return 0; }
int cuDeviceGetCount(int *n) { *n = COUNT; return ready ? 0 : NOT_INITIALISED; }
int cuDeviceGet(int *d, int i) { *d = i; return i >= 0 && i < COUNT ? 0 : BAD_DEVICE; }
int cuDeviceGetName(char *s, int n, int d) { snprintf(s, (size_t)n, "Fake GPU %d", d); return 0; }
int cuDeviceTotalMem_v2(size_t *n, int d) { (void)d; *n = SIZE; return 0; }
int cuDeviceGetAttribute(int *v, int a, int d) {
	(void)d;
	static const struct { int attribute, value; } list[] = {
		{1, 1024}, {2, 1024}, {3, 1024}, {4, 64}, {5, 2147483647}, {6, 65535}, {7, 65535}, {8, 49152}, {10, 32}, {12, 65536}, {13, 1000000},
		{16, 4}, {18, 0}, {36, 1000000}, {37, 256}, {38, 1 << 20}, {39, 2048}, {75, CC / 10}, {76, CC % 10}, {81, OPTIN + 1024}, {82, 65536}, {97, OPTIN},
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		if (list[i].attribute == a) { *v = list[i].value; return 0; }
	return INVALID;
}
#ifndef BARE
int cuGetErrorName(int code, const char **s) {
#ifdef NAME
	*s = NAME;
	return 0;
#endif
	static const struct { int code; const char *name; } list[] = {
		{0, "CUDA_SUCCESS"}, {1, "CUDA_ERROR_INVALID_VALUE"}, {2, "CUDA_ERROR_OUT_OF_MEMORY"}, {3, "CUDA_ERROR_NOT_INITIALIZED"},
		{46, "CUDA_ERROR_DEVICE_UNAVAILABLE"}, {100, "CUDA_ERROR_NO_DEVICE"}, {101, "CUDA_ERROR_INVALID_DEVICE"}, {201, "CUDA_ERROR_INVALID_CONTEXT"}, {218, "CUDA_ERROR_INVALID_PTX"},
		{222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"}, {400, "CUDA_ERROR_INVALID_HANDLE"}, {500, "CUDA_ERROR_NOT_FOUND"},
		{600, "CUDA_ERROR_NOT_READY"}, {700, "CUDA_ERROR_ILLEGAL_ADDRESS"}, {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
		{702, "CUDA_ERROR_LAUNCH_TIMEOUT"}, {716, "CUDA_ERROR_MISALIGNED_ADDRESS"}, {719, "CUDA_ERROR_LAUNCH_FAILED"}, {999, "CUDA_ERROR_UNKNOWN"},
	};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		if (list[i].code == code) { *s = list[i].name; return 0; }
	return INVALID;
}
int cuGetErrorString(int code, const char **s) { return cuGetErrorName(code, s); }
int cuDeviceGetUuid_v2(unsigned char *u, int d) { memset(u, 0x10 + d, 16); return 0; }
int cuDeviceGetUuid(unsigned char *u, int d) { return cuDeviceGetUuid_v2(u, d); }
#endif

int cuDevicePrimaryCtxRetain(uintptr_t *c, int d) { *c = (uintptr_t)d + 1; return sticky ? sticky : CONTEXT ? CONTEXT : d >= 0 && d < COUNT ? 0 : BAD_DEVICE; }
int cuDevicePrimaryCtxRelease_v2(int d) { (void)d; return 0; }
int cuCtxSetCurrent(uintptr_t c) {
	if (c > COUNT) return BAD_CONTEXT;
	device = (int)c - 1;
	return 0;
}
// IN is what every call of a context begins with.
#define IN if (device < 0) return BAD_CONTEXT; if (sticky) return sticky;
int cuCtxSynchronize(void) { IN until(busy); return sticky; }

static size_t used(void) {
	size_t n = 0;
	for (block *b = blocks[device]; b; b = b->next) n += b->size;
	return n;
}
static char *host(uint64_t at) { return memory + (at - BASE); }
static char *within(uint64_t at, size_t n) { // NULL: not in one allocation
	char *p = NULL;
	pthread_mutex_lock(&lock);
	for (int d = 0; d < COUNT; d++)
		for (block *b = blocks[d]; b; b = b->next)
			if (at >= b->at && at - b->at <= b->size && n <= b->size - (at - b->at)) p = host(at);
	pthread_mutex_unlock(&lock);
	return p;
}
// spoil writes what nobody would take for zeros, at both ends of a large allocation.
static void spoil(block *b) {
	size_t n = b->size < 4 * MIB ? b->size : 2 * MIB;
	memset(host(b->at), 0xa5, n);
	memset(host(b->at) + b->size - n, 0xa5, n);
}
int cuMemAlloc_v2(uint64_t *at, size_t n) {
	IN
	if (n == 0) return INVALID;
	if (n > SIZE) return NO_MEMORY;
	size_t room = ((n + 511) & ~(size_t)511) + GAP;
	pthread_mutex_lock(&lock);
	uint64_t start = BASE + SIZE * (uint64_t)device, end = start + SIZE;
	block **p = &blocks[device];
	for (; *p && (*p)->at - start < room; p = &(*p)->next) start = (*p)->at + (((*p)->size + 511) & ~(size_t)511) + GAP;
	block *b = NULL;
	if (*p || end - start >= room) {
		b = malloc(sizeof *b);
		*b = (block){start, n, *p};
		*p = b;
		*at = start;
		spoil(b);
	}
	pthread_mutex_unlock(&lock);
	return b ? 0 : NO_MEMORY;
}
int cuMemFree_v2(uint64_t at) {
	IN
	pthread_mutex_lock(&lock);
	block **p = &blocks[device];
	while (*p && (*p)->at != at) p = &(*p)->next;
	block *b = *p;
	if (b) {
		*p = b->next;
		madvise(host(b->at), (b->size + 4095) & ~(size_t)4095 & -(size_t)!(b->at & 4095), MADV_REMOVE);
		free(b);
	}
	pthread_mutex_unlock(&lock);
	return b ? 0 : INVALID;
}

// LATER is what goes into a stream: nothing of it happens behind a launch that never ends.
#define LATER IN if (hung) return 0;
int cuMemsetD8Async(uint64_t at, unsigned char v, size_t n, uintptr_t s) {
	(void)s; LATER
	char *p = within(at, n);
	if (p) {
		size_t head = -(uintptr_t)p & 4095, whole = n > head ? (n - head) & ~(size_t)4095 : 0;
		if (v || madvise(p + head, whole, MADV_REMOVE)) whole = 0; // zeros take no memory: tensors of many GiB can be had
		memset(p, v, whole ? head : n);
		if (whole) memset(p + head + whole, 0, n - head - whole);
	}
	return p ? 0 : INVALID;
}
int cuMemsetD32Async(uint64_t at, unsigned v, size_t n, uintptr_t s) {
	(void)s; LATER
	char *p = n > SIZE ? NULL : within(at, 4 * n);
	if (!p || at & 3) return INVALID;
	for (size_t i = 0; i < n; i++) memcpy(p + 4 * i, &v, 4);
	return 0;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t n, uintptr_t s) {
	(void)s; LATER
	char *p = within(to, n);
	if (p) memcpy(p, from, n);
	return p ? 0 : INVALID;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t n, uintptr_t s) {
	(void)s; LATER
	char *p = within(from, n);
	if (p) memcpy(to, p, n);
	return p ? 0 : INVALID;
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t n, uintptr_t s) {
	(void)s; LATER
	char *p = within(to, n), *q = within(from, n);
	if (!p || !q) return INVALID;
	memmove(p, q, n);
	return 0;
}
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t n) { IN until(busy); return cuMemcpyHtoDAsync_v2(to, from, n, 0); }
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t n) { IN until(busy); return cuMemcpyDtoHAsync_v2(to, from, n, 0); }

int cuMemHostAlloc(void **p, size_t n, unsigned flags) {
	(void)flags; IN
	return posix_memalign(p, 4096, n) ? NO_MEMORY : 0;
}
int cuMemAllocHost_v2(void **p, size_t n) { return cuMemHostAlloc(p, n, 0); }
int cuMemFreeHost(void *p) { IN free(p); return 0; }
#ifndef BARE
int cuMemGetInfo_v2(size_t *left, size_t *total) { IN *total = SIZE; *left = SIZE - used(); return 0; }
#ifndef NOREGISTER
static range **registered(void *p) {
	range **r = &ranges;
	while (*r && (*r)->at != (char *)p) r = &(*r)->next;
	return r;
}
int cuMemHostRegister_v2(void *p, size_t n, unsigned flags) {
	(void)flags; IN
	if (!p || n == 0) return INVALID;
	for (range *r = ranges; r; r = r->next)
		if ((char *)p < r->at + r->n && r->at < (char *)p + n) return REGISTERED; // a part of it is enough
	range *r = malloc(sizeof *r);
	*r = (range){p, n, ranges};
	ranges = r;
	return 0;
}
int cuMemHostUnregister(void *p) {
	IN
	range **at = registered(p), *r = *at;
	if (!r) return NOT_REGISTERED;
	*at = r->next;
	free(r);
	return 0;
}
#endif
#endif

static int streams;
int cuStreamCreate(uintptr_t *s, unsigned flags) {
	(void)flags; IN
	if (__atomic_add_fetch(&streams, 1, __ATOMIC_RELAXED) > STREAMS) {
		__atomic_sub_fetch(&streams, 1, __ATOMIC_RELAXED);
		return NO_MEMORY;
	}
	*s = (uintptr_t)malloc(1);
	return 0;
}
int cuStreamDestroy_v2(uintptr_t s) { IN free((void *)s); __atomic_sub_fetch(&streams, 1, __ATOMIC_RELAXED); return 0; }
int cuStreamSynchronize(uintptr_t s) { (void)s; IN until(busy); return sticky; }
int cuStreamQuery(uintptr_t s) { (void)s; IN return hung || busy > now() ? NOT_READY : 0; }
int cuStreamWaitEvent(uintptr_t s, uintptr_t e, unsigned flags) { (void)s, (void)e, (void)flags; IN return 0; }
int cuEventCreate(uintptr_t *e, unsigned flags) { (void)flags; IN *e = (uintptr_t)calloc(1, sizeof(event)); return 0; }
int cuEventDestroy_v2(uintptr_t e) { IN free((void *)e); return 0; }
int cuEventRecord(uintptr_t handle, uintptr_t s) {
	(void)s; IN
	event *e = (event *)handle;
	int64_t t = now();
	e->due = hung ? INT64_MAX : busy > t ? busy : t;
	e->recorded = 1;
	return 0;
}
int cuEventQuery(uintptr_t handle) { IN return ((event *)handle)->due > now() ? NOT_READY : 0; }
int cuEventSynchronize(uintptr_t handle) {
	IN
	int64_t due = ((event *)handle)->due;
	if (due == INT64_MAX) forever();
	for (int64_t left; (left = due - now()) > 0;) usleep((useconds_t)(left / 1000 + 1));
	return sticky;
}
#ifndef BARE
int cuEventElapsedTime(float *ms, uintptr_t from, uintptr_t to) {
	IN
	event *a = (event *)from, *b = (event *)to;
	if (!a->recorded || !b->recorded) return BAD_HANDLE;
	if (b->due > now()) return NOT_READY;
	*ms = (float)(b->due - a->due) / 1e6f;
	return 0;
}
#endif

#include "cuda_launch.h"
