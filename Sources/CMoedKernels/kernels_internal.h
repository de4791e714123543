#ifndef MOED_KERNELS_INTERNAL_H
#define MOED_KERNELS_INTERNAL_H

#include "moed_kernels.h"

extern const moed_kernels moed_kernels_scalar;
#if defined(__x86_64__)
extern const moed_kernels moed_kernels_avx2;
extern const moed_kernels moed_kernels_avx512;
#endif

/* Groups in a block of a quantised panel. */
static inline size_t moed_block_groups(int bits) { return bits == 8 ? 2 : 1; }

#endif
