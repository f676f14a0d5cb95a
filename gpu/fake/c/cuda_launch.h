// The part of cuda.c that is about code: modules, functions, launches. The server behind the socket does the work.
#pragma once

enum { LOAD = 1, UNLOAD, FUNCTION, LAUNCH };
#ifdef PEEK
// peek writes down which of its paths could be opened, one letter each: y, or n where that was not permitted, ? else.
static void peek(char *said) {
	char paths[] = PEEK, *rest = NULL;
	for (char *p = strtok_r(paths, ":", &rest); p; p = strtok_r(NULL, ":", &rest)) {
		int fd = open(p, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		*said++ = fd >= 0 ? 'y' : errno == EACCES ? 'n' : '?';
		if (fd >= 0) close(fd);
	}
	*said = 0;
}
#endif
// known says whether a driver of this version has the PTX of a text, and a device of this compute capability its target: one with an a at
// its end is for no other.
static int known(const char *text) {
	int major = 0, minor = 0, target = 0, n = 0;
	const char *version = strstr(text, ".version "), *sm = strstr(text, ".target sm_");
	if (!version || !sm || sscanf(version, ".version %d.%d", &major, &minor) != 2 || sscanf(sm, ".target sm_%d%n", &target, &n) != 1) return 0; // the server says what is wrong
	int driver = VERSION / 10 % 100, most = VERSION < 11000 ? 63 + driver : VERSION < 12000 ? 70 + driver : VERSION < 13000 ? 80 + driver - (driver > 5) : 90 + driver;
	if (10 * major + minor > most) return 222;
	return target > CC || (sm[n] == 'a' && target != CC) ? 209 : 0;
}
// compile takes its time. Launches wait for it, as they may in a driver.
static pthread_mutex_t compiler = PTHREAD_MUTEX_INITIALIZER;
static void compile(const char *text) {
	pthread_mutex_lock(&compiler);
	if (*COMPILEHANG && strstr(text, COMPILEHANG)) forever();
	until(now() + COMPILE * 1000000ll);
	pthread_mutex_unlock(&compiler);
}
int cuModuleLoadDataEx(uintptr_t *m, const void *text, unsigned n, int *options, void **values) {
	IN
	char answer[4096] = "refused", *log = NULL;
	size_t room = 0;
	uint32_t got = 8;
	for (unsigned i = 0; i < n; i++) {
		if (options[i] == 5) log = values[i];
		if (options[i] == 6) room = (size_t)values[i];
	}
#ifdef PEEK
	peek(answer);
	got = (uint32_t)strlen(answer);
#endif
	int rc = REFUSE ? REFUSE : known(text);
	compile((const char *)text);
	if (rc == 0) rc = ask(LOAD, text, (uint32_t)strlen(text), answer, sizeof answer - 1, &got);
	if (rc == 0) memcpy(m, answer, sizeof *m);
	else if (log && room > 0) snprintf(log, room, "%.*s", (int)got, answer);
	return rc;
}
int cuModuleLoadData(uintptr_t *m, const void *text) { return cuModuleLoadDataEx(m, text, 0, NULL, NULL); }
int cuModuleUnload(uintptr_t m) { IN uint64_t id = m; return ask(UNLOAD, &id, sizeof id, NULL, 0, NULL); }
int cuModuleGetFunction(uintptr_t *f, uintptr_t m, const char *name) {
	IN
	char body[264] = {0};
	uint64_t id = m;
	size_t n = strlen(name);
	if (n > 255) return NOT_FOUND;
	memcpy(body, &id, 8);
	memcpy(body + 8, name, n);
	struct { uint64_t id; int32_t threads, shared, local, unused; } a;
	int rc = ask(FUNCTION, body, (uint32_t)(8 + n), &a, sizeof a, NULL);
	if (rc) return rc;
	function *fn = malloc(sizeof *fn);
	*fn = (function){a.id, a.threads, a.shared, a.local, (48 << 10) - a.shared};
	*f = (uintptr_t)fn;
	return 0;
}
int cuFuncGetAttribute(int *v, int a, uintptr_t f) {
	IN
	function *fn = (function *)f;
	switch (a) {
	case 0: *v = fn->threads; return 0;
	case 1: *v = fn->shared; return 0;
	case 2: *v = 0; return 0;
	case 3: *v = fn->local; return 0;
	case 4: *v = 32; return 0;
	case 8: *v = fn->dynamic; return 0;
	}
	return INVALID;
}
int cuFuncSetAttribute(uintptr_t f, int a, int v) {
	IN
	if (a != 8 || v < 0 || v + ((function *)f)->shared > OPTIN) return INVALID;
	((function *)f)->dynamic = v;
	return 0;
}

#ifndef BARE
// What the copy engine is told of a tensor, in the interpreter's form: see tensorMap in package ptx.
int cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *at, const uint64_t *dims, const uint64_t *strides, const uint32_t *box,
                           const uint32_t *steps, int interleave, int swizzle, int l2, int fill) {
	(void)l2;
	static const unsigned char sizes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2}, widths[] = {0, 32, 64, 128};
	if ((uintptr_t)map % 64 || (uintptr_t)at % 16 || rank < 1 || rank > 5 || type < 0 || type > 9 || interleave || fill || swizzle < 0 || swizzle > 3)
		return INVALID;
	unsigned char *p = memset(map, 0, 128);
	uint32_t magic = 0x70616d74, inner = box[0] * sizes[type];
	if (inner % 16 || (swizzle && inner > widths[swizzle])) return INVALID;
	uint64_t address = (uint64_t)(uintptr_t)at;
	memcpy(p, &magic, 4);
	p[4] = (unsigned char)rank, p[5] = sizes[type], p[6] = widths[swizzle];
	memcpy(p + 8, &address, 8);
	for (unsigned i = 0; i < rank; i++) {
		uint32_t last = (uint32_t)(dims[i] - 1);
		uint64_t stride = i ? strides[i - 1] : 0; // a multiple of the one before, too
		if (dims[i] < 1 || dims[i] > 1ull << 32 || box[i] < 1 || box[i] > 256 || stride % 16 || stride >= 1ull << 40 || (i > 1 && stride % strides[i - 2]) || steps[i] < 1 || steps[i] > 8) return INVALID;
		memcpy(p + 16 + 16 * i, &last, 4);
		memcpy(p + 20 + 16 * i, &box[i], 4);
		memcpy(p + 24 + 16 * i, &stride, 8);
		p[96 + i] = (unsigned char)steps[i];
	}
	return 0;
}
#endif

