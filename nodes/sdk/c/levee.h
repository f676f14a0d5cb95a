/* levee's SDK for C and C++: this one file, no dependencies, no libc needed. A node is a function without arguments:
 *
 *     #include "levee.h"
 *     LEVEE_NODE(upper) {
 *         levee_buf text = levee_input(0);                     // input port 0, whole
 *         for (size_t i = 0; i < text.len; i++)
 *             if (text.ptr[i] >= 'a' && text.ptr[i] <= 'z') text.ptr[i] -= 32;
 *         levee_write(0, text.ptr, text.len);                  // output port 0
 *     }
 *
 * Ports are numbered by their order in the manifest. Every invocation starts in a fresh instance: globals do not live on, and
 * memory need not be freed. Values have one encoding each, little endian, described below. Build:
 *
 *     clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,-s -o upper.wasm upper.c
 *     levee pack upper.wasm upper.json
 *
 * With a libc: --target=wasm32-wasi --sysroot=/usr -mexec-model=reactor instead of --target=wasm32 -nostdlib -Wl,--no-entry.
 */
#ifndef LEVEE_H
#define LEVEE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define LEVEE_C extern "C"
#else
#define LEVEE_C
#endif

/* Defines the exported function of a node type. */
#define LEVEE_NODE(name) LEVEE_C __attribute__((export_name(#name))) void name(void)

/* ---- the host's functions, as docs/node-abi.md describes them ---- */

#define LEVEE_IMPORT(name) LEVEE_C __attribute__((import_module("levee_v1"), import_name(#name)))
LEVEE_IMPORT(input_len) int64_t levee_host_input_len(int32_t port);
LEVEE_IMPORT(input_read) int32_t levee_host_input_read(int32_t port, int64_t offset, void *ptr, int32_t len);
LEVEE_IMPORT(input_type) int32_t levee_host_input_type(int32_t port, char *ptr, int32_t len);
LEVEE_IMPORT(output_write) void levee_host_output_write(int32_t port, const void *ptr, int32_t len);
LEVEE_IMPORT(output_item) void levee_host_output_item(int32_t port);
LEVEE_IMPORT(fail) void levee_host_fail(const char *ptr, int32_t len);
LEVEE_IMPORT(log) void levee_host_log(int32_t level, const char *ptr, int32_t len);
LEVEE_IMPORT(progress) void levee_host_progress(int64_t done, int64_t total);
LEVEE_IMPORT(file_read) int64_t levee_host_file_read(const char *path, int32_t len);
LEVEE_IMPORT(file_list) int64_t levee_host_file_list(const char *glob, int32_t len);
LEVEE_IMPORT(blob_len) int64_t levee_host_blob_len(int64_t handle);
LEVEE_IMPORT(blob_read) int32_t levee_host_blob_read(int64_t handle, int64_t offset, void *ptr, int32_t len);
LEVEE_IMPORT(file_write) int32_t levee_host_file_write(const char *path, int32_t path_len, const void *data, int32_t len);
LEVEE_IMPORT(file_write_input) int32_t levee_host_file_write_input(const char *path, int32_t path_len, int32_t port);
LEVEE_IMPORT(last_error) int32_t levee_host_last_error(char *ptr, int32_t len);

/* Most of one host call: lengths are 32 bits, signed. */
#define LEVEE_PART ((size_t)1 << 30)

/* ---- failing, log, progress ---- */

static inline size_t levee_strlen(const char *s) {
    size_t n = 0;
    while (s[n]) n++;
    return n;
}

/* Ends the invocation as failed, with this message for the person who runs the workflow. */
__attribute__((noreturn)) static inline void levee_fail(const char *message) {
    levee_host_fail(message, (int32_t)levee_strlen(message));
    __builtin_unreachable();
}

enum { LEVEE_DEBUG, LEVEE_INFO, LEVEE_WARN, LEVEE_ERROR };

/* Writes a line to the invocation's log. */
static inline void levee_log(int level, const char *message) { levee_host_log(level, message, (int32_t)levee_strlen(message)); }

/* Tells how far the node is; total 0: not known. */
static inline void levee_progress(int64_t done, int64_t total) { levee_host_progress(done, total); }

/* ---- memory: grows to the end of the invocation, nothing is freed ---- */

