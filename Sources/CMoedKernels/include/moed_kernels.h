/* Numeric kernels of moed: pointers in, pointers out; no allocation, no threads, no state.
 *
 * Every kernel is written once (body/) with vector extensions and compiled for several instruction sets.
 * All variants give the same bits: only explicit fused multiply-adds fuse, every sum has a fixed order or a
 * fixed tree of 16 lanes, and exp is our own. So results do not depend on the machine.
 *
 * Words: a panel is 16 weight rows interleaved, element (n, k) at [n / 16][k][n % 16], the last panel filled
 * up with zeros. Strides are counted in elements. Buffers need no alignment beyond their element's.
 *
 * Quantised panels hold codes and, for every quant group of 32, 64 or 128 inputs, a scale a row, in units of that row:
 *   int8: weight = unit * scale * (code - 128), codes 1...255, scales 0...255;
 *   int4: weight = unit * (scale * code + 16 * minimum), codes 0...15, minima -127...127 (MOED_MINIMUM_UNITS).
 * One panel is one contiguous blob, all little-endian, read from its first byte to its last:
 *   units   f32 [16 rows];
 *   blocks of groups that fill whole cache lines, four groups of int8 or two of int4 (the last block may have fewer):
 *     codes   int8 [groups][group / 4][16 rows][4 inputs] bytes;
 *             int4 [groups][group / 8][16 rows][4] bytes: inputs 8j...8j + 3 in low nibbles, 8j + 4...8j + 7 in high;
 *     numbers int8 [groups][16 rows] bytes: scales;
 *             int4 [groups][2][16 rows] bytes: scales, then minima (with sign);
 *   zeros up to a multiple of 64 bytes.
 * Inputs past K and rows past N have code 128 (int8) or 0 (int4); such rows' units are 0. At 2048 inputs and group 32
 * that makes 8.27 and 4.52 bits a weight.
 *
 * Kept panels hold codes 0...255 or 0...15 as a checkpoint stores them, and its numbers of each row and group. Scales
 * and minima are f16 or bf16, zero points and factors bytes:
 *   MOED_KEPT_MIDDLE  weight = scale * (code - 128), or scale * (code - 8);
 *   MOED_KEPT_ZERO    weight = scale * (code - zero);
 *   MOED_KEPT_MINIMUM weight = scale * code + minimum (4 bits, group 32, f16: Q4_1);
 *   MOED_KEPT_NESTED  weight = scale * factor * code - minimum * factor of the minimum, where eight groups share scale
 *                     and minimum (4 bits, group 32, f16: Q4_K).
 * They are blocks of two, four, one and eight groups; the last may have fewer codes, and has room for all numbers:
 *   codes   as above;
 *   numbers middle  [2 groups][16 rows] scales;
 *           zero    [4 groups]: [16 rows] scales, then [16 rows] zeros;
 *           minimum [16 rows] scales, then [16 rows] minima;
 *           nested  [16 rows] scales, then [16 rows] minima, then [8 groups][2][16 rows] factors.
 * Rows past N have numbers 0. At group 32 and 4 bits that makes 4.5, 4.75, 5 and 4.625 bits a weight.
 */
#ifndef MOED_KERNELS_H
#define MOED_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Outputs per weight panel; lanes of a vector. */
enum { MOED_PANEL = 16 };
/* Largest quant group: inputs that share a scale. */
enum { MOED_GROUP_MAX = 128 };
/* Units in a step of int4's minima: on bell-shaped weights they then need no larger unit than the scales. */
enum { MOED_MINIMUM_UNITS = 16 };
/* Tokens per KV block, counted from position 0 of a sequence. */
enum { MOED_KV_BLOCK = 32 };
/* Elements of a key that share a scale as int8. */
enum { MOED_KV_GROUP = 32 };
/* Largest head size that attention has room for. */
enum { MOED_HEAD_DIM_MAX = 256 };

/* out[o(r)][n] = sum over k of x[i(r)][k] * w[n][k], one fma chain in ascending k for each output,
 * for r in 0..<rows and the outputs n of panels panel_begin..<panel_end;
 * i(r) = x_rows ? x_rows[r] : r and o(r) = out_rows ? out_rows[r] : r. */
