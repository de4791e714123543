/* Attention over keys and values of int8 in integers: query codes times key codes, then the codes of the weights
 * times value codes. All sums of products are exact; floats appear once for a pair of blocks, in one order.
 *
 * Pairs hold 64 tokens counted from position 0. Their weights are e^(score - the pair's largest score) times the
 * value's scale, as codes 0...2^14 of the largest that they can be. So small weights of a long context keep their
 * share. */

enum { PAIR_TOKENS = 2 * MOED_KV_BLOCK, PAIR_VECTORS = PAIR_TOKENS / MOED_PANEL };

/* The largest code of a weight: a power of two, so that a value that stands alone comes back as it is stored. */
#define WEIGHT_MOST 0x1p14f

/* Two blocks that follow each other; the second may be missing. */
typedef struct block_pair {
    coded_block block[2];
    size_t count;
    const char *next[2]; /* where the blocks after each begin, to be fetched; or NULL */
} block_pair;

/* A query as codes in groups, as dot_int8 takes them: four elements a word. */
typedef struct coded_query {
    uint32_t codes[MOED_HEAD_DIM_MAX / 4];
    int32_t offsets[MOED_HEAD_DIM_MAX / MOED_KV_GROUP]; /* -128 * (sum of codes) */
    float scales[MOED_HEAD_DIM_MAX / MOED_KV_GROUP];    /* that of attention is in them */
    float *out;
    size_t seen;   /* tokens visible to it */
    float top;     /* largest score so far */
    f32x16 total;  /* lanewise sums of e^(score - top) so far */
} coded_query;

/* How one pair changes a query's running sums: sum = sum * fade + share * (integer sum). */
typedef struct coded_share {
    float fade;
    float share;
    weight_codes weights;
} coded_share;

/* e^x for x <= 0, relative error below 4e-6; below -87 as there. */
INLINE f32x16 exp_below(f32x16 x) {
    x = select16(x < splat(-87.0f), splat(-87.0f), x);
    const f32x16 shifter = splat(0x1.8p23f);
    f32x16 shifted = fma16(x, splat(0x1.715476p0f), shifter);
    i32x16 n = (i32x16)shifted - (i32x16)shifter;
    f32x16 r = fma16(shifted - shifter, splat(-0x1.62e43p-1f), x);
    f32x16 p = splat(1.0f / 120);
    p = fma16(p, r, splat(1.0f / 24));
    p = fma16(p, r, splat(1.0f / 6));
    p = fma16(p, r, splat(0.5f));
    p = fma16(p, r, splat(1.0f));
    p = fma16(p, r, splat(1.0f));
    return p * power_of_two(n);
}

/* x where the pair's place is one of the first `seen`, else `other`. */
INLINE f32x16 of_seen(f32x16 x, int vector, size_t seen, f32x16 other) {
    f32x16 places = load(place_numbers) + splat((float)(vector * MOED_PANEL));
    return select16(places < splat((float)seen), x, other);
}

/* Scales of values as factors of weights: to 0...2^14 of the largest of those seen. Returns what a code counts. */
INLINE float value_factors(f32x16 factors[PAIR_VECTORS], const block_pair *pair, size_t seen) {
    i32x16 most = splat_int(0);
    UNROLL for (int v = 0; v < PAIR_VECTORS; v++) {
        factors[v] = load(pair->block[v / 2].value_scales + v % 2 * MOED_PANEL);
        if (seen < PAIR_TOKENS) factors[v] = of_seen(factors[v], v, seen, splat(0));
        i32x16 bits = (i32x16)factors[v], more = bits > most;
        most = (more & bits) | (~more & most);
    }
    float largest = max_bits(most);
    f32x16 inverse = splat(largest > 0x1p-100f ? WEIGHT_MOST / largest : 0);
    UNROLL for (int v = 0; v < PAIR_VECTORS; v++) factors[v] = factors[v] * inverse;
    return largest / WEIGHT_MOST;
}

/* Scores of R queries for the 32 tokens of a pair's block, one fma chain over groups. Meanwhile the next keys are
 * fetched. */