typedef struct {
    uint8_t *ptr; /* NULL: the input is absent */
    size_t len;
} levee_buf;

/* Returns n bytes aligned to 16; fails the invocation when the memory limit is reached. */
#ifdef __wasi__ /* the heap is the libc's */
#include <stdlib.h>
static inline void *levee_alloc(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p) levee_fail("out of memory");
    return p;
}
#else
extern unsigned char __heap_base; /* set by the linker: the first byte behind stack and globals */

__attribute__((weak)) void *levee_alloc(size_t n) {
    static uintptr_t next;
    if (!next) next = (uintptr_t)&__heap_base;
    uintptr_t at = (next + 15) & ~(uintptr_t)15;
    uintptr_t end = at + n, have = (uintptr_t)__builtin_wasm_memory_size(0) << 16;
    if (end < at) levee_fail("out of memory");
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + 0xffff) >> 16) == (size_t)-1) levee_fail("out of memory");
    next = end;
    return (void *)at;
}
#endif

static inline void levee_copy(void *to, const void *from, size_t n) { __builtin_memcpy(to, from, n); }

#ifndef __wasi__ /* without a libc: what compilers make of loops and struct copies; each is one instruction */
#define LEVEE_BULK LEVEE_C __attribute__((weak, target("bulk-memory")))
LEVEE_BULK void *memcpy(void *to, const void *from, size_t n) { return __builtin_memcpy(to, from, n); }
LEVEE_BULK void *memmove(void *to, const void *from, size_t n) { return __builtin_memmove(to, from, n); }
LEVEE_BULK void *memset(void *to, int byte, size_t n) { return __builtin_memset(to, byte, n); }
#endif

/* ---- inputs ---- */

/* The length of an input's encoding; -1 when an optional input is not given. */
static inline int64_t levee_len(int port) { return levee_host_input_len(port); }

/* Reads part of an input's encoding; returns how many bytes were there: fewer than len only at the end. */
static inline size_t levee_read(int port, uint64_t offset, void *to, size_t len) {
    size_t done = 0;
    while (done < len) {
        size_t part = len - done < LEVEE_PART ? len - done : LEVEE_PART;
        int32_t got = levee_host_input_read(port, (int64_t)(offset + done), (uint8_t *)to + done, (int32_t)part);
        if (got <= 0) break;
        done += (size_t)got;
    }
    return done;
}

/* A whole input's encoding; for bytes, string and json ports that is the content (not terminated by 0). */
static inline levee_buf levee_input(int port) {
    levee_buf b = {0, 0};
    int64_t n = levee_len(port);
    if (n < 0) return b;
    b.ptr = (uint8_t *)levee_alloc((size_t)n);
    b.len = levee_read(port, 0, b.ptr, (size_t)n);
    return b;
}

static inline int64_t levee_int(int port) {
    int64_t v = 0;
    levee_read(port, 0, &v, sizeof v);
    return v;
}

static inline double levee_float(int port) {
    double v = 0;
    levee_read(port, 0, &v, sizeof v);
    return v;
}

static inline int levee_bool(int port) {
    uint8_t v = 0;
    levee_read(port, 0, &v, 1);
    return v == 1;
}

/* The concrete type text of an input, as list<int> on a port of type list<T>, terminated by 0; size at least 257 never cuts. */
static inline void levee_type(int port, char *to, size_t size) {
    int32_t n = levee_host_input_type(port, to, (int32_t)(size - 1));
    to[(size_t)n < size - 1 ? (size_t)n : size - 1] = 0;
}

/* ---- outputs ---- */

/* Appends to an output's encoding; for bytes, string and json ports that is the content. Writing 0 bytes makes it empty. */
static inline void levee_write(int port, const void *data, size_t len) {
    const uint8_t *p = (const uint8_t *)data;
    do {
        size_t part = len < LEVEE_PART ? len : LEVEE_PART;
        levee_host_output_write(port, p, (int32_t)part);
        p += part;
        len -= part;
    } while (len);
}

/* Ends an item of an output that is a stream: what was written to it since the last one. The item goes out at once. */
static inline void levee_put_item(int port) { levee_host_output_item(port); }

