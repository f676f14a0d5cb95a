// Cast: elements into another type, two or four at a time where all are there. A float becomes an integer by cutting off the fraction;
// an integer type takes the nearest of its values, and 0 for NaN. The rules and their steps are those of gpu/cpu/cast.go.
#include "device.h"
#include "units.h"

// What a thread loads and stores at once: two elements where one of the types has 8 bytes, else four.
typedef u8 raw1x2 __attribute__((ext_vector_type(2)));
typedef u16 raw2x2 __attribute__((ext_vector_type(2)));
typedef u32 raw4x2 __attribute__((ext_vector_type(2)));
typedef u64 raw8x2 __attribute__((ext_vector_type(2)));
typedef u8 raw1x4 __attribute__((ext_vector_type(4)));
typedef u16 raw2x4 __attribute__((ext_vector_type(4)));
typedef u32 raw4x4 __attribute__((ext_vector_type(4)));

// odd narrows so that narrowing again to 16 bits rounds as if once: what is lost sets the last bit.
INLINE f32 odd(f64 x) {
	f32 f = (f32)x;
	if (x != x || (f64)f == x) return f;
	u32 b = bits_of(f);
	f64 wide = f;
	if ((wide < 0 ? -wide : wide) > (x < 0 ? -x : x)) b--;
	return float_of(b | 1);
}

// exactly gives a float that rounds to every float type as v does.
INLINE f64 exactly(i64 v) {
	if (v > 1ll << 53 || v < -(1ll << 53)) {
		i64 lost = v & 0x7ff;
		v -= lost;
		if (lost) v |= 1 << 11;
	}
	return (f64)v;
}

// Floats are cut off by comparing first: what a conversion does outside of its range does not matter then.
INLINE i32 to_i32(f64 x) { return x != x ? 0 : x >= 2147483647.0 ? 2147483647 : x <= -2147483648.0 ? -2147483647 - 1 : (i32)x; }
INLINE i64 to_i64(f64 x) { return x != x ? 0 : x >= 0x1p63 ? 0x7fffffffffffffffll : x <= -0x1p63 ? -0x7fffffffffffffffll - 1 : (i64)x; }
INLINE u8 to_u8(f64 x) { return x != x || x <= 0 ? 0 : x >= 255 ? 255 : (u8)(i32)x; }
INLINE i64 keep(i64 v, i64 low, i64 high) { return v < low ? low : v > high ? high : v; }

// Each type T: its bits as an element, get_T to what holds it exactly (i64, or f32 and f64), and put_T from an integer or a float.
#define INT_OF(T, BITS, GET) \
	INLINE i64 get_##T(BITS b) { return GET; }
INT_OF(u8, u8, b)
INT_OF(i32, u32, (i32)b)
INT_OF(i64, u64, (i64)b)
INLINE f32 get_f16(u16 b) { return f16_to_f32((f16){b}); }
INLINE f32 get_bf16(u16 b) { return bf16_to_f32((bf16){b}); }
INLINE f32 get_f32(u32 b) { return canon(float_of(b)); }
INLINE f64 get_f64(u64 b) { return canon64(float_of64(b)); }

INLINE u8 int_u8(i64 v) { return (u8)keep(v, 0, 255); }
INLINE u32 int_i32(i64 v) { return (u32)(i32)keep(v, -2147483647ll - 1, 2147483647); }
INLINE u64 int_i64(i64 v) { return (u64)v; }
INLINE u16 int_f16(i64 v) { return f32_to_f16(odd(exactly(v))).bits; }
INLINE u16 int_bf16(i64 v) { return f32_to_bf16(odd(exactly(v))).bits; }
INLINE u32 int_f32(i64 v) { return bits_of((f32)v); }
INLINE u64 int_f64(i64 v) { return bits_of64((f64)v); }

INLINE u8 single_u8(f32 x) { return to_u8(x); }
INLINE u32 single_i32(f32 x) { return (u32)to_i32(x); }
INLINE u64 single_i64(f32 x) { return (u64)to_i64(x); }
INLINE u16 single_f16(f32 x) { return f32_to_f16(x).bits; }
INLINE u16 single_bf16(f32 x) { return f32_to_bf16(x).bits; }
INLINE u32 single_f32(f32 x) { return bits_of(x); }
INLINE u64 single_f64(f32 x) { return bits_of64(canon64((f64)x)); }