// request is a launch as the server reads it: sixteen words, the parameters, and the allocations there are.
static char *request(uint64_t f, const uint32_t *dims, const void *params, size_t n, uint32_t *size) {
	uint32_t count = 0;
	for (int d = 0; d < COUNT; d++)
		for (block *b = blocks[d]; b; b = b->next) count++;
	*size = (uint32_t)(48 + n + 16 * (size_t)count);
	char *body = malloc(*size), *p = body + 48 + n;
	uint32_t head[12] = {(uint32_t)f, (uint32_t)(f >> 32), dims[0], dims[1], dims[2], dims[3], dims[4], dims[5], dims[6], (uint32_t)n, count, 0};
	memcpy(body, head, sizeof head);
	if (n) memcpy(body + 48, params, n);
	for (int d = 0; d < COUNT; d++)
		for (block *b = blocks[d]; b; b = b->next, p += 16) memcpy(p, &b->at, 8), memcpy(p + 8, &b->size, 8);
	return body;
}
// params finds the parameters among the extra options, the one way that is known here.
static const void *parameters(void **extra, size_t *n) {
	const void *p = NULL;
	for (; extra && *extra; extra += 2) {
		if (*extra == (void *)1) p = extra[1];
		if (*extra == (void *)2) *n = *(size_t *)extra[1];
	}
	return p;
}
#ifndef NOLAUNCH
int cuLaunchKernel(uintptr_t f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, uintptr_t s,
                   void **list, void **extra) {
	(void)s; IN
	function *fn = (function *)f;
	size_t n = 0;
	const void *params = parameters(extra, &n);
	pthread_mutex_lock(&compiler);
	pthread_mutex_unlock(&compiler);
	if (list || !fn || (int)shared > fn->dynamic) return INVALID;
	int number = __atomic_add_fetch(&launches, 1, __ATOMIC_RELAXED);
	if (number == ABORT) abort();
#ifdef QUEUE
	until(busy - QUEUE * SLOW * 1000000ll);
#endif
	if (CALLHANG && number >= CALLHANG) forever();
	if (number == HANG) hung = 1;
	if (hung) return 0;
	if (STICKY && number >= STICKYAT) { sticky = STICKY; return 0; }
	uint32_t dims[7] = {gx, gy, gz, bx, by, bz, shared}, size;
	pthread_mutex_lock(&lock);
	char *body = request(fn->id, dims, params, n, &size);
	pthread_mutex_unlock(&lock);
	int64_t from = now();
	int rc = ask(LAUNCH, body, size, NULL, 0, NULL);
	free(body);
	busy = (SLOW && busy > from ? busy : from) + SLOW * 1000000ll;
	if (rc == INVALID || rc == 701) return rc;
	if (rc == 1 << 20) { hung = 1; return 0; }
	sticky = rc; // which the next call says
	return 0;
}
#endif