INLINE void score_block(
    const int R, const coded_query *queries, f32x16 (*scores)[PAIR_VECTORS], const block_pair *pair, size_t b) {
    coded_block block = pair->block[b];
    for (size_t half = 0; half < 2; half++) {
        f32x16 score[ATTENTION_TILE];
        UNROLL for (int r = 0; r < R; r++) score[r] = splat(0);
        const uint8_t *keys = block.keys + half * 64;
        const char *next = pair->next[b] ? pair->next[b] + half * 64 : NULL;
        for (size_t group = 0; group < block.groups; group++) {
            i32x16 sum[ATTENTION_TILE];
            UNROLL for (int r = 0; r < R; r++) sum[r] = dot_start(queries[r].offsets[group]);
            size_t first = group * (MOED_KV_GROUP / 4), left = block.quads - first;
            size_t end = first + (left < MOED_KV_GROUP / 4 ? left : MOED_KV_GROUP / 4);
            for (size_t d = first; d < end; d++) {
                if (next) __builtin_prefetch(next + d * 128);
                u32x16 key = load_codes(keys + d * 128);
                UNROLL for (int r = 0; r < R; r++) sum[r] = dot_int8(sum[r], key, queries[r].codes[d]);
            }
            f32x16 scale = load(block.key_scales + group * MOED_KV_BLOCK + half * MOED_PANEL);
            UNROLL for (int r = 0; r < R; r++)
                score[r] = fma16(
                    __builtin_convertvector(sum[r], f32x16) * scale, splat(queries[r].scales[group]), score[r]);
        }
        UNROLL for (int r = 0; r < R; r++) scores[r][2 * b + half] = score[r];
    }
}

/* For each of R queries and elements d...d + 15: the pair's weighted values onto the sums. Meanwhile the next values
 * are fetched. */
INLINE void add_coded_values(const int R, const coded_share *shares, float *sums, const block_pair *pair, size_t d) {
    value_sum total[ATTENTION_TILE];
    UNROLL for (int r = 0; r < R; r++) total[r] = value_start();
    for (size_t b = 0; b < pair->count; b++) {
        coded_block block = pair->block[b];
        const uint8_t *values = (const uint8_t *)block.values + d * MOED_KV_BLOCK;
        const char *next = pair->next[b] ? pair->next[b] + ((const char *)values - (const char *)block.keys) : NULL;
        for (size_t t = 0; t < MOED_KV_BLOCK / 4; t++) {
            if (next) __builtin_prefetch(next + t * 64);
            u32x16 value = load_codes(values + t * 64);
            UNROLL for (int r = 0; r < R; r++)
                value_add(&total[r], &shares[r].weights, b * MOED_KV_BLOCK / 4 + t, value);
        }
    }
    UNROLL for (int r = 0; r < R; r++) {
        float *to = sums + r * pair->block[0].width + d;
        f32x16 whole = __builtin_convertvector(value_end(total[r]), f32x16);
        store(to, fma16(whole, splat(shares[r].share), load(to) * splat(shares[r].fade)));
    }
}

/* R queries' scores become codes of weights; their softmax goes on. */
INLINE void code_scores(
    const int R, coded_query *queries, coded_share *shares, f32x16 (*scores)[PAIR_VECTORS], const block_pair *pair,
    size_t start) {
    f32x16 factors[PAIR_VECTORS];
    float unit = value_factors(factors, pair, PAIR_TOKENS), tops[ATTENTION_TILE], changes[MOED_PANEL] = {0};
    size_t seen[ATTENTION_TILE];
    UNROLL for (int r = 0; r < R; r++) {
        seen[r] = queries[r].seen <= start ? 0 : queries[r].seen - start;
        f32x16 top = splat(-INFINITY);
        UNROLL for (int v = 0; v < PAIR_VECTORS; v++) {
            if (seen[r] < PAIR_TOKENS) scores[r][v] = of_seen(scores[r][v], v, seen[r], splat(-INFINITY));
            top = max16(top, scores[r][v]);
        }
        tops[r] = max_lanes(top);
        changes[r] = tops[r] > queries[r].top ? queries[r].top - tops[r] : tops[r] - queries[r].top;
    }
    store(changes, exp_below(load(changes)));
    UNROLL for (int r = 0; r < R; r++) {
        if (seen[r] == 0) {
            shares[r] = (coded_share){.fade = 1};
            continue;
        }
        int rises = tops[r] > queries[r].top;
        shares[r].fade = rises ? changes[r] : 1;
        float part = rises ? 1 : changes[r], count = unit;
        f32x16 own[PAIR_VECTORS], sum = splat(0);
        UNROLL for (int v = 0; v < PAIR_VECTORS; v++) own[v] = factors[v];
        if (seen[r] < PAIR_TOKENS) count = value_factors(own, pair, seen[r]);
        UNROLL for (int v = 0; v < PAIR_VECTORS; v++) {
            f32x16 weight = exp_below(scores[r][v] - splat(tops[r]));
            sum = sum + weight;
            store_weights(&shares[r].weights, v * 4, (u32x16)(weight * own[v] + splat(0x1.8p23f)));
        }
        shares[r].share = part * count;
        queries[r].top = rises ? tops[r] : queries[r].top;
        queries[r].total = fma16(sum, splat(part), queries[r].total * splat(shares[r].fade));
    }
}