INLINE u8 double_u8(f64 x) { return to_u8(x); }
INLINE u32 double_i32(f64 x) { return (u32)to_i32(x); }
INLINE u64 double_i64(f64 x) { return (u64)to_i64(x); }
INLINE u16 double_f16(f64 x) { return f32_to_f16(odd(x)).bits; }
INLINE u16 double_bf16(f64 x) { return f32_to_bf16(odd(x)).bits; }
INLINE u32 double_f32(f64 x) { return bits_of(canon((f32)x)); }

#define CAST4(A, B, KIND, SA, SB) CAST_OF(A, B, KIND, SA, SB, 4, (raw##SB##x4){KIND##_##B(get_##A(v.x)), KIND##_##B(get_##A(v.y)), KIND##_##B(get_##A(v.z)), KIND##_##B(get_##A(v.w))})
#define CAST2(A, B, KIND, SA, SB) CAST_OF(A, B, KIND, SA, SB, 2, (raw##SB##x2){KIND##_##B(get_##A(v.x)), KIND##_##B(get_##A(v.y))})
#define CAST_OF(A, B, KIND, SA, SB, N, ...) \
	KERNEL cast_##A##_##B(GLOBAL raw##SB##x##N *__restrict out, GLOBAL const raw##SA##x##N *__restrict in, u64 n) { \
		EACH4(raw##SA##x##N, n / N, v = in[i], (out[i] = __VA_ARGS__)) \
		u64 i = n / N; \
		if (gid() < n % N) { \
			u32 k = (u32)gid(); \
			((GLOBAL __typeof__(out->x) *)(out + i))[k] = KIND##_##B(get_##A(((GLOBAL const __typeof__(in->x) *)(in + i))[k])); \
		} \
	}

CAST4(u8, i32, int, 1, 4) CAST2(u8, i64, int, 1, 8) CAST4(u8, f16, int, 1, 2) CAST4(u8, bf16, int, 1, 2) CAST4(u8, f32, int, 1, 4) CAST2(u8, f64, int, 1, 8)
CAST4(i32, u8, int, 4, 1) CAST2(i32, i64, int, 4, 8) CAST4(i32, f16, int, 4, 2) CAST4(i32, bf16, int, 4, 2) CAST4(i32, f32, int, 4, 4) CAST2(i32, f64, int, 4, 8)
CAST2(i64, u8, int, 8, 1) CAST2(i64, i32, int, 8, 4) CAST2(i64, f16, int, 8, 2) CAST2(i64, bf16, int, 8, 2) CAST2(i64, f32, int, 8, 4) CAST2(i64, f64, int, 8, 8)
CAST4(f16, u8, single, 2, 1) CAST4(f16, i32, single, 2, 4) CAST2(f16, i64, single, 2, 8) CAST4(f16, bf16, single, 2, 2) CAST4(f16, f32, single, 2, 4) CAST2(f16, f64, single, 2, 8)
CAST4(bf16, u8, single, 2, 1) CAST4(bf16, i32, single, 2, 4) CAST2(bf16, i64, single, 2, 8) CAST4(bf16, f16, single, 2, 2) CAST4(bf16, f32, single, 2, 4) CAST2(bf16, f64, single, 2, 8)
CAST4(f32, u8, single, 4, 1) CAST4(f32, i32, single, 4, 4) CAST2(f32, i64, single, 4, 8) CAST4(f32, f16, single, 4, 2) CAST4(f32, bf16, single, 4, 2) CAST2(f32, f64, single, 4, 8)
CAST2(f64, u8, double, 8, 1) CAST2(f64, i32, double, 8, 4) CAST2(f64, i64, double, 8, 8) CAST2(f64, f16, double, 8, 2) CAST2(f64, bf16, double, 8, 2) CAST2(f64, f32, double, 8, 4)
