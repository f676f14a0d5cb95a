// Reduce of what parts of rows and pieces of columns gave: extremes with their places.
#include "device.h"
#include "sum.h"
#include "extreme.h"
#include "extreme_rows.h"

// extreme_rows_found: width threads for each row, where width is a power of two up to 32, or a block.
KERNEL extreme_rows_found(GLOBAL void *out, GLOBAL const found *__restrict in, u64 rows, u64 n, u32 width, u32 parts, i64 flip, u32 places, u32 type) {
	u32 t = tid() & (width - 1), log = (u32)__builtin_ctz(width);
	for (u64 p = gid() >> log; p - ((tid() & 31) >> log) < rows; p += gstride() >> log) {
		GLOBAL const found *x = in + (p < rows ? p : rows - 1) * n;
		found f = NONE;
		_Pragma("unroll 4") for (u64 i = t; i < n; i += width) f = least(f, x[i]);
		for (u32 s = lesser(width, 32) / 2; s > 0; s /= 2) f = least(f, (found){other_i64(f.key, s), other_i64(f.place, s)});
		if (width > 32) f = in_block(f);
		if (t == 0 && p < rows) give_found(out, p, f, flip, places, type);
	}
}

EXTREME_COLUMNS(found, i64, FOUND_OF)
