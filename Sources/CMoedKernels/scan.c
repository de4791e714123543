/* Looking through logits: one pass of comparisons, which memory limits on every processor, so no variants. */
#include "moed_kernels.h"
#include <string.h>

#pragma clang diagnostic ignored "-Wpsabi"
enum { LANES = 16 };
typedef float floats __attribute__((vector_size(LANES * 4)));
typedef int32_t words __attribute__((vector_size(LANES * 4)));

static floats load(const float *source) {
    floats value;
    memcpy(&value, source, sizeof value);
    return value;
}

size_t moed_first_above(const float *x, size_t begin, size_t count, float threshold) {
    size_t i = begin;
    for (; i + LANES <= count; i += LANES) {
        words above = load(x + i) > threshold;
        if (__builtin_reduce_or(above)) break;
    }
    while (i < count && !(x[i] > threshold)) i++;
    return i;
}

int moed_all_finite(const float *x, size_t count) {
    const int32_t exponent = 0x7f800000;
    words none = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) none |= ((words)load(x + i) & exponent) == exponent;
    int finite = __builtin_reduce_or(none) == 0;
    for (; i < count; i++) {
        int32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        finite &= (bits & exponent) != exponent;
    }
    return finite;
}
