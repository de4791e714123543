/* Matrix product of quantised weight panels, moed's own and kept ones, with quantised activation rows.
 *
 * Within a group of inputs the products are added as 32-bit integers, exactly, so in any order. Each output then takes
 * one fma per group (with minima: two), groups ascending, and at the end its row's unit, if there are units: the same
 * chain in every tile and variant. The dot product of four inputs (dot_int8, dot_int4, dot_start) comes from the
 * variant's dot_*.h. What differs between forms of panels stands in panel_forms.h; a form is known when a kernel is
 * compiled. */

enum {
    /* The least group: int4 weights are summed in such parts. */
    FEW_INPUTS = 32,
    /* Rows of a tile that waits for the memory alone. */
    FETCH_ROWS_FEW = 2,
};

INLINE u32x16 load_codes(const uint8_t *source) {
    u32x16 codes;
    memcpy(&codes, source, sizeof codes);
    return codes;
}

INLINE uint32_t load_quad(const uint8_t *source) {
    uint32_t quad;
    memcpy(&quad, source, sizeof quad);
    return quad;
}

INLINE float load_float(const uint8_t *source) {
    float value;
    memcpy(&value, source, sizeof value);
    return value;
}

/* FEW_INPUTS of int4 weights, as group_dots. */
INLINE void few_dots(
    const int P, const int R, i32x16 few[QUANTISED_PANELS][QUANTISED_STREAM_ROWS], const uint8_t *codes,
    size_t panel_bytes, const uint8_t *const *x, size_t at) {
    UNROLL_STEPS for (size_t k = 0; k < FEW_INPUTS; k += 8) {
        u32x16 low[QUANTISED_PANELS], high[QUANTISED_PANELS];
        UNROLL for (int p = 0; p < P; p++) {
            u32x16 pair = load_codes(codes + p * panel_bytes + k * (MOED_PANEL / 2));
            low[p] = pair & 0x0f0f0f0f;
            high[p] = pair >> 4 & 0x0f0f0f0f;
        }
        UNROLL for (int r = 0; r < R; r++) {
            uint32_t quad = load_quad(x[r] + at + k), next = load_quad(x[r] + at + k + 4);
            UNROLL for (int p = 0; p < P; p++) {
                few[p][r] = dot_int4(few[p][r], low[p], quad);
                few[p][r] = dot_int4(few[p][r], high[p], next);
            }
        }
    }
}

/* One group: the exact dot products of P panels' codes with R rows. */
INLINE void group_dots(
    const int P, const int R, const int bits, const size_t group,
    i32x16 dot[QUANTISED_PANELS][QUANTISED_STREAM_ROWS], const uint8_t *codes, size_t panel_bytes,
    const uint8_t *const *x, size_t at) {
    if (bits == 8) {
        for (size_t first = 0; first < group; first += FEW_INPUTS) {
            UNROLL_STEPS for (size_t k = first; k < first + FEW_INPUTS; k += 4) {
                u32x16 w[QUANTISED_PANELS];
                UNROLL for (int p = 0; p < P; p++) w[p] = load_codes(codes + p * panel_bytes + k * MOED_PANEL);
                UNROLL for (int r = 0; r < R; r++) {
                    uint32_t quad = load_quad(x[r] + at + k);
                    UNROLL for (int p = 0; p < P; p++) dot[p][r] = dot_int8(dot[p][r], w[p], quad);
                }
            }
        }
        return;
    }
    for (size_t k = 0; k < group; k += FEW_INPUTS) {
        i32x16 few[QUANTISED_PANELS][QUANTISED_STREAM_ROWS];
        UNROLL for (int r = 0; r < R; r++)
            UNROLL for (int p = 0; p < P; p++) few[p][r] = few_start(dot[p][r]);
        few_dots(P, R, few, codes + k * (MOED_PANEL / 2), panel_bytes, x, at + k);
        UNROLL for (int r = 0; r < R; r++)
            UNROLL for (int p = 0; p < P; p++) dot[p][r] = few_end(dot[p][r], few[p][r]);
    }
}

