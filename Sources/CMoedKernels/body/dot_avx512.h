/* Dot products of four inputs with AVX-512 VNNI: one instruction, which does not saturate. */

INLINE i32x16 dot_int8(i32x16 sum, u32x16 codes, uint32_t quad) {
    return (i32x16)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)codes, _mm512_set1_epi32((int32_t)quad));
}

/* Sums over tokens of weight times value code, as in dot_plain.h: weights are two bytes, each with a sum of its own. */
typedef struct weight_codes {
    uint32_t high[WEIGHT_QUADS], low[WEIGHT_QUADS];
} weight_codes;
typedef struct value_sum {
    __m512i high, low;
} value_sum;

INLINE void store_weights(weight_codes *to, size_t quad, u32x16 weights) {
    u8x16 high = __builtin_convertvector(weights >> 8, u8x16), low = __builtin_convertvector(weights, u8x16);
    memcpy(to->high + quad, &high, sizeof high);
    memcpy(to->low + quad, &low, sizeof low);
}

INLINE value_sum value_start(void) { return (value_sum){_mm512_setzero_si512(), _mm512_setzero_si512()}; }

INLINE void value_add(value_sum *sum, const weight_codes *weights, size_t quad, u32x16 codes) {
    sum->high = _mm512_dpbusd_epi32(sum->high, _mm512_set1_epi32((int32_t)weights->high[quad]), (__m512i)codes);
    sum->low = _mm512_dpbusd_epi32(sum->low, _mm512_set1_epi32((int32_t)weights->low[quad]), (__m512i)codes);
}

INLINE i32x16 value_end(value_sum sum) { return ((i32x16)sum.high << 8) + (i32x16)sum.low; }