typedef struct moed_matmul {
    float *_Nonnull out;
    size_t out_stride;
    const int32_t *_Nullable out_rows;
    const float *_Nonnull x;
    size_t x_stride;
    const int32_t *_Nullable x_rows;
    size_t rows;
    const void *_Nonnull weights; /* panels of [inputs][16] bf16 or f32 */
    size_t inputs;                /* K */
    size_t outputs;               /* N: columns beyond it are not written */
    size_t panel_begin;
    size_t panel_end;
} moed_matmul;

/* How a stream of quantised weights is fetched ahead of its use. It changes times, never results.
 * Tiles of one or two rows wait for the memory alone; wider ones compute while it is read. */
typedef struct moed_fetch {
    int32_t few_level;  /* cache level, 1 or 2, that tiles of one or two rows fetch into; 0: none */
    int32_t few_bytes;  /* and how far ahead */
    int32_t many_level; /* the same for wider tiles */
    int32_t many_bytes;
    int32_t row_bytes;  /* added to many_bytes for each row of a wider tile */
} moed_fetch;

/* As moed_matmul, of quantised weights and activation rows. Within each quant group the products of codes are summed
 * as integers; each output is then one fma chain over the groups, in ascending order:
 * int8: out = fma(scale of w * sum, scale of x, out), sum = sum over k of x[k] * (w[k] - 128);
 * int4: the same with w[k], then out = fma(minimum, 16 * scale of x * sum of x, out);
 * and at the end out = unit * out. */
typedef struct moed_matmul_quantised {
    float *_Nonnull out;
    size_t out_stride;
    const int32_t *_Nullable out_rows;
    const void *_Nonnull x;       /* rows made by quantise_row */
    size_t x_stride;              /* bytes */
    const int32_t *_Nullable x_rows;
    size_t rows;
    const void *_Nonnull weights; /* int8 or int4 panels */
    size_t inputs;
    size_t outputs;
    size_t quant_group;           /* 32, 64 or 128; of weights and x */
    size_t panel_begin;
    size_t panel_end;
    moed_fetch fetch;
} moed_matmul_quantised;

/* Formats of keys and values. A head's place in a block holds K^T [head_dim][32], then V [32][head_dim rounded
 * up to 16]. With MOED_KV_INT8 attention multiplies codes of -127...127. The place then holds, one after the other:
 *   keys    [head_dim / 4][32 tokens][4 elements], codes plus 128
 *   values  [head_dim / 16][8 quads of tokens][16 elements][4 tokens], codes
 *   scales  f32: of keys [head_dim / 32][32 tokens], of values [32 tokens]
 * Quotients are rounded up; what pads the values may be anything. */
enum { MOED_KV_F32 = 0, MOED_KV_F16 = 1, MOED_KV_INT8 = 2 };

/* Formats of a kept panel's scales. */
enum { MOED_SCALES_F16 = 0, MOED_SCALES_BF16 = 1 };
/* What a kept panel's codes count from; see above. */
enum { MOED_KEPT_MIDDLE = 0, MOED_KEPT_ZERO = 1, MOED_KEPT_MINIMUM = 2, MOED_KEPT_NESTED = 3 };
/* Groups that share scale and minimum of a nested form. */
enum { MOED_NESTED_GROUPS = 8 };

/* The form of a kept panel. */
typedef struct moed_kept_form {
    int32_t bits;   /* 4 or 8 */
    int32_t scales; /* MOED_SCALES_... */
    int32_t offset; /* MOED_KEPT_... */
} moed_kept_form;

/* A checkpoint's numbers of some rows: [rows][groups], in nested forms [rows][groups / 8] scales and minima. */
typedef struct moed_kept_numbers {
    uint16_t *_Nonnull scales;
    uint16_t *_Nullable minima; /* of minimum and nested forms */
    uint8_t *_Nullable small;   /* zeros; of nested forms [rows][groups][2], factors of scale and minimum */
} moed_kept_numbers;

/* Causal attention of `rows` consecutive tokens of one sequence over one key/value head. */
typedef struct moed_attention {
    float *_Nonnull out;        /* [rows] x stride, `head_group` heads of head_dim each */
    const float *_Nonnull q;    /* as out */
    size_t stride;
    size_t rows;
    size_t head_group;          /* query heads that share this key/value head */
    size_t head_dim;
    const void *_Nonnull kv;    /* this layer and head in block 0, see moed_kv_head_bytes */
    size_t block_stride;        /* bytes */
    int32_t format;
    const uint32_t *_Nonnull blocks; /* the sequence's blocks in order */
    size_t first_position;      /* of the first row; row r sees positions 0...first_position + r */
    float scale;
} moed_attention;

