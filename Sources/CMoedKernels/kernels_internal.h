#ifndef MOED_KERNELS_INTERNAL_H
#define MOED_KERNELS_INTERNAL_H

#include "moed_kernels.h"

extern const moed_kernels moed_kernels_scalar;
#if defined(__x86_64__)
extern const moed_kernels moed_kernels_avx2;
extern const moed_kernels moed_kernels_avx512;
#endif

/* Quads of tokens whose weights attention codes at once: those of two KV blocks. */
enum { WEIGHT_QUADS = 2 * MOED_KV_BLOCK / 4 };

/* A quantised activation row is one record for each group of inputs: the codes, then these. */
typedef struct group_numbers {
    float scale;
    int32_t offset; /* -128 * (sum of codes) */
    float sum;      /* MOED_MINIMUM_UNITS * scale * (sum of codes) */
    float none;
} group_numbers;

/* The form of moed's own quantised panels, beside those of kept ones. */
enum { MOED_OWN = -1 };
static inline moed_kept_form moed_own_form(int bits) { return (moed_kept_form){bits, MOED_SCALES_F16, MOED_OWN}; }

/* The parts of a panel in bytes: what comes before the first block; of a group its codes and its record of numbers; of
 * a block what comes before the records. */
static inline size_t moed_units_bytes(moed_kept_form form) {
    return form.offset == MOED_OWN ? MOED_PANEL * sizeof(float) : 0;
}
static inline size_t moed_codes_bytes(int bits, size_t group) { return group * MOED_PANEL * (size_t)bits / 8; }
static inline size_t moed_record_bytes(moed_kept_form form) {
    switch (form.offset) {
        case MOED_OWN: return form.bits == 8 ? MOED_PANEL : 2 * MOED_PANEL;
        case MOED_KEPT_ZERO: return 3 * MOED_PANEL;
        case MOED_KEPT_MINIMUM: return 4 * MOED_PANEL;
        default: return 2 * MOED_PANEL;
    }
}
static inline size_t moed_head_bytes(moed_kept_form form) {
    return form.offset == MOED_KEPT_NESTED ? 2 * MOED_PANEL * sizeof(uint16_t) : 0;
}

/* Groups of a block: their numbers fill cache lines. */
static inline size_t moed_block_groups(moed_kept_form form) {
    switch (form.offset) {
        case MOED_OWN: return 64 / moed_record_bytes(form);
        case MOED_KEPT_ZERO: return 4;
        case MOED_KEPT_MINIMUM: return 1;
        case MOED_KEPT_NESTED: return MOED_NESTED_GROUPS;
        default: return 2;
    }
}

static inline size_t moed_form_bytes(moed_kept_form form, size_t columns, size_t group) {
    size_t groups = (columns + group - 1) / group, together = moed_block_groups(form);
    size_t blocks = (groups + together - 1) / together;
    return moed_units_bytes(form) + groups * moed_codes_bytes(form.bits, group) +
           blocks * (moed_head_bytes(form) + together * moed_record_bytes(form));
}

/* The places of a group in bytes from the panel's start: its codes, its record, and the head of its block. */
typedef struct moed_form_place {
    size_t codes, record, head;
} moed_form_place;

static inline moed_form_place moed_form_at(moed_kept_form form, size_t columns, size_t group, size_t index) {
    size_t groups = (columns + group - 1) / group, most = moed_block_groups(form);
    size_t first = index / most * most, here = groups - first < most ? groups - first : most;
    size_t codes = moed_codes_bytes(form.bits, group), record = moed_record_bytes(form), head = moed_head_bytes(form);
    size_t block = moed_units_bytes(form) + first * codes + index / most * (head + most * record);
    return (moed_form_place){
        .codes = block + (index - first) * codes,
        .record = block + here * codes + head + (index - first) * record,
        .head = block + here * codes};
}

#endif