static inline void levee_write_str(int port, const char *s) { levee_write(port, s, levee_strlen(s)); }
static inline void levee_write_int(int port, int64_t v) { levee_write(port, &v, sizeof v); }
static inline void levee_write_bool(int port, int v) {
    uint8_t b = v ? 1 : 0;
    levee_write(port, &b, 1);
}
static inline void levee_write_float(int port, double v) {
    static const uint64_t nan = 0x7ff8000000000000u; /* every NaN is this one */
    if (v != v) levee_write(port, &nan, sizeof nan);
    else levee_write(port, &v, sizeof v);
}

/* ---- lists: u64 n, n times u64 end (the offset behind an item, counted from the first item), the items. A map is a list of
 * key, value, key, value, its keys ascending bytewise. ---- */

/* The number of items of a list's encoding. */
static inline size_t levee_items(levee_buf list) {
    uint64_t n = 0;
    if (list.len >= 8) levee_copy(&n, list.ptr, 8);
    return (size_t)n;
}

/* Item i of a list; shares its memory. */
static inline levee_buf levee_item(levee_buf list, size_t i) {
    size_t n = levee_items(list), base = 8 + 8 * n;
    uint64_t from = 0, to = 0;
    levee_buf none = {0, 0};
    if (i >= n || n > list.len / 8 || base > list.len) return none;
    if (i > 0) levee_copy(&from, list.ptr + 8 * i, 8);
    levee_copy(&to, list.ptr + 8 + 8 * i, 8);
    if (from > to || to > list.len - base) return none;
    levee_buf item = {list.ptr + base + from, (size_t)(to - from)};
    return item;
}

/* Writes a list output of n encoded items. */
static inline void levee_write_list(int port, const levee_buf *items, size_t n) {
    uint64_t word = n;
    levee_write(port, &word, 8);
    word = 0;
    for (size_t i = 0; i < n; i++) {
        word += items[i].len;
        levee_write(port, &word, 8);
    }
    for (size_t i = 0; i < n; i++)
        if (items[i].len) levee_write(port, items[i].ptr, items[i].len);
}

/* ---- any: u16 length of the type text, the type text, the encoding ---- */

/* The encoding inside an any; its type text goes to type (len bytes, not terminated). Both share b's memory. */
static inline levee_buf levee_any(levee_buf b, levee_buf *type) {
    levee_buf none = {0, 0};
    if (b.len < 2) return none;
    size_t n = (size_t)b.ptr[0] | (size_t)b.ptr[1] << 8;
    if (n > b.len - 2) return none;
    type->ptr = b.ptr + 2;
    type->len = n;
    levee_buf inner = {b.ptr + 2 + n, b.len - 2 - n};
    return inner;
}

/* Begins an any output: its type text; the encoding is written behind it. */
static inline void levee_write_any(int port, const char *type) {
    uint16_t n = (uint16_t)levee_strlen(type);
    levee_write(port, &n, 2);
    levee_write(port, type, n);
}

/* ---- images: this head, then rows from the top, pixels from the left, no padding ---- */

typedef struct {
    uint32_t width, height;
    uint32_t channels; /* 1 grey, 3 RGB, 4 RGBA, not premultiplied */
    uint32_t bits;     /* of a channel: 8 or 16 */
} levee_image;

/* The head of an image input; the pixels begin at offset 16. */
static inline levee_image levee_image_head(int port) {
    levee_image head = {0, 0, 0, 0};
    levee_read(port, 0, &head, sizeof head);
    return head;
}

static inline void levee_write_image(int port, levee_image head, const void *pixels) {
    levee_write(port, &head, sizeof head);
    levee_write(port, pixels, (size_t)head.width * head.height * head.channels * (head.bits / 8));
}

/* ---- tensors: u32 rank, rank times u64, then the elements in row-major order ---- */

static inline void levee_write_shape(int port, const uint64_t *shape, uint32_t rank) {
    levee_write(port, &rank, 4);
    if (rank) levee_write(port, shape, 8 * (size_t)rank);
}

/* Reads a tensor's shape (at most 8 dimensions) and returns its rank; the elements begin at offset 4 + 8 * rank. */
static inline uint32_t levee_shape(int port, uint64_t shape[8]) {
    uint32_t rank = 0;
    levee_read(port, 0, &rank, 4);
    if (rank > 8) levee_fail("a tensor of more than 8 dimensions");
    levee_read(port, 4, shape, 8 * (size_t)rank);
    return rank;
}