typedef struct moed_kernels {
    const char *_Nonnull name;

    void (*_Nonnull matmul_bf16)(const moed_matmul *_Nonnull job);
    void (*_Nonnull matmul_f32)(const moed_matmul *_Nonnull job);

    /* As matmul_f32, but each sum is added to what out holds: one fma chain from zero, then one addition. For the few
     * inputs of an adapter's second product. */
    void (*_Nonnull low_rank_add)(const moed_matmul *_Nonnull job);

    /* Activations x [columns] as int8 with a scale per quant group, for matmul_int8 and matmul_int4; out has
     * moed_activation_bytes(columns, group) bytes and is aligned to 4. Does columns begin..<end, both multiples
     * of the group unless end is columns: parts of a row may be made by different threads. */
    void (*_Nonnull quantise_row)(
        void *_Nonnull out, const float *_Nonnull x, size_t columns, size_t group, size_t begin, size_t end);
    void (*_Nonnull matmul_int8)(const moed_matmul_quantised *_Nonnull job);
    void (*_Nonnull matmul_int4)(const moed_matmul_quantised *_Nonnull job);

    /* The same of kept panels: out = fma(scale of w * sum, scale of x, out), sum = sum over k of x[k] * (w[k] - zero),
     * zero 0 in forms with minima; in these then out = fma(minimum, scale of x * sum of x, out). */
    void (*_Nonnull matmul_kept)(const moed_matmul_quantised *_Nonnull job, moed_kept_form form);

    /* out[r] = x[r] / sqrt(mean(x[r]^2) + epsilon) * weight; x, out [rows][columns], out may be x. */
    void (*_Nonnull rms_norm)(
        float *_Nonnull out, size_t out_stride, const float *_Nonnull x, size_t x_stride,
        const float *_Nonnull weight, size_t rows, size_t columns, float epsilon);

    /* Rotates the pairs (i, i + head_dim / 2) of each head in place; x [heads][head_dim],
     * cosine and sine [head_dim / 2]. */
    void (*_Nonnull rope)(
        float *_Nonnull x, const float *_Nonnull cosine, const float *_Nonnull sine, size_t heads,
        size_t head_dim);

    /* gate = silu(gate) * up for columns begin..<end of rows [rows] x stride. */
    void (*_Nonnull silu_mul)(
        float *_Nonnull gate, const float *_Nonnull up, size_t stride, size_t rows, size_t begin, size_t end);

    /* Softmax over logits [experts], the k most probable in falling order (ties: lower id first) to ids and
     * weights [k], divided by their sum when renormalise is not 0. k <= experts. */
    void (*_Nonnull route)(
        int32_t *_Nonnull ids, float *_Nonnull weights, float *_Nonnull logits, size_t experts, size_t k,
        int renormalise);

    /* out[n] = sum over j of weights[j] * y[j][n], one fma chain in ascending j; y [k] x stride. */
    void (*_Nonnull combine)(
        float *_Nonnull out, const float *_Nonnull y, size_t stride, const float *_Nonnull weights, size_t k,
        size_t columns);

    /* x[n] += delta[n] */
    void (*_Nonnull add)(float *_Nonnull x, const float *_Nonnull delta, size_t columns);

    /* Puts key and value [head_dim] of one token at its position (0..<32) in a head's block. Returns the number of
     * finite elements that the format's range clamped. */
    size_t (*_Nonnull kv_store)(
        void *_Nonnull block, int32_t format, size_t position, const float *_Nonnull key,
        const float *_Nonnull value, size_t head_dim);

    void (*_Nonnull attention)(const moed_attention *_Nonnull job);

    /* See moed_quantise_panel. */
    void (*_Nonnull quantise_int8)(
        void *_Nonnull panel, const float *_Nonnull source, size_t rows, size_t columns, size_t group);
    void (*_Nonnull quantise_int4)(
        void *_Nonnull panel, const float *_Nonnull source, size_t rows, size_t columns, size_t group);
} moed_kernels;

