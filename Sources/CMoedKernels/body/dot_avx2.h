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
