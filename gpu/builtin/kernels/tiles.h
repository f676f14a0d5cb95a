// Transposes: the output lies in one piece along n, which is read with stride, and the input in one along count, which is written with pitch.
// Up to four dimensions b are outside of that. 256 threads. For includers of device.h and units.h.
#pragma once

#define UNROLL _Pragma("unroll")

#define TILE_ARGS(S) \
	GLOBAL unit##S *__restrict out, GLOBAL const unit##S *__restrict in, u64 start, u64 n, u64 stride, u64 count, u64 pitch, u64 all, u64 b0, \
		u64 b1, u64 b2, u64 i0, u64 i1, u64 i2, u64 i3, u64 o0, u64 o1, u64 o2, u64 o3, u32 whole

// OUTSIDE makes from and to of the number b of what is outside.
#define OUTSIDE(B) \
	u64 b = B, from = start, to = 0, k; \
	k = quotient(b, b0); from += (b - k * b0) * i0; to += (b - k * b0) * o0; b = k; \
	k = quotient(b, b1); from += (b - k * b1) * i1; to += (b - k * b1) * o1; b = k; \
	k = quotient(b, b2); from += (b - k * b2) * i2 + k * i3; to += (b - k * b2) * o2 + k * o3;

// TILE is what the kernels of tiles of DOWN along count by ACROSS along n begin with: r and c are where the block's begins, high and wide what
// there is of it.
#define TILE(DOWN, ACROSS) \
	u64 across = (n + ACROSS - 1) / ACROSS, down = (count + DOWN - 1) / DOWN, q = quotient(block(), across), c = (block() - q * across) * ACROSS; \
	u64 outside = quotient(q, down), r = (q - outside * down) * DOWN; \
	OUTSIDE(outside) \
	u32 wide = n - c < ACROSS ? (u32)(n - c) : ACROSS, high = count - r < DOWN ? (u32)(count - r) : DOWN;

// tiles moves elements one by one. PITCH is such that neither rows nor columns of the square meet in a bank.
#define TILES(S, D, PITCH) \
	KERNEL tiles##S(TILE_ARGS(S)) { \
		static SHARED unit##S tile[D][PITCH]; \
		u32 x = tid() & 31, y = tid() >> 5; \
		TILE(D, D) \
		GLOBAL const unit##S *src = in + from + r + c * stride; \
		GLOBAL unit##S *dst = out + to + r * pitch + c; \
		UNROLL for (u32 j = 0; j < D; j += 8) \
			UNROLL for (u32 i = 0; i < D; i += 32) \
				if (i + x < high && j + y < wide) tile[j + y][i + x] = src[i + x + (j + y) * stride]; \
		sync(); \
		UNROLL for (u32 j = 0; j < D; j += 8) \
			UNROLL for (u32 i = 0; i < D; i += 32) \
				if (j + y < high && i + x < wide) dst[(j + y) * pitch + i + x] = tile[i + x][j + y]; \
	}

// Sixteen bytes that lie at a multiple of sixteen, or of four; of the latter only those of the words that are there, bytes of them.
INLINE u32x4 get16(GLOBAL const void *p, u32 whole, u32 bytes) {
	if (whole) return *(GLOBAL const u32x4 *)p;
	u32x4 v = {0, 0, 0, 0};
	UNROLL for (u32 i = 0; i < 4; i++) if (4 * i < bytes) v[i] = ((GLOBAL const u32 *)p)[i];
	return v;
}
INLINE void put16(GLOBAL void *p, u32 whole, u32 bytes, u32x4 v) {
	if (whole) *(GLOBAL u32x4 *)p = v;
	else UNROLL for (u32 i = 0; i < 4; i++) if (4 * i < bytes) ((GLOBAL u32 *)p)[i] = v[i];
}

// piece is element b of each of the rows v, as many as make a word, or two words.
INLINE u32 piece4(const u32x4 *v, u32 b) { return v[0][b]; }
INLINE u32x2 piece8(const u32x4 *v, u32 b) { return (u32x2){v[0][2 * b], v[0][2 * b + 1]}; }
INLINE u32 piece2(const u32x4 *v, u32 b) { return __nvvm_prmt(v[0][b / 2], v[1][b / 2], b & 1 ? 0x7632 : 0x5410); }
INLINE u32 piece1(const u32x4 *v, u32 b) {
	u32 two = b & 2 ? 0x7362 : 0x5140; // elements b and b ^ 1 of two rows
	return __nvvm_prmt(__nvvm_prmt(v[0][b / 4], v[1][b / 4], two), __nvvm_prmt(v[2][b / 4], v[3][b / 4], two), b & 1 ? 0x7632 : 0x5410);
}
typedef u32 word4;
typedef u32x2 word8;

