/* Matrix product over weight panels.
 *
 * A tile of P panels x R rows lives in registers; each of its P * R * 16 outputs is one fma chain in
 * ascending k. The tile's shape only decides how many independent chains are in flight, so it never changes a
 * result: one row alone gives the same bits as that row among hundreds. (A BLAS splits k by the shape of the
 * whole product and does not give that, which is why OpenBLAS is only the tests' oracle.) */

INLINE f32x16 weights_bf16(const void *weights, size_t index) {
    u16x16 half;
    memcpy(&half, (const uint16_t *)weights + index, sizeof half);
    return (f32x16)(__builtin_convertvector(half, u32x16) << 16);
}

INLINE f32x16 weights_f32(const void *weights, size_t index) { return load((const float *)weights + index); }

typedef f32x16 (*weight_loader)(const void *weights, size_t index);

/* The row that an index names, or the row itself where there is no index. */
INLINE size_t indexed(const int32_t *index, size_t row) { return index ? (size_t)index[row] : row; }

INLINE void matmul_tile(
    const int P, const int R, weight_loader weight, const moed_matmul *job, size_t panel, size_t row) {
    f32x16 sum[TILE_PANELS_MAX][TILE_ROWS_MAX];
    const float *x[TILE_ROWS_MAX];
    const size_t K = job->inputs;
    UNROLL for (int r = 0; r < R; r++) {
        x[r] = job->x + indexed(job->x_rows, row + r) * job->x_stride;
        UNROLL for (int p = 0; p < P; p++) sum[p][r] = splat(0);
    }
    for (size_t k = 0; k < K; k++) {
        f32x16 w[TILE_PANELS_MAX];
        UNROLL for (int p = 0; p < P; p++) w[p] = weight(job->weights, ((panel + p) * K + k) * MOED_PANEL);
        UNROLL for (int r = 0; r < R; r++) {
            f32x16 value = splat(x[r][k]);
            UNROLL for (int p = 0; p < P; p++) sum[p][r] = fma16(value, w[p], sum[p][r]);
        }
    }
    UNROLL for (int r = 0; r < R; r++) {
        float *out = job->out + indexed(job->out_rows, row + r) * job->out_stride;
        UNROLL for (int p = 0; p < P; p++) {
            size_t column = (panel + p) * MOED_PANEL;
            if (column + MOED_PANEL <= job->outputs) store(out + column, sum[p][r]);
            else store_part(out + column, sum[p][r], job->outputs - column);
        }
    }
}

/* Rows begin..<end, a multiple of R, over all panels of the job; P panels at a time, the rest one by one. */
INLINE void matmul_rows(
    const int P, const int R, weight_loader weight, const moed_matmul *job, size_t begin, size_t end) {
    size_t panel = job->panel_begin;
    for (; panel + P <= job->panel_end; panel += P)
        for (size_t row = begin; row < end; row += R) matmul_tile(P, R, weight, job, panel, row);
    for (; panel < job->panel_end; panel++)
        for (size_t row = begin; row < end; row += R) matmul_tile(1, R, weight, job, panel, row);
}

#define REST(R) case R: matmul_rows(TILE_PANELS(R), R, weight, job, whole, job->rows); break;

INLINE void matmul(weight_loader weight, const moed_matmul *job) {
    size_t whole = job->rows / TILE_ROWS_MAX * TILE_ROWS_MAX;
    if (whole > 0) matmul_rows(TILE_PANELS(TILE_ROWS_MAX), TILE_ROWS_MAX, weight, job, 0, whole);
    switch (job->rows - whole) {
        REST(1)
#if TILE_ROWS_MAX > 2
        REST(2)
#endif
#if TILE_ROWS_MAX > 3
        REST(3)
#endif
#if TILE_ROWS_MAX > 4
        REST(4) REST(5)
#endif
#if TILE_ROWS_MAX > 6
        REST(6) REST(7) REST(8) REST(9) REST(10) REST(11)
#endif
    }
}

static void matmul_bf16(const moed_matmul *job) { matmul(weights_bf16, job); }
static void matmul_f32(const moed_matmul *job) { matmul(weights_f32, job); }
