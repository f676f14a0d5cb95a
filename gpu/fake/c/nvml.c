// A libnvidia-ml.so.1 for tests. What it pretends is said by macros:
//   INIT=n      nvmlInit answers n       COUNT=n   so many GPUs          HANG   nvmlInit never returns     ABORT  nvmlInit aborts
//   OLD         no names with _v2        BARE      count, handle, name and nothing else       NOINIT  not even nvmlInit
//   MIG=n       GPU 0 is in MIG mode, with n instances                PROHIBITED, EXCLUSIVE   compute mode
//   ROWS=1|2    remapped rows: pending, failed                        ECC=n  uncorrected errors       LOST  GPU 0 is lost
//   CC=n    compute capability times ten                              NOCUDA  there is no libcuda.so.1 beside it
//   FREE="f"    a file with the free memory in MiB (else all but 1 GiB)            NONAME GPUs have an empty name
//   HELPER="f"  nvmlInit leaves a process behind, which holds a lock of this file
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef HELPER
#include <fcntl.h>
#include <sys/file.h>
#endif

#ifndef INIT
#define INIT 0
#endif
#ifndef COUNT
#define COUNT 1
#endif
#ifndef ROWS
#define ROWS 0
#endif
#ifndef CC
#define CC 90
#endif
#ifndef ECC
#define ECC 0
#endif
#define MIB (1ull << 20)
#define TOTAL (16384 * MIB)
#define UNSUPPORTED 3
#define NOT_FOUND 6
#define LOST_GPU 15

typedef struct { int index, part; } gpu;
static gpu gpus[16], parts[16];

static int init(void) {
#ifdef HANG
	for (;;) pause();
#endif
#ifdef HELPER
	int lock = open(HELPER, O_RDWR | O_CREAT, 0600);
	flock(lock, LOCK_EX);
	if (fork() == 0)
		for (;;) pause();
	close(lock);
#endif
#ifdef ABORT
	fputs("driver: out of its mind\n", stderr);
	abort();
#endif
	return INIT;
}
static int count(unsigned *n) { *n = COUNT; return 0; }
static int handle(unsigned i, gpu **g) {
	if (i >= COUNT || i >= 16) return 2;
#ifdef LOST
	if (i == 0) return LOST_GPU;
#endif
	gpus[i].index = i;
	*g = &gpus[i];
	return 0;
}
int nvmlDeviceGetName(gpu *g, char *s, unsigned n) {
#ifdef NONAME
	*s = 0;
#else
	snprintf(s, n, g->part ? "Fake GPU 1g" : "Fake GPU", g->index);
#endif
	return 0;
}

#ifndef NOINIT
#ifdef OLD
int nvmlInit(void) { return init(); }
int nvmlDeviceGetCount(unsigned *n) { return count(n); }
int nvmlDeviceGetHandleByIndex(unsigned i, gpu **g) { return handle(i, g); }
#else
int nvmlInit_v2(void) { return init(); }
int nvmlDeviceGetCount_v2(unsigned *n) { return count(n); }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, gpu **g) { return handle(i, g); }
#endif
#endif

#ifndef BARE
int nvmlSystemGetDriverVersion(char *s, unsigned n) { snprintf(s, n, "580.95.05"); return 0; }
int nvmlDeviceGetUUID(gpu *g, char *s, unsigned n) {
	snprintf(s, n, "%s-0000000%d-0000-0000-0000-00000000000%d", g->part ? "MIG" : "GPU", g->index, g->part);
	return 0;
}
int nvmlDeviceGetCudaComputeCapability(gpu *g, int *major, int *minor) {
	if (g->part) return UNSUPPORTED;
	*major = CC / 10, *minor = CC % 10;
	return 0;
}
int nvmlDeviceGetNumGpuCores(gpu *g, unsigned *n) {
	if (g->part) return UNSUPPORTED;
	*n = 4096;
	return 0;
}
static unsigned long long unused(void) {
#ifdef FREE
	unsigned long long mib = 0;
	FILE *f = fopen(FREE, "r");
	if (f && fscanf(f, "%llu", &mib) == 1) { fclose(f); return mib * MIB; }
#endif
	return TOTAL - 1024 * MIB;
}
struct memory { unsigned long long total, free, used; };
int nvmlDeviceGetMemoryInfo(gpu *g, struct memory *m) {
	m->total = g->part ? TOTAL / 8 : TOTAL, m->free = g->part ? TOTAL / 8 : unused(), m->used = m->total - m->free;
	return 0;
}
#ifdef OLD
int nvmlSystemGetCudaDriverVersion(int *v) { *v = 10020; return 0; }
#else
int nvmlSystemGetCudaDriverVersion_v2(int *v) { *v = 13000; return 0; }
struct memory2 { unsigned version; unsigned long long total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo_v2(gpu *g, struct memory2 *m) {
	struct memory one;
	if (m->version != (sizeof *m | 2 << 24)) return 25;
	nvmlDeviceGetMemoryInfo(g, &one);
	m->total = one.total, m->reserved = 0, m->free = one.free, m->used = one.used;
	return 0;
}
#endif
int nvmlDeviceGetComputeMode(gpu *g, int *mode) {
#if defined PROHIBITED
	*mode = g->index == 0 ? 2 : 0;
#elif defined EXCLUSIVE
	*mode = 3;
#else
	*mode = 0;
#endif
	return 0;
}
int nvmlDeviceGetRemappedRows(gpu *g, unsigned *cor, unsigned *unc, unsigned *pending, unsigned *failed) {
	*cor = 0, *unc = ROWS, *pending = ROWS == 1, *failed = ROWS == 2;
	return 0;
}
int nvmlDeviceGetTotalEccErrors(gpu *g, int type, int counter, unsigned long long *n) { *n = ECC; return ECC ? 0 : UNSUPPORTED; }
#ifdef MIG
int nvmlDeviceGetMigMode(gpu *g, unsigned *now, unsigned *next) { *now = *next = g->index == 0; return 0; }
int nvmlDeviceGetMaxMigDeviceCount(gpu *g, unsigned *n) { *n = 7; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(gpu *g, unsigned i, gpu **part) {
	if (i % 2 || i / 2 >= MIG) return NOT_FOUND; // instances do not lie side by side
	parts[i].index = g->index, parts[i].part = i + 1;
	*part = &parts[i];
	return 0;
}
#endif
#endif
