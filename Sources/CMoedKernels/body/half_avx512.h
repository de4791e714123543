/* Half floats widened by AVX-512. */

INLINE f32x16 widen_halves(const uint16_t *source) {
    return (f32x16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)source));
}