/* A group's part of the sums of P panels and R rows, whose records of it are `at` bytes from their start. */
INLINE void add_group(
    const int P, const int R, const moed_kept_form form, const size_t group,
    f32x16 sum[QUANTISED_PANELS][QUANTISED_STREAM_ROWS], const uint8_t *codes, const uint8_t *head,
    const uint8_t *record, size_t panel_bytes, const uint8_t *const *x, size_t at) {
    const size_t of = at + group;
    i32x16 dot[QUANTISED_PANELS][QUANTISED_STREAM_ROWS];
    UNROLL for (int p = 0; p < P; p++) {
        i32x16 zero = form_zeros(form, record + p * panel_bytes);
        UNROLL for (int r = 0; r < R; r++)
            dot[p][r] = form_start(form, zero, (int32_t)load_quad(x[r] + of + offsetof(group_numbers, offset)));
    }
    group_dots(P, R, form.bits, group, dot, codes, panel_bytes, x, at);
    UNROLL for (int p = 0; p < P; p++, head += panel_bytes, record += panel_bytes) {
        f32x16 scale = form_scales(form, head, record);
        UNROLL for (int r = 0; r < R; r++) {
            f32x16 total = __builtin_convertvector(dot[p][r], f32x16) * scale;
            sum[p][r] = fma16(total, splat(load_float(x[r] + of + offsetof(group_numbers, scale))), sum[p][r]);
        }
        if (!form_has_minima(form)) continue;
        f32x16 minimum = form_minima(form, head, record);
        UNROLL for (int r = 0; r < R; r++)
            sum[p][r] = fma16(minimum, splat(load_float(x[r] + of + offsetof(group_numbers, sum))), sum[p][r]);
    }
}

/* What is read later is fetched while there is arithmetic to do, since otherwise memory and arithmetic take turns:
 * always in rising order, which the hardware sees and goes on with. Gives the first line that is not fetched yet. */
INLINE size_t fetch(const uint8_t *from, size_t line, size_t end) {
    for (; line < end; line += 64) __builtin_prefetch(from + line);
    return line;
}

/* As fetch, of `bytes` bytes into the cache of that level. */
INLINE void fetch_stream(const uint8_t *from, size_t bytes, int level) {
    if (level == 2)
        for (size_t line = 0; line < bytes; line += 64) __builtin_prefetch(from + line, 0, 2);
    else if (level == 1)
        for (size_t line = 0; line < bytes; line += 64) __builtin_prefetch(from + line, 0, 3);
}

INLINE int fetch_level(const int R, const moed_matmul_quantised *job) {
    return R <= FETCH_ROWS_FEW ? job->fetch.few_level : job->fetch.many_level;
}

INLINE size_t fetch_ahead(const int R, const moed_matmul_quantised *job) {
    return (size_t)(R <= FETCH_ROWS_FEW ? job->fetch.few_bytes : job->fetch.many_bytes + R * job->fetch.row_bytes);
}

/* All groups of P panels for R rows, block by block. A single panel is part of one stream with those behind it, of
 * which what comes `ahead` later is fetched; of several the next P panels, of which each of the `turns` tiles that
 * share these fetches its part (`turn`), as much with each group. */
INLINE void quantised_tile(
    const int P, const int R, const moed_kept_form form, const size_t group, const moed_matmul_quantised *job,
    size_t panel, size_t row, size_t turn, size_t turns) {
    const size_t K = job->inputs, groups = (K + group - 1) / group;
    const size_t panel_bytes = moed_form_bytes(form, K, group), code_bytes = moed_codes_bytes(form.bits, group);
    const size_t together = moed_block_groups(form), record_bytes = moed_record_bytes(form);
    const size_t head_bytes = moed_head_bytes(form);
    const int level = fetch_level(R, job);
    const size_t ahead = fetch_ahead(R, job);
    const uint8_t *units = (const uint8_t *)job->weights + panel * panel_bytes, *codes = units + moed_units_bytes(form);
    const uint8_t *x[QUANTISED_STREAM_ROWS];
    f32x16 sum[QUANTISED_PANELS][QUANTISED_STREAM_ROWS];
    UNROLL for (int r = 0; r < R; r++) {
        x[r] = (const uint8_t *)job->x + indexed(job->x_rows, row + r) * job->x_stride;
        UNROLL for (int p = 0; p < P; p++) sum[p][r] = splat(0);
    }
    const size_t share = P * panel_bytes / turns, step = share / groups;
    const uint8_t *next = units + P * panel_bytes + turn * share;
    for (size_t g = 0, at = 0, fetched = 0; g < groups;) {
        const size_t here = groups - g < together ? groups - g : together;
        const uint8_t *head = codes + here * code_bytes, *record = head + head_bytes;
        if (P == 1) fetch_stream(head + ahead, head_bytes + together * record_bytes, level);
        for (size_t i = 0; i < here; i++, g++) {
            if (P == 1) fetch_stream(codes + ahead, code_bytes, level);
            else fetched = fetch(next, fetched, (g + 1) * step);
            add_group(P, R, form, group, sum, codes, head, record, panel_bytes, x, at);
            codes += code_bytes;
            record += record_bytes;
            at += group + sizeof(group_numbers);
        }
        codes = record;
    }
    UNROLL for (int r = 0; r < R; r++) {
        float *out = job->out + indexed(job->out_rows, row + r) * job->out_stride;
        UNROLL for (int p = 0; p < P; p++) {
            size_t column = (panel + p) * MOED_PANEL;
            f32x16 total = sum[p][r];
            if (form.offset == MOED_OWN) total = total * load((const float *)(units + p * panel_bytes));
            if (column + MOED_PANEL <= job->outputs) store(out + column, total);
            else store_part(out + column, total, job->outputs - column);
        }
    }
}