/* ---- tables: u32 columns, u64 rows, then per column: u8 kind, u32 length of the name, the name, u64 length of the data, the
 * data. Data is ceil(rows/8) bytes of validity bits, then for LEVEE_COL_BOOL as many bytes of bits, for INT and FLOAT 8 bytes a
 * row, for STRING u64 end of each row's text, then the texts. A missing value is 0 or an empty text. ---- */

enum { LEVEE_COL_BOOL = 1, LEVEE_COL_INT, LEVEE_COL_FLOAT, LEVEE_COL_STRING };

typedef struct {
    int kind;
    levee_buf name, data; /* share the table's memory */
    size_t rows;
} levee_column;

/* Column i of a table's encoding; kind 0 when there is none. */
static inline levee_column levee_table_column(levee_buf t, uint32_t i) {
    levee_column none = {0, {0, 0}, {0, 0}, 0}, c = none;
    uint32_t columns = 0, name = 0;
    uint64_t rows = 0, size = 0, at = 12;
    if (t.len < 12) return none;
    levee_copy(&columns, t.ptr, 4);
    levee_copy(&rows, t.ptr + 4, 8);
    if (i >= columns) return none;
    for (uint32_t k = 0; k <= i; k++) {
        if (t.len - at < 13) return none;
        c.kind = t.ptr[at];
        levee_copy(&name, t.ptr + at + 1, 4);
        if (name > t.len - at - 13) return none;
        c.name.ptr = t.ptr + at + 5;
        c.name.len = name;
        levee_copy(&size, t.ptr + at + 5 + name, 8);
        at += 13 + (uint64_t)name;
        if (size > t.len - at) return none;
        c.data.ptr = t.ptr + at;
        c.data.len = (size_t)size;
        at += size;
    }
    c.rows = (size_t)rows;
    return c;
}

/* Whether row i of a column has a value. */
static inline int levee_valid(levee_column c, size_t i) { return c.data.ptr[i / 8] >> (i % 8) & 1; }

/* The word of row i of an INT column, or of a FLOAT one as bits; the flag of a BOOL one. */
static inline int64_t levee_cell(levee_column c, size_t i) {
    const uint8_t *rest = c.data.ptr + (c.rows + 7) / 8;
    int64_t word = 0;
    if (c.kind == LEVEE_COL_BOOL) return rest[i / 8] >> (i % 8) & 1;
    levee_copy(&word, rest + 8 * i, 8);
    return word;
}

/* The text of row i of a STRING column. */
static inline levee_buf levee_text(levee_column c, size_t i) {
    uint8_t *ends = c.data.ptr + (c.rows + 7) / 8;
    uint64_t from = 0, to = 0;
    if (i > 0) levee_copy(&from, ends + 8 * (i - 1), 8);
    levee_copy(&to, ends + 8 * i, 8);
    levee_buf text = {ends + 8 * c.rows + from, (size_t)(to - from)};
    return text;
}

/* ---- files: only with the grants that the manifest asks for, "wants": ["read", "write"]. Errors: levee_last_error ---- */

/* The content of a file; ptr NULL on an error. Wants read. */
static inline levee_buf levee_file_read(const char *path) {
    levee_buf b = {0, 0};
    int64_t handle = levee_host_file_read(path, (int32_t)levee_strlen(path));
    if (handle < 0) return b;
    size_t n = (size_t)levee_host_blob_len(handle);
    b.ptr = (uint8_t *)levee_alloc(n);
    while (b.len < n) {
        size_t part = n - b.len < LEVEE_PART ? n - b.len : LEVEE_PART;
        int32_t got = levee_host_blob_read(handle, (int64_t)b.len, b.ptr + b.len, (int32_t)part);
        if (got <= 0) break;
        b.len += (size_t)got;
    }
    return b;
}

/* Writes a whole file, in one step; 0, or -1 on an error. Wants write. */
static inline int levee_file_write(const char *path, const void *data, size_t len) {
    return levee_host_file_write(path, (int32_t)levee_strlen(path), data, (int32_t)len);
}

/* The text of the last failed file call, terminated by 0. */
static inline void levee_last_error(char *to, size_t size) {
    int32_t n = levee_host_last_error(to, (int32_t)(size - 1));
    to[(size_t)n < size - 1 ? (size_t)n : size - 1] = 0;
}

#endif
