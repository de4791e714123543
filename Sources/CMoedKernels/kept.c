/* Kept panels: codes and scales as a checkpoint stores them. Sizes, making one, reading a row back. */
#include "kernels_internal.h"
#include <string.h>

size_t moed_kept_panel_bytes(int bits, size_t columns, size_t group) {
    size_t groups = (columns + group - 1) / group;
    size_t blocks = (groups + MOED_KEPT_TOGETHER - 1) / MOED_KEPT_TOGETHER;
    return groups * moed_codes_bytes(bits, group) + blocks * MOED_KEPT_TOGETHER * MOED_KEPT_SCALE_BYTES;
}

/* The place of a group's codes and scales in bytes from the panel's start. */
static moed_group_place place_of(int bits, size_t columns, size_t group, size_t index) {
    size_t groups = (columns + group - 1) / group, first = index / MOED_KEPT_TOGETHER * MOED_KEPT_TOGETHER;
    size_t here = groups - first < MOED_KEPT_TOGETHER ? groups - first : MOED_KEPT_TOGETHER;
    size_t codes = moed_codes_bytes(bits, group);
    size_t block = first * (codes + MOED_KEPT_SCALE_BYTES);
    return (moed_group_place){
        .codes = block + (index - first) * codes,
        .scales = block + here * codes + (index - first) * MOED_KEPT_SCALE_BYTES};
}

void moed_keep_panel(
    void *panel, const uint8_t *codes, const uint16_t *scales, size_t rows, size_t columns, int bits, size_t group) {
    uint8_t *bytes = panel;
    const size_t groups = (columns + group - 1) / group;
    memset(bytes, 0, moed_kept_panel_bytes(bits, columns, group));
    for (size_t g = 0; g < groups; g++) {
        moed_group_place place = place_of(bits, columns, group, g);
        for (size_t row = 0; row < rows; row++) {
            memcpy(bytes + place.scales + row * sizeof *scales, scales + row * groups + g, sizeof *scales);
            for (size_t at = 0; at < group && g * group + at < columns; at++) {
                uint8_t code = codes[row * columns + g * group + at];
                if (bits == 8) {
                    bytes[place.codes + (at / 4 * MOED_PANEL + row) * 4 + at % 4] = code;
                } else {
                    bytes[place.codes + (at / 8 * MOED_PANEL + row) * 4 + at % 4] |= at % 8 < 4 ? code : code << 4;
                }
            }
        }
    }
}

void moed_kept_row(
    uint8_t *codes, uint16_t *scales, const void *panel, size_t row, size_t columns, int bits, size_t group) {
    const uint8_t *bytes = panel;
    for (size_t k = 0; k < columns; k++) {
        moed_group_place place = place_of(bits, columns, group, k / group);
        size_t at = k % group;
        memcpy(scales + k / group, bytes + place.scales + row * sizeof *scales, sizeof *scales);
        if (bits == 8) {
            codes[k] = bytes[place.codes + (at / 4 * MOED_PANEL + row) * 4 + at % 4];
        } else {
            uint8_t pair = bytes[place.codes + (at / 8 * MOED_PANEL + row) * 4 + at % 4];
            codes[k] = at % 8 < 4 ? pair & 15 : pair >> 4;
        }
    }
}

static float scale_value(uint16_t bits, int format) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    if (format == MOED_SCALES_F16) {
        /* The exponent is moved by a product, which also makes subnormal halves normal. */
        wide = (uint32_t)(bits & 0x7fff) << 13;
        memcpy(&value, &wide, sizeof value);
        value = value * 0x1p112f;
        return bits & 0x8000 ? -value : value;
    }
    memcpy(&value, &wide, sizeof value);
    return value;
}

void moed_dequantise_kept_row(
    float *out, const void *panel, size_t row, size_t columns, int bits, int format, size_t group) {
    const uint8_t *bytes = panel;
    for (size_t k = 0; k < columns; k++) {
        moed_group_place place = place_of(bits, columns, group, k / group);
        size_t at = k % group;
        uint16_t scale;
        memcpy(&scale, bytes + place.scales + row * sizeof scale, sizeof scale);
        int code;
        if (bits == 8) {
            code = bytes[place.codes + (at / 4 * MOED_PANEL + row) * 4 + at % 4] - 128;
        } else {
            int pair = bytes[place.codes + (at / 8 * MOED_PANEL + row) * 4 + at % 4];
            code = (at % 8 < 4 ? pair & 15 : pair >> 4) - 8;
        }
        out[k] = (float)code * scale_value(scale, format);
    }
}
