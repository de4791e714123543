/* Quantised panels from outside: sizes, making one, reading a row back. */
#include "kernels_internal.h"
#include <math.h>
#include <string.h>

size_t moed_panel_bytes(int bits, size_t columns, size_t group) {
    size_t groups = (columns + group - 1) / group;
    size_t codes = groups * group * MOED_PANEL * (size_t)bits / 8;
    size_t numbers = groups * MOED_PANEL * sizeof(uint16_t) * (bits == 4 ? 2 : 1);
    return (codes + numbers + 63) / 64 * 64;
}

moed_group_place moed_group_at(int bits, size_t columns, size_t group, size_t index) {
    size_t groups = (columns + group - 1) / group, most = moed_block_groups(bits);
    size_t first = index / most * most, here = groups - first < most ? groups - first : most;
    size_t codes = group * MOED_PANEL * (size_t)bits / 8;
    size_t numbers = MOED_PANEL * sizeof(uint16_t) * (bits == 4 ? 2 : 1);
    size_t block = first * (codes + numbers);
    return (moed_group_place){
        .codes = block + (index - first) * codes, .scales = block + here * codes + (index - first) * numbers};
}

size_t moed_activation_bytes(size_t columns, size_t group) {
    size_t groups = (columns + group - 1) / group;
    size_t codes = (groups * group + 63) / 64 * 64;
    return (codes + groups * 3 * sizeof(float) + 63) / 64 * 64;
}

ptrdiff_t moed_quantise_panel(
    void *panel, const float *source, size_t rows, size_t columns, int bits, size_t group) {
    for (size_t i = 0; i < rows * columns; i++)
        if (!(fabsf(source[i]) <= 0x1p60f)) return (ptrdiff_t)i;
    const moed_kernels *kernels = moed_kernels_select(NULL);
    (bits == 8 ? kernels->quantise_int8 : kernels->quantise_int4)(panel, source, rows, columns, group);
    return -1;
}

static float f32_of_bf16(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void moed_dequantise_row(
    float *out, const void *panel, size_t row, size_t columns, int bits, size_t group) {
    const uint8_t *bytes = panel;
    for (size_t k = 0; k < columns; k++) {
        moed_group_place place = moed_group_at(bits, columns, group, k / group);
        size_t at = k % group;
        uint16_t scale, minimum;
        memcpy(&scale, bytes + place.scales + row * sizeof scale, sizeof scale);
        if (bits == 8) {
            int code = bytes[place.codes + (at / 4 * MOED_PANEL + row) * 4 + at % 4];
            out[k] = f32_of_bf16(scale) * (float)(code - 128);
        } else {
            memcpy(&minimum, bytes + place.scales + (MOED_PANEL + row) * sizeof minimum, sizeof minimum);
            int pair = bytes[place.codes + (at / 8 * MOED_PANEL + row) * 4 + at % 4];
            int code = at % 8 < 4 ? pair & 15 : pair >> 4;
            out[k] = fmaf(f32_of_bf16(scale), (float)code, f32_of_bf16(minimum));
        }
    }
}
