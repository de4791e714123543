/* Attention of query vectors over KV blocks with a running softmax.
 *
 * Blocks hold 32 tokens counted from position 0 and are combined in order, so a row's result depends on its
 * own history alone: not on how the prompt was cut, nor on the rows beside it. Scores run over 32 tokens at
 * once (keys are stored transposed); places after the row's own position are left out, whatever they hold. */

enum { ATTENTION_QUERIES = 32 };

typedef struct query {
    const float *q;
    float *out;
    size_t seen; /* tokens visible to it */
    float top;   /* largest score so far */
    float total; /* sum of e^(score - top) so far */
} query;

/* sum[d] = sum[d] * fade + chain over t of p[t] * v[t][d], for C vectors of 16 d. */
INLINE void add_values(
    const int C, float *sum, float fade, const float *p, size_t tokens, const float *v, size_t stride) {
    f32x16 total[8];
    UNROLL for (int c = 0; c < C; c++) total[c] = load(sum + c * MOED_PANEL) * splat(fade);
    for (size_t t = 0; t < tokens; t++) {
        f32x16 weight = splat(p[t]);
        const float *value = v + t * stride;
        UNROLL for (int c = 0; c < C; c++) total[c] = fma16(weight, load(value + c * MOED_PANEL), total[c]);
    }
    UNROLL for (int c = 0; c < C; c++) store(sum + c * MOED_PANEL, total[c]);
}

/* One block's share of one query: `tokens` of its 32 places are visible. */
INLINE void add_block(
    query *to, float *sum, f32x16 low, f32x16 high, size_t tokens, const float *v, size_t width) {
    static const float index[MOED_KV_BLOCK] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                               11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                               22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    f32x16 end = splat((float)tokens), nothing = splat(-INFINITY);
    low = select16(load(index) < end, low, nothing);
    high = select16(load(index + 16) < end, high, nothing);
    float top = max_lanes(max16(low, high));
    if (!(top > to->top)) top = to->top;
    float fade = exp1(to->top - top);
    low = exp16(low - splat(top));
    high = exp16(high - splat(top));
    to->total = to->total * fade + sum_lanes(low + high);
    to->top = top;
    float p[MOED_KV_BLOCK];
    store(p, low);
    store(p + 16, high);
    size_t d = 0;
    for (; d + 128 <= width; d += 128) add_values(8, sum + d, fade, p, tokens, v + d, width);
    for (; d + 32 <= width; d += 32) add_values(2, sum + d, fade, p, tokens, v + d, width);
    for (; d < width; d += 16) add_values(1, sum + d, fade, p, tokens, v + d, width);
}

/* One block's share of R queries. */
INLINE void attend(
    const int R, query *queries, float *sums, kv_floats block, size_t start, const moed_attention *job) {
    size_t width = padded(job->head_dim);
    f32x16 low[ATTENTION_TILE], high[ATTENTION_TILE];
    UNROLL for (int r = 0; r < R; r++) low[r] = high[r] = splat(0);
    for (size_t d = 0; d < job->head_dim; d++) {
        const float *keys = block.keys + d * MOED_KV_BLOCK;
        f32x16 first = load(keys), second = load(keys + 16);
        UNROLL for (int r = 0; r < R; r++) {
            f32x16 value = splat(queries[r].q[d]);
            low[r] = fma16(value, first, low[r]);
            high[r] = fma16(value, second, high[r]);
        }
    }
    f32x16 scale = splat(job->scale);
    UNROLL for (int r = 0; r < R; r++) {
        if (queries[r].seen <= start) continue;
        size_t tokens = queries[r].seen - start;
        if (tokens > MOED_KV_BLOCK) tokens = MOED_KV_BLOCK;
        add_block(
            &queries[r], sums + (size_t)r * width, low[r] * scale, high[r] * scale, tokens, block.values, width);
    }
}

/* All blocks for queries first..<first + count, of which there are at most ATTENTION_QUERIES: a block is
 * widened once for all of them, and used while it is in the nearest cache. */
static void attend_queries(const moed_attention *job, size_t first, size_t count) {
    size_t width = padded(job->head_dim);
    query queries[ATTENTION_QUERIES];
    float sums[ATTENTION_QUERIES * MOED_HEAD_DIM_MAX];
    kv_scratch scratch;
    memset(sums, 0, count * width * sizeof *sums);
    for (size_t i = 0; i < count; i++) {
        size_t row = (first + i) / job->group, head = (first + i) % job->group;
        size_t offset = row * job->stride + head * job->head_dim;
        queries[i] = (query){job->q + offset, job->out + offset, job->first_position + row + 1, -INFINITY, 0};
    }
    size_t seen = queries[count - 1].seen; /* rows are in order: nobody sees more than the last */
    for (size_t start = 0; start < seen; start += MOED_KV_BLOCK) {
        size_t tokens = seen - start < MOED_KV_BLOCK ? seen - start : MOED_KV_BLOCK;
        const char *at = (const char *)job->kv + (size_t)job->blocks[start / MOED_KV_BLOCK] * job->block_stride;
        kv_floats block = widen_block(at, job->format, tokens, job->head_dim, &scratch);
        for (size_t i = 0, tile = ATTENTION_TILE; i < count; i += tile) {
            while (tile > count - i) tile /= 2;
            if (queries[i + tile - 1].seen <= start) continue;
            query *some = queries + i;
            float *to = sums + i * width;
            switch (tile) {
#if ATTENTION_TILE >= 8
                case 8: attend(8, some, to, block, start, job); break;
#endif
#if ATTENTION_TILE >= 4
                case 4: attend(4, some, to, block, start, job); break;
#endif
#if ATTENTION_TILE >= 2
                case 2: attend(2, some, to, block, start, job); break;
#endif
                default: attend(1, some, to, block, start, job); break;
            }
        }
    }
    for (size_t i = 0; i < count; i++)
        for (size_t d = 0; d < job->head_dim; d += MOED_PANEL)
            store_part(
                queries[i].out + d, load(sums + i * width + d) / splat(queries[i].total), job->head_dim - d);
}

static void attention(const moed_attention *job) {
    size_t count = job->rows * job->group;
    for (size_t done = 0; done < count; done += ATTENTION_QUERIES)
        attend_queries(job, done, count - done < ATTENTION_QUERIES ? count - done : ATTENTION_QUERIES);
}
