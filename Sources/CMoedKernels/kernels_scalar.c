/* The baseline instruction set: what runs anywhere, and what the faster variants are compared with. */
#define NAME "scalar"
#define TABLE moed_kernels_scalar
#define TILE_ROWS_MAX 4
#define TILE_PANELS_MAX 1
#define TILE_PANELS(R) 1
#define QUANTISED_ROWS_MAX 2
#define QUANTISED_ROWS_MANY 2
#define QUANTISED_PANELS 1
#define QUANTISED_STREAM_ROWS QUANTISED_ROWS_MAX
#define UNROLL_STEPS
#define ATTENTION_TILE 1

#include "body/vector.h"

#include "body/matmul.h"

#include "body/low_rank.h"

#include "body/quantise.h"

#include "body/dot_plain.h"

#include "body/dot_unsigned.h"

#include "body/activations.h"

#include "body/half_plain.h"

#include "body/panel_forms.h"

#include "body/matmul_quantised.h"

#include "body/rows.h"

#include "body/kv.h"

#include "body/kv_codes.h"

#include "body/attention.h"

#include "body/attention_codes.h"

#include "body/kv_formats.h"

#include "body/table.h"
