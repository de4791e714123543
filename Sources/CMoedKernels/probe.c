/* Peaks of arithmetic and memory. Twelve sums hide the latency of the multipliers and leave registers for the
 * operands; an empty asm statement after each sum tells the compiler that an operand may have changed, so that
 * no product can be left out or shared between sums. */
#include "moed_probe.h"
#include <string.h>

enum { SUMS = 12 };

#define UNROLL _Pragma("clang loop unroll(full)")

#if defined(__x86_64__)
#include <immintrin.h>

#define PEAK(name, isa, vector, operand, zero, one, multiply_add)                                  \
    __attribute__((target(isa))) static void name(size_t rounds, float *sink) {                    \
        vector sums[SUMS];                                                                         \
        operand a = one, b = one;                                                                  \
        UNROLL for (int i = 0; i < SUMS; i++) sums[i] = zero;                                      \
        for (size_t round = 0; round < rounds; round++) {                                          \
            UNROLL for (int i = 0; i < SUMS; i++) {                                                \
                sums[i] = multiply_add(sums[i], a, b);                                             \
                __asm__ volatile("" : "+v"(a));                                                    \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int i = 1; i < SUMS; i++) __asm__ volatile("" : "+v"(sums[0]) : "v"(sums[i])); \
        memcpy(sink, &sums[0], sizeof *sink);                                                      \
    }

#define MADDUBS(sum, a, b) \
    _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)))
#define FMA512(sum, a, b) _mm512_fmadd_ps(a, b, sum)
#define FMA256(sum, a, b) _mm256_fmadd_ps(a, b, sum)

PEAK(int8_vnni, "avx512f,avx512vnni", __m512i, __m512i, _mm512_setzero_si512(), _mm512_set1_epi8(1),
     _mm512_dpbusd_epi32)
PEAK(int8_avx2, "avx2", __m256i, __m256i, _mm256_setzero_si256(), _mm256_set1_epi8(1), MADDUBS)
PEAK(bf16_avx512, "avx512f,avx512bf16", __m512, __m512bh, _mm512_setzero_ps(),
     (__m512bh)_mm512_setzero_si512(), _mm512_dpbf16_ps)
PEAK(f32_avx512, "avx512f", __m512, __m512, _mm512_setzero_ps(), _mm512_set1_ps(1e-9f), FMA512)
PEAK(f32_avx2, "avx2,fma", __m256, __m256, _mm256_setzero_ps(), _mm256_set1_ps(1e-9f), FMA256)

static double run(void (*peak)(size_t, float *), size_t rounds, float *sink, int operations) {
    peak(rounds, sink);
    return (double)rounds * SUMS * operations;
}

double moed_probe_int8(size_t rounds, float *sink) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512vnni")) return run(int8_vnni, rounds, sink, 128);
    return __builtin_cpu_supports("avx2") ? run(int8_avx2, rounds, sink, 64) : 0;
}

double moed_probe_bf16(size_t rounds, float *sink) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16") ? run(bf16_avx512, rounds, sink, 64) : 0;
}

double moed_probe_f32(size_t rounds, float *sink) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return run(f32_avx512, rounds, sink, 32);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return run(f32_avx2, rounds, sink, 16);
    float sums[SUMS] = {0}, a = 1e-9f;
    for (size_t round = 0; round < rounds; round++) {
        UNROLL for (int i = 0; i < SUMS; i++) sums[i] = sums[i] + a * a;
        __asm__ volatile("" : "+x"(a));
    }
    for (int i = 0; i < SUMS; i++) *sink += sums[i];
    return (double)rounds * SUMS * 2;
}
#else
double moed_probe_int8(size_t rounds, float *sink) {
    (void)rounds, (void)sink;
    return 0;
}

double moed_probe_bf16(size_t rounds, float *sink) { return moed_probe_int8(rounds, sink); }

double moed_probe_f32(size_t rounds, float *sink) { return moed_probe_int8(rounds, sink); }
#endif

typedef uint64_t words __attribute__((vector_size(32)));

/* Eight sums over neighbouring places, so that no load waits for an addition. */
static inline __attribute__((always_inline)) uint64_t read_all(const char *source, size_t bytes) {
    words sums[8] = {0};
    for (size_t at = 0; at + 256 <= bytes; at += 256) {
        UNROLL for (int i = 0; i < 8; i++) {
            words part;
            memcpy(&part, source + at + 32 * i, sizeof part);
            sums[i] += part;
        }
    }
    uint64_t sum = 0;
    for (int i = 0; i < 8; i++)
        for (int lane = 0; lane < 4; lane++) sum += sums[i][lane];
    return sum;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t read_avx2(const char *source, size_t bytes) {
    return read_all(source, bytes);
}
#endif

uint64_t moed_probe_read(const void *memory, size_t bytes) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) return read_avx2(memory, bytes);
#endif
    return read_all(memory, bytes);
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mixed(uint64_t value) {
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

void moed_fill_random(void *memory, size_t bytes, uint64_t seed, uint64_t mask, uint64_t bits) {
    char *target = memory;
    uint64_t state = mixed(seed);
    for (size_t at = 0; at < bytes; at += 8) {
        state += 0x9e3779b97f4a7c15;
        uint64_t word = (mixed(state) & mask) | bits;
        memcpy(target + at, &word, bytes - at < 8 ? bytes - at : 8);
    }
}
