/* What differs between the forms of quantised panels: the numbers of a group, as vectors of 16 rows. The form is known
 * when a kernel is compiled, so that nothing of the others is left in it. */

INLINE f32x16 wide_bytes(const uint8_t *source) {
    u8x16 bytes;
    memcpy(&bytes, source, sizeof bytes);
    return __builtin_convertvector(bytes, f32x16);
}

INLINE f32x16 wide_signed_bytes(const uint8_t *source) {
    i8x16 bytes;
    memcpy(&bytes, source, sizeof bytes);
    return __builtin_convertvector(bytes, f32x16);
}

INLINE f32x16 wide_halves(const moed_kept_form form, const uint8_t *source) {
    if (form.scales == MOED_SCALES_F16) return widen_halves((const uint16_t *)(const void *)source);
    u16x16 half;
    memcpy(&half, source, sizeof half);
    return (f32x16)(__builtin_convertvector(half, u32x16) << 16);
}

enum { HALVES_BYTES = MOED_PANEL * sizeof(uint16_t) };

/* Zero points of a group; 0 where the form has none. */
INLINE i32x16 form_zeros(const moed_kept_form form, const uint8_t *record) {
    if (form.offset != MOED_KEPT_ZERO) return splat_int(0);
    u8x16 bytes;
    memcpy(&bytes, record + HALVES_BYTES, sizeof bytes);
    return __builtin_convertvector(bytes, i32x16);
}

/* What the dot products of a group start from: -zero times the sum of the activations, which `offset` holds -128
 * times. For 8 bits dot_int8 already subtracts 128 from each code, or dot_start does. */
INLINE i32x16 form_start(const moed_kept_form form, i32x16 zero, int32_t offset) {
    switch (form.offset) {
        case MOED_KEPT_ZERO:
            if (form.bits == 8) return dot_start(offset) + (zero - 128) * splat_int(offset / 128);
            return zero * splat_int(offset / 128);
        case MOED_OWN:
        case MOED_KEPT_MIDDLE:
            if (form.bits == 8) return dot_start(offset);
            return splat_int(form.offset == MOED_OWN ? 0 : offset / 16);
        default: return splat_int(0);
    }
}

INLINE f32x16 form_scales(const moed_kept_form form, const uint8_t *head, const uint8_t *record) {
    if (form.offset == MOED_OWN) return wide_bytes(record);
    if (form.offset == MOED_KEPT_NESTED) return wide_halves(form, head) * wide_bytes(record);
    return wide_halves(form, record);
}

INLINE int form_has_minima(const moed_kept_form form) {
    return form.offset == MOED_OWN ? form.bits == 4
                                   : form.offset == MOED_KEPT_MINIMUM || form.offset == MOED_KEPT_NESTED;
}

/* Minima in the steps that the sums of activations are counted in (MOED_MINIMUM_UNITS, a power of two). */
INLINE f32x16 form_minima(const moed_kept_form form, const uint8_t *head, const uint8_t *record) {
    if (form.offset == MOED_OWN) return wide_signed_bytes(record + MOED_PANEL);
    if (form.offset == MOED_KEPT_NESTED)
        return wide_halves(form, head + HALVES_BYTES) * wide_bytes(record + MOED_PANEL) *
               splat(-1.0f / MOED_MINIMUM_UNITS);
    return wide_halves(form, record + HALVES_BYTES) * splat(1.0f / MOED_MINIMUM_UNITS);
}
