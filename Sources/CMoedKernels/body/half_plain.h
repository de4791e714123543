/* Half floats widened with what every processor has. */

/* Exact: the exponent is moved by a product, which also makes subnormal halves normal. */
INLINE f32x16 widen_halves(const uint16_t *source) {
    u16x16 halves;
    memcpy(&halves, source, sizeof halves);
    u32x16 bits = __builtin_convertvector(halves, u32x16), size = (bits & 0x7fff) << 13;
    u32x16 special = (u32x16)(size >= 0x0f800000) & 0x7f800000; /* infinite, or not a number */
    f32x16 value = (f32x16)size * splat(0x1p112f);
    return (f32x16)((u32x16)value | special | (bits & 0x8000) << 16);
}
