/* Dot products of four inputs with AVX2, whose byte product adds pairs with saturation at 16 bits.
 * See dot_plain.h and dot_unsigned.h.
 *
 * Codes of 8 bits become signed weights w, of -127...127, and the product is taken as |w| * (x with the sign of
 * w), at most 2 * 127 * 127; so nothing is left to subtract. |w| is made once for all rows of a tile. Codes of
 * 4 bits stay far below: the products of FEW_INPUTS add up in two sums of 16 bits, to at most 16 * 15 * 127. */

INLINE i32x16 dot_start(int32_t offset) {
    (void)offset;
    return splat_int(0);
}

typedef union halves {
    i32x16 all;
    __m256i half[2];
} halves;

INLINE i32x16 dot_int8(i32x16 sum, u32x16 codes, uint32_t quad) {
    halves to = {.all = sum}, w = {.all = (i32x16)(codes ^ 0x80808080)};
    __m256i x = _mm256_set1_epi32((int32_t)quad), ones = _mm256_set1_epi16(1);
    UNROLL for (int h = 0; h < 2; h++) {
        __m256i size = _mm256_abs_epi8(w.half[h]);
        __m256i pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(x, w.half[h]));
        to.half[h] = _mm256_add_epi32(to.half[h], _mm256_madd_epi16(pairs, ones));
    }
    return to.all;
}

INLINE i32x16 few_start(i32x16 sum) {
    (void)sum;
    return splat_int(0);
}

INLINE i32x16 dot_int4(i32x16 few, u32x16 codes, uint32_t quad) {
    halves to = {.all = few}, w = {.all = (i32x16)codes};
    __m256i x = _mm256_set1_epi32((int32_t)quad);
    UNROLL for (int h = 0; h < 2; h++)
        to.half[h] = _mm256_add_epi16(to.half[h], _mm256_maddubs_epi16(w.half[h], x));
    return to.all;
}

INLINE i32x16 few_end(i32x16 sum, i32x16 few) {
    halves to = {.all = sum}, from = {.all = few};
    UNROLL for (int h = 0; h < 2; h++)
        to.half[h] = _mm256_add_epi32(to.half[h], _mm256_madd_epi16(from.half[h], _mm256_set1_epi16(1)));
    return to.all;
}

/* Sums over tokens of weight times value code, as in dot_plain.h: products of 16 bits, two tokens to a sum. */
typedef struct weight_codes {
    int16_t words[4 * WEIGHT_QUADS];
} weight_codes;
typedef struct value_sum {
    __m256i pairs[4]; /* of four elements each: tokens 0 and 1, tokens 2 and 3 */
} value_sum;

INLINE void store_weights(weight_codes *to, size_t quad, u32x16 weights) {
    typedef int16_t i16x16 __attribute__((vector_size(32)));
    i16x16 words = __builtin_convertvector(weights & 0x7fff, i16x16);
    memcpy(to->words + 4 * quad, &words, sizeof words);
}

INLINE value_sum value_start(void) {
    __m256i none = _mm256_setzero_si256();
    return (value_sum){{none, none, none, none}};
}

INLINE void value_add(value_sum *sum, const weight_codes *weights, size_t quad, u32x16 codes) {
    int64_t words;
    memcpy(&words, weights->words + 4 * quad, sizeof words);
    __m256i weight = _mm256_set1_epi64x(words);
    UNROLL for (int part = 0; part < 4; part++) {
        __m128i bytes;
        memcpy(&bytes, (const char *)&codes + 16 * part, sizeof bytes);
        sum->pairs[part] = _mm256_add_epi32(
            sum->pairs[part], _mm256_madd_epi16(_mm256_cvtepi8_epi16(bytes), weight));
    }
}

INLINE i32x16 value_end(value_sum sum) {
    halves to;
    UNROLL for (int h = 0; h < 2; h++) {
        __m256i mixed = _mm256_hadd_epi32(sum.pairs[2 * h], sum.pairs[2 * h + 1]); /* 0 1 4 5 2 3 6 7 */
        to.half[h] = _mm256_permute4x64_epi64(mixed, 0xd8);
    }
    return to.all;
}
