#if defined(__x86_64__)
/* AVX-512: 32 registers of 16 floats; 24 sums, up to 6 weights and a broadcast. With few rows more panels
 * keep the multipliers busy: 8 chains cover the latency of 4 cycles on two ports. A quantised tile has integer and
 * float sums: of two panels and six rows, or of one and twelve, both stay in registers. */
#define NAME "avx512"
#define TABLE moed_kernels_avx512
#define TILE_ROWS_MAX 12
#define TILE_PANELS_MAX 8
#define TILE_PANELS(R) ((R) <= 2 ? 8 : (R) <= 4 ? 6 : (R) <= 6 ? 4 : (R) <= 8 ? 3 : 2)
#define QUANTISED_ROWS_MAX 6
#define QUANTISED_ROWS_MANY 6
#define QUANTISED_PANELS 2
#define QUANTISED_STREAM_ROWS 12
#define UNROLL_STEPS _Pragma("clang loop unroll_count(8)")
#define ATTENTION_TILE 8

#include "kernels_internal.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma"))), apply_to = function)

#include "body/vector.h"

#include "body/matmul.h"

#include "body/low_rank.h"

#include "body/quantise.h"

#include "body/dot_avx512.h"

#include "body/dot_unsigned.h"

#include "body/activations.h"

#include "body/half_avx512.h"

#include "body/panel_forms.h"

#include "body/matmul_quantised.h"

#include "body/rows.h"

#include "body/kv.h"

#include "body/kv_codes.h"

#include "body/attention.h"

#include "body/attention_codes.h"

#include "body/kv_formats.h"

#pragma clang attribute pop

#include "body/table.h"
#endif
