/* Dot products of four inputs with AVX2, whose byte product adds pairs with saturation at 16 bits. Codes of 4
 * bits stay far below (2 * 15 * 127). Codes of 8 bits become signed weights w, of -127...127, and the product
 * is taken as |x| * (w with the sign of x), at most 2 * 127 * 127; so nothing is left to subtract. */

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
    __m256i x = _mm256_set1_epi32((int32_t)quad), size = _mm256_abs_epi8(x), ones = _mm256_set1_epi16(1);
    UNROLL for (int h = 0; h < 2; h++) {
        __m256i pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(w.half[h], x));
        to.half[h] = _mm256_add_epi32(to.half[h], _mm256_madd_epi16(pairs, ones));
    }
    return to.all;
}

INLINE i32x16 dot_int4(i32x16 sum, u32x16 codes, uint32_t quad) {
    halves to = {.all = sum}, w = {.all = (i32x16)codes};
    __m256i x = _mm256_set1_epi32((int32_t)quad), ones = _mm256_set1_epi16(1);
    UNROLL for (int h = 0; h < 2; h++) {
        __m256i pairs = _mm256_maddubs_epi16(w.half[h], x);
        to.half[h] = _mm256_add_epi32(to.half[h], _mm256_madd_epi16(pairs, ones));
    }
    return to.all;
}
