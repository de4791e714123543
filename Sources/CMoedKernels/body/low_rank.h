/* The second product of a low-rank change: out += B z.
 *
 * Each output's sum is one fma chain from zero in ascending k, then one addition: neither the rows beside it nor the
 * panels taken together change a bit. */

enum { LOW_RANK_PANELS = 4 };

INLINE void low_rank_panels(const int P, const moed_matmul *job, size_t panel, const float *z, float *out) {
    const float *weights = job->weights;
    const size_t K = job->inputs;
    f32x16 sum[LOW_RANK_PANELS];
    UNROLL for (int p = 0; p < P; p++) sum[p] = splat(0);
    for (size_t k = 0; k < K; k++) {
        f32x16 value = splat(z[k]);
        UNROLL for (int p = 0; p < P; p++)
            sum[p] = fma16(value, load(weights + ((panel + p) * K + k) * MOED_PANEL), sum[p]);
    }
    UNROLL for (int p = 0; p < P; p++) {
        size_t column = (panel + p) * MOED_PANEL, count = job->outputs - column;
        store_part(out + column, load_part(out + column, count, 0) + sum[p], count);
    }
}

static void low_rank_add(const moed_matmul *job) {
    for (size_t row = 0; row < job->rows; row++) {
        const float *z = job->x + indexed(job->x_rows, row) * job->x_stride;
        float *out = job->out + indexed(job->out_rows, row) * job->out_stride;
        size_t panel = job->panel_begin;
        for (; panel + LOW_RANK_PANELS <= job->panel_end; panel += LOW_RANK_PANELS)
            low_rank_panels(LOW_RANK_PANELS, job, panel, z, out);
        for (; panel < job->panel_end; panel++) low_rank_panels(1, job, panel, z, out);
    }
}
