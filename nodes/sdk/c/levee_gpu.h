/* GPU work for nodes in C and C++: this file beside levee.h. The same node runs with and without a GPU.
 *
 *     LEVEE_KERNEL(twice) float twice(float x) { return x + x; }         // computed for each element, wherever the node runs
 *
 *     LEVEE_NODE(doubled) {
 *         static levee_graph g;                                           // large for a stack
 *         levee_tensor a = levee_tensor_input(0);                         // a tensor port
 *         levee_tensor out = levee_tensor_new(a.dtype, a.shape, a.rank);
 *         uint16_t in = levee_graph_tensor(&g, a), to = levee_graph_tensor(&g, out);
 *         levee_graph_map(&g, levee_kernel("twice"), &in, 1, &to, 1);
 *         levee_graph_run(&g);
 *         levee_tensor_output(0, out);
 *     }
 *
 * docs/gpu.md says what a kernel may do, and what each op takes. Whatever is refused ends the invocation with the reason. Build as
 * levee.h says, with -mnontrapping-fptoint and without -msimd128: kernels may not use vectors.
 */
#ifndef LEVEE_GPU_H
#define LEVEE_GPU_H

#include "levee.h"

/* ---- the host's functions, as docs/node-abi.md describes them ---- */

#define LEVEE_GPU_IMPORT(name) LEVEE_C __attribute__((import_module("levee_gpu_v1"), import_name(#name)))
LEVEE_GPU_IMPORT(info) int32_t levee_host_gpu_info(char *ptr, int32_t len);
LEVEE_GPU_IMPORT(tensor_new) int64_t levee_host_tensor_new(int32_t dtype, const uint64_t *shape, int32_t rank);
LEVEE_GPU_IMPORT(tensor_free) int32_t levee_host_tensor_free(int64_t tensor);
LEVEE_GPU_IMPORT(tensor_desc) int32_t levee_host_tensor_desc(int64_t tensor, void *ptr, int32_t len);
LEVEE_GPU_IMPORT(tensor_write) int32_t levee_host_tensor_write(int64_t tensor, int64_t offset, const void *ptr, int32_t len);
LEVEE_GPU_IMPORT(tensor_read) int32_t levee_host_tensor_read(int64_t tensor, int64_t offset, void *ptr, int32_t len);
LEVEE_GPU_IMPORT(tensor_input) int64_t levee_host_tensor_input(int32_t port);
LEVEE_GPU_IMPORT(tensor_output) int32_t levee_host_tensor_output(int32_t port, int64_t tensor);
LEVEE_GPU_IMPORT(kernel) int64_t levee_host_kernel(const char *name, int32_t len);
LEVEE_GPU_IMPORT(kernel_code) int64_t levee_host_kernel_code(const void *code, int32_t len, const char *name, int32_t name_len);
LEVEE_GPU_IMPORT(submit) int64_t levee_host_submit(const void *graph, int32_t len);
LEVEE_GPU_IMPORT(wait) int32_t levee_host_wait(int64_t fence, int64_t milliseconds);
LEVEE_GPU_IMPORT(estimate) int32_t levee_host_estimate(const void *graph, int32_t len, void *out, int32_t out_len);
LEVEE_GPU_IMPORT(last_error) int32_t levee_host_gpu_last_error(char *ptr, int32_t len);

/* ---- what a kernel may call beside computing with its parameters: the number of its element, and loads from slots, which give 0
 * outside of the tensor. A slot is of one type: levee_f32_1 says that slot 1 holds f32 ---- */