/* One pair's share of R queries. */
INLINE void attend_codes(const int R, coded_query *queries, float *sums, const block_pair *pair, size_t start) {
    f32x16 scores[ATTENTION_TILE][PAIR_VECTORS];
    for (size_t b = 0; b < pair->count; b++) score_block(R, queries, scores, pair, b);
    if (pair->count < 2) UNROLL for (int r = 0; r < R; r++) scores[r][2] = scores[r][3] = splat(0);
    coded_share shares[ATTENTION_TILE];
    code_scores(R, queries, shares, scores, pair, start);
    for (size_t d = 0; d < pair->block[0].width; d += MOED_PANEL) add_coded_values(R, shares, sums, pair, d);
}

INLINE void code_query(coded_query *to, const moed_attention *job, size_t index) {
    size_t row = index / job->head_group, head = index % job->head_group;
    size_t offset = row * job->stride + head * job->head_dim;
    memset(to->codes, 0, sizeof to->codes);
    for (size_t group = 0, d = 0; d < job->head_dim; group++, d += MOED_KV_GROUP) {
        size_t count = job->head_dim - d < MOED_KV_GROUP ? job->head_dim - d : MOED_KV_GROUP;
        int8_t *codes = (int8_t *)to->codes + d;
        to->scales[group] = narrow_codes(codes, job->q + offset + d, count) * job->scale;
        int32_t sum = 0;
        for (size_t i = 0; i < count; i++) sum += codes[i];
        to->offsets[group] = -128 * sum;
    }
    to->out = job->out + offset;
    to->seen = job->first_position + row + 1;
    to->top = -INFINITY;
    to->total = splat(0);
}

/* Blocks `index` and the next of a sequence that has `blocks`. */
INLINE block_pair block_pair_at(const moed_attention *job, size_t index, size_t blocks) {
    block_pair pair = {.count = blocks - index < 2 ? 1 : 2};
    for (size_t b = 0; b < 2; b++) {
        const char *kv = job->kv;
        size_t at = job->blocks[b < pair.count ? index + b : index];
        pair.block[b] = coded_block_at(kv + at * job->block_stride, job->head_dim);
        pair.next[b] = index + 2 + b < blocks ? kv + (size_t)job->blocks[index + 2 + b] * job->block_stride : NULL;
    }
    return pair;
}

/* As attend_queries. */
INLINE void attend_coded_queries(const moed_attention *job, size_t first, size_t count) {
    coded_query queries[ATTENTION_QUERIES];
    float sums[ATTENTION_QUERIES * MOED_HEAD_DIM_MAX];
    size_t width = padded(job->head_dim);
    memset(sums, 0, count * width * sizeof *sums);
    for (size_t i = 0; i < count; i++) code_query(&queries[i], job, first + i);
    size_t seen = queries[count - 1].seen; /* rows are in order: nobody sees more than the last */
    for (size_t start = 0; start < seen; start += PAIR_TOKENS) {
        block_pair pair = block_pair_at(job, start / MOED_KV_BLOCK, (seen + MOED_KV_BLOCK - 1) / MOED_KV_BLOCK);
        for (size_t i = 0, tile = ATTENTION_TILE; i < count; i += tile) {
            while (tile > count - i) tile /= 2;
            if (queries[i + tile - 1].seen <= start) continue;
            coded_query *some = queries + i;
            float *to = sums + i * width;
            switch (tile) {
#if ATTENTION_TILE >= 8
                case 8: attend_codes(8, some, to, &pair, start); break;
#endif
#if ATTENTION_TILE >= 4
                case 4: attend_codes(4, some, to, &pair, start); break;
#endif
#if ATTENTION_TILE >= 2
                case 2: attend_codes(2, some, to, &pair, start); break;
#endif
                default: attend_codes(1, some, to, &pair, start); break;
            }
            pair.next[0] = pair.next[1] = NULL; /* only the first tile fetches ahead */
        }
    }
    for (size_t i = 0; i < count; i++) {
        f32x16 total = splat(sum_lanes(queries[i].total));
        for (size_t d = 0; d < job->head_dim; d += MOED_PANEL)
            store_part(queries[i].out + d, load(sums + i * width + d) / total, job->head_dim - d);
    }
}

INLINE void attend_all_codes(const moed_attention *job) {
    size_t count = job->rows * job->head_group;
    for (size_t done = 0; done < count; done += ATTENTION_QUERIES)
        attend_coded_queries(job, done, count - done < ATTENTION_QUERIES ? count - done : ATTENTION_QUERIES);
}