/* The kernels called `name` ("scalar", "avx2", "avx512"), or the fastest that this processor runs when name
 * is null. Null when there are none of that name or the processor lacks their instructions. */
const moed_kernels *_Nullable moed_kernels_select(const char *_Nullable name);

/* Bytes of one head in a KV block. */
size_t moed_kv_head_bytes(int32_t format, size_t head_dim);

/* Packs `rows` (at most 16) source rows of `columns` elements into one panel; missing rows become zeros.
 * Returns the index of the first element that is infinite or not a number, or -1. */
ptrdiff_t moed_pack_bf16(
    uint16_t *_Nonnull panel, const uint16_t *_Nonnull source, size_t rows, size_t columns);
ptrdiff_t moed_pack_f32(float *_Nonnull panel, const float *_Nonnull source, size_t rows, size_t columns);

/* Bytes of a quantised panel; bits are 4 or 8, the quant group is 32, 64 or 128. */
size_t moed_panel_bytes(int bits, size_t columns, size_t group);

/* Where a quant group's numbers lie in a quantised panel, in bytes from its start. */
typedef struct moed_group_place {
    size_t codes;  /* bits * group * 2 bytes */
    size_t scales; /* 16 bytes; of int4 16 minima follow */
} moed_group_place;

/* The place of quant group `index` of a panel of `columns` inputs. */
moed_group_place moed_group_at(int bits, size_t columns, size_t group, size_t index);

/* Bytes of one quantised activation row, a multiple of 64. */
size_t moed_activation_bytes(size_t columns, size_t group);

/* Quantises `rows` (at most 16) rows of `columns` floats into one panel, looking for the unit of each row, and the
 * scale (and minimum) of each row and group with the smallest squared error. Gives the same bytes on every processor.
 * Returns the index of the first element that is not a number or larger than 2^60 (so that sums
 * of squares stay finite), or -1; the panel is then
 * not written. */
ptrdiff_t moed_quantise_panel(
    void *_Nonnull panel, const float *_Nonnull source, size_t rows, size_t columns, int bits, size_t group);

/* One row (0..<16) of a quantised panel as floats, out [columns]: embeddings, error reports. */
void moed_dequantise_row(
    float *_Nonnull out, const void *_Nonnull panel, size_t row, size_t columns, int bits, size_t group);

/* Bytes of a kept panel. */
size_t moed_kept_panel_bytes(moed_kept_form form, size_t columns, size_t group);

/* Makes a kept panel of `rows` (at most 16) rows: codes [rows][columns], a byte each. */
void moed_keep_panel(
    void *_Nonnull panel, moed_kept_form form, const uint8_t *_Nonnull codes, const moed_kept_numbers *_Nonnull numbers,
    size_t rows, size_t columns, size_t group);

/* One row (0..<16) of a kept panel as it was given: codes [columns], and its numbers, which are written. */
void moed_kept_row(
    uint8_t *_Nonnull codes, const moed_kept_numbers *_Nonnull numbers, const void *_Nonnull panel, moed_kept_form form,
    size_t row, size_t columns, size_t group);

/* One row (0..<16) of a kept panel as floats, out [columns]. */
void moed_dequantise_kept_row(
    float *_Nonnull out, const void *_Nonnull panel, moed_kept_form form, size_t row, size_t columns, size_t group);

/* The first index in begin..<count with x above the threshold, or count. What is not a number is above nothing. */
size_t moed_first_above(const float *_Nonnull x, size_t begin, size_t count, float threshold);

/* 1 unless some x is infinite or not a number. */
int moed_all_finite(const float *_Nonnull x, size_t count);

/* The sum of e^((x - top) / temperature) over all x that are numbers, top >= x, temperature > 0. Its relative error is
   below 1e-10. The order of summation differs from that of sorted values. */
double moed_sum_of_exponentials(const float *_Nonnull x, size_t count, float top, double temperature);

/* out[i] = source[i * stride] as f32; stride 16 reads one row out of a panel. */
void moed_widen_bf16(float *_Nonnull out, const uint16_t *_Nonnull source, size_t stride, size_t count);
void moed_widen_f32(float *_Nonnull out, const float *_Nonnull source, size_t stride, size_t count);

#endif
