#ifndef MOED_KERNELS_INTERNAL_H
#define MOED_KERNELS_INTERNAL_H

#include "moed_kernels.h"

extern const moed_kernels moed_kernels_scalar;
#if defined(__x86_64__)
extern const moed_kernels moed_kernels_avx2;
extern const moed_kernels moed_kernels_avx512;
#endif

/* A quantised activation row is one record for each group of inputs: the codes, then these. */
typedef struct group_numbers {
    float scale;
    int32_t offset; /* -128 * (sum of codes) */
    float sum;      /* MOED_MINIMUM_UNITS * scale * (sum of codes) */
    float none;
} group_numbers;

/* The parts of a quantised panel in bytes: the rows' units, and of a group codes and numbers (scales, int4: minima). */
enum { MOED_UNITS_BYTES = MOED_PANEL * sizeof(float) };
static inline size_t moed_codes_bytes(int bits, size_t group) { return group * MOED_PANEL * (size_t)bits / 8; }
static inline size_t moed_numbers_bytes(int bits) { return bits == 8 ? MOED_PANEL : 2 * MOED_PANEL; }

/* Groups in a block of a quantised panel: their numbers fill a cache line. */
static inline size_t moed_block_groups(int bits) { return 64 / moed_numbers_bytes(bits); }

/* Kept panels: bytes of a group's scales, and groups of a block, whose scales fill a cache line. */
enum { MOED_KEPT_SCALE_BYTES = MOED_PANEL * sizeof(uint16_t), MOED_KEPT_TOGETHER = 64 / MOED_KEPT_SCALE_BYTES };

#endif
