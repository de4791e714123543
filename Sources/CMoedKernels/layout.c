/* Memory layouts: packing weights, reading rows back, storing keys and values. No arithmetic, no variants. */
#include "moed_kernels.h"
#include <string.h>

static float f32_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_f32(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Exact: every half is a float. */
static float f32_of_f16(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 0x1f, mantissa = half & 0x3ff;
    if (exponent == 0) { /* zero or subnormal: mantissa * 2^-24 */
        float magnitude = (float)mantissa * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return f32_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

ptrdiff_t moed_pack_bf16(uint16_t *panel, const uint16_t *source, size_t rows, size_t columns) {
    ptrdiff_t bad = -1;
    memset(panel, 0, columns * MOED_PANEL * sizeof *panel);
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            uint16_t value = source[row * columns + column];
            if ((value & 0x7f80) == 0x7f80 && bad < 0) bad = (ptrdiff_t)(row * columns + column);
            panel[column * MOED_PANEL + row] = value;
        }
    return bad;
}

ptrdiff_t moed_pack_f32(float *panel, const float *source, size_t rows, size_t columns) {
    ptrdiff_t bad = -1;
    memset(panel, 0, columns * MOED_PANEL * sizeof *panel);
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            float value = source[row * columns + column];
            if ((bits_of_f32(value) & 0x7f800000) == 0x7f800000 && bad < 0)
                bad = (ptrdiff_t)(row * columns + column);
            panel[column * MOED_PANEL + row] = value;
        }
    return bad;
}

ptrdiff_t moed_pack_f16(float *panel, const uint16_t *source, size_t rows, size_t columns) {
    ptrdiff_t bad = -1;
    memset(panel, 0, columns * MOED_PANEL * sizeof *panel);
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            uint16_t value = source[row * columns + column];
            if ((value & 0x7c00) == 0x7c00 && bad < 0) bad = (ptrdiff_t)(row * columns + column);
            panel[column * MOED_PANEL + row] = f32_of_f16(value);
        }
    return bad;
}

void moed_widen_bf16(float *out, const uint16_t *source, size_t stride, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = f32_of_bits((uint32_t)source[i * stride] << 16);
}

void moed_widen_f16(float *out, const uint16_t *source, size_t stride, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = f32_of_f16(source[i * stride]);
}

void moed_widen_f32(float *out, const float *source, size_t stride, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = source[i * stride];
}

static size_t padded(size_t head_dim) { return (head_dim + MOED_PANEL - 1) / MOED_PANEL * MOED_PANEL; }

size_t moed_kv_head_floats(size_t head_dim) { return MOED_KV_BLOCK * (head_dim + padded(head_dim)); }

void moed_kv_store(float *block, size_t slot, const float *key, const float *value, size_t head_dim) {
    for (size_t d = 0; d < head_dim; d++) block[d * MOED_KV_BLOCK + slot] = key[d];
    memcpy(block + head_dim * MOED_KV_BLOCK + slot * padded(head_dim), value, head_dim * sizeof *value);
}
