/* Which variant runs: asked of the processor, or by name. Processors with AVX-512 but without its byte
 * products (VNNI) take avx2. */
#include "kernels_internal.h"
#include <string.h>

static int runs(const moed_kernels *kernels) {
    if (kernels == &moed_kernels_scalar) return 1;
#if defined(__x86_64__)
    /* These tests also ask the operating system (xgetbv) whether it saves the wide registers. */
    __builtin_cpu_init();
    if (kernels == &moed_kernels_avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (kernels == &moed_kernels_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
#endif
    return 0;
}

const moed_kernels *moed_kernels_select(const char *name) {
    static const moed_kernels *const fastest_first[] = {
#if defined(__x86_64__)
        &moed_kernels_avx512, &moed_kernels_avx2,
#endif
        &moed_kernels_scalar,
    };
    for (size_t i = 0; i < sizeof fastest_first / sizeof *fastest_first; i++) {
        const moed_kernels *kernels = fastest_first[i];
        if ((!name || strcmp(name, kernels->name) == 0) && runs(kernels)) return kernels;
    }
    return NULL;
}
