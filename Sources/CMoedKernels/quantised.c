/* Quantised panels from outside: sizes, making one, reading a row back. */
#include "kernels_internal.h"
#include <math.h>
#include <string.h>

size_t moed_panel_bytes(int bits, size_t columns, size_t group) {
    return moed_form_bytes(moed_own_form(bits), columns, group);
}

moed_group_place moed_group_at(int bits, size_t columns, size_t group, size_t index) {
    moed_form_place place = moed_form_at(moed_own_form(bits), columns, group, index);
    return (moed_group_place){.codes = place.codes, .scales = place.record};
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
