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

/* How one block changes a query's running sums. */
typedef struct block_share {
    float fade;     /* what the sums so far are multiplied with */
    size_t tokens;  /* places of the block that the query sees; 0: none */
    float p[MOED_KV_BLOCK];
} block_share;

/* The query's softmax goes on over one block's scores. */
INLINE void add_scores(query *to, block_share *share, f32x16 low, f32x16 high) {
    static const float index[MOED_KV_BLOCK] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                               11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                               22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    f32x16 end = splat((float)share->tokens), nothing = splat(-INFINITY);
    low = select16(load(index) < end, low, nothing);
    high = select16(load(index + 16) < end, high, nothing);
    float top = max_lanes(max16(low, high));
    if (!(top > to->top)) top = to->top;
    share->fade = top == to->top ? 1 : exp1(to->top - top);
    low = exp16(low - splat(top));
    high = exp16(high - splat(top));
    to->total = to->total * share->fade + sum_lanes(low + high);
    to->top = top;
    store(share->p, low);
    store(share->p + 16, high);
}

/* For each of R queries and C vectors of 16 d from `d` on: sum = sum * fade, then one fma chain over its tokens.
 * Tokens that all of them see are widened once for all; `next` is where the next block's values begin, or NULL. */
INLINE void add_values(
    const int R, const int C, const int format, const block_share *shares, float *sums, kv_block block,
    const char *next, size_t d) {
    f32x16 total[ATTENTION_TILE][2];
    size_t common = MOED_KV_BLOCK;
    UNROLL for (int r = 0; r < R; r++) {
        if (shares[r].tokens < common) common = shares[r].tokens;
        UNROLL for (int c = 0; c < C; c++)
            total[r][c] = load(sums + r * block.width + d + c * MOED_PANEL) * splat(shares[r].fade);
    }
    for (size_t t = 0; t < common; t++) {
        if (next) __builtin_prefetch(next + (d + t) * 64);
        f32x16 value[2];
        UNROLL for (int c = 0; c < C; c++) value[c] = load_value(format, block, t, d + c * MOED_PANEL);
        UNROLL for (int r = 0; r < R; r++)
            UNROLL for (int c = 0; c < C; c++)
                total[r][c] = fma16(splat(shares[r].p[t]), value[c], total[r][c]);
    }
    UNROLL for (int r = 0; r < R; r++)
        for (size_t t = common; t < shares[r].tokens; t++)
            UNROLL for (int c = 0; c < C; c++)
                total[r][c] =
                    fma16(splat(shares[r].p[t]), load_value(format, block, t, d + c * MOED_PANEL), total[r][c]);
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int c = 0; c < C; c++) store(sums + r * block.width + d + c * MOED_PANEL, total[r][c]);
}

/* One block's share of R queries. Meanwhile the next block is fetched, its keys beside these and its values too. */
INLINE void attend(
    const int R, const int format, query *queries, float *sums, kv_block block, const char *next, size_t start,
    const moed_attention *job) {
    f32x16 low[ATTENTION_TILE], high[ATTENTION_TILE];
    UNROLL for (int r = 0; r < R; r++) low[r] = high[r] = splat(0);
    for (size_t d = 0; d < job->head_dim; d++) {
        if (next) __builtin_prefetch(next + d * 64);
        f32x16 first = load_keys(format, block, d, 0), second = load_keys(format, block, d, 16);
        UNROLL for (int r = 0; r < R; r++) {
            f32x16 value = splat(queries[r].q[d]);
            low[r] = fma16(value, first, low[r]);
            high[r] = fma16(value, second, high[r]);
        }
    }
    f32x16 scale = splat(job->scale);
    block_share shares[ATTENTION_TILE];
    UNROLL for (int r = 0; r < R; r++) {
        shares[r].tokens = queries[r].seen <= start ? 0 : queries[r].seen - start;
        shares[r].fade = 1;
        if (shares[r].tokens > MOED_KV_BLOCK) shares[r].tokens = MOED_KV_BLOCK;
        if (shares[r].tokens > 0) add_scores(&queries[r], &shares[r], low[r] * scale, high[r] * scale);
    }
    const char *values = next ? next + job->head_dim * 64 : NULL;
    size_t d = 0;
    for (; d + 32 <= block.width; d += 32) add_values(R, 2, format, shares, sums, block, values, d);
    for (; d < block.width; d += 16) add_values(R, 1, format, shares, sums, block, values, d);
}

/* All blocks for queries first..<first + count, of which there are at most ATTENTION_QUERIES: a block is used for
 * all of them while it is in the nearest cache. */
INLINE void attend_queries(const int format, const moed_attention *job, size_t first, size_t count) {
    size_t width = padded(job->head_dim);
    query queries[ATTENTION_QUERIES];
    float sums[ATTENTION_QUERIES * MOED_HEAD_DIM_MAX];
    memset(sums, 0, count * width * sizeof *sums);
    for (size_t i = 0; i < count; i++) {
        size_t row = (first + i) / job->head_group, head = (first + i) % job->head_group;
        size_t offset = row * job->stride + head * job->head_dim;
        queries[i] = (query){job->q + offset, job->out + offset, job->first_position + row + 1, -INFINITY, 0};
    }
    size_t seen = queries[count - 1].seen; /* rows are in order: nobody sees more than the last */
    for (size_t start = 0; start < seen; start += MOED_KV_BLOCK) {
        const uint32_t *at = job->blocks + start / MOED_KV_BLOCK;
        kv_block block = kv_block_at((const char *)job->kv + (size_t)*at * job->block_stride, job->head_dim);
        /* Only the first tile fetches ahead. */
        const char *next = start + MOED_KV_BLOCK < seen
            ? (const char *)job->kv + (size_t)at[1] * job->block_stride : NULL;
        for (size_t i = 0, tile = ATTENTION_TILE; i < count; i += tile, next = NULL) {
            while (tile > count - i) tile /= 2;
            if (queries[i + tile - 1].seen <= start) continue;
            query *some = queries + i;
            float *to = sums + i * width;
            switch (tile) {
#if ATTENTION_TILE >= 8
                case 8: attend(8, format, some, to, block, next, start, job); break;
#endif
#if ATTENTION_TILE >= 4
                case 4: attend(4, format, some, to, block, next, start, job); break;
#endif
#if ATTENTION_TILE >= 2
                case 2: attend(2, format, some, to, block, next, start, job); break;
#endif
                default: attend(1, format, some, to, block, next, start, job); break;
            }
        }
    }
    for (size_t i = 0; i < count; i++)
        for (size_t d = 0; d < job->head_dim; d += MOED_PANEL)
            store_part(
                queries[i].out + d, load(sums + i * width + d) / splat(queries[i].total), job->head_dim - d);
}

INLINE void attend_all(const int format, const moed_attention *job) {
    size_t count = job->rows * job->head_group;
    for (size_t done = 0; done < count; done += ATTENTION_QUERIES)
        attend_queries(format, job, done, count - done < ATTENTION_QUERIES ? count - done : ATTENTION_QUERIES);
}
