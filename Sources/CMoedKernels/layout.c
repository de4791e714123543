/* Memory layouts: packing weights, reading rows back, sizes of KV blocks. No arithmetic, no variants. */
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

void moed_widen_bf16(float *out, const uint16_t *source, size_t stride, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = f32_of_bits((uint32_t)source[i * stride] << 16);
}

void moed_widen_f32(float *out, const float *source, size_t stride, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = source[i * stride];
}

static size_t padded(size_t head_dim) { return (head_dim + MOED_PANEL - 1) / MOED_PANEL * MOED_PANEL; }

size_t moed_kv_head_bytes(int32_t format, size_t head_dim) {
    size_t elements = MOED_KV_BLOCK * (head_dim + padded(head_dim));
    switch (format) {
        case MOED_KV_F16: return elements * 2;
        case MOED_KV_INT8: {
            size_t scales = (head_dim + MOED_KV_GROUP - 1) / MOED_KV_GROUP + 1;
            return MOED_KV_BLOCK * ((head_dim + 3) / 4 * 4 + padded(head_dim) + scales * sizeof(float));
        }
        default: return elements * sizeof(float);
    }
}
