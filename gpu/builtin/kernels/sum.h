// Reduce, in the order that gpu/cpu/reduce.go defines: a row in chunks of 65,536 elements, a chunk by 256 lanes that go through it in
// steps of 256 and are then added in halves. How lanes are dealt out to threads is free; who adds what to what is not.
//
// A piece is a chunk of a row; each kernel reduces a piece to one value. Results of pieces that are not whole rows are sums as they
// are, and go through the kernels of the type that they have once more. Here is what these kernels, in sum_rows.h and beside it, and others
// that add in that order begin with. For device.h's includers.
#pragma once

enum { LANES = 256, CHUNK = 65536 };

// share is how often b goes into a, by 32 bits where that is enough: much faster.
INLINE u64 share(u64 a, u64 b) { return (a | b) >> 32 ? a / b : (u32)a / (u32)b; }

#define REPEAT(I, N) _Pragma("unroll") for (u32 I = 0; I < N; I++)

// wide_T gives an element as the type that elements are added up in, a NaN as any; nil_T is what is loaded where there is none. Where a load
// depends on a condition the element is loaded first and widened later, without a condition: else each load would wait for the one before.
INLINE i32 wide_u8(u8 v) { return v; }
INLINE i32 wide_i32(i32 v) { return v; }
INLINE i64 wide_i64(i64 v) { return v; }
INLINE f32 wide_f16(f16 v) { return (f32)__builtin_bit_cast(_Float16, v.bits); }
INLINE f32 wide_bf16(bf16 v) { return float_of((u32)v.bits << 16); }
INLINE f32 wide_f32(f32 v) { return v; }
INLINE f64 wide_f64(f64 v) { return v; }
#define nil_u8 0
#define nil_i32 0
#define nil_i64 0
#define nil_f16 ((f16){0})
#define nil_bf16 ((bf16){0})
#define nil_f32 0
#define nil_f64 0

// Elements of less than 32 bits are loaded as words of V elements, where every row begins at a word. word_T is what is loaded, part_T gives
// its element b.
typedef u32 word_u8, word_f16, word_bf16;
typedef i32 word_i32;
typedef i64 word_i64;
typedef f32 word_f32;
typedef f64 word_f64;
INLINE u8 part_u8(u32 w, u32 b) { return (u8)(w >> 8 * b); }
INLINE f16 part_f16(u32 w, u32 b) { return (f16){(u16)(w >> 16 * b)}; }
INLINE bf16 part_bf16(u32 w, u32 b) { return (bf16){(u16)(w >> 16 * b)}; }
INLINE i32 part_i32(i32 w, u32 b) { return w; }
INLINE i64 part_i64(i64 w, u32 b) { return w; }
INLINE f32 part_f32(f32 w, u32 b) { return w; }
INLINE f64 part_f64(f64 w, u32 b) { return w; }

// put stores a sum as what it belongs: type is an op.DType; count is what a mean is divided by, else 0.
INLINE void put_f32(GLOBAL void *out, u64 i, f32 v, u32 type, u64 count) {
	if (count) v /= (f32)count;
	if (type == F32) store_f32((GLOBAL f32 *)out + i, v);
	else if (type == F16) store_f16((GLOBAL f16 *)out + i, v);
	else store_bf16((GLOBAL bf16 *)out + i, v);
}
INLINE void put_f64(GLOBAL void *out, u64 i, f64 v, u32 type, u64 count) {
	if (count) v /= (f64)count;
	((GLOBAL f64 *)out)[i] = canon64(v);
}
INLINE void put_i32(GLOBAL void *out, u64 i, i32 v, u32 type, u64 count) { ((GLOBAL i32 *)out)[i] = v; }
INLINE void put_i64(GLOBAL void *out, u64 i, i64 v, u32 type, u64 count) { ((GLOBAL i64 *)out)[i] = v; }

INLINE i32 down_i32(i32 v, u32 d) { return (i32)lane_down((u32)v, d); }
INLINE f32 down_f32(f32 v, u32 d) { return float_of(lane_down(bits_of(v), d)); }
INLINE i64 down_i64(i64 v, u32 d) { return (i64)((u64)lane_down((u32)((u64)v >> 32), d) << 32 | lane_down((u32)v, d)); }
INLINE f64 down_f64(f64 v, u32 d) { return float_of64((u64)down_i64((i64)bits_of64(v), d)); }

// other_A gives the value of the lane whose number differs in the bits d.
INLINE i32 other_i32(i32 v, u32 d) { return (i32)lane_xor((u32)v, d); }
INLINE f32 other_f32(f32 v, u32 d) { return float_of(lane_xor(bits_of(v), d)); }
INLINE i64 other_i64(i64 v, u32 d) { return (i64)((u64)lane_xor((u32)((u64)v >> 32), d) << 32 | lane_xor((u32)v, d)); }
INLINE f64 other_f64(f64 v, u32 d) { return float_of64((u64)other_i64((i64)bits_of64(v), d)); }

// Integers wrap: they are added as unsigned ones.
INLINE f32 both_f32(f32 a, f32 b, u32 prod) { return prod ? a * b : a + b; }
INLINE f64 both_f64(f64 a, f64 b, u32 prod) { return prod ? a * b : a + b; }
INLINE i32 both_i32(i32 a, i32 b, u32 prod) { return (i32)(prod ? (u32)a * (u32)b : (u32)a + (u32)b); }
INLINE i64 both_i64(i64 a, i64 b, u32 prod) { return (i64)(prod ? (u64)a * (u64)b : (u64)a + (u64)b); }
