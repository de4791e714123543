#ifndef MOED_KERNELS_INTERNAL_H
#define MOED_KERNELS_INTERNAL_H

#include "moed_kernels.h"

extern const moed_kernels moed_kernels_scalar;
#if defined(__x86_64__)
extern const moed_kernels moed_kernels_avx2;
extern const moed_kernels moed_kernels_avx512;
#endif

#endif
