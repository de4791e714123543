/* What this processor can do at best, for figures to be compared with; used by `moed bench`. */
#ifndef MOED_PROBE_H
#define MOED_PROBE_H

#include <stddef.h>
#include <stdint.h>

/* Each of these runs `rounds` rounds of independent multiply-adds in registers, with the widest instructions of
 * its kind, and returns how many operations that were (a multiply-add is two), or 0 when the processor has no
 * such instructions. What was computed goes to `sink`, so that it must be. */
double moed_probe_int8(size_t rounds, float *_Nonnull sink);
double moed_probe_bf16(size_t rounds, float *_Nonnull sink);
double moed_probe_f32(size_t rounds, float *_Nonnull sink);

/* Reads `bytes` (the part of them that is a multiple of 256) once, in order, and returns their sum as words. */
uint64_t moed_probe_read(const void *_Nonnull memory, size_t bytes);

/* Fills `bytes` with random words: (word & mask) | bits for each 8 bytes, the last one cut. The same seed gives
 * the same bytes. */
void moed_fill_random(void *_Nonnull memory, size_t bytes, uint64_t seed, uint64_t mask, uint64_t bits);

#endif