#define QUANTISED_TILE(R) \
    case R: quantised_tile(P, R, form, group, job, panel, row, tile, tiles); break;
#define STREAM_TILE(R) \
    case R: if (P == 1) quantised_tile(1, R, form, group, job, panel, row, tile, tiles); break;

/* All rows on P panels, in register tiles of nearly equal size, while the panels are in the cache: one tile if it can
 * be; else for few rows the widest tile saves a pass, and of many QUANTISED_ROWS_MANY is the fastest. */
INLINE void quantised_panels(
    const int P, const moed_kept_form form, const size_t group, const moed_matmul_quantised *job, size_t panel) {
    size_t most = job->rows <= QUANTISED_STREAM_ROWS      ? QUANTISED_STREAM_ROWS
                  : job->rows <= 2 * QUANTISED_ROWS_MAX ? QUANTISED_ROWS_MAX
                                                        : QUANTISED_ROWS_MANY;
    size_t tiles = (job->rows + most - 1) / most, row = 0;
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t end = (tile + 1) * job->rows / tiles;
        switch (end - row) {
            QUANTISED_TILE(1) QUANTISED_TILE(2)
#if QUANTISED_ROWS_MAX > 2
            QUANTISED_TILE(3) QUANTISED_TILE(4)
#endif
#if QUANTISED_ROWS_MAX > 4
            QUANTISED_TILE(5) QUANTISED_TILE(6)
#endif
#if QUANTISED_STREAM_ROWS > 6
            STREAM_TILE(7) STREAM_TILE(8) STREAM_TILE(9) STREAM_TILE(10) STREAM_TILE(11) STREAM_TILE(12)
#endif
        }
        row = end;
    }
}

INLINE void quantised_group(const moed_kept_form form, const size_t group, const moed_matmul_quantised *job) {
    size_t panel = job->panel_begin;
    /* For few rows the memory is what limits: it is fastest when read once, as one stream. */
    if (job->rows > QUANTISED_STREAM_ROWS)
        for (; panel + QUANTISED_PANELS <= job->panel_end; panel += QUANTISED_PANELS)
            quantised_panels(QUANTISED_PANELS, form, group, job, panel);
    for (; panel < job->panel_end; panel++) quantised_panels(1, form, group, job, panel);
}

INLINE void quantised(const moed_kept_form form, const moed_matmul_quantised *job) {
    switch (job->quant_group) {
        case 32: quantised_group(form, 32, job); break;
        case 64: quantised_group(form, 64, job); break;
        default: quantised_group(form, 128, job); break;
    }
}

static void matmul_int8(const moed_matmul_quantised *job) { quantised(moed_own_form(8), job); }
static void matmul_int4(const moed_matmul_quantised *job) { quantised(moed_own_form(4), job); }

/* Kept forms take group and scales as they come: compiled for each, they would make most of the library. */
#define KEPT(BITS, OFFSET) \
    if (form.bits == BITS && form.offset == OFFSET) { \
        quantised_group((moed_kept_form){BITS, form.scales, OFFSET}, job->quant_group, job); \
        return; \
    }

static void matmul_kept(const moed_matmul_quantised *job, moed_kept_form form) {
    KEPT(4, MOED_KEPT_MIDDLE)
    KEPT(8, MOED_KEPT_MIDDLE)
    KEPT(4, MOED_KEPT_ZERO)
    KEPT(8, MOED_KEPT_ZERO)
    KEPT(4, MOED_KEPT_MINIMUM)
    KEPT(4, MOED_KEPT_NESTED)
}
