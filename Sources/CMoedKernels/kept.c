/* Kept panels: codes and numbers as a checkpoint stores them. Sizes, making one, reading a row back. */
#include "kernels_internal.h"
#include <string.h>

size_t moed_kept_panel_bytes(moed_kept_form form, size_t columns, size_t group) {
    return moed_form_bytes(form, columns, group);
}

/* Where a code lies among its group's: the byte, and for 4 bits how far it is shifted. */
static size_t code_byte(int bits, size_t at, size_t row) {
    return (at / (bits == 8 ? 4 : 8) * MOED_PANEL + row) * 4 + at % 4;
}
static int code_shift(int bits, size_t at) { return bits == 4 && at % 8 >= 4 ? 4 : 0; }

/* Copies the numbers of one row and group between a panel and a row's numbers, whichever `store` names as target. */
static void move_numbers(
    uint8_t *panel, moed_form_place place, moed_kept_form form, const moed_kept_numbers *of, size_t row, size_t g,
    size_t groups, size_t source_row, int store) {
    const int nested = form.offset == MOED_KEPT_NESTED;
    size_t together = nested ? MOED_NESTED_GROUPS : 1, wide = source_row * (groups / together) + g / together;
    uint8_t *halves = panel + (nested ? place.head : place.record), *record = panel + place.record;
#define MOVE(INSIDE, OUTSIDE, SIZE) store ? memcpy(INSIDE, OUTSIDE, SIZE) : memcpy(OUTSIDE, INSIDE, SIZE)
    MOVE(halves + row * sizeof(uint16_t), of->scales + wide, sizeof(uint16_t));
    if (nested || form.offset == MOED_KEPT_MINIMUM)
        MOVE(halves + (MOED_PANEL + row) * sizeof(uint16_t), of->minima + wide, sizeof(uint16_t));
    if (form.offset == MOED_KEPT_ZERO)
        MOVE(record + MOED_PANEL * sizeof(uint16_t) + row, of->small + source_row * groups + g, 1);
    if (nested) {
        MOVE(record + row, of->small + (source_row * groups + g) * 2, 1);
        MOVE(record + MOED_PANEL + row, of->small + (source_row * groups + g) * 2 + 1, 1);
    }
#undef MOVE
}

void moed_keep_panel(
    void *panel, moed_kept_form form, const uint8_t *codes, const moed_kept_numbers *numbers, size_t rows,
    size_t columns, size_t group) {
    uint8_t *bytes = panel;
    const size_t groups = (columns + group - 1) / group;
    memset(bytes, 0, moed_form_bytes(form, columns, group));
    for (size_t g = 0; g < groups; g++) {
        moed_form_place place = moed_form_at(form, columns, group, g);
        for (size_t row = 0; row < rows; row++) {
            move_numbers(bytes, place, form, numbers, row, g, groups, row, 1);
            for (size_t at = 0; at < group && g * group + at < columns; at++) {
                uint8_t code = codes[row * columns + g * group + at];
                bytes[place.codes + code_byte(form.bits, at, row)] |= code << code_shift(form.bits, at);
            }
        }
    }
}

void moed_kept_row(
    uint8_t *codes, const moed_kept_numbers *numbers, const void *panel, moed_kept_form form, size_t row,
    size_t columns, size_t group) {
    const uint8_t *bytes = panel;
    const size_t groups = (columns + group - 1) / group;
    for (size_t k = 0; k < columns; k++) {
        moed_form_place place = moed_form_at(form, columns, group, k / group);
        size_t at = k % group;
        if (at == 0) move_numbers((uint8_t *)panel, place, form, numbers, row, k / group, groups, 0, 0);
        uint8_t code = bytes[place.codes + code_byte(form.bits, at, row)];
        codes[k] = form.bits == 8 ? code : code >> code_shift(form.bits, at) & 15;
    }
}

static float half_value(const uint8_t *source, int format) {
    uint16_t bits;
    memcpy(&bits, source, sizeof bits);
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

/* What a group's codes of one row stand for: scale * (code - zero) + minimum. */
typedef struct grid {
    float scale, minimum;
    int zero;
} grid;

static grid grid_at(const uint8_t *panel, moed_form_place place, moed_kept_form form, size_t row) {
    const uint8_t *record = panel + place.record, *head = panel + place.head;
    switch (form.offset) {
        case MOED_KEPT_ZERO:
            return (grid){half_value(record + row * 2, form.scales), 0, record[2 * MOED_PANEL + row]};
        case MOED_KEPT_MINIMUM:
            return (grid){
                half_value(record + row * 2, form.scales), half_value(record + 2 * (MOED_PANEL + row), form.scales), 0};
        case MOED_KEPT_NESTED:
            return (grid){
                half_value(head + row * 2, form.scales) * (float)record[row],
                -(half_value(head + 2 * (MOED_PANEL + row), form.scales) * (float)record[MOED_PANEL + row]), 0};
        default: return (grid){half_value(record + row * 2, form.scales), 0, form.bits == 8 ? 128 : 8};
    }
}

void moed_dequantise_kept_row(
    float *out, const void *panel, moed_kept_form form, size_t row, size_t columns, size_t group) {
#pragma clang fp contract(off)
    const uint8_t *bytes = panel;
    for (size_t k = 0; k < columns; k++) {
        moed_form_place place = moed_form_at(form, columns, group, k / group);
        size_t at = k % group;
        grid to = grid_at(bytes, place, form, row);
        int code = bytes[place.codes + code_byte(form.bits, at, row)];
        if (form.bits == 4) code = code >> code_shift(4, at) & 15;
        float value = (float)(code - to.zero) * to.scale;
        out[k] = form.offset == MOED_KEPT_MINIMUM || form.offset == MOED_KEPT_NESTED ? value + to.minimum : value;
    }
}
