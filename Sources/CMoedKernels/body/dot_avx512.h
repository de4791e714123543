/* Dot products of four inputs with AVX-512 VNNI: one instruction, which does not saturate. */

INLINE i32x16 dot_int8(i32x16 sum, u32x16 codes, uint32_t quad) {
    return (i32x16)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)codes, _mm512_set1_epi32((int32_t)quad));
}