// wide_tiles are those where everything is a multiple of words: 16 bytes are read and written at once, where whole says that
// everything is a multiple of these. A thread takes 16 bytes of as many rows of the input as make a piece of P bytes of a row of the output.
// In shared memory the eight 16 bytes of each 128 change places, so that none meet in a bank.
#define WIDE_TILES(S, P, DOWN, ACROSS) \
	KERNEL wide_tiles##S(TILE_ARGS(S)) { \
		enum { V = 16 / S, H = P / S, X = DOWN / V / 8, EACH = X * (ACROSS / H / 4) / 8, UNITS = ACROSS / V }; \
		static SHARED u32x4 tile[DOWN * UNITS]; \
		TILE(DOWN, ACROSS) \
		GLOBAL const unit##S *src = in + from + r + c * stride; \
		GLOBAL unit##S *dst = out + to + r * pitch + c; \
		u32x4 v[EACH][H]; \
		UNROLL for (u32 e = 0; e < EACH; e++) { \
			u32 w = 8 * e + tid() / 32, x = w % X * 8 + tid() % 8, y = w / X * 4 + tid() % 32 / 8; \
			UNROLL for (u32 h = 0; h < H; h++) v[e][h] = (u32x4){0, 0, 0, 0}; \
			if (V * x < high && H * y < wide) \
				UNROLL for (u32 h = 0; h < H; h++) v[e][h] = get16(src + V * x + (H * y + h) * stride, whole, (high - V * x) * S); \
		} \
		UNROLL for (u32 e = 0; e < EACH; e++) { \
			u32 w = 8 * e + tid() / 32, x = w % X * 8 + tid() % 8, y = w / X * 4 + tid() % 32 / 8; \
			UNROLL for (u32 b = 0; b < V; b++) \
				((SHARED word##P *)(tile + (V * x + b) * UNITS + (y / (16 / P) ^ tid() % 8)))[y % (16 / P)] = piece##S(v[e], b); \
		} \
		sync(); \
		UNROLL for (u32 e = 0; e < DOWN * UNITS / 256; e++) { \
			u32 at = 256 * e + tid(), i = at / UNITS, x = at % UNITS; \
			if (i < high && V * x < wide) put16(dst + i * pitch + V * x, whole, (wide - V * x) * S, tile[i * UNITS + (x ^ i / V % 8)]); \
		} \
	}

// four gives the bytes p0 to p3 of w, in their order; the places are known when this is compiled.
INLINE u32 four(const u32 *w, u32 p0, u32 p1, u32 p2, u32 p3) {
	u32 low = __nvvm_prmt(w[p0 / 4], w[p1 / 4], p0 % 4 | (4 + p1 % 4) << 4), high = __nvvm_prmt(w[p2 / 4], w[p3 / 4], p2 % 4 | (4 + p3 % 4) << 4);
	return __nvvm_prmt(low, high, 0x5410);
}
// of_pixel is where, in 16 bytes of C planes one after the other, byte p of as many pixels is; of_plane is the way back.
#define OF_PIXEL(S, C, p) ((p) / S % C * 16 + (p) / S / C * S + (p) % S)
#define OF_PLANE(S, C, p) (((p) % 16 / S * C + (p) / 16) * S + (p) % S)

// split and join are transposes of pixels of C channels and C planes: 16 bytes of each plane are made at once. What is not whole goes by elements.
#define PLANES(NAME, S, C, LENGTH, IN, OUT, PLACE) \
	KERNEL NAME##S##_##C(TILE_ARGS(S)) { \
		enum { V = 16 / S }; \
		u64 vectors = whole ? LENGTH / V : (LENGTH + 256 * V - 1) / (256 * V) * 256; /* else blocks have pixels of one picture */ \
		u64 q = quotient(gid(), vectors), x = (gid() - q * vectors) * V; \
		if (gid() >= all) return; \
		OUTSIDE(q) \
		GLOBAL const unit##S *src = in + from; \
		GLOBAL unit##S *dst = out + to; \
		if (!whole) { \
			x -= tid() * (V - 1); \
			for (u32 j = 0; j < V && x < LENGTH; j++, x += 256) \
				UNROLL for (u32 i = 0; i < C; i++) PLACE##_ONE(i, x); \
			return; \
		} \
		u32x4 v[C]; \
		u32 w[4 * C]; \
		UNROLL for (u32 i = 0; i < C; i++) v[i] = *(GLOBAL const u32x4 *)(src + IN); \
		UNROLL for (u32 i = 0; i < 4 * C; i++) w[i] = v[i / 4][i % 4]; \
		UNROLL for (u32 i = 0; i < 4 * C; i++) \
			v[i / 4][i % 4] = four(w, PLACE(S, C, 4 * i), PLACE(S, C, 4 * i + 1), PLACE(S, C, 4 * i + 2), PLACE(S, C, 4 * i + 3)); \
		UNROLL for (u32 i = 0; i < C; i++) *(GLOBAL u32x4 *)(dst + OUT) = v[i]; \
	}
#define OF_PLANE_ONE(i, j) dst[i * pitch + j] = src[(j) * stride + i]
#define OF_PIXEL_ONE(i, j) dst[(j) * pitch + i] = src[i * stride + j]
#define SPLIT(S, C) PLANES(split, S, C, n, x * C + V * i, i * pitch + x, OF_PLANE)
#define JOIN(S, C) PLANES(join, S, C, count, i * stride + x, x * C + V * i, OF_PIXEL)
