/* Sixteen lanes of float and what all kernels do with them. Included once per variant. */
#include "../kernels_internal.h"
#include <math.h>
#include <string.h>

/* Nothing fuses unless written as fma: otherwise variants with and without FMA would round differently. */
#pragma clang fp contract(off)
/* Vectors are passed between functions of this file only, all inlined: no ABI is involved. */
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));

INLINE i32x16 splat_int(int32_t value) {
    return (i32x16){value, value, value, value, value, value, value, value,
                    value, value, value, value, value, value, value, value};
}

INLINE f32x16 splat(float value) {
    return (f32x16){value, value, value, value, value, value, value, value,
                    value, value, value, value, value, value, value, value};
}

INLINE f32x16 load(const float *source) {
    f32x16 value;
    memcpy(&value, source, sizeof value);
    return value;
}

INLINE void store(float *target, f32x16 value) { memcpy(target, &value, sizeof value); }

/* The first `count` (at most 16) lanes, the others `filler`. */
INLINE f32x16 load_part(const float *source, size_t count, float filler) {
    if (count >= MOED_PANEL) return load(source);
    f32x16 value = splat(filler);
    memcpy(&value, source, count * sizeof *source);
    return value;
}

INLINE void store_part(float *target, f32x16 value, size_t count) {
    memcpy(target, &value, (count < MOED_PANEL ? count : MOED_PANEL) * sizeof *target);
}

INLINE f32x16 fma16(f32x16 a, f32x16 b, f32x16 c) { return __builtin_elementwise_fma(a, b, c); }

INLINE f32x16 select16(i32x16 mask, f32x16 yes, f32x16 no) {
    return (f32x16)((mask & (i32x16)yes) | (~mask & (i32x16)no));
}

INLINE f32x16 max16(f32x16 a, f32x16 b) { return select16(a > b, a, b); }

/* Lanes 8...15, 4...7, 2...3 or 1 brought to the front; what the other lanes hold does not matter. */
INLINE f32x16 upper_half(f32x16 v, const int width) {
    switch (width) {
        case 8: return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
        case 4: return __builtin_shufflevector(v, v, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
        case 2: return __builtin_shufflevector(v, v, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3);
        default: return __builtin_shufflevector(v, v, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    }
}

/* Lanes i and i + 8, then + 4, + 2, + 1: the tree that every horizontal sum uses. */
INLINE float sum_lanes(f32x16 value) {
    value = value + upper_half(value, 8);
    value = value + upper_half(value, 4);
    value = value + upper_half(value, 2);
    value = value + upper_half(value, 1);
    return value[0];
}

INLINE float max_lanes(f32x16 value) {
    value = max16(value, upper_half(value, 8));
    value = max16(value, upper_half(value, 4));
    value = max16(value, upper_half(value, 2));
    value = max16(value, upper_half(value, 1));
    return value[0];
}

/* The largest of floats that are given as bits without sign; NaN where there is one. */
INLINE float max_bits(i32x16 bits) {
    int32_t most = 0;
    for (int lane = 0; lane < MOED_PANEL; lane++) most = bits[lane] > most ? bits[lane] : most;
    float value;
    memcpy(&value, &most, sizeof value);
    return value;
}

/* 2^n for n in -126...127, by its exponent bits. */
INLINE f32x16 power_of_two(i32x16 n) { return (f32x16)((u32x16)(n + 127) << 23); }

/* e^x, relative error below 1.5e-7 (subnormal results excepted): x = n ln 2 + r, the Taylor series of e^r to
 * r^7 (the first term left out is below 6e-9 for |r| <= ln 2 / 2), times 2^n in two halves, so that overflow
 * and underflow round as they should. */
INLINE f32x16 exp16(f32x16 x) {
    x = select16(x < splat(-150.0f), splat(-150.0f), x);
    x = select16(x > splat(100.0f), splat(100.0f), x);
    const f32x16 shifter = splat(0x1.8p23f); /* adding it leaves the nearest integer in the low bits */
    f32x16 shifted = fma16(x, splat(0x1.715476p0f), shifter);
    f32x16 whole = shifted - shifter;
    i32x16 n = (i32x16)shifted - (i32x16)shifter;
    f32x16 r = fma16(whole, splat(-0x1.62e4p-1f), x);       /* ln 2, the part with few bits */
    r = fma16(whole, splat(-0x1.7f7d1cp-20f), r);           /* ln 2, the rest */
    f32x16 p = splat(1.0f / 5040);
    p = fma16(p, r, splat(1.0f / 720));
    p = fma16(p, r, splat(1.0f / 120));
    p = fma16(p, r, splat(1.0f / 24));
    p = fma16(p, r, splat(1.0f / 6));
    p = fma16(p, r, splat(0.5f));
    p = fma16(p, r, splat(1.0f));
    p = fma16(p, r, splat(1.0f));
    i32x16 half = n >> 1;
    return p * power_of_two(half) * power_of_two(n - half);
}

INLINE float exp1(float x) { return exp16(splat(x))[0]; }
