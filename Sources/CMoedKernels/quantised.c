/* Quantised panels from outside: sizes, making one, reading a row back. */
#include "kernels_internal.h"
#include <math.h>
#include <string.h>

size_t moed_panel_bytes(int bits, size_t columns, size_t group) {
    size_t groups = (columns + group - 1) / group;
    size_t all = groups * (moed_codes_bytes(bits, group) + moed_numbers_bytes(bits));
    return MOED_UNITS_BYTES + (all + 63) / 64 * 64;
}

moed_group_place moed_group_at(int bits, size_t columns, size_t group, size_t index) {
    size_t groups = (columns + group - 1) / group, most = moed_block_groups(bits);
    size_t first = index / most * most, here = groups - first < most ? groups - first : most;
    size_t codes = moed_codes_bytes(bits, group), numbers = moed_numbers_bytes(bits);
    size_t block = MOED_UNITS_BYTES + first * (codes + numbers);
    return (moed_group_place){
        .codes = block + (index - first) * codes, .scales = block + here * codes + (index - first) * numbers};
}

size_t moed_activation_bytes(size_t columns, size_t group) {
    size_t groups = (columns + group - 1) / group;
    return (groups * (group + sizeof(group_numbers)) + 63) / 64 * 64;
}

ptrdiff_t moed_quantise_panel(
    void *panel, const float *source, size_t rows, size_t columns, int bits, size_t group) {
    for (size_t i = 0; i < rows * columns; i++)
        if (!(fabsf(source[i]) <= 0x1p60f)) return (ptrdiff_t)i;
    const moed_kernels *kernels = moed_kernels_select(NULL);
    (bits == 8 ? kernels->quantise_int8 : kernels->quantise_int4)(panel, source, rows, columns, group);
    return -1;
}

void moed_dequantise_row(
    float *out, const void *panel, size_t row, size_t columns, int bits, size_t group) {
    const uint8_t *bytes = panel;
    float unit;
    memcpy(&unit, bytes + row * sizeof unit, sizeof unit);
    for (size_t k = 0; k < columns; k++) {
        moed_group_place place = moed_group_at(bits, columns, group, k / group);
        size_t at = k % group;
        int scale = bytes[place.scales + row];
        if (bits == 8) {
            int code = bytes[place.codes + (at / 4 * MOED_PANEL + row) * 4 + at % 4];
            out[k] = unit * (float)(scale * (code - 128));
        } else {
            int minimum = (int8_t)bytes[place.scales + MOED_PANEL + row];
            int pair = bytes[place.codes + (at / 8 * MOED_PANEL + row) * 4 + at % 4];
            int code = at % 8 < 4 ? pair & 15 : pair >> 4;
            out[k] = unit * (float)(scale * code + MOED_MINIMUM_UNITS * minimum);
        }
    }
}
