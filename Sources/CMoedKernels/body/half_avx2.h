/* Half floats widened by F16C, which every processor with AVX2 has. */

INLINE f32x16 widen_halves(const uint16_t *source) {
    union {
        f32x16 all;
        __m256 half[2];
    } value;
    UNROLL for (int h = 0; h < 2; h++)
        value.half[h] = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(source + h * 8)));
    return value.all;
}
