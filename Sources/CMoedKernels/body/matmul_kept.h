/* Matrix product of panels that hold codes and scales as a checkpoint stores them (moed_kernels.h, "kept panels").
 *
 * As in matmul_quantised.h, of which it takes the dot products: within a group the products of codes are added
 * exactly, and each output takes one fma per group, groups ascending. There is no unit at the end. */

INLINE f32x16 kept_scales(const int scales, const uint8_t *source) {
    if (scales == MOED_SCALES_F16) return widen_halves((const uint16_t *)(const void *)source);
    u16x16 half;
    memcpy(&half, source, sizeof half);
    return (f32x16)(__builtin_convertvector(half, u32x16) << 16);
}

/* What the dot products of a group start from: codes are stored with 128 or 8 added to them. */
INLINE i32x16 kept_start(const int bits, const uint8_t *numbers) {
    int32_t offset = (int32_t)load_quad(numbers + offsetof(group_numbers, offset));
    return bits == 8 ? dot_start(offset) : splat_int(offset / 16);
}

INLINE void kept_tile(
    const int R, const int bits, const int scales, const size_t group, const moed_matmul_quantised *job, size_t panel,
    size_t row) {
    const size_t K = job->inputs, groups = (K + group - 1) / group;
    const size_t code_bytes = moed_codes_bytes(bits, group);
    const size_t panel_bytes = moed_kept_panel_bytes(bits, K, group);
    const int level = fetch_level(R, job);
    const size_t ahead = fetch_ahead(R, job);
    const uint8_t *codes = (const uint8_t *)job->weights + panel * panel_bytes;
    const uint8_t *x[QUANTISED_STREAM_ROWS];
    f32x16 sum[QUANTISED_STREAM_ROWS];
    UNROLL for (int r = 0; r < R; r++) {
        x[r] = (const uint8_t *)job->x + indexed(job->x_rows, row + r) * job->x_stride;
        sum[r] = splat(0);
    }
    for (size_t g = 0, at = 0; g < groups;) {
        const size_t here = groups - g < MOED_KEPT_TOGETHER ? groups - g : MOED_KEPT_TOGETHER;
        const uint8_t *numbers = codes + here * code_bytes;
        fetch_stream(numbers + ahead, 64, level);
        for (size_t i = 0; i < here; i++, g++) {
            i32x16 dot[QUANTISED_PANELS][QUANTISED_STREAM_ROWS];
            fetch_stream(codes + ahead, code_bytes, level);
            UNROLL for (int r = 0; r < R; r++) dot[0][r] = kept_start(bits, x[r] + at + group);
            group_dots(1, R, bits, group, dot, codes, panel_bytes, x, at);
            f32x16 scale = kept_scales(scales, numbers);
            UNROLL for (int r = 0; r < R; r++) {
                float own = load_float(x[r] + at + group + offsetof(group_numbers, scale));
                sum[r] = fma16(__builtin_convertvector(dot[0][r], f32x16) * scale, splat(own), sum[r]);
            }
            codes += code_bytes;
            numbers += MOED_KEPT_SCALE_BYTES;
            at += group + sizeof(group_numbers);
        }
        codes += MOED_KEPT_TOGETHER * MOED_KEPT_SCALE_BYTES;
    }
    UNROLL for (int r = 0; r < R; r++) {
        float *out = job->out + indexed(job->out_rows, row + r) * job->out_stride;
        size_t column = panel * MOED_PANEL;
        store_part(out + column, sum[r], job->outputs - column);
    }
}

#define KEPT_TILE(R) case R: kept_tile(R, bits, scales, group, job, panel, row); break;

/* All rows on one panel, in register tiles of nearly equal size, while the panel is in the cache. */
INLINE void kept_panel(
    const int bits, const int scales, const size_t group, const moed_matmul_quantised *job, size_t panel) {
    size_t most = QUANTISED_STREAM_ROWS, tiles = (job->rows + most - 1) / most, row = 0;
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t end = (tile + 1) * job->rows / tiles;
        switch (end - row) {
            KEPT_TILE(1) KEPT_TILE(2)
#if QUANTISED_STREAM_ROWS > 2
            KEPT_TILE(3) KEPT_TILE(4)
#endif
#if QUANTISED_STREAM_ROWS > 4
            KEPT_TILE(5) KEPT_TILE(6)
#endif
#if QUANTISED_STREAM_ROWS > 6
            KEPT_TILE(7) KEPT_TILE(8) KEPT_TILE(9) KEPT_TILE(10) KEPT_TILE(11) KEPT_TILE(12)
#endif
        }
        row = end;
    }
}

INLINE void kept_group(const int bits, const int scales, const size_t group, const moed_matmul_quantised *job) {
    for (size_t panel = job->panel_begin; panel < job->panel_end; panel++) kept_panel(bits, scales, group, job, panel);
}

INLINE void kept(const int bits, const int scales, const moed_matmul_quantised *job) {
    switch (job->quant_group) {
        case 32: kept_group(bits, scales, 32, job); break;
        case 64: kept_group(bits, scales, 64, job); break;
        default: kept_group(bits, scales, 128, job); break;
    }
}

static void matmul_kept(const moed_matmul_quantised *job, int bits, int scales) {
    if (bits == 8) {
        if (scales == MOED_SCALES_F16) kept(8, MOED_SCALES_F16, job);
        else kept(8, MOED_SCALES_BF16, job);
    } else {
        if (scales == MOED_SCALES_F16) kept(4, MOED_SCALES_F16, job);
        else kept(4, MOED_SCALES_BF16, job);
    }
}