#define LEVEE_KERNEL(name) LEVEE_C __attribute__((export_name(#name)))
#define LEVEE_SLOT(name) LEVEE_C __attribute__((import_module("levee_kernel_v1"), import_name(#name)))
LEVEE_SLOT(gid) int64_t levee_gid(void);
#define LEVEE_SLOT_OF(n)                                                \
    LEVEE_SLOT(f32_##n) float levee_f32_##n(int64_t index);             \
    LEVEE_SLOT(f64_##n) double levee_f64_##n(int64_t index);            \
    LEVEE_SLOT(i32_##n) int32_t levee_i32_##n(int64_t index);           \
    LEVEE_SLOT(i64_##n) int64_t levee_i64_##n(int64_t index);
LEVEE_SLOT_OF(0) LEVEE_SLOT_OF(1) LEVEE_SLOT_OF(2) LEVEE_SLOT_OF(3) LEVEE_SLOT_OF(4) LEVEE_SLOT_OF(5) LEVEE_SLOT_OF(6) LEVEE_SLOT_OF(7)

/* ---- tensors ---- */

enum { LEVEE_U8 = 1, LEVEE_I32, LEVEE_I64, LEVEE_F16, LEVEE_BF16, LEVEE_F32, LEVEE_F64 };

enum { LEVEE_RANK = 6 };

typedef struct {
    int64_t handle;
    uint32_t dtype, rank;
    uint64_t shape[LEVEE_RANK];
} levee_tensor;

/* Ends the invocation with what the host said about the last failure, behind the name of what it is about, where it has one. */
__attribute__((noreturn)) static inline void levee_gpu_fail(const char *of, size_t len) {
    char text[1024];
    if (len > 256) len = 256;
    levee_copy(text, of, len);
    if (len) levee_copy(text + len, ": ", 2), len += 2;
    int32_t n = levee_host_gpu_last_error(text + len, (int32_t)(sizeof text - len));
    size_t end = len + (n < 0 ? 0 : (size_t)n);
    levee_host_fail(text, (int32_t)(end < sizeof text ? end : sizeof text));
    __builtin_unreachable();
}

static inline int64_t levee_gpu_ok(int64_t status) {
    if (status < 0) levee_gpu_fail("", 0);
    return status;
}

/* A tensor of zeros. */
static inline levee_tensor levee_tensor_new(uint32_t dtype, const uint64_t *shape, uint32_t rank) {
    levee_tensor t = {0, dtype, rank, {0}};
    t.handle = levee_gpu_ok(levee_host_tensor_new((int32_t)dtype, shape, (int32_t)rank));
    for (uint32_t i = 0; i < rank; i++) t.shape[i] = shape[i];
    return t;
}

/* The tensor or the picture (u8 [height, width, channels]) of an input port, which does not pass through the node's memory. */
static inline levee_tensor levee_tensor_input(int port) {
    struct { uint32_t dtype, rank; uint64_t shape[LEVEE_RANK]; } desc;
    levee_tensor t = {0, 0, 0, {0}};
    t.handle = levee_gpu_ok(levee_host_tensor_input(port));
    levee_gpu_ok(levee_host_tensor_desc(t.handle, &desc, sizeof desc));
    t.dtype = desc.dtype;
    t.rank = desc.rank;
    for (uint32_t i = 0; i < t.rank; i++) t.shape[i] = desc.shape[i];
    return t;
}

/* Gives the whole tensor to an output port of type tensor, or image for u8 [height, width, 1, 3 or 4]. */
static inline void levee_tensor_output(int port, levee_tensor t) { levee_gpu_ok(levee_host_tensor_output(port, t.handle)); }

static inline void levee_tensor_write(levee_tensor t, uint64_t offset, const void *from, size_t len) {
    levee_gpu_ok(levee_host_tensor_write(t.handle, (int64_t)offset, from, (int32_t)len));
}

/* Reads after all graphs that were submitted. */
static inline void levee_tensor_read(levee_tensor t, uint64_t offset, void *to, size_t len) {
    levee_gpu_ok(levee_host_tensor_read(t.handle, (int64_t)offset, to, (int32_t)len));
}

static inline void levee_tensor_free(levee_tensor t) { levee_host_tensor_free(t.handle); }

/* ---- graphs of ops, run as if one after the other ---- */

enum {
    LEVEE_FILL = 1, LEVEE_COPY, LEVEE_CAST, LEVEE_TRANSPOSE, LEVEE_CONCAT, LEVEE_SLICE, LEVEE_GATHER, LEVEE_MAP, LEVEE_REDUCE, LEVEE_SOFTMAX,
    LEVEE_LAYER_NORM, LEVEE_SORT, LEVEE_SCAN, LEVEE_HISTOGRAM, LEVEE_RANDOM, LEVEE_RESIZE, LEVEE_NORMALISE, LEVEE_GEMM, LEVEE_CONV2D, LEVEE_FFT
};

enum { LEVEE_FFT_EXACT, LEVEE_FFT_DEVICE }; /* classes of LEVEE_FFT, its second parameter: the same bits everywhere, or what is fastest */
enum { LEVEE_SUM, LEVEE_PROD, LEVEE_MIN, LEVEE_MAX, LEVEE_ARG_MIN, LEVEE_ARG_MAX, LEVEE_MEAN }; /* kinds of LEVEE_REDUCE */

/* A float parameter of an op. */
static inline uint64_t levee_f(double v) {
    uint64_t bits;
    __builtin_memcpy(&bits, &v, sizeof bits);
    return bits;
}

typedef struct {
    uint16_t places, count;
    uint32_t len, head; /* words of ops, and of tensors */
    uint64_t tensors[64 * (2 + LEVEE_RANK)];
    uint64_t ops[4096];
} levee_graph;

/* Names a tensor, once for each; gives its place in the graph. */
static inline uint16_t levee_graph_tensor(levee_graph *g, levee_tensor t) {
    if (g->places == 64) levee_fail("a graph names 64 tensors at most");
    g->tensors[g->head++] = (uint64_t)t.handle;
    return g->places++;
}

/* A tensor that lives as long as the graph runs. */
static inline uint16_t levee_graph_temporary(levee_graph *g, uint32_t dtype, const uint64_t *shape, uint32_t rank) {
    if (g->places == 64 || rank > LEVEE_RANK) levee_fail("a graph names 64 tensors at most, of 6 dimensions");
    g->tensors[g->head++] = 0;
    g->tensors[g->head++] = dtype | (uint64_t)rank << 32;
    for (uint32_t i = 0; i < rank; i++) g->tensors[g->head++] = shape[i];
    return g->places++;
}

/* Appends an op. */
static inline void levee_graph_op(levee_graph *g, int code, const uint16_t *in, int nin, const uint16_t *out, int nout, const uint64_t *params, int nparams) {
    uint32_t words = 1 + (uint32_t)(nin + nout + 3) / 4 + (uint32_t)nparams;
    if (g->count == 256 || nin > 16 || nout > 16 || nparams > 64 || g->len + words > sizeof g->ops / sizeof *g->ops) levee_fail("the graph is too large");
    uint16_t *p = (uint16_t *)(g->ops + g->len);
    *p++ = (uint16_t)code;
    *p++ = (uint16_t)nin;
    *p++ = (uint16_t)nout;
    *p++ = (uint16_t)nparams;
    for (int i = 0; i < nin; i++) *p++ = in[i];
    for (int i = 0; i < nout; i++) *p++ = out[i];
    for (int i = nin + nout; i % 4; i++) *p++ = 0;
    for (int i = 0; i < nparams; i++) g->ops[g->len + words - (uint32_t)nparams + (uint32_t)i] = params[i];
    g->len += words;
    g->count++;
}

/* The kernel of an exported function of this module. One that cannot be a kernel ends the invocation with its name and the reason. */
static inline uint64_t levee_kernel(const char *name) {
    size_t len = levee_strlen(name);
    int64_t kernel = levee_host_kernel(name, (int32_t)len);
    if (kernel < 0) levee_gpu_fail(name, len);
    return (uint64_t)kernel;
}

/* A kernel over tensors: its parameters, then its slots; then what it gives. */
static inline void levee_graph_map(levee_graph *g, uint64_t kernel, const uint16_t *in, int nin, const uint16_t *out, int nout) {
    levee_graph_op(g, LEVEE_MAP, in, nin, out, nout, &kernel, 1);
}

/* Runs the graph and waits for its end. */
static inline void levee_graph_run(levee_graph *g) {
    uint64_t *b = (uint64_t *)levee_alloc(8 * (size_t)(1 + g->head + g->len));
    b[0] = 1 | (uint64_t)g->places << 32 | (uint64_t)g->count << 48;
    levee_copy(b + 1, g->tensors, 8 * (size_t)g->head);
    levee_copy(b + 1 + g->head, g->ops, 8 * (size_t)g->len);
    levee_gpu_ok(levee_host_wait(levee_gpu_ok(levee_host_submit(b, (int32_t)(8 * (1 + g->head + g->len)))), -1));
}

#endif
