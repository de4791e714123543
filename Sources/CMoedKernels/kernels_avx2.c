#if defined(__x86_64__)
/* AVX2 with FMA: 16 registers of 8 floats, so 6 of our vectors of 16 as sums, the rest for operands. */
#define NAME "avx2"
#define TABLE moed_kernels_avx2
#define TILE_ROWS_MAX 6
#define TILE_PANELS_MAX 6
#define TILE_PANELS(R) ((R) == 1 ? 6 : (R) == 2 ? 3 : (R) == 3 ? 2 : 1)
#define QUANTISED_ROWS_MAX 6
#define QUANTISED_ROWS_MANY 4
#define QUANTISED_PANELS 1
#define QUANTISED_STREAM_ROWS QUANTISED_ROWS_MAX
#define UNROLL_STEPS
#define ATTENTION_TILE 2

#include "kernels_internal.h"
#include <immintrin.h>
#include <math.h>
#include <string.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "body/vector.h"

#include "body/matmul.h"

#include "body/low_rank.h"

#include "body/quantise.h"

#include "body/dot_avx2.h"

#include "body/activations.h"

#include "body/half_avx2.h"

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
