/* A sum of exponentials in double precision: memory and eight lanes of a polynomial, so no variants. */
#include "moed_kernels.h"
#include <string.h>

#pragma clang diagnostic ignored "-Wpsabi"
enum { LANES = 8 };
typedef double doubles __attribute__((vector_size(LANES * 8)));
typedef int64_t longs __attribute__((vector_size(LANES * 8)));
typedef float floats __attribute__((vector_size(LANES * 4)));

/* e^x for x in -700...0: x = n ln 2 + r with |r| <= ln 2 / 2, then e^r by Taylor's polynomial of degree 11. */
static doubles exponential(doubles x) {
    const double shift = 0x1.8p52;
    doubles rounded = x * 0x1.71547652b82fep+0 + shift;
    doubles n = rounded - shift;
    doubles r = x - n * 0x1.62e42fefa3800p-1 - n * 0x1.ef35793c76730p-45;
    doubles sum = (doubles){} + 1.0 / 39916800;
    static const double factors[] = {1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120,
                                     1.0 / 24,      1.0 / 6,      0.5,         1.0,        1.0};
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) sum = sum * r + factors[i];
    longs power;
    memcpy(&power, &rounded, sizeof power);
    power = (power + 1023) << 52;
    doubles scale;
    memcpy(&scale, &power, sizeof scale);
    return sum * scale;
}

double moed_sum_of_exponentials(const float *x, size_t count, float top, double temperature) {
    const double least = -700;
    doubles total = {0};
    for (size_t i = 0; i < count; i += LANES) {
        floats part;
        if (i + LANES <= count) {
            memcpy(&part, x + i, sizeof part);
        } else {
            for (size_t k = 0; k < LANES; k++) part[k] = i + k < count ? x[i + k] : __builtin_nanf("");
        }
        doubles value = (__builtin_convertvector(part, doubles) - top) / temperature;
        /* A comparison with a NaN is false, so it is left out like what is too small to count. */
        longs counts = value >= least;
        longs bits;
        memcpy(&bits, &value, sizeof bits);
        bits &= counts;
        memcpy(&value, &bits, sizeof value);
        doubles weight = exponential(value);
        memcpy(&bits, &weight, sizeof bits);
        bits &= counts;
        memcpy(&weight, &bits, sizeof weight);
        total += weight;
    }
    double sum = 0;
    for (size_t k = 0; k < LANES; k++) sum += total[k];
    return sum;
}
